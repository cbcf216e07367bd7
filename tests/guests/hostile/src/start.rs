//! What it does: code that runs before any function of the module is called, be it by a task or to list them.
//! Never: does anything unless a variable of its environment asks for it.

/// Set, it ends every instance at its start.
pub const VARIABLE: &str = "GUEST_HOSTILE_LEAVES_AT_START";

#[cfg(target_family = "wasm")]
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = {
    extern "C" fn at_start() {
        if std::env::var_os(VARIABLE).is_some() {
            std::process::abort();
        }
    }
    at_start
};
