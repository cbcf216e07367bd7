//! The thread that starts processes for callers.
//!
//! A child is killed when the *thread* that started it ends (`PR_SET_PDEATHSIG`), not only when the process does. A process
//! must outlive the thread that asked for it, so one thread starts them all, and lives as long as the program.

use crate::process::{Child, Guise, Program, spawn};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};

/// A request: where to leave the answer.
type Asked = SyncSender<io::Result<(Child, OwnedFd)>>;

static STARTER: OnceLock<SyncSender<Asked>> = OnceLock::new();

/// Starts this program again, to run a native function.
pub(super) fn start() -> io::Result<(Child, OwnedFd)> {
    let starter = match STARTER.get() {
        Some(starter) => starter,
        None => {
            let new = start_thread()?;
            // Another caller may have been first: then the new thread ends, for nobody can ask it.
            STARTER.get_or_init(|| new)
        }
    };
    let (answer, waits) = sync_channel(1);
    let gone = || io::Error::other("the thread that starts processes has ended");
    starter.send(answer).map_err(|_| gone())?;
    waits.recv().map_err(|_| gone())?
}

fn start_thread() -> io::Result<SyncSender<Asked>> {
    // A start takes a millisecond or two; who asks meanwhile waits.
    let (asks, asked) = sync_channel::<Asked>(0);
    std::thread::Builder::new().name("isopool-starter".to_owned()).spawn(move || {
        for answer in asked {
            // The one who asked waits for it.
            let _ = answer.send(spawn(&Program::Itself, Guise::Native));
        }
    })?;
    Ok(asks)
}
