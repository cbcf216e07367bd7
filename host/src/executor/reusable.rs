//! One executor that is used again and again.

use super::builder::{ExecutorBuilder, checked_max_workers};
use super::handle::Executor;
use super::options::Shutdown;
use crate::context::{StartMethod, get_start_method};
use crate::error::Error;
use crate::limits::DEFAULT_REUSABLE_IDLE_TIMEOUT;
use std::cell::RefCell;

thread_local! {
    static CURRENT: RefCell<Option<Executor>> = const { RefCell::new(None) };
}

/// The executor of this thread with these options: the one of the last call if it fits, else a new one.
///
/// - Every option but `max_workers` as before: the same executor, resized if `max_workers` differs (not given: the
///   default).
/// - Broken or shut down: a new one takes its place. Results that were finished stay with their futures.
/// - Other options: the old one finishes what was submitted to it, and leaves; a new one is made.
///
/// Idle workers leave after [`DEFAULT_REUSABLE_IDLE_TIMEOUT`] unless `idle_timeout` says otherwise.
///
/// # Errors
/// As [`ExecutorBuilder::build`]. The start method `fork` is refused: it is unsafe in a program with threads.
///
/// # Source
/// loky's `get_reusable_executor`, which is per thread since 3.7.0.
///
/// ```
/// # fn main() -> Result<(), isopool::Error> {
/// use isopool::{Executor, get_reusable_executor};
/// let first = get_reusable_executor(Executor::builder().max_workers(2))?;
/// let second = get_reusable_executor(Executor::builder().max_workers(3))?;
/// assert_eq!(first.id(), second.id());
/// assert_eq!(first.max_workers(), 3);
/// # Ok(())
/// # }
/// ```
pub fn get_reusable_executor(mut builder: ExecutorBuilder) -> Result<Executor, Error> {
    let start_method = *builder.options.start_method.get_or_insert_with(get_start_method);
    if start_method == StartMethod::Fork {
        return Err(Error::invalid(
            "the reusable executor does not take the start method fork: it lives through the starts of other threads, \
             whose locks a copy of this program would find locked for ever; choose spawn or forkserver",
        ));
    }
    builder.options.idle_timeout.get_or_insert(DEFAULT_REUSABLE_IDLE_TIMEOUT);
    CURRENT.with_borrow_mut(|current| {
        if let Some(executor) = current.as_ref() {
            let usable = executor.broken().is_none() && !executor.is_shut_down();
            if usable && *executor.options() == builder.options {
                let max_workers = checked_max_workers(builder.max_workers)?;
                if max_workers != executor.max_workers() {
                    executor.resize(max_workers)?;
                }
                return Ok(executor.clone());
            }
        }
        let new = builder.build()?;
        if let Some(old) = current.replace(new.clone()) {
            old.begin_shutdown(Shutdown::Finish);
        }
        Ok(new)
    })
}
