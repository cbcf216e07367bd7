//! What a command line means.

use super::args::{Arguments, Command, MapArguments, PoolArguments, RunArguments};
use super::bench::Bench;
use super::build::Build;
use super::doctor::DoctorArguments;
use super::exit::Stop;
use super::new::New;
use super::test::Test;
use clap_complete::Shell;
use isopool::limits::MAX_WORKERS;
use isopool::{Access, AddressGrant};
use serde_json::value::{RawValue, to_raw_value};
use std::path::PathBuf;
use std::time::Duration;

/// One command.
#[derive(Debug)]
pub(super) enum Config {
    Run(Run),
    Program(Program),
    Map(Map),
    Inspect {
        module: PathBuf,
        json: bool,
        pool: Pool,
    },
    CpuCount {
        physical: bool,
    },
    Doctor(DoctorArguments),
    /// A crash bundle to replay.
    Replay(Replay),
    New(New),
    Build(Build),
    Bench(Bench),
    Test(Test),
    Completions(Shell),
}

/// Where a function is.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) module: PathBuf,
    pub(super) function: String,
}

/// What holds for every task.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pool {
    pub(super) max_workers: Option<usize>,
    pub(super) timeout: Option<Duration>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) directories: Vec<Directory>,
    pub(super) addresses: Vec<AddressGrant>,
    pub(super) program_arguments: Vec<String>,
}

/// A directory that functions may use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) host: PathBuf,
    pub(super) guest: String,
    pub(super) access: Access,
}

/// A WASI program.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) module: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) pool: Pool,
}

#[derive(Debug)]
pub(super) struct Run {
    pub(super) target: Target,
    pub(super) arguments: RunInput,
    pub(super) pool: Pool,
}

/// What a function that is called once gets.
#[derive(Debug)]
pub(super) enum RunInput {
    /// Its arguments.
    Json(Vec<Box<RawValue>>),
    /// The bytes of standard input.
    StandardInput,
}

#[derive(Debug)]
pub(super) struct Map {
    pub(super) target: Target,
    pub(super) form: Form,
    /// Empty: standard input.
    pub(super) files: Vec<PathBuf>,
    pub(super) on_failure: OnFailure,
    pub(super) print: Print,
    pub(super) pool: Pool,
}

/// What one input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    JsonLine,
    TextLine,
    FileText,
    FileBytes,
}

/// What an input that fails does to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnFailure {
    Stop,
    GoOn,
}

/// What is printed for an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Print {
    Values,
    Records,
}

/// A crash bundle to replay.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) bundle: PathBuf,
    pub(super) module: Option<PathBuf>,
    pub(super) pool: Pool,
}

impl Config {
    pub(super) fn from_arguments(arguments: Arguments) -> Result<Self, Stop> {
        Ok(match arguments.command {
            Command::Run(RunArguments { function: None, module, of_program, pool: typed, .. }) => {
                Config::Program(Program { module, arguments: of_program, pool: pool(typed, Some(1))? })
            }
            Command::Run(run) => Config::Run(run.try_into()?),
            Command::Map(map) => Config::Map(map.try_into()?),
            Command::Inspect(inspect) => {
                Config::Inspect { module: inspect.module, json: inspect.json, pool: pool(inspect.pool, Some(1))? }
            }
            Command::CpuCount(count) => Config::CpuCount { physical: count.physical },
            Command::Doctor(doctor) => Config::Doctor(doctor),
            Command::Replay(typed) => {
                let pool = pool(typed.pool, Some(1))?;
                Config::Replay(Replay { bundle: typed.bundle, module: typed.module, pool })
            }
            Command::New(new) => Config::New(New { folder: new.folder, template: new.template, checkout: new.isopool }),
            Command::Build(build) => Config::Build(build.try_into()?),
            Command::Bench(bench) => Config::Bench(bench.try_into()?),
            Command::Test(test) => Config::Test(test.try_into()?),
            Command::Completions(completions) => Config::Completions(completions.shell),
        })
    }
}

impl TryFrom<RunArguments> for Run {
    type Error = Stop;

    fn try_from(typed: RunArguments) -> Result<Self, Stop> {
        let arguments = run_input(typed.bytes, typed.text, &typed.arguments)?;
        let target = Target { module: typed.module, function: typed.function.unwrap_or_default() };
        Ok(Self { target, arguments, pool: pool(typed.pool, Some(1))? })
    }
}

/// What a function is given that is called with one and the same arguments.
pub(super) fn run_input(bytes: bool, text: bool, arguments: &[String]) -> Result<RunInput, Stop> {
    Ok(if bytes {
        RunInput::StandardInput
    } else if text {
        RunInput::Json(arguments.iter().map(|text| text_argument(text)).collect())
    } else {
        RunInput::Json(arguments.iter().enumerate().map(json_argument).collect::<Result<_, _>>()?)
    })
}

