//! What is well-formed, and too much of it, or told in a way that no worker tells it.

use crate::{Liar, NO_REPORT, done, header, noise, ready};
use std::fs::File;
use std::io::{self, Write};

/// One byte more than any text may have.
const LONG_TEXT: usize = 16 * 1024 + 1;

/// More than the records that one task may have.
const MANY: u32 = 10_100;

/// A text as the wire writes it: its length in three bytes.
fn text(bytes: usize) -> Vec<u8> {
    let length = u16::try_from(bytes).expect("it is short enough for that form").to_le_bytes();
    [&[251][..], &length, &vec![b'x'; bytes]].concat()
}

/// `Reply::Log`, with a text.
fn log(task: u8, text: &[u8]) -> Vec<u8> {
    [&[2, task, 2, 0][..], text, &[0, 0]].concat()
}

/// `Reply::Progress` of nothing.
fn progress(task: u8) -> Vec<u8> {
    vec![11, task, 0, 0, 0]
}

/// `Reply::Submit` of a function that is not there.
fn submit(task: u8, child: u32) -> Vec<u8> {
    [&[12, task, 252][..], &child.to_le_bytes(), b"\x01f\x03raw"].concat()
}

/// `Reply::Forget`.
fn forget(task: u8, child: u32) -> Vec<u8> {
    [&[14, task, 252][..], &child.to_le_bytes()].concat()
}

