//! A guest's library with tests of every end, for `host/tests/test_runner.rs`.

/// Half of a number.
pub fn half(n: u32) -> u32 {
    n / 2
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn passes() {
        println!("printed by a test that passes");
        assert_eq!(half(4), 2);
    }

    #[test]
    fn fails() {
        eprintln!("printed by a test that fails");
        assert_eq!(half(4), 3, "half is wrong");
    }

    #[test]
    fn never_ends() {
        loop {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn leaves_early() {
        std::process::exit(0);
    }

    #[test]
    fn recurses_without_end() {
        fn deeper(n: u64) -> u64 {
            if n == u64::MAX { 0 } else { std::hint::black_box(deeper(n + 1)) + 1 }
        }
        assert_eq!(deeper(0), 0);
    }

    #[test]
    fn sees_nothing_of_the_machine() {
        assert!(std::fs::read("/etc/passwd").is_err());
        assert_eq!(std::env::vars().count(), 0);
        assert!(std::net::TcpStream::connect("127.0.0.1:1").is_err());
    }

    #[test]
    #[ignore = "asked for"]
    fn is_ignored() {}
}
