//! What it does: tasks that use the network, and tell what came of it. Never: anything but what they are told.

use isopool_guest::task;
use std::io::{Error, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

/// Connects, says something, and gives the answer.
///
/// # Errors
/// This guest may not, or nobody is there.
#[task]
pub fn ask(address: String, question: String) -> Result<String, Error> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(question.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Waits for connections.
///
/// # Errors
/// This guest may not.
#[task]
pub fn listen(address: String) -> Result<(), Error> {
    TcpListener::bind(address).map(drop)
}

/// Sends a datagram.
///
/// # Errors
/// This guest may not.
#[task]
pub fn send_datagram(address: String) -> Result<(), Error> {
    UdpSocket::bind("0.0.0.0:0")?.send_to(b"hello", address).map(drop)
}

/// Looks up a name.
///
/// # Errors
/// This guest may not.
#[task]
pub fn look_up(name: String) -> Result<usize, Error> {
    Ok((name.as_str(), 80).to_socket_addrs()?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has one").to_string();
        let asked = std::thread::spawn(move || ask(address, "well?".into()));
        let (mut stream, _) = listener.accept().expect("someone asks");
        let mut question = String::new();
        stream.read_to_string(&mut question).expect("is text");
        stream.write_all(question.to_uppercase().as_bytes()).expect("it listens");
        drop(stream);
        assert_eq!(asked.join().expect("did not panic").expect("was answered"), "WELL?");
        listen("127.0.0.1:0".into()).expect("a port is free");
        send_datagram("127.0.0.1:9".into()).expect("nobody need listen");
        assert!(look_up("localhost".into()).expect("every machine knows it") > 0);
    }
}
