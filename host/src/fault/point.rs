//! The points, and what can happen there.

use std::fmt;

macro_rules! points {
    ($($(#[$docs:meta])* $point:ident,)*) => {
        /// A moment in the life of a worker process.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Point { $($(#[$docs])* $point,)* }

        /// The names of all points.
        #[cfg(debug_assertions)]
        pub const POINTS: &[&str] = &[$(stringify!($point)),*];

        #[cfg(debug_assertions)]
        pub(super) const ALL: &[Point] = &[$(Point::$point),*];
    };
}

points! {
    /// It knows that it is a worker.
    TakenOver,
    /// It has its channel.
    ChannelTaken,
    /// It has given up what it does not need.
    SandboxApplied,
    /// It has read its configuration.
    ConfigureRead,
    /// Its engine is there.
    EngineMade,
    /// Half of a frame is written: `Ready`, and so on.
    ReadyHalfSent,
    /// It has said that it is ready.
    ReadySent,
    /// It shares its claims.
    ClaimsOpened,
    /// It is about to wait for a request.
    RequestAwaited,
    /// The front of a large argument is read.
    ArgumentHalfRead,
    /// It was given machine code.
    LoadRead,
    /// It has kept machine code.
    LoadKept,
    /// It was given a task, which it has not claimed.
    RunRead,
    /// It has claimed the task.
    ClaimTaken,
    /// It is about to map machine code.
    CodeLoading,
    /// It has mapped machine code.
    CodeLoaded,
    /// It is about to start the guest.
    GuestStarting,
    /// The guest's instance is there.
    Instantiated,
    /// The guest has returned, or failed.
    GuestReturned,
    /// A log record is half written.
    LogHalfSent,
    /// A log record is written.
    LogSent,
    /// The answer is half written, before its payload.
    DoneHalfSent,
    /// The payload of the answer is half written.
    ResultHalfSent,
    /// The answer is written.
    DoneSent,
    /// The instance is gone.
    InstanceDropped,
    /// The memory of the argument is kept for the next one.
    PayloadRecycled,
    /// It was told to leave.
    StopRead,
    /// It is about to end its process.
    Leaving,
    /// A fork server was asked for a worker.
    ForkRead,
    /// A fork server has half said what became of a worker.
    ForkTold,
    /// It was forked by a fork server, and shares its descriptors.
    Forked,
    /// It was forked by a fork server, and is a worker of its own.
    CopyOnItsOwn,
    /// A compile worker was given a module.
    CompileRead,
    /// It has compiled it.
    CompileDone,
    /// Half of the machine code is in its file.
    ArtifactHalfWritten,
    /// Its answer is half written.
    CompiledHalfSent,
    /// Its answer is written.
    CompiledSent,
}

/// What happens at a point.
#[cfg_attr(not(debug_assertions), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// SIGKILL.
    Kill,
    /// SIGABRT.
    Abort,
    /// An exit with this code.
    Exit(i32),
    /// Nothing, for so many milliseconds.
    PauseMs(u64),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Kill => f.write_str("kill"),
            Action::Abort => f.write_str("abort"),
            Action::Exit(code) => write!(f, "exit {code}"),
            Action::PauseMs(ms) => write!(f, "pause {ms} ms"),
        }
    }
}

/// A fault that is due.
#[cfg_attr(not(debug_assertions), allow(dead_code))]
#[derive(Debug)]
#[must_use = "a fault that does not act was written down for nothing"]
pub(crate) struct Fault(pub(super) Action);

impl Fault {
    /// Ends this process, or pauses.
    pub(crate) fn act(self) {
        match self.0 {
            // Cannot fail for the own process, and is over when it returns.
            Action::Kill => _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL),
            Action::Abort => std::process::abort(),
            Action::Exit(code) => std::process::exit(code),
            Action::PauseMs(ms) => std::thread::sleep(std::time::Duration::from_millis(ms)),
        }
    }
}

/// Something can be made to happen here.
pub(crate) fn point(point: Point) {
    if let Some(fault) = super::strikes(point) {
        fault.act();
    }
}
