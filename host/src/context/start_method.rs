//! How worker processes come to life.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How worker processes come to life.
///
/// | method | a worker is | its first result comes after | it begins with |
/// |---|---|---|---|
/// | `spawn` | the program, executed again | a millisecond or two | nothing of the caller |
/// | `forkserver` | a copy of a process that has engine and modules ready | a few tenths of one | nothing of the caller |
/// | `fork` | a copy of the caller | a millisecond, and more for a caller with much memory | all memory of the caller |
/// | `init_main` | as `spawn`, and calls a native function of the program first | as `spawn`, and that call | nothing of the caller |
///
/// # Source
/// The start methods of `multiprocessing` and loky; `init_main` is `loky_init_main`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StartMethod {
    /// A new program image (`posix_spawn`): nothing of the caller's memory is copied or seen.
    #[default]
    Spawn,
    /// A process with one thread is spawned with the first worker. It has the engine made and the pool's modules loaded,
    /// runs no guest, and forks workers until the pool ends; they share its memory until they write to it. When it dies, its
    /// workers die with it, and the next worker brings another one.
    ForkServer,
    /// The caller itself is copied. **Unsafe in a program with threads**, and this library has some: a lock that another
    /// thread holds at that moment stays locked in the copy. A worker that hangs for that reason is killed when it is not
    /// ready in time ([`HANDSHAKE_TIMEOUT`](crate::limits::HANDSHAKE_TIMEOUT)), so that its tasks wait that long. A guest that
    /// breaks out of its sandbox finds a copy of the caller's memory. The reusable executor refuses it.
    Fork,
    /// As [`Spawn`](Self::Spawn); each worker then calls
    /// [`native_initializer`](crate::ExecutorBuilder::native_initializer), a native function of the program, before it takes
    /// tasks.
    InitMain,
}

/// The name of a start method that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no start method {name:?}; the start methods are {}", names())]
#[non_exhaustive]
pub struct UnknownStartMethod {
    /// What was given.
    pub name: String,
}

/// The default start method was chosen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the start method is {set} already and was to become {wanted}; set it once, or with Force::Yes")]
#[non_exhaustive]
pub struct StartMethodAlreadySet {
    /// What it is.
    pub set: StartMethod,
    /// What it was to be.
    pub wanted: StartMethod,
}

/// Whether [`set_start_method`] may replace an earlier choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Force {
    /// A second choice is an error.
    #[default]
    No,
    /// The last choice counts.
    Yes,
}

impl StartMethod {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Spawn, Self::ForkServer, Self::Fork, Self::InitMain];

    /// Its name: `spawn`, `forkserver`, `fork` or `init_main`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spawn => "spawn",
            Self::ForkServer => "forkserver",
            Self::Fork => "fork",
            Self::InitMain => "init_main",
        }
    }
}

fn names() -> String {
    StartMethod::ALL.map(|method| format!("{:?}", method.name())).join(", ")
}

impl fmt::Display for StartMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// ```
/// use isopool::StartMethod;
/// assert_eq!("forkserver".parse(), Ok(StartMethod::ForkServer));
/// let error = "thread".parse::<StartMethod>().unwrap_err();
/// assert!(error.to_string().contains(r#""spawn", "forkserver", "fork", "init_main""#));
/// ```
impl FromStr for StartMethod {
    type Err = UnknownStartMethod;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|method| method.name() == name);
        found.ok_or_else(|| UnknownStartMethod { name: name.to_owned() })
    }
}

/// The choice of this process.
static DEFAULT: Mutex<Option<StartMethod>> = Mutex::new(None);

/// Chooses the start method of executors and contexts that do not name one, for this process and from now on. Meant for the
/// beginning of `main`; executors that exist keep theirs.
///
/// # Errors
/// It was chosen before, even if the same, and `force` is [`Force::No`].
///
/// # Source
/// `multiprocessing.set_start_method`.
///
/// ```
/// use isopool::{Force, StartMethod, get_start_method, set_start_method};
/// assert_eq!(get_start_method(), StartMethod::Spawn);
/// set_start_method(StartMethod::ForkServer, Force::No).expect("nobody chose before");
/// assert_eq!(get_start_method(), StartMethod::ForkServer);
/// set_start_method(StartMethod::Spawn, Force::No).expect_err("it is chosen");
/// set_start_method(StartMethod::Spawn, Force::Yes).expect("that was meant");
/// ```
pub fn set_start_method(method: StartMethod, force: Force) -> Result<(), StartMethodAlreadySet> {
    let mut default = DEFAULT.lock();
    match *default {
        Some(set) if force == Force::No => Err(StartMethodAlreadySet { set, wanted: method }),
        _ => {
            *default = Some(method);
            Ok(())
        }
    }
}

/// The start method of executors and contexts that do not name one: [`StartMethod::Spawn`] unless
/// [`set_start_method`] has chosen another.
pub fn get_start_method() -> StartMethod {
    DEFAULT.lock().unwrap_or_default()
}

/// A start method, and what can be made with it: executors, and processes that run native functions.
///
/// # Source
/// `multiprocessing.get_context`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessContext {
    pub(crate) method: StartMethod,
}

/// The context of a start method; for `None` that of [`get_start_method`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use guest_basic::value::add;
/// let context = isopool::get_context("forkserver".parse::<isopool::StartMethod>()?);
/// let executor = context.executor().max_workers(1).build()?;
/// assert_eq!(executor.submit(add::task(2, 3))?.result()?, 5);
/// # Ok(())
/// # }
/// ```
pub fn get_context(method: impl Into<Option<StartMethod>>) -> ProcessContext {
    ProcessContext { method: method.into().unwrap_or_else(get_start_method) }
}

impl ProcessContext {
    /// Its start method.
    pub fn start_method(&self) -> StartMethod {
        self.method
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // behaviour: B50
    #[test]
    fn names_of_start_methods_are_read_as_they_are_written() {
        for method in StartMethod::ALL {
            assert_eq!(method.name().parse(), Ok(method));
            assert_eq!(method.to_string(), method.name());
        }
        for name in ["", "Spawn", " spawn", "fork_server", "thread"] {
            let error = name.parse::<StartMethod>().expect_err(name);
            assert_eq!(
                error.to_string(),
                format!(
                    "there is no start method {name:?}; the start methods are \"spawn\", \"forkserver\", \"fork\", \
                     \"init_main\""
                )
            );
        }
    }
}
