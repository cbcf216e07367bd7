//! What it does: tells the host a panic's message and place before the trap that ends the instance.
//! Takes from: std's panic machinery. Hands to: `host.panicked`. Never: panics; prints.

use super::bindings::isopool::task::host;
use std::panic::PanicHookInfo;

/// Replaces std's hook, which would print to stderr.
pub(super) fn install() {
    // A function without captures: the box holds nothing, so that this allocates nothing.
    std::panic::set_hook(Box::new(tell));
}

fn tell(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("a panic whose value is not text");
    let place = info.location();
    host::panicked(host::Panic {
        message,
        file: place.map(|place| place.file()),
        line: place.map_or(0, |place| place.line()),
        column: place.map_or(0, |place| place.column()),
    });
}
