//! What it does: tasks that show what a sandbox lets a guest see and say. Never: changes anything.

use isopool_guest::task;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Writes to the standard output and the standard error.
///
/// # Errors
/// A stream is closed.
#[task]
pub fn print(stdout: String, stderr: String) -> std::io::Result<()> {
    std::io::stdout().write_all(stdout.as_bytes())?;
    std::io::stdout().flush()?;
    std::io::stderr().write_all(stderr.as_bytes())
}

/// One log record of each level; the text is in each message.
#[task]
pub fn log_all_levels(text: String) {
    log::error!("error {text}");
    log::warn!("warn {text}");
    log::info!("info {text}");
    log::debug!("debug {text}");
    log::trace!(target: "a_target", "trace {text}");
}

/// The value of an environment variable, if it is there and is text.
#[task]
pub fn env(name: String) -> Option<String> {
    std::env::var(name).ok()
}

/// Its arguments.
#[task]
pub fn arguments() -> Vec<String> {
    std::env::args().collect()
}

/// Reads the environment, as an initializer may: what it saw is in the snapshot.
#[task]
pub fn read_environment() {
    std::hint::black_box(std::env::vars().count());
}

static REMEMBERED: Mutex<(Option<String>, Vec<String>)> = Mutex::new((None, Vec::new()));

/// Keeps the value of a variable and its arguments, as an initializer may.
#[task]
pub fn remember(name: String) {
    *lock() = (env(name), arguments());
}

/// What was kept.
#[task]
pub fn remembered() -> (Option<String>, Vec<String>) {
    lock().clone()
}

fn lock() -> MutexGuard<'static, (Option<String>, Vec<String>)> {
    REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task's id and its worker's index.
#[task]
pub fn context() -> (u64, u32) {
    let context = isopool_guest::context();
    (context.task_id, context.worker_index)
}

/// A number that nobody can foresee.
#[task]
pub fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// What can be seen of a path: the names in a folder, or why there are none.
///
/// # Errors
/// The folder is not there for this guest.
#[task]
pub fn list_folder(path: String) -> Result<Vec<String>, std::io::Error> {
    std::fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_a_sandbox_there_is_no_task() {
        assert_eq!(context(), (0, 0));
        read_environment();
        assert_ne!(random(), random());
        assert_eq!(env("GUEST_BASIC_IS_NOT_SET".into()), None);
        assert!(env("PATH".into()).is_some());
        assert_eq!(remembered(), (None, vec![]));
        remember("PATH".into());
        assert_eq!(remembered(), (env("PATH".into()), arguments()));
        assert!(!arguments().is_empty(), "a program knows its name");
        assert!(list_folder("/nowhere".into()).is_err());
        print("out\n".into(), "err\n".into()).expect("both streams are open");
        log_all_levels("nobody listens".into());
    }
}
