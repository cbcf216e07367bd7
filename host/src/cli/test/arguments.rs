//! What the arguments of Rust's test harness ask for. Source: `cargo test -- --help`, and nextest's custom test harnesses.

use isopool::limits::MAX_WORKERS;

/// Options that have a value.
const WITH_VALUE: &[&str] = &["--skip", "--test-threads", "--format", "--color", "--logfile", "--shuffle-seed", "-Z"];

/// What is wanted of a test program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A run of the program as it is: it lists its tests, or runs the one that is named exactly, as nextest asks it to.
    Program,
    /// A run for each of its tests.
    Each(Each),
}

/// Tests that are run one by one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Each {
    /// Arguments that choose among the tests.
    pub(super) choice: Vec<String>,
    /// Those of them that also say whether a test which is marked as ignored is run.
    pub(super) ignored: Vec<String>,
    /// Most tests at the same time.
    pub(super) jobs: Option<usize>,
    pub(super) output: Output,
}

/// Whose output is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Output {
    /// That of tests that failed.
    #[default]
    OfFailed,
    /// That of every test.
    OfAll,
}

impl Wanted {
    /// # Errors
    /// A number is none, or out of range.
    pub(super) fn from_arguments(arguments: &[String]) -> Result<Self, String> {
        let mut each = Each::default();
        let mut exact = false;
        let mut filters = 0;
        let mut arguments = arguments.iter().map(String::as_str);
        while let Some(argument) = arguments.next() {
            let (name, mut value) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value)),
                _ => (argument, None),
            };
            if WITH_VALUE.contains(&name) && value.is_none() {
                value = arguments.next();
            }
            match (name, value) {
                ("--list" | "--help" | "-h" | "--bench", _) => return Ok(Self::Program),
                ("--exact", _) => exact = true,
                ("--ignored" | "--include-ignored", _) => each.ignored.push(name.to_owned()),
                ("--nocapture" | "--no-capture" | "--show-output", _) => each.output = Output::OfAll,
                ("--skip", Some(value)) => each.choice.extend(["--skip".to_owned(), value.to_owned()]),
                ("--test-threads", Some(value)) => each.jobs = Some(jobs(value)?),
                (name, _) if name.starts_with('-') => {}
                (filter, _) => {
                    filters += 1;
                    each.choice.push(filter.to_owned());
                }
            }
        }
        if exact && filters == 1 {
            return Ok(Self::Program);
        }
        each.choice.extend(exact.then(|| "--exact".to_owned()));
        Ok(Self::Each(each))
    }
}

fn jobs(text: &str) -> Result<usize, String> {
    let jobs = text.parse().ok().filter(|jobs| (1..=MAX_WORKERS).contains(jobs));
    jobs.ok_or_else(|| format!("--test-threads is {text}, and must be between 1 and {MAX_WORKERS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(line: &str) -> Wanted {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Wanted::from_arguments(&arguments).expect("they are well-formed")
    }

    fn each(line: &str) -> Each {
        match wanted(line) {
            Wanted::Each(each) => each,
            Wanted::Program => panic!("`{line}` asks for the program"),
        }
    }

    #[test]
    fn what_nextest_asks_for_is_one_run() {
        for line in [
            "--list --format terse",
            "--list --format terse --ignored",
            "--exact tests::one --nocapture",
            "tests::one --exact --nocapture --ignored",
            "--help",
            "--bench",
        ] {
            assert_eq!(wanted(line), Wanted::Program, "{line}");
        }
    }

    #[test]
    fn what_cargo_asks_for_is_a_run_for_each_test() {
        assert_eq!(each(""), Each::default());
        assert_eq!(each("one two --skip three --color always -q").choice, ["one", "two", "--skip", "three"]);
        assert_eq!(each("--skip=three --exact a b").choice, ["--skip", "three", "a", "b", "--exact"]);
        assert_eq!(each("--include-ignored").ignored, ["--include-ignored"]);
        assert_eq!(each("--test-threads 3").jobs, Some(3));
        assert_eq!(each("--nocapture").output, Output::OfAll);
        // The value of an option is no filter.
        assert_eq!(each("-Z unstable-options --format pretty --logfile a").choice, [""; 0]);
    }

    #[test]
    fn number_of_threads_must_be_one() {
        for text in ["0", "many", "5000"] {
            let refused = Wanted::from_arguments(&["--test-threads".to_owned(), text.to_owned()]);
            assert!(refused.is_err_and(|refusal| refusal.starts_with(&format!("--test-threads is {text}, "))));
        }
    }
}
