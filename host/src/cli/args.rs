//! The command line as it is typed.

use super::doctor::DoctorArguments;
use super::exit::EXIT_CODES;
use super::tool_args::{
    BenchArguments, BuildArguments, CompletionsArguments, NewArguments, ReplayArguments, TestArguments,
};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Run functions of WebAssembly modules in sandboxed worker processes.
#[derive(Debug, Parser)]
#[command(name = "isopool", version, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Run(RunArguments),
    Map(MapArguments),
    Inspect(InspectArguments),
    CpuCount(CpuCountArguments),
    Doctor(DoctorArguments),
    Replay(ReplayArguments),
    New(NewArguments),
    Build(BuildArguments),
    Bench(BenchArguments),
    Test(TestArguments),
    Completions(CompletionsArguments),
}

/// Call one function once, and print its result as JSON; or run a WASI program.
///
/// A program is run when no function is named. It reads standard input, and writes to standard output and standard error, as it
/// goes, and its exit code is that of this command.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    about = "Call one function once, and print its result as JSON; or run a WASI program",
    after_help = "Example:\n  isopool run texts.wasm word_count '\"one two\"'\n  isopool run texts.wasm word_count --text 'one two'\n  \
                  isopool run plugin.wasm 'my:pkg/math#add' 1 2\n  isopool run --dir . grep.wasm -- -rn word /texts < /dev/null"
)]
pub(super) struct RunArguments {
    /// The module: a WebAssembly file.
    pub(super) module: PathBuf,
    /// The function in it; `isopool inspect MODULE` lists them. None: the module is a program.
    pub(super) function: Option<String>,
    /// The function's arguments, each one JSON value.
    #[arg(allow_negative_numbers = true)]
    pub(super) arguments: Vec<String>,
    /// Take every argument as it stands, as a string, instead of as JSON.
    #[arg(long, requires = "function")]
    pub(super) text: bool,
    /// Give the function the bytes of standard input, and print the bytes that it returns.
    #[arg(long, requires = "function", conflicts_with_all = ["text", "arguments"])]
    pub(super) bytes: bool,
    /// The program's arguments, as they stand.
    #[arg(last = true, conflicts_with = "function", value_name = "PROGRAM ARGUMENTS")]
    pub(super) of_program: Vec<String>,
    #[command(flatten)]
    pub(super) pool: PoolArguments,
}

/// Call one function for every input, in parallel.
///
/// The inputs are the lines of standard input, or of FILES: each one JSON value (blank lines are skipped).
/// The results are printed in the order of the inputs, each as one line of JSON.
/// An input that fails stops the others, unless --keep-going is given.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    about = "Call one function for every input, in parallel",
    after_help = "Example:\n  seq 100 | isopool map numbers.wasm is_prime\n  isopool map texts.wasm word_count --files *.txt"
)]
pub(super) struct MapArguments {
    /// The module: a WebAssembly file.
    pub(super) module: PathBuf,
    /// The function in it: of one argument.
    pub(super) function: String,
    /// Files; `-` is standard input.
    pub(super) files: Vec<PathBuf>,
    /// One input for each line: the default.
    #[arg(long = "lines", group = "form")]
    pub(super) lines: bool,
    /// One input for each file: its text, as a string.
    #[arg(long = "files", group = "form", requires = "files")]
    pub(super) whole_files: bool,
    /// One input for each file: its bytes. A result is printed as a string, or as {"hex": "…"} if it is no text.
    #[arg(long, group = "form", requires = "files")]
    pub(super) bytes: bool,
    /// Take every line as it stands, as a string, instead of as JSON.
    #[arg(long, conflicts_with_all = ["whole_files", "bytes"])]
    pub(super) text: bool,
    /// Go on when an input fails; its line in the output is `null`, and the error goes to standard error.
    #[arg(short, long)]
    pub(super) keep_going: bool,
    /// Print an object for each input instead of the bare result: {"input", "value"} or {"input", "error"}.
    #[arg(short, long)]
    pub(super) records: bool,
    /// Most tasks at the same time [default: what `isopool cpu-count` prints].
    #[arg(short, long, value_name = "N")]
    pub(super) jobs: Option<usize>,
    #[command(flatten)]
    pub(super) pool: PoolArguments,
}

/// What holds for every task.
#[derive(Debug, Args)]
pub(super) struct PoolArguments {
    /// Longest time for one task, in seconds; a fraction is fine. A task that runs longer is stopped.
    #[arg(short, long, value_name = "SECONDS")]
    pub(super) timeout: Option<f64>,
    /// An environment variable that the function sees; it sees no other. May be given several times.
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(super) env: Vec<String>,
    /// A directory that the function may use, and under which path it finds it: HOST as an absolute path if GUEST is not given.
    /// To read only (ro), unless `rw` is given. It sees no other. May be given several times.
    #[arg(short, long, value_name = "HOST[:GUEST][:ro|rw]")]
    pub(super) dir: Vec<String>,
    /// Addresses that the function may open TCP connections to; no others, and it looks up no names. May be given several
    /// times.
    #[arg(long, value_name = "ADDRESS[/PREFIX]:PORT[-LAST]")]
    pub(super) allow: Vec<String>,
    /// An argument of the function's program (`std::env::args()` in Rust), beside those of the call. May be given several
    /// times.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(super) arg: Vec<String>,
}

/// Print what a module says of itself: its functions, what it asks for, and, with the options of `run`, what it is given.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  isopool inspect plugin.wasm --dir pictures:/pictures --env LANG=C")]
pub(super) struct InspectArguments {
    /// The module: a WebAssembly file.
    pub(super) module: PathBuf,
    /// Print it as JSON.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) pool: PoolArguments,
}

/// Print how many processors this process may use.
///
/// That is the least of its affinity, the quota of its control groups, and ISOPOOL_MAX_CPU_COUNT.
#[derive(Debug, Args)]
pub(super) struct CpuCountArguments {
    /// Count physical cores instead of hardware threads.
    #[arg(long)]
    pub(super) physical: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, error::ErrorKind};

    fn refusal(line: &str) -> ErrorKind {
        Arguments::try_parse_from(line.split(' ')).expect_err(line).kind()
    }

    #[test]
    fn definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for line in [
            "isopool map m f --files --bytes a",
            "isopool map m f --lines --bytes a",
            "isopool map m f --text --files a",
            "isopool run m f 1 --bytes",
            "isopool run m f --bytes --text",
            "isopool run m f -- a",
        ] {
            assert_eq!(refusal(line), ErrorKind::ArgumentConflict, "{line}");
        }
        for line in ["isopool map m f --files", "isopool map m f --bytes", "isopool run m --text"] {
            assert_eq!(refusal(line), ErrorKind::MissingRequiredArgument, "{line}");
        }
    }

    #[test]
    fn what_comes_after_two_dashes_is_the_program_s() {
        let parsed = Arguments::try_parse_from("isopool run m -- -r --text f".split(' ')).expect("it parses");
        let Command::Run(run) = parsed.command else { panic!("not run") };
        assert_eq!((run.function, run.text), (None, false));
        assert_eq!(run.of_program, ["-r", "--text", "f"]);
    }

    #[test]
    fn negative_numbers_are_arguments() {
        let line = "isopool run m f -1 -2.5";
        let parsed = Arguments::try_parse_from(line.split(' ')).expect("it parses");
        let Command::Run(run) = parsed.command else { panic!("not run") };
        assert_eq!(run.arguments, ["-1", "-2.5"]);
    }
}
