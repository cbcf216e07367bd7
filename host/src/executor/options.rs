//! The choices of an executor.

use serde::{Deserialize, Serialize};

/// How long an instance lives.
///
/// ```
/// use guest_basic::state::counter; // counts its calls in a static
/// use isopool::{Executor, Reuse};
///
/// let fresh = Executor::builder().max_workers(1).build()?;
/// let kept = Executor::builder().max_workers(1).reuse(Reuse::Worker).build()?;
/// for call in 1..=3 {
///     assert_eq!(fresh.submit(counter::task())?.result()?, 1);
///     assert_eq!(kept.submit(counter::task())?.result()?, call);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reuse {
    /// Every task gets an instance of its own: nothing that a task leaves behind is seen by another one.
    #[default]
    Never,
    /// An instance serves one task after another in its worker, and keeps its state between them, as the globals of a
    /// loky worker do. A trap, a panic or an exhausted limit ends it. Much faster for tiny tasks; only for tasks that
    /// trust one another.
    Worker,
}

/// How guests' code is executed.
///
/// ```
/// use guest_basic::value::add;
/// use isopool::{Execution, Executor};
///
/// let executor = Executor::builder().max_workers(1).execution(Execution::Fortress).build()?;
/// assert_eq!(executor.submit(add::task(2, 3))?.result()?, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Execution {
    /// As machine code, in workers that run one task after another.
    #[default]
    Speed,
    /// Interpreted, in a process of its own for each task: no memory of a worker that has run guest code was ever
    /// executable but the program's own, and what a guest breaks ends with it. One to two orders of magnitude slower.
    Fortress,
}

/// How a task that runs is stopped: by its time limit, its deadline, or a cancellation.
///
/// ```
/// use guest_basic::crash::spin; // computes for ever
/// use isopool::{Executor, Interruption, IntoTask, TaskError};
/// use std::time::Duration;
///
/// let executor = Executor::builder().max_workers(1).interruption(Interruption::Epoch).build()?;
/// let endless = spin::task().into_task().time_limit(Duration::from_millis(20));
/// assert!(matches!(executor.submit(endless)?.result(), Err(TaskError::TimedOut { .. })));
/// assert_eq!(executor.submit(guest_basic::value::add::task(2, 3))?.result()?, 5);
/// assert_eq!(executor.stats().workers_started, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Interruption {
    /// Its worker is killed and replaced. Guests run without any check.
    #[default]
    Kill,
    /// Its instance is ended, and its worker goes on with the next task. The guest's code looks at a word in memory at each
    /// function and each loop, which costs 2 to 25 % of ordinary code and more in tight loops. A task that does not stop
    /// within [`INTERRUPTION_GRACE`](crate::limits::INTERRUPTION_GRACE), because it is in a host call that waits for a
    /// shared object, or that runs or has run tasks of its own, is stopped as with [`Kill`](Self::Kill).
    Epoch,
}

/// What becomes of output and log records over their limits.
///
/// ```
/// use guest_basic::environment::print; // writes its two arguments to standard output and standard error
/// use isopool::{Executor, Limit, Overflow, TaskError};
///
/// let executor =
///     Executor::builder().max_workers(1).limit(Limit::OutputBytes, 10).overflow(Overflow::Fail).build()?;
/// let error = executor.submit(print::task("a long line".into(), "".into()))?.result().expect_err("over the limit");
/// assert!(matches!(error, TaskError::LimitExceeded { exceeded, .. } if exceeded.limit == Limit::OutputBytes));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Overflow {
    /// They are dropped, and counted in the task's [report](crate::TaskReport).
    #[default]
    Drop,
    /// The task ends with [`TaskError::LimitExceeded`](crate::TaskError::LimitExceeded).
    Fail,
}

/// What machine code depends on besides its module: two executors that differ in this never load one another's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flavour {
    pub(crate) execution: Execution,
    pub(crate) interruption: Interruption,
    /// Guests count what they execute.
    pub(crate) fuel: bool,
    /// Floats come out the same on every machine.
    pub(crate) deterministic: bool,
}

/// Where a guest's standard output and standard error go.
///
/// ```
/// use guest_basic::environment::print; // writes its two arguments to standard output and standard error
/// use isopool::{Executor, GuestOutput};
///
/// let executor = Executor::builder().max_workers(1).guest_output(GuestOutput::Capture).build()?;
/// let future = executor.submit(print::task("to one".into(), "to the other".into()))?;
/// future.result()?;
/// let output = &future.report().expect("its worker answered").output;
/// assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"to one"[..], &b"to the other"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum GuestOutput {
    /// To the caller's own, line by line, each line named by its task: `[task 7 word_count] …`.
    #[default]
    Inherit,
    /// To the caller's own, byte for byte, as the guest writes it: for one program at a time.
    Passthrough,
    /// Into the task's [report](crate::TaskReport::output).
    Capture,
    /// Nowhere.
    Discard,
}

/// Whom a crash or a trap reaches.
///
/// ```
/// # use guest_basic::{crash::trap_unreachable, value::add};
/// use isopool::{Containment, ErrorKind, Executor};
///
/// let alone = Executor::builder().max_workers(1).build()?;
/// assert!(alone.submit(trap_unreachable::task())?.result().is_err());
/// assert_eq!(alone.submit(add::task(2, 3))?.result()?, 5);
///
/// let together = Executor::builder().max_workers(1).containment(Containment::Pool).build()?;
/// assert!(together.submit(trap_unreachable::task())?.result().is_err());
/// let refused = together.submit(add::task(2, 3)).expect_err("the pool is broken");
/// assert_eq!(refused.kind(), ErrorKind::Broken);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Containment {
    /// Only the task that was running. Its worker is replaced if its process died, tasks that had not begun are sent
    /// elsewhere, and the executor goes on.
    #[default]
    Task,
    /// Everyone: the contract of loky and concurrent.futures. The executor breaks, every task that is pending or
    /// running ends with [`BrokenProcessPool`](crate::BrokenProcessPool), and a new executor is needed.
    Pool,
}

/// How an executor ends.
///
/// ```
/// # use guest_basic::resources::sleep_ms;
/// use isopool::{Executor, Shutdown, TaskError};
/// use std::time::Duration;
///
/// let executor = Executor::builder().max_workers(1).build()?;
/// let future = executor.submit(sleep_ms::task(3_600_000))?;
/// executor.shutdown(Shutdown::FinishWithin(Duration::from_millis(50)));
/// assert!(matches!(future.result(), Err(TaskError::Shutdown { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// Everything that was submitted is finished first.
    Finish,
    /// What has begun is finished; the rest ends as cancelled.
    CancelPending,
    /// Workers are killed at once, and every unfinished task ends with [`TaskError::Shutdown`](crate::TaskError::Shutdown).
    Kill,
    /// As `Finish`, and after this time as `Kill`.
    FinishWithin(std::time::Duration),
}
