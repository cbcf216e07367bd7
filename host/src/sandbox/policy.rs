//! What one process is to be locked in by.

use super::{Hardening, Layer, LayerState};
use crate::task::Grants;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What kind of process it is: what it needs decides what can be taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Runs guests, on one thread.
    Worker,
    /// Compiles, on as many threads as there are processors.
    Compiler,
    /// Forks workers. It runs no guest, and must not take from itself what its copies need or lock themselves in with.
    ForkServer,
}

/// The limits of a whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessLimits {
    /// Writable memory that is not shared (`RLIMIT_DATA`).
    pub(crate) memory_bytes: u64,
    /// Processor time, in whole seconds.
    pub(crate) cpu_time: Option<Duration>,
    pub(crate) open_files: u32,
}

/// Everything that [`lock_in`](super::lock_in) must know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy<'a> {
    pub(crate) profile: Profile,
    pub(crate) hardening: Hardening,
    pub(crate) grants: &'a Grants,
    /// Guests are interpreted: nothing need ever become executable.
    pub(crate) no_machine_code: bool,
    pub(crate) limits: ProcessLimits,
    /// The control group that the process goes into.
    pub(crate) group: Option<&'a str>,
}

impl Policy<'_> {
    /// Why a layer is not put on in this process, if so.
    pub(super) fn off(&self, layer: Layer) -> Option<&'static str> {
        if matches!(layer, Layer::Surroundings | Layer::NewPrivileges) {
            return None;
        }
        if !self.hardening.applies(layer) {
            return Some("switched off by the option `hardening`");
        }
        match (layer, self.profile) {
            (Layer::NewCode, _) if !self.no_machine_code => {
                Some("machine code of modules is mapped; only Execution::Fortress can do without")
            }
            (Layer::Processes, Profile::Compiler) => Some("the compiler has threads"),
            (
                Layer::Processes | Layer::Files | Layer::Network | Layer::Scopes | Layer::NewCode,
                Profile::ForkServer,
            ) => Some("its copies put this on themselves"),
            _ => None,
        }
    }

    /// Whether the process must not go on without a layer. What its kind cannot have is required of workers only.
    pub(super) fn must_hold(&self, layer: Layer) -> bool {
        let can_have = self.profile == Profile::Worker || self.off(layer).is_none();
        self.hardening.requires(layer) && can_have
    }
}

/// What became of a layer.
pub(super) struct Put {
    pub(super) state: LayerState,
    pub(super) reason: String,
}

impl Put {
    pub(super) fn held(reason: impl Into<String>) -> Self {
        Self { state: LayerState::Held, reason: reason.into() }
    }

    pub(super) fn partly(reason: impl Into<String>) -> Self {
        Self { state: LayerState::Partly, reason: reason.into() }
    }

    pub(super) fn missing(reason: impl Into<String>) -> Self {
        Self { state: LayerState::Missing, reason: reason.into() }
    }
}
