//! The second ordered list: what a process gives up once its engine is made, before it takes machine code or a guest. See
//! `README.md` for the reasons of the order.

use super::policy::{Policy, Put};
use super::report::{HardeningReport, LayerReport};
use super::{Layer, LayerState, capabilities, files, resources, system_calls};
use crate::sys;
use serde::{Deserialize, Serialize};

/// A layer that must hold does not. Nothing runs in such a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the layer `{layer}` is required and does not hold: {reason}")]
pub(crate) struct NotHardened {
    pub(crate) layer: Layer,
    pub(crate) reason: String,
}

/// Puts on every layer that the policy wants, one after another, tries each, and says what holds.
///
/// # Errors
/// A layer that is required does not hold in full.
pub(crate) fn lock_in(policy: &Policy<'_>) -> Result<HardeningReport, NotHardened> {
    // What is put on below holds for one thread, and for those that it starts.
    let threads = sys::thread_count();
    // Once for the three layers that are one for the kernel.
    let mut landlock = None;
    let mut layers = Vec::with_capacity(Layer::ALL.len());
    for &layer in Layer::ALL {
        let (state, reason) = match policy.off(layer) {
            Some(why) => (LayerState::Off, why.to_owned()),
            None => {
                let Put { state, reason } = match layer {
                    Layer::Files | Layer::Network | Layer::Scopes | Layer::SystemCalls
                        if !threads.as_ref().is_ok_and(|&count| count == 1) =>
                    {
                        Put::missing("the process has more than one thread, or they cannot be counted")
                    }
                    Layer::Files | Layer::Network | Layer::Scopes => {
                        landlock.get_or_insert_with(|| files::restrict(policy)).take(layer)
                    }
                    layer => put_on(layer, policy),
                };
                (state, reason)
            }
        };
        if state != LayerState::Held && policy.must_hold(layer) {
            return Err(NotHardened { layer, reason });
        }
        layers.push(LayerReport { layer, state, reason });
    }
    Ok(HardeningReport::new(layers))
}

fn put_on(layer: Layer, policy: &Policy<'_>) -> Put {
    match layer {
        Layer::Surroundings => {
            Put::held("no descriptor, variable, session or directory of the caller; dies with its parent")
        }
        Layer::NewPrivileges => match sys::has_no_new_privileges() {
            Ok(true) => Put::held("no_new_privs is set"),
            Ok(false) => Put::missing("no_new_privs is not set"),
            Err(error) => Put::missing(format!("no_new_privs cannot be asked for: {error}")),
        },
        Layer::Resources => resources::limit(policy),
        Layer::Processes => resources::forbid_processes(),
        Layer::Capabilities => capabilities::drop_all(),
        Layer::NewCode => match sys::forbid_new_code() {
            Ok(()) => Put::held("memory that was ever writable cannot become executable (MDWE)"),
            Err(error) => Put::missing(format!("PR_SET_MDWE (Linux 6.3): {error}")),
        },
        Layer::SystemCalls => system_calls::restrict(policy),
        Layer::Files | Layer::Network | Layer::Scopes => unreachable!("they are put on together"),
    }
}
