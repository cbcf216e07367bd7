//! What it does: hands a target to libFuzzer. Takes from: clang's runtime, linked by `build.rs`.
//! Hands to: the target. Never: lets a panic pass: it is what is looked for.

use super::Target;
use std::ffi::{CString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;
use std::sync::OnceLock;

unsafe extern "C" {
    fn LLVMFuzzerRunDriver(
        argc: *mut c_int,
        argv: *mut *mut *mut c_char,
        callback: extern "C" fn(*const u8, usize) -> c_int,
    ) -> c_int;
}

/// Packages whose panics the library catches, and takes for a refusal.
const CAUGHT: [&str; 2] = ["/wit-parser-", "/wit-component-"];

static TARGET: OnceLock<Target> = OnceLock::new();

extern "C" fn one_input(data: *const u8, size: usize) -> c_int {
    // SAFETY: libFuzzer gives `size` bytes that live for as long as this call; none at all may come as a null pointer.
    let bytes = if size == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(data, size) } };
    TARGET.get().expect("run() has put it there")(bytes);
    0
}

pub(super) fn run(target: Target) -> ! {
    TARGET.get_or_init(|| target);
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or("", |location| location.file());
        if !CAUGHT.iter().any(|package| place.contains(package)) {
            say(panic);
            // libFuzzer keeps the input that it came from.
            std::process::abort();
        }
    }));
    let arguments = std::env::args_os().map(|argument| CString::new(argument.into_vec()).expect("no nul in it"));
    // Leaked: libFuzzer keeps them.
    let arguments: Vec<*mut c_char> = arguments.map(CString::into_raw).chain([std::ptr::null_mut()]).collect();
    let mut count = arguments.len() as c_int - 1;
    let mut arguments = Box::leak(arguments.into_boxed_slice()).as_mut_ptr();
    // SAFETY: the arguments are as for `main`: `count` texts, then null, all of which live for ever.
    let code = unsafe { LLVMFuzzerRunDriver(&mut count, &mut arguments, one_input) };
    std::process::exit(code)
}