/// An argument that is a string.
pub(super) fn text_argument(text: &str) -> Box<RawValue> {
    to_raw_value(text).expect("a string can always be written as JSON")
}

fn json_argument((index, text): (usize, &String)) -> Result<Box<RawValue>, Stop> {
    let or_else = ", or give --text to take all arguments as strings; those of a program come after --";
    serde_json::from_str(text)
        .map_err(|error| not_json(&format!("argument {} of the function", index + 1), text, &error, or_else))
}

/// Refuses something that was typed and is no JSON.
pub(super) fn not_json(what: &str, text: &str, error: &serde_json::Error, or_else: &str) -> Stop {
    Stop::Usage(format!("{what}, `{text}`, is not JSON: {error}; write a string as '\"{text}\"'{or_else}"))
}

impl TryFrom<MapArguments> for Map {
    type Error = Stop;

    fn try_from(typed: MapArguments) -> Result<Self, Stop> {
        let form = match (typed.whole_files, typed.bytes, typed.text) {
            (true, _, _) => Form::FileText,
            (_, true, _) => Form::FileBytes,
            (_, _, true) => Form::TextLine,
            _ => Form::JsonLine,
        };
        Ok(Self {
            target: Target { module: typed.module, function: typed.function },
            form,
            files: typed.files,
            on_failure: if typed.keep_going { OnFailure::GoOn } else { OnFailure::Stop },
            print: if typed.records { Print::Records } else { Print::Values },
            pool: pool(typed.pool, typed.jobs)?,
        })
    }
}

/// What holds for every task, with so many workers at most.
pub(super) fn pool(typed: PoolArguments, max_workers: Option<usize>) -> Result<Pool, Stop> {
    if let Some(jobs) = max_workers.filter(|jobs| !(1..=MAX_WORKERS).contains(jobs)) {
        return Err(Stop::Usage(format!("--jobs is {jobs}, and must be between 1 and {MAX_WORKERS}")));
    }
    let timeout = typed.timeout.map(|typed| seconds("--timeout", typed)).transpose()?;
    let environment = typed.env.iter().map(|text| variable(text)).collect::<Result<_, _>>()?;
    let directories = typed.dir.iter().map(|text| directory(text)).collect::<Result<_, _>>()?;
    let address = |text: &String| text.parse().map_err(|error| Stop::Usage(format!("--allow: {error}")));
    let addresses = typed.allow.iter().map(address).collect::<Result<_, _>>()?;
    Ok(Pool { max_workers, timeout, environment, directories, addresses, program_arguments: typed.arg })
}

fn directory(text: &str) -> Result<Directory, Stop> {
    let (paths, access) = match text.rsplit_once(':') {
        Some((paths, "ro")) => (paths, Access::ReadOnly),
        Some((paths, "rw")) => (paths, Access::ReadWrite),
        _ => (text, Access::ReadOnly),
    };
    let (host, guest) = paths.split_once(':').map_or((paths, None), |(host, guest)| (host, Some(guest)));
    let wrong = |why: &str| Stop::Usage(format!("--dir is `{text}`, and must be HOST[:GUEST][:ro|rw]: {why}"));
    if host.is_empty() {
        return Err(wrong("HOST is empty"));
    }
    let guest = match guest {
        Some(guest) => guest.to_owned(),
        None => {
            let absolute = std::path::absolute(host).map_err(|error| wrong(&error.to_string()))?;
            absolute
                .into_os_string()
                .into_string()
                .map_err(|_| wrong("HOST is not UTF-8; name a path for the guest"))?
        }
    };
    Ok(Directory { host: host.into(), guest, access })
}

pub(super) fn seconds(option: &str, seconds: f64) -> Result<Duration, Stop> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|timeout| !timeout.is_zero())
        .ok_or_else(|| Stop::Usage(format!("{option} is {seconds}, and must be a number of seconds above 0")))
}

