//! A worker program that breaks the protocol of `host/src/ipc` on purpose, in the way that the guests' environment
//! names: `LIE=[name]`. It writes frames by hand and shares no code with the library, which must survive all of it.

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recv, recvmsg, sendmsg};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;

fn main() -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    let channel = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    if let Some(program) = honest_program(&channel)? {
        return Err(std::process::Command::new(program).exec());
    }
    let mut liar = Liar::new(channel)?;
    let lie = liar.lie.clone();
    if let Some(lie) = lie.strip_prefix("compiler-") {
        return liar.compile(lie);
    }
    if let Some(lie) = lie.strip_prefix("fork-server-") {
        return liar.serve_forks(lie);
    }
    if let Some(lie) = lie.strip_prefix("before-ready-") {
        return liar.tell(lie, None);
    }
    liar.send(&ready(PROTOCOL), 0)?;
    if let Some(lie) = lie.strip_prefix("when-ready-") {
        return liar.tell(lie, None);
    }
    while let Some(task) = liar.next_task()? {
        if !lie.starts_with("unclaimed-") {
            liar.claim(&task)?;
        }
        liar.tell(lie.trim_start_matches("unclaimed-"), Some(&task))?;
    }
    Ok(())
}

mod flood;

const PROTOCOL: u8 = 9;
const HEADER_BYTES: usize = 16;

/// What `Request::Run` says, as far as a liar needs it.
struct Task {
    id: u8,
    word: u8,
    number: u8,
}

struct Liar {
    channel: UnixStream,
    /// A fork server has none.
    claims: Option<File>,
    lie: String,
}

impl Liar {
    /// Reads the configuration, which brings the claim table and names the lie.
    fn new(mut channel: UnixStream) -> io::Result<Self> {
        let mut first = [0; 1];
        let claims = receive_descriptor(&channel, &mut first)?;
        let mut rest = [0; HEADER_BYTES - 1];
        channel.read_exact(&mut rest)?;
        let length = u32::from_le_bytes([first[0], rest[0], rest[1], rest[2]]);
        let mut message = vec![0; length as usize];
        channel.read_exact(&mut message)?;
        let text = String::from_utf8_lossy(&message);
        let lie = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
        let lie = lie.expect("a test names the lie in the environment of the guests").0.to_owned();
        Ok(Self { channel, claims, lie })
    }

    /// The memory file of the request to compile, which comes with its first byte.
    fn next_artifact(&mut self) -> io::Result<File> {
        let mut header = [0; HEADER_BYTES];
        let artifact = receive_descriptor(&self.channel, &mut header[..1])?;
        self.channel.read_exact(&mut header[1..])?;
        let message = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let payload = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
        self.channel.read_exact(&mut vec![0; message + payload])?;
        Ok(artifact.expect("a memory file comes with the request"))
    }

    fn send(&mut self, message: &[u8], payload_bytes: u64) -> io::Result<()> {
        let mut frame = header(message.len() as u32, payload_bytes);
        frame.extend_from_slice(message);
        self.channel.write_all(&frame)
    }

    /// The next task; whatever else the caller says is read over. `None` when the caller has closed the channel.
    fn next_task(&mut self) -> io::Result<Option<Task>> {
        loop {
            let mut header = [0; HEADER_BYTES];
            if let Err(error) = self.channel.read_exact(&mut header) {
                return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
            }
            let message = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
            let payload = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
            let mut body = vec![0; message + payload];
            self.channel.read_exact(&mut body)?;
            if let [RUN, id, word, number, ..] = body[..] {
                return Ok(Some(Task { id, word, number }));
            }
        }
    }

    /// Says in the claim table that the task has begun. The words are in a memory file, which can be written to.
    fn claim(&self, task: &Task) -> io::Result<()> {
        let begun = (u32::from(task.number) << 2) | 2;
        let claims = self.claims.as_ref().expect("a worker has got its claim table");
        claims.write_all_at(&begun.to_ne_bytes(), u64::from(task.word) * 4)
    }

