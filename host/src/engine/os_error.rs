//! The system's error behind one of the engine's, and what to do about it.

/// The number of the system's error that an error ends in. The engine has several types for them, and one text.
pub(super) fn os_error(error: &wasmtime::Error) -> Option<i32> {
    let text = error.root_cause().to_string();
    let (_, number) = text.rsplit_once("(os error ")?;
    number.strip_suffix(')')?.parse().ok()
}

/// The remedy, where a limit of the worker is behind it.
pub(super) fn remedy(error: &wasmtime::Error) -> &'static str {
    match os_error(error) {
        Some(libc::ENOMEM) => "; the worker has used up its memory: raise that with max_worker_memory_bytes()",
        Some(libc::EMFILE) => "; the worker has as many open files as it may: raise that with max_open_files()",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_found_behind_those_of_the_engine() {
        let system = |number| wasmtime::Error::from(std::io::Error::from_raw_os_error(number)).context("to map");
        assert_eq!(os_error(&system(libc::ENOMEM)), Some(libc::ENOMEM));
        assert!(remedy(&system(libc::EMFILE)).contains("max_open_files()"));
        assert_eq!(os_error(&wasmtime::Error::msg("another one")), None);
        assert_eq!(remedy(&system(libc::ENOENT)), "");
    }
}