fn variable(text: &str) -> Result<(String, String), Stop> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Stop::Usage(format!("--env is `{text}`, and must be NAME=VALUE"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn config(line: &[&str]) -> Result<Config, Stop> {
        let line = ["isopool"].iter().chain(line);
        Config::from_arguments(Arguments::try_parse_from(line).expect("it parses"))
    }

    fn run(line: &[&str]) -> Run {
        match config(line) {
            Ok(Config::Run(run)) => run,
            other => panic!("{other:?}"),
        }
    }

    fn map(line: &[&str]) -> Map {
        match config(line) {
            Ok(Config::Map(map)) => map,
            other => panic!("{other:?}"),
        }
    }

    fn usage(line: &[&str]) -> String {
        match config(line) {
            Err(Stop::Usage(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn arguments_are_json_unless_they_are_text() {
        let arguments = |line: &[&str]| match run(&[&["run", "m", "f"], line].concat()).arguments {
            RunInput::Json(arguments) => Some(arguments.iter().map(|json| json.get().to_owned()).collect::<Vec<_>>()),
            RunInput::StandardInput => None,
        };
        let json = ["12345678901234567890123", "[2, null]", "\"three\""];
        assert_eq!(arguments(&json), Some(json.map(str::to_owned).to_vec()));
        assert_eq!(
            arguments(&["--text", "1", "two \"words\""]),
            Some(vec!["\"1\"".into(), r#""two \"words\"""#.into()])
        );
        assert_eq!(arguments(&["--bytes"]), None);
        assert_eq!(arguments(&[]), Some(vec![]));
    }

    #[test]
    fn argument_that_is_no_json_is_named_with_the_remedy() {
        let message = usage(&["run", "m", "f", "1", "hello"]);
        assert!(message.starts_with("argument 2 of the function, `hello`, is not JSON: "), "{message}");
        assert!(message.contains("'\"hello\"'") && message.contains("--text"), "{message}");
    }

    #[test]
    fn inputs_are_json_lines_unless_another_form_is_named() {
        let form = |more: &[&str]| map(&[&["map", "m", "f", "a"], more].concat()).form;
        assert_eq!(form(&[]), Form::JsonLine);
        assert_eq!(form(&["--lines"]), Form::JsonLine);
        assert_eq!(form(&["--text"]), Form::TextLine);
        assert_eq!(form(&["--lines", "--text"]), Form::TextLine);
        assert_eq!(form(&["--files"]), Form::FileText);
        assert_eq!(form(&["--bytes"]), Form::FileBytes);
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        for (option, value) in
            [("--jobs", "0"), ("--jobs", "5000"), ("--timeout", "0"), ("--timeout", "nan"), ("--timeout", "inf")]
        {
            let message = usage(&["map", "m", "f", option, value]);
            assert!(message.to_lowercase().starts_with(&format!("{option} is {value}, and must be ")), "{message}");
        }
        assert!(usage(&["map", "m", "f", "--timeout=-1"]).starts_with("--timeout is -1"));
        assert_eq!(map(&["map", "m", "f", "--timeout", "0.5"]).pool.timeout, Some(Duration::from_millis(500)));
        assert_eq!(map(&["map", "m", "f", "-j", "61"]).pool.max_workers, Some(61));
    }

    #[test]
    fn directories_are_read_only_and_keep_their_path_unless_it_is_said_otherwise() {
        let directories = |text: &str| run(&["run", "m", "f", "--dir", text]).pool.directories;
        let directory =
            |host: &str, guest: &str, access| [Directory { host: host.into(), guest: guest.into(), access }];
        assert_eq!(directories("/a/b"), directory("/a/b", "/a/b", Access::ReadOnly));
        assert_eq!(directories("/a:rw"), directory("/a", "/a", Access::ReadWrite));
        assert_eq!(directories("a:/b"), directory("a", "/b", Access::ReadOnly));
        assert_eq!(directories("a:/b:ro"), directory("a", "/b", Access::ReadOnly));
        assert_eq!(directories("a:/b:rw"), directory("a", "/b", Access::ReadWrite));
        let here = std::env::current_dir().expect("there is one").join("a").display().to_string();
        assert_eq!(directories("a"), directory("a", &here, Access::ReadOnly));
        let refused = usage(&["run", "m", "f", "--dir", ":/b"]);
        assert_eq!(refused, "--dir is `:/b`, and must be HOST[:GUEST][:ro|rw]: HOST is empty");
    }

    #[test]
    fn addresses_and_arguments_of_the_program_are_taken_as_they_come() {
        let pool =
            run(&["run", "m", "f", "--allow", "10.0.0.0/8:80-90", "--allow=[::1]:1", "--arg", "-v", "--arg", ""]).pool;
        assert_eq!(pool.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.0/8:80-90", "[::1]:1"]);
        assert_eq!(pool.program_arguments, ["-v", ""]);
        assert!(
            usage(&["run", "m", "f", "--allow", "localhost:80"])
                .starts_with("--allow: `localhost:80` names no addresses")
        );
    }

    #[test]
    fn variables_are_split_at_the_first_sign() {
        let pool = run(&["run", "m", "f", "-e", "A=b=c", "--env", "D="]).pool;
        assert_eq!(pool.environment, [("A".into(), "b=c".into()), ("D".into(), String::new())]);
        for text in ["A", "=b", ""] {
            assert_eq!(usage(&["run", "m", "f", "--env", text]), format!("--env is `{text}`, and must be NAME=VALUE"));
        }
    }
}
