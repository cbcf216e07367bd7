//! What became of each test, in the words of Rust's own harness.

use super::super::exit::Stop;
use super::program::Ran;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

/// What became of one test.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Ignored,
    /// And why, unless what the test printed says it.
    Failed(String),
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Report {
    passed: usize,
    ignored: usize,
    /// Names, and what is to be shown of them.
    failed: Vec<(String, String)>,
}

impl Verdict {
    pub(super) fn of(ran: &Ran) -> Self {
        match &ran.status {
            Err(error) => Self::Failed(Stop::task(None, error.clone()).to_string()),
            Ok(0) if ran.stdout.contains("test result: ok. 1 passed;") => Self::Passed,
            Ok(0) if ran.stdout.contains("test result: ok. 0 passed; 0 failed; 1 ignored;") => Self::Ignored,
            Ok(0) => Self::Failed("the program ended without having run it".to_owned()),
            Ok(code) => Self::Failed(format!("the program ended with exit code {code}")),
        }
    }
}

impl Report {
    pub(super) fn begin(tests: usize) -> Result<Self, Stop> {
        print(&format!("\nrunning {tests} test{}\n", if tests == 1 { "" } else { "s" }))?;
        Ok(Self::default())
    }

    /// Tells of one test at once; what a failed one printed comes at the end.
    pub(super) fn add(&mut self, name: &str, verdict: &Verdict, ran: &Ran, show: bool) -> Result<(), Stop> {
        let word = match verdict {
            Verdict::Passed => {
                self.passed += 1;
                "ok"
            }
            Verdict::Ignored => {
                self.ignored += 1;
                "ignored"
            }
            Verdict::Failed(why) => {
                self.failed.push((name.to_owned(), format!("{}{why}\n", printed(ran, name))));
                "FAILED"
            }
        };
        let shown = if show && *verdict == Verdict::Passed { printed(ran, name) } else { String::new() };
        print(&format!("test {name} ... {word}\n{shown}"))
    }

    /// Tells of all; whether none has failed.
    pub(super) fn end(self, took: Duration) -> Result<bool, Stop> {
        let Self { passed, ignored, failed } = self;
        let mut text = String::new();
        // Writing to a string cannot fail.
        if !failed.is_empty() {
            text.push_str("\nfailures:\n\n");
            for (name, shown) in &failed {
                let _ = writeln!(text, "---- {name} ----\n{shown}");
            }
            text.push_str("\nfailures:\n");
            for (name, _) in &failed {
                let _ = writeln!(text, "    {name}");
            }
        }
        let word = if failed.is_empty() { "ok" } else { "FAILED" };
        let _ = writeln!(
            text,
            "\ntest result: {word}. {passed} passed; {} failed; {ignored} ignored; each in a sandbox of its own; finished \
             in {:.2}s\n",
            failed.len(),
            took.as_secs_f64()
        );
        print(&text)?;
        Ok(failed.is_empty())
    }
}

/// What a test itself has printed, without what the harness writes around it.
fn printed(ran: &Ran, name: &str) -> String {
    let before = format!("\nrunning 1 test\ntest {name} ... ");
    let own = ran.stdout.strip_prefix(&before).unwrap_or(&ran.stdout);
    let own = own.rfind("\n\ntest result: ").map_or(own, |end| own[..end].strip_suffix("ok").unwrap_or(&own[..end]));
    let mut text = String::new();
    for part in [own, &ran.stderr] {
        text.push_str(part);
        if !part.is_empty() && !part.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

fn print(text: &str) -> Result<(), Stop> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Stop::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(status: i32, stdout: &str, stderr: &str) -> Ran {
        Ran { status: Ok(status), stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    #[test]
    fn only_a_test_that_ran_has_passed() {
        let of = |status, line: &str| Verdict::of(&ran(status, line, ""));
        assert_eq!(of(0, "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured"), Verdict::Passed);
        assert_eq!(of(0, "test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured"), Verdict::Ignored);
        assert!(matches!(of(0, "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured"), Verdict::Failed(_)));
        assert!(matches!(of(0, ""), Verdict::Failed(_)), "it called exit(0)");
        assert_eq!(of(101, ""), Verdict::Failed("the program ended with exit code 101".to_owned()));
    }

    #[test]
    fn what_the_harness_writes_is_taken_away() {
        let stdout = "\nrunning 1 test\ntest a::b ... one\ntwo\nok\n\ntest result: ok. 1 passed; 0 failed\n\n";
        assert_eq!(printed(&ran(0, stdout, "three"), "a::b"), "one\ntwo\nthree\n");
        let stdout = "\nrunning 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed\n\n";
        assert_eq!(printed(&ran(0, stdout, ""), "a"), "");
        assert_eq!(printed(&ran(1, "\nrunning 1 test\ntest a ... ", "panicked"), "a"), "panicked\n");
        assert_eq!(printed(&ran(1, "something else", ""), "a"), "something else\n");
    }
}
