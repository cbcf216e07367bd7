//! `isopool build`: from a package to a module.

use super::call::module_error;
use super::config::{not_json, seconds};
use super::exit::Stop;
use super::output::Output;
use super::tool_args::BuildArguments;
use super::watch::watch;
use isopool::{Codec, Error, Executor, ExecutorBuilder, Manifest};
use isopool_build::{Component, Guest};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The linker takes no other stack.
const STACK_ALIGNMENT: u32 = 16;

/// What is wanted.
#[derive(Debug)]
pub(super) struct Build {
    pub(super) guest: Guest,
    /// The file; else the package's name, here.
    pub(super) output: Option<PathBuf>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) then: Then,
    pub(super) compile_time: Option<Duration>,
    pub(super) until: Until,
}

/// The call after which a module is kept.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) function: String,
    pub(super) arguments: Vec<Value>,
}

/// When the command is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    Built,
    /// It builds again whenever a source changes.
    Interrupted,
}

/// What is done with a module that was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    /// It is compiled to machine code, and that is kept in the cache.
    Precompile,
}

impl TryFrom<BuildArguments> for Build {
    type Error = Stop;

    fn try_from(typed: BuildArguments) -> Result<Self, Stop> {
        let file = typed.path.is_file().then(|| typed.path.display().to_string());
        let mut guest = Guest::at(typed.path);
        guest =
            guest.line_tables(typed.line_tables).features(typed.features).default_features(!typed.no_default_features);
        if let Some(profile) = typed.debug.then(|| "dev".to_owned()).or(typed.profile) {
            guest = guest.profile(profile);
        }
        if let Some(bytes) = typed.stack_bytes {
            if bytes == 0 || bytes % STACK_ALIGNMENT != 0 {
                let rule = format!("and must be a multiple of {STACK_ALIGNMENT} above 0");
                return Err(Stop::Usage(format!("--stack-bytes is {bytes}, {rule}")));
            }
            guest = guest.stack_bytes(bytes);
        }
        match (typed.manifest, file) {
            (Some(manifest), _) => guest = guest.manifest(manifest),
            (None, Some(file)) => {
                let message = format!(
                    "{file} is a file, and no folder of a package; for a module, say with --manifest what it asks for"
                );
                return Err(Stop::Usage(message));
            }
            (None, None) => {}
        }
        let snapshot = match typed.snapshot {
            None => None,
            Some(function) => Some(Snapshot { function, arguments: arguments(&typed.snapshot_argument)? }),
        };
        let compile_time = typed.compile_timeout.map(|typed| seconds("--compile-timeout", typed)).transpose()?;
        let then = if typed.precompile { Then::Precompile } else { Then::Nothing };
        let until = if typed.watch { Until::Interrupted } else { Until::Built };
        Ok(Self { guest, output: typed.output, snapshot, then, compile_time, until })
    }
}

fn arguments(typed: &[String]) -> Result<Vec<Value>, Stop> {
    let value = |text: &String| {
        serde_json::from_str(text).map_err(|error| not_json("an argument for --snapshot", text, &error, ""))
    };
    typed.iter().map(value).collect()
}

/// Builds the module, once or again and again, and prints where it is.
pub(super) fn build(config: &Build) -> Result<(), Stop> {
    let mut output = Output::take()?;
    match config.until {
        Until::Built => finish(config, component(config)?, &mut output),
        Until::Interrupted => watch(config, &mut output),
    }
}

/// The component, whose manifest can be read.
pub(super) fn component(config: &Build) -> Result<Component, Stop> {
    if let Some(json) = config.guest.manifest_json()? {
        json.parse::<Manifest>().map_err(|error| Stop::Usage(format!("what the module asks for: {error}")))?;
    }
    Ok(config.guest.component()?)
}

/// Makes a module's file of what was compiled, and prints where it is.
pub(super) fn finish(config: &Build, mut component: Component, output: &mut Output) -> Result<(), Stop> {
    if let Some(call) = &config.snapshot {
        component.wasm = snapshot(config, &component, call)?;
    }
    let module = component.write(config.output.as_deref())?;
    output.line(&module.display().to_string())?;
    if config.then == Then::Precompile {
        output.line(&precompile(config, &module)?)?;
    }
    output.flush()
}

fn executor(config: &Build, codec: Codec) -> Result<Executor, Error> {
    let builder = Executor::builder().max_workers(1).codec(codec);
    config.compile_time.into_iter().fold(builder, ExecutorBuilder::max_compile_time).build()
}

/// The component as the call leaves it.
fn snapshot(config: &Build, component: &Component, call: &Snapshot) -> Result<Vec<u8>, Stop> {
    let executor = executor(config, Codec::Json)?;
    Ok(executor.snapshot(&component.package, component.wasm.as_slice(), &call.function, &call.arguments)?)
}

/// Has the module compiled, as a program that loads it would.
fn precompile(config: &Build, module: &Path) -> Result<String, Stop> {
    let executor = executor(config, Codec::default())?;
    let module = executor.load_file(module).map_err(module_error)?;
    let kept = isopool::module_cache_directory().map_or_else(
        || "not kept: the cache of compiled modules is switched off".to_owned(),
        |folder| format!("kept in {}", folder.display()),
    );
    Ok(format!("hash      {}\ncompiled  {} bytes, {kept}", module.hash(), module.info().compiled_bytes))
}