    fn tell(&mut self, lie: &str, task: Option<&Task>) -> io::Result<()> {
        let id = task.map_or(0, |task| task.id);
        let (lie, end) = lie.split_once("-then-").unwrap_or((lie, "linger"));
        if self.tell_too_much(lie, id)? || self.tell_truth_oddly(lie, id)? {
            return self.go(end);
        }
        match lie {
            "honest" => self.send(&done(id), 0)?,
            "random-bytes" => self.channel.write_all(&noise())?,
            "half-header" => self.channel.write_all(&[0; 7])?,
            "half-frame" => {
                self.channel.write_all(&header(100, 0))?;
                self.channel.write_all(&[0; 10])?;
            }
            "half-payload" => {
                self.send(&done(id), 1 << 20)?;
                self.channel.write_all(&[0; 1000])?;
            }
            "huge-message" => self.channel.write_all(&header(u32::MAX, 0))?,
            "huge-payload" => self.send(&done(id), u64::MAX)?,
            "unknown-flags" => {
                let mut frame = header(0, 0);
                frame[7] = 0x80;
                self.channel.write_all(&frame)?;
            }
            "wrong-task" => self.send(&done(200), 0)?,
            "twice-done" => {
                self.send(&done(id), 0)?;
                self.send(&done(id), 0)?;
            }
            "twice-ready" => self.send(&ready(PROTOCOL), 0)?,
            // `Reply::Refused` with `Refusal::NotWasm` of no bytes.
            "answer-of-a-compiler" => self.send(&[4, 0, 0], 0)?,
            "log-of-another-task" => self.send(&[2, 200, 2, 0, 0, 0, 0], 0)?,
            // `Reply::Progress` of nothing.
            "progress-of-another-task" => self.send(&[11, 200, 0, 0, 0], 0)?,
            // … and with a text over the limit: 1025 bytes, whose length the wire writes in three.
            "long-progress" => self.send(&[&[11, id, 0, 0, 251, 1, 4][..], &[b'x'; 1025]].concat(), 0)?,
            // `Reply::Submit` of the function `f` in the codec `raw`: as a child of a task that it does not have …
            "child-of-another-task" => self.send(&[12, 200, 0, 1, b'f', 3, b'r', b'a', b'w'], 0)?,
            // … and with a number that is not the next one.
            "child-with-a-wrong-number" => self.send(&[12, id, 7, 1, b'f', 3, b'r', b'a', b'w'], 0)?,
            "host-call-of-another-task" => self.send(&host_call(200), 0)?,
            "host-call" => self.send(&host_call(id), 0)?,
            // In one piece, so that no answer comes between.
            "host-call-twice" => self.channel.write_all(&[frame(&host_call(id)), frame(&host_call(id))].concat())?,
            "host-call-and-done" => self.channel.write_all(&[frame(&host_call(id)), frame(&done(id))].concat())?,
            "large-host-call" => {
                self.send(&host_call(id), 1001)?;
                self.channel.write_all(&[0; 1001])?;
            }
            "other-protocol" => self.send(&ready(PROTOCOL + 1), 0)?,
            "closed-channel" => self.channel.shutdown(std::net::Shutdown::Both)?,
            // Neither a word nor an end.
            "silence" => {}
            // Two workers, two tasks: 0 and 1.
            "answer-of-a-neighbour" => self.send(&done(1 - id), 0)?,
            other => panic!("no such lie: {other}"),
        }
        self.go(end)
    }

    /// What comes after a lie.
    fn go(&self, end: &str) -> io::Result<()> {
        match end {
            "exit" => std::process::exit(7),
            "die" => nix::sys::signal::raise(Signal::SIGTERM)?,
            "go-on" => return Ok(()),
            _ => {}
        }
        self.linger()
    }

    /// Answers the first request to fork a worker.
    fn serve_forks(&mut self, lie: &str) -> io::Result<()> {
        self.send(&ready(PROTOCOL), 0)?;
        let worker = loop {
            let mut header = [0; HEADER_BYTES];
            self.channel.read_exact(&mut header)?;
            let mut body = vec![0; u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize];
            self.channel.read_exact(&mut body)?;
            if let [FORK, worker] = body[..] {
                break worker;
            }
        };
        let null = File::open("/dev/null")?;
        // It ends with its input, so with this process.
        let child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn()?;
        let process = process_descriptor(child.id())?;
        match lie {
            "random-bytes" => self.channel.write_all(&noise())?,
            "twice-ready" => self.send(&ready(PROTOCOL), 0)?,
            "other-worker" => self.send_with(&forked(worker + 1, child.id()), &process)?,
            "no-descriptor" => self.send(&forked(worker, child.id()), 0)?,
            "no-process" => self.send_with(&forked(worker, child.id()), &null)?,
            "other-process" => self.send_with(&forked(worker, 1), &process)?,
            "twice" => {
                self.send_with(&forked(worker, child.id()), &process)?;
                self.send_with(&forked(worker, child.id()), &process)?;
            }
            "end-of-one-that-lives" => {
                self.send_with(&forked(worker, child.id()), &process)?;
                self.send(&[8, worker, 0, 0], 0)?;
            }
            "end-of-nobody" => self.send(&[8, worker, 0, 0], 0)?,
            "many-descriptors" => {
                // Too few bytes for a frame.
                for _ in 1..HEADER_BYTES {
                    self.send_descriptor(b"\0", &null)?;
                }
            }
            "closed-channel" => self.channel.shutdown(std::net::Shutdown::Both)?,
            other => panic!("no such lie: {other}"),
        }
        self.linger()
    }

