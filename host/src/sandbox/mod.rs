//! What it does: takes from a process what running guests does not need, and says what holds.
//! Takes from: worker. Hands to: sys.
//! Never: runs after guest code was loaded; says of a layer that it holds without having tried it, where it can be tried.

mod apply;
mod calls;
mod capabilities;
mod escape;
mod files;
mod hardening;
mod lock_in;
mod policy;
mod report;
mod resources;
mod system_calls;
mod try_escape;

pub(crate) use apply::{SandboxError, apply, apply_to_copy, apply_to_native};
pub(crate) use escape::Tried;
pub use escape::{Escape, EscapeAttempt, Verdict};
pub use hardening::{Hardening, Layer, Layers};
pub(crate) use lock_in::{NotHardened, lock_in};
pub(crate) use policy::{Policy, ProcessLimits, Profile};
pub use report::{HardeningReport, LayerReport, LayerState};
pub(crate) use try_escape::{Bait, try_escape};
