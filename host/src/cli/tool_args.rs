//! The command line as it is typed: what makes, builds and tests projects.

use super::args::PoolArguments;
use super::new::Template;
use clap::Args;
use clap_complete::Shell;
use std::path::PathBuf;

/// Make a new project.
///
/// isopool is not on crates.io yet: the project takes it from the checkout that this program was built from, or from the
/// one that --isopool names.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  isopool new my-tasks && cd my-tasks && cargo test")]
pub(super) struct NewArguments {
    /// Its folder, which must not be there yet, or be empty. The last part is the project's name.
    #[arg(value_name = "NAME")]
    pub(super) folder: PathBuf,
    /// What it is for.
    #[arg(short, long, value_enum, default_value = "tasks")]
    pub(super) template: Template,
    /// A checkout of isopool.
    #[arg(long, value_name = "PATH")]
    pub(super) isopool: Option<PathBuf>,
}

/// Run a task that has failed once more, from the crash bundle that it left.
///
/// Host functions answer as they did then. Directories, addresses and the values of variables are not in a bundle: give them as for
/// `run`. The exit code is 0 when the task ends as it did then.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  isopool replay crashes/1767225600-task-7-1f2e3d4c.isopool-crash")]
pub(super) struct ReplayArguments {
    /// The crash bundle: a file that an executor with crash_bundles() has left.
    pub(super) bundle: PathBuf,
    /// The module, where it was too large for the bundle.
    #[arg(long, value_name = "FILE")]
    pub(super) module: Option<PathBuf>,
    #[command(flatten)]
    pub(super) pool: PoolArguments,
}

/// Print a script that completes command lines of this program.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  isopool completions bash > ~/.local/share/bash-completion/completions/isopool\n  \
                  isopool completions zsh > \"${fpath[1]}/_isopool\"\n  \
                  isopool completions fish > ~/.config/fish/completions/isopool.fish")]
pub(super) struct CompletionsArguments {
    /// For which shell.
    #[arg(value_enum)]
    pub(super) shell: Shell,
}

/// Compile a package of tasks to a module: a WebAssembly component in a file.
///
/// It is compiled as for a release, whatever profile the package has of that name: optimised, with the names of functions
/// for backtraces. What the package's own build script chooses (a larger stack, say) is not known here.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  isopool build && isopool run my-tasks.wasm count --text 'to be'\n  \
                  isopool build plugins/rules -o plugins/rules.wasm --snapshot read_rules --watch")]
pub(super) struct BuildArguments {
    /// The package's folder; or a module of another language, for which --manifest is the only other option.
    #[arg(default_value = ".")]
    pub(super) path: PathBuf,
    /// The file to write [default: the package's name with .wasm, in the current folder].
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// As for a release: the default.
    #[arg(long, group = "how")]
    pub(super) release: bool,
    /// Not optimised, with debug information and overflow checks: the profile `dev`.
    #[arg(long, group = "how")]
    pub(super) debug: bool,
    /// A profile of the package's workspace, exactly as it is written there.
    #[arg(long, group = "how", value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Have backtraces of traps show file and line. The module is larger.
    #[arg(long)]
    pub(super) line_tables: bool,
    /// Its stack, in bytes; a multiple of 16 [default: 262144].
    #[arg(long, value_name = "N")]
    pub(super) stack_bytes: Option<u32>,
    /// A feature to turn on. May be given several times.
    #[arg(short = 'F', long = "features", value_name = "FEATURE", value_delimiter = ',')]
    pub(super) features: Vec<String>,
    /// Leave the default features out.
    #[arg(long)]
    pub(super) no_default_features: bool,
    /// What the module asks for, in TOML, in place of the table package.metadata.isopool.manifest of the package's Cargo.toml.
    #[arg(long, value_name = "FILE")]
    pub(super) manifest: Option<PathBuf>,
    /// Call this function of the module once, now, and have every instance begin with the memory that it leaves: a table that
    /// takes long to fill, say. It sees no file, no variable and no host function; what it returns is lost.
    #[arg(long, value_name = "FUNCTION")]
    pub(super) snapshot: Option<String>,
    /// An argument of that call: one JSON value. May be given several times.
    #[arg(long, value_name = "JSON", requires = "snapshot", allow_hyphen_values = true)]
    pub(super) snapshot_argument: Vec<String>,
    /// Compile the module to machine code too, and keep that in the cache, so that no program waits for it later.
    #[arg(long)]
    pub(super) precompile: bool,
    /// Longest time for that, and for the call of --snapshot, in seconds; a fraction is fine [default: 120].
    #[arg(long, value_name = "SECONDS")]
    pub(super) compile_timeout: Option<f64>,
    /// Stay, and build again whenever a source of the package, or of one that it is made of, changes. What is wrong is told,
    /// and the file stays as the last good build has left it. Ctrl-C ends it.
    #[arg(short, long)]
    pub(super) watch: bool,
}

/// Measure what a call of a function takes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  isopool bench texts.wasm word_count --text 'one two'")]
pub(super) struct BenchArguments {
    /// The module: a WebAssembly file.
    pub(super) module: PathBuf,
    /// The function in it.
    pub(super) function: String,
    /// Its arguments, each one JSON value.
    #[arg(allow_negative_numbers = true)]
    pub(super) arguments: Vec<String>,
    /// Take every argument as it stands, as a string, instead of as JSON.
    #[arg(long)]
    pub(super) text: bool,
    /// Give the function the bytes of standard input.
    #[arg(long, conflicts_with_all = ["text", "arguments"])]
    pub(super) bytes: bool,
    /// How many calls are measured, one after another and then all at once.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1000)]
    pub(super) count: usize,
    /// Most tasks at the same time [default: what `isopool cpu-count` prints].
    #[arg(short, long, value_name = "N")]
    pub(super) jobs: Option<usize>,
    #[command(flatten)]
    pub(super) pool: PoolArguments,
}

/// Run the tests of a test program that cargo has compiled, each in a sandbox of its own.
///
/// It is made to be cargo's runner. In the package's .cargo/config.toml:
///
///     [target.wasm32-wasip2]
///     runner = "isopool test"
///
/// Then `cargo test --target wasm32-wasip2`, or `cargo nextest run --target wasm32-wasip2`, runs the tests of that package with
/// the limits that tasks have. A test sees no file, no variable and no network but what the options below grant.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    about = "Run the tests of a test program that cargo has compiled, each in a sandbox of its own"
)]
pub(super) struct TestArguments {
    #[command(flatten)]
    pub(super) pool: PoolArguments,
    /// Most tests at the same time [default: what `isopool cpu-count` prints].
    #[arg(short, long, value_name = "N")]
    pub(super) jobs: Option<usize>,
    /// The test program: a WebAssembly file.
    pub(super) module: PathBuf,
    /// What cargo passes after `--`: the arguments of Rust's test harness.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) arguments: Vec<String>,
}
