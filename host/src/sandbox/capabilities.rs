//! The rights of root (capabilities(7)).

use super::policy::Put;
use crate::sys;
use caps::CapSet;

/// Gives up every capability, and the ways to regain one.
pub(super) fn drop_all() -> Put {
    // While CAP_SETPCAP is there: both need it. A process without it has nothing to lose by either.
    let bounded = caps::clear(None, CapSet::Bounding).is_ok();
    let locked = sys::lock_securebits().is_ok();
    // Where ambient capabilities do not exist (before Linux 4.3), none can be kept.
    let _ = caps::clear(None, CapSet::Ambient);
    for set in [CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        if let Err(error) = caps::clear(None, set) {
            return Put::missing(format!("the {set:?} capabilities cannot be dropped: {error}"));
        }
    }
    let left = [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable];
    match left.into_iter().find(|set| !caps::read(None, *set).is_ok_and(|left| left.is_empty())) {
        Some(set) => Put::missing(format!("the {set:?} capabilities are not empty after they were dropped")),
        None if bounded && locked => Put::held("none, and no program can gain any (bounding set, securebits)"),
        None => Put::held("none; no program can gain any by no_new_privs"),
    }
}