    fn send_with(&mut self, message: &[u8], descriptor: &impl AsFd) -> io::Result<()> {
        let mut frame = header(message.len() as u32, 0);
        frame[4] = 1;
        frame.extend_from_slice(message);
        self.send_descriptor(&frame, descriptor)
    }

    fn send_descriptor(&mut self, bytes: &[u8], descriptor: &impl AsFd) -> io::Result<()> {
        let descriptors = [descriptor.as_fd().as_raw_fd()];
        let control = [ControlMessage::ScmRights(&descriptors)];
        sendmsg::<()>(self.channel.as_raw_fd(), &[IoSlice::new(bytes)], &control, MsgFlags::empty(), None)?;
        Ok(())
    }

    /// Stays until it is killed, as the worst of liars would: one that left would be told by its exit code.
    fn linger(&self) -> ! {
        loop {
            std::thread::park();
        }
    }
}

/// Where only compile workers lie, a worker is an honest one: another program, which finds the channel as it was. The
/// environment of the guests names it: `HONEST`.
fn honest_program(channel: &UnixStream) -> io::Result<Option<OsString>> {
    const ROLE: usize = HEADER_BYTES + 2;
    const WORKER: u8 = 0;
    let mut begin = vec![0; 64 * 1024];
    // The configuration is sent in one piece, and is shorter.
    let length = recv(channel.as_raw_fd(), &mut begin, MsgFlags::MSG_PEEK)?;
    let name = b"HONEST";
    let place = begin[..length].windows(name.len()).position(|window| window == name);
    let Some(value) = place.map(|place| &begin[place + name.len()..length]).filter(|_| begin[ROLE] == WORKER) else {
        return Ok(None);
    };
    // Its length, and its bytes.
    Ok(Some(OsString::from_vec(value[1..1 + usize::from(value[0])].to_vec())))
}

/// Reads the first byte of the channel, and opens the memory file that comes with it.
fn receive_descriptor(channel: &UnixStream, first: &mut [u8]) -> io::Result<Option<File>> {
    let mut space = nix::cmsg_space!(RawFd);
    let mut slices = [IoSliceMut::new(first)];
    let message = recvmsg::<()>(channel.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::empty())?;
    let descriptors = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let Some(descriptor) = descriptors.and_then(|all| all.first().copied()) else { return Ok(None) };
    // A second descriptor for the same file, which needs no unsafe code.
    File::options().read(true).write(true).open(format!("/proc/self/fd/{descriptor}")).map(Some)
}

/// A descriptor of a child that lives.
fn process_descriptor(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and touches no memory of ours.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor as RawFd) })
}

/// `Request::Fork { worker }`.
const FORK: u8 = 4;

/// `Reply::Forked { worker, pid }`.
fn forked(worker: u8, pid: u32) -> Vec<u8> {
    [&[6, worker, 252][..], &pid.to_le_bytes()].concat()
}

/// `Request::Run`, as the wire writes the number of a variant.
const RUN: u8 = 2;

fn header(message_bytes: u32, payload_bytes: u64) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&message_bytes.to_le_bytes());
    header.extend_from_slice(&[0; 4]);
    header.extend_from_slice(&payload_bytes.to_le_bytes());
    header
}

/// `Reply::Ready { protocol, version: "lie" }`.
fn ready(protocol: u8) -> Vec<u8> {
    [&[0, protocol, 3][..], b"lie"].concat()
}

/// `Reply::Done { task, outcome: Returned, report: all zero }`.
fn done(task: u8) -> Vec<u8> {
    [&[1, task, 0][..], &NO_REPORT].concat()
}

/// `Reply::HostCall { task, call: 1, function }`, which is a function of `guests/host_calls`.
fn host_call(task: u8) -> Vec<u8> {
    let function = b"test:host/store@0.1.0#note";
    [&[19, task, 1, function.len() as u8][..], function].concat()
}

/// A message without a payload.
fn frame(message: &[u8]) -> Vec<u8> {
    [&header(message.len() as u32, 0), message].concat()
}
/// `RunReport`, all zero: its two times take two bytes each, its output three, the rest one.
const NO_REPORT: [u8; 11] = [0; 11];

/// The same bytes every time, and no frame.
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..65_536).map(|_| next()).collect()
}