impl Liar {
    /// False: it is another sort of lie.
    pub(crate) fn tell_too_much(&mut self, lie: &str, id: u8) -> io::Result<bool> {
        match lie {
            "long-log" => self.send(&log(id, &text(LONG_TEXT)), 0)?,
            "many-logs" => (0..MANY).try_for_each(|_| self.send(&log(id, &[0]), 0))?,
            // `Outcome::Failed` with a long message, and with many causes.
            "long-failure" => self.send(&[&[1, id, 1][..], &text(LONG_TEXT), &[0], &NO_REPORT].concat(), 0)?,
            "long-trace" => self.send(&[&[1, id, 1, 0, 65][..], &[0; 65], &NO_REPORT].concat(), 0)?,
            // `RunReport` with two MiB and a byte of output.
            "much-output" => {
                let length = (2 * 1024 * 1024 + 1_u32).to_le_bytes();
                let output = vec![b'x'; 2 * 1024 * 1024 + 1];
                self.send(&[&[1, id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 252][..], &length, &output, &[0, 0]].concat(), 0)?;
            }
            "large-child" => {
                self.send(&submit(id, 0), 1001)?;
                self.channel.write_all(&[0; 1001])?;
            }
            "many-children" => (0..1025).try_for_each(|child| self.send(&submit(id, child), 0))?,
            // For ever: what the caller answers is never read.
            "children-without-end" => {
                for child in 0.. {
                    self.send(&submit(id, child), 0)?;
                    self.send(&forget(id, child), 0)?;
                }
            }
            "progress-without-end" => loop {
                self.send(&progress(id), 0)?;
            },
            // What a constructor returns: a resource that was never made.
            "resource" => {
                self.send(&done(id), 16)?;
                self.channel.write_all(&[0xff; 16])?;
            }
            "payload-of-the-limit" => {
                self.send(&done(id), 256 << 20)?;
                self.channel.write_all(&[0; 1000])?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// An answer that is one, beside something that nobody asked for. False: it is another sort of lie.
    pub(crate) fn tell_truth_oddly(&mut self, lie: &str, id: u8) -> io::Result<bool> {
        match lie {
            "honest-by-drops" => {
                let mut frame = header(done(id).len() as u32, 0);
                frame.extend(done(id));
                for byte in frame {
                    self.channel.write_all(&[byte])?;
                }
                return Ok(true);
            }
            "honest-with-descriptors" => {
                let null = File::open("/dev/null")?;
                (0..200).try_for_each(|_| self.send_with(&progress(id), &null))?;
            }
            "honest-about-nobody" => {
                self.send(&forget(id, 77), 0)?;
                // `Reply::Await`.
                self.send(&[13, id, 77], 0)?;
            }
            "honest-with-last-words" => self.send(&[&[5][..], &text(LONG_TEXT)].concat(), 0)?,
            // The page of claims: what each task's word is, the caller's own among them.
            "honest-and-scribbling" => self.scribble()?,
            _ => return Ok(false),
        }
        self.send(&done(id), 0)?;
        Ok(true)
    }

    fn scribble(&self) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        let claims = self.claims.as_ref().expect("a worker has got its claim table");
        let words = claims.metadata()?.len() as usize / 4;
        // All words: random ones, then each state of an old ticket.
        claims.write_all_at(&noise()[..words * 4], 0)?;
        for state in 0..4_u32 {
            let all: Vec<u8> = (0..words).flat_map(|_| (1 << 2 | state).to_ne_bytes()).collect();
            claims.write_all_at(&all, 0)?;
        }
        Ok(())
    }

    /// What a compile worker says instead of an answer.
    pub(crate) fn compile(&mut self, lie: &str) -> io::Result<()> {
        self.send(&ready(crate::PROTOCOL), 0)?;
        let artifact = self.next_artifact()?;
        match lie {
            "random-bytes" => self.channel.write_all(&noise())?,
            "closed-channel" => self.channel.shutdown(std::net::Shutdown::Both)?,
            "twice-ready-and-other-build" => self.send(&ready(crate::PROTOCOL + 1), 0)?,
            "answer-of-a-worker" => self.send(&done(0), 0)?,
            "payload" => self.send(&compiled(0, 100), 1)?,
            "nothing-written" => self.send(&compiled(0, 100), 0)?,
            "less-written" => {
                artifact.set_len(99)?;
                self.send(&compiled(0, 100), 0)?;
            }
            "empty" => self.send(&compiled(0, 0), 0)?,
            "huge-file" => {
                artifact.set_len(5 << 30)?;
                self.send(&compiled_huge(5 << 30), 0)?;
            }
            // It says that it has a function that it lists again and again.
            "seventy-thousand-functions" => {
                artifact.set_len(100)?;
                self.send(&compiled(70_000, 100), 0)?;
            }
            "a-manifest-that-leads-out" => {
                artifact.set_len(100)?;
                self.send(&compiled_asking(b"/in/..", 100), 0)?;
            }
            "a-manifest-without-end" => {
                artifact.set_len(100)?;
                self.send(&compiled_asking(&[b'x'; 20_000], 100), 0)?;
            }
            "nothing-kept" => self.send(&kept(100), 0)?,
            "less-kept" => {
                artifact.set_len(99)?;
                self.send(&kept(100), 0)?;
            }
            "noise-kept" => {
                (&artifact).write_all(&noise())?;
                self.send(&kept(noise().len() as u32), 0)?;
            }
            "too-much-kept" => {
                artifact.set_len((256 << 20) + 1)?;
                self.send(&kept((256 << 20) + 1), 0)?;
            }
            "noise-for-code" => {
                (&artifact).write_all(&noise())?;
                self.send(&compiled_huge(noise().len() as u64), 0)?;
            }
            other => panic!("no such lie: {other}"),
        }
        self.linger()
    }
}

/// `Reply::Compiled`: contract 0.1.0, so many functions without a name, no imports, no exports, no functions of the host, no
/// manifest.
fn compiled(functions: u32, bytes: u8) -> Vec<u8> {
    let count = functions.to_le_bytes();
    let functions = vec![0; functions as usize * 5];
    [&[3, 5][..], b"0.1.0", &[252], &count, &functions, &[0, 0, 0, bytes, 0, bytes]].concat()
}

/// The same without functions, and with a manifest that asks for one directory: no name, no version, no description; its path, to
/// read only, not required; no variables, no addresses, no arguments.
fn compiled_asking(path: &[u8], bytes: u8) -> Vec<u8> {
    let length = [&[251][..], &(path.len() as u16).to_le_bytes()].concat();
    let manifest = [&[1, 0, 0, 0, 1][..], &length, path, &[0, 0, 0, 0, 0]].concat();
    [&[3, 5][..], b"0.1.0", &[0, 0, 0, 0, bytes], &manifest, &[bytes]].concat()
}

/// `Reply::Snapshotted`, of so many bytes.
fn kept(bytes: u32) -> Vec<u8> {
    [&[20, 252][..], &bytes.to_le_bytes()].concat()
}

/// The same as [`compiled`] with one function, `value::noop`, and as many bytes of code.
fn compiled_huge(bytes: u64) -> Vec<u8> {
    let bytes = [&[253][..], &bytes.to_le_bytes()].concat();
    let function = [&[11][..], b"value::noop", &[0, 0, 1, 7], b"bincode", &[0]].concat();
    [&[3, 5][..], b"0.1.0", &[1], &function, &[0, 0, 0], &bytes, &[0], &bytes].concat()
}
