//! The caller's choice: which layers a worker is locked in by, and which it must not be without.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::BitOr;

/// How far worker processes are locked in before they run guests. See [`Layer`] for what there is.
///
/// ```
/// use isopool::{Executor, Hardening, Layer};
///
/// // No worker at all rather than one that could reach the user's files or make any system call it likes.
/// let executor = Executor::builder()
///     .max_workers(1)
///     .hardening(Hardening::Require(Layer::Files | Layer::SystemCalls))
///     .build()?;
/// match executor.hardening_report() {
///     Ok(report) => println!("{report}"),
///     Err(error) => println!("{error}"), // names the layer that this system does not have
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Hardening {
    /// Nothing but what every process of isopool gives up in any case ([`Layer::Surroundings`], [`Layer::NewPrivileges`]).
    /// The sandbox of WebAssembly is all that stands between a guest and what the user of this program may do.
    Off,
    /// These layers and no others, as far as the system has them: to measure what one costs, or when one is in the way.
    Only(Layers),
    /// Every layer, as far as the system has it. [`hardening_report`](crate::Executor::hardening_report) says what holds.
    #[default]
    BestEffort,
    /// Every layer, and these must hold in full: where one does not, the first use of the executor fails with
    /// [`BrokenCause::NotHardened`](crate::BrokenCause::NotHardened), which names it and the reason.
    Require(Layers),
}

impl Hardening {
    /// Whether this layer is put on at all.
    pub(super) fn applies(self, layer: Layer) -> bool {
        match self {
            Self::Off => false,
            Self::Only(layers) => layers.contains(layer),
            Self::BestEffort | Self::Require(_) => true,
        }
    }

    /// Whether a process must not go on without it.
    pub(crate) fn requires(self, layer: Layer) -> bool {
        matches!(self, Self::Require(layers) if layers.contains(layer))
    }
}

macro_rules! layers {
    ($($(#[$docs:meta])* $layer:ident = $name:literal,)*) => {
        /// One of the layers that lock a worker in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Layer { $($(#[$docs])* $layer,)* }

        impl Layer {
            /// Every layer, in the order in which a process puts them on.
            pub const ALL: &'static [Layer] = &[$(Layer::$layer,)*];

            /// Its name, as reports and the command line have it.
            pub fn name(self) -> &'static str {
                match self { $(Layer::$layer => $name,)* }
            }
        }
    };
}

layers! {
    /// The caller's descriptors, environment, session and working directory are gone, and the process dies with its parent.
    /// Always held: a process that cannot does not go on.
    Surroundings = "surroundings",
    /// No program started from here can gain rights (`no_new_privs`). Always held.
    NewPrivileges = "new-privileges",
    /// Resource limits: memory, open files, processor time, size of files (`setrlimit`).
    Resources = "resources",
    /// No further process or thread (`RLIMIT_NPROC`). Linux does not apply it to root; the layer
    /// [`SystemCalls`](Self::SystemCalls) forbids the same.
    Processes = "processes",
    /// No capabilities of root, and no way to regain them.
    Capabilities = "capabilities",
    /// No memory becomes executable any more (`PR_SET_MDWE`). Only with
    /// [`Execution::Fortress`](crate::Execution::Fortress): machine code has to be mapped.
    NewCode = "new-code",
    /// No file and no directory but those granted (Landlock).
    Files = "files",
    /// No TCP connection but those granted (Landlock, Linux 6.7).
    Network = "network",
    /// No signals and no abstract Unix sockets to processes outside (Landlock, Linux 6.12).
    Scopes = "scopes",
    /// No system call but those that a worker needs (seccomp).
    SystemCalls = "system-calls",
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of [layers](Layer): `Layer::Files | Layer::SystemCalls`.
///
/// ```
/// use isopool::{Layer, Layers};
///
/// let most = Layers::all().without(Layer::Processes); // which does not hold for root
/// assert!(most.contains(Layer::Files) && !most.contains(Layer::Processes));
/// assert_eq!(Layers::from_iter([Layer::Files, Layer::SystemCalls]), Layer::Files | Layer::SystemCalls);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layers(u16);

impl Layers {
    /// Every layer but [`Layer::NewCode`], which only [`Execution::Fortress`](crate::Execution::Fortress) has.
    pub fn all() -> Self {
        Layer::ALL.iter().copied().filter(|layer| *layer != Layer::NewCode).collect()
    }

    /// Whether the layer is among them.
    pub fn contains(self, layer: Layer) -> bool {
        self.0 & Self::from(layer).0 != 0
    }

    /// These but that one.
    pub fn without(self, layer: Layer) -> Self {
        Self(self.0 & !Self::from(layer).0)
    }
}

impl From<Layer> for Layers {
    fn from(layer: Layer) -> Self {
        Self(1 << layer as u16)
    }
}

impl FromIterator<Layer> for Layers {
    fn from_iter<I: IntoIterator<Item = Layer>>(layers: I) -> Self {
        layers.into_iter().fold(Self::default(), |all, layer| all | layer)
    }
}

impl<L: Into<Layers>> BitOr<L> for Layers {
    type Output = Layers;

    fn bitor(self, other: L) -> Layers {
        Layers(self.0 | other.into().0)
    }
}

impl<L: Into<Layers>> BitOr<L> for Layer {
    type Output = Layers;

    fn bitor(self, other: L) -> Layers {
        Layers::from(self) | other
    }
}
