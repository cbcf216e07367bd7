//! What it does: tasks that reach for what was not given to them. Each gives what it got, so that nothing is the right
//! answer. Never: gives up after one try where there are several.

use crate::only_in_a_sandbox;
use isopool_guest::task;
use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};

/// Paths that a process on Linux could open, and ways out of a folder that it was given.
const PATHS: [&str; 8] =
    ["/", ".", "..", "/etc/passwd", "../../../../etc/passwd", "/proc/self/environ", "/dev/mem", "/tmp/isopool-hostile"];

/// Opens, lists and writes files; gives what could be.
#[task]
pub fn files() -> Vec<String> {
    only_in_a_sandbox();
    let got = PATHS.iter().flat_map(|path| {
        let tries = [
            ("read", fs::read(path).is_ok()),
            ("listed", fs::read_dir(path).is_ok()),
            ("written", fs::write(path, "x").is_ok()),
            ("made", fs::create_dir(path).is_ok()),
            ("linked", fs::hard_link("/etc/passwd", path).is_ok()),
            ("removed", fs::remove_file(path).is_ok()),
            ("seen", fs::metadata(path).is_ok()),
        ];
        tries.into_iter().filter(|(_, done)| *done).map(move |(what, _)| format!("{path} was {what}"))
    });
    got.collect()
}

/// Reads the environment and the arguments.
#[task]
pub fn surroundings() -> Vec<String> {
    only_in_a_sandbox();
    let variables = std::env::vars().map(|(name, value)| format!("{name}={value}"));
    variables.chain(std::env::args()).collect()
}

/// Reads standard input to its end.
#[task]
pub fn stdin() -> Vec<String> {
    only_in_a_sandbox();
    let mut read = Vec::new();
    match std::io::stdin().read_to_end(&mut read) {
        Ok(0) | Err(_) => Vec::new(),
        Ok(_) => vec![format!("{read:?}")],
    }
}

/// Connects, listens, sends, and looks up names.
#[task]
pub fn network() -> Vec<String> {
    only_in_a_sandbox();
    let tries = [
        ("connected", TcpStream::connect("127.0.0.1:22").is_ok()),
        ("connected to a name", TcpStream::connect("localhost:80").is_ok()),
        ("listening", TcpListener::bind("127.0.0.1:0").is_ok()),
        ("listening everywhere", TcpListener::bind("0.0.0.0:0").is_ok()),
        ("sent", UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"x", "127.0.0.1:53")).is_ok()),
    ];
    tries.into_iter().filter(|(_, done)| *done).map(|(what, _)| what.to_owned()).collect()
}

/// Starts threads and programs.
#[task]
pub fn processes() -> Vec<String> {
    only_in_a_sandbox();
    let tries = [
        ("a thread", std::thread::Builder::new().spawn(|| ()).is_ok()),
        ("a program", std::process::Command::new("/bin/true").spawn().is_ok()),
    ];
    tries.into_iter().filter(|(_, done)| *done).map(|(what, _)| what.to_owned()).collect()
}
