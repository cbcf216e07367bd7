//! What it does: tells the caller how far a task is. Takes from: guest code. Hands to: the worker, through the `host` import.
//! Never: waits.

/// Tells the caller how far the running task is: `done` of `total`, in a unit of your own, with a text for a person, which may
/// be empty. A `total` of 0 means that it is not known.
///
/// Call it as often as you like: it does not wait, and the host passes on the latest word a few times a second, and the last
/// one when the task ends. Each call costs a tenth of a microsecond or two, so a tight loop may want to call it less often.
/// The caller listens with `TaskFuture::on_progress`.
///
/// Outside a sandbox, when a task's function is called as the ordinary function it also is, nobody listens.
///
/// ```
/// let pages = ["one", "two", "three"];
/// for (done, page) in pages.iter().enumerate() {
///     isopool_guest::progress(done as u64, pages.len() as u64, page);
/// }
/// ```
pub fn progress(done: u64, total: u64, message: &str) {
    #[cfg(target_family = "wasm")]
    crate::wasm::progress(done, total, message);
    #[cfg(not(target_family = "wasm"))]
    let _ = (done, total, message);
}
