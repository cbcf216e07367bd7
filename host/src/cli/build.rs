//! `isopool build`: from a package to a module.

use super::call::module_error;
use super::exit::Stop;
use super::tool_args::BuildArguments;
use isopool::{Executor, Manifest};
use isopool_build::Guest;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The linker takes no other stack.
const STACK_ALIGNMENT: u32 = 16;

/// What is wanted.
#[derive(Debug)]
pub(super) struct Build {
    pub(super) guest: Guest,
    /// The file; else the package's name, here.
    pub(super) output: Option<PathBuf>,
    pub(super) then: Then,
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
        let is_module = typed.path.is_file();
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
        match typed.manifest {
            Some(file) => guest = guest.manifest(file),
            None if is_module => {
                return Err(Stop::Usage(
                    "PATH is a module, and no package; --manifest says what it asks for".to_owned(),
                ));
            }
            None => {}
        }
        let then = if typed.precompile { Then::Precompile } else { Then::Nothing };
        Ok(Self { guest, output: typed.output, then })
    }
}

/// Builds the module, and prints where it is.
pub(super) fn build(config: &Build) -> Result<(), Stop> {
    if let Some(json) = config.guest.manifest_json()? {
        json.parse::<Manifest>().map_err(|error| Stop::Usage(format!("what the module asks for: {error}")))?;
    }
    let built = config.guest.build(config.output.as_deref())?;
    let mut told = format!("{}\n", built.module.display());
    if config.then == Then::Precompile {
        told.push_str(&precompile(&built.module)?);
    }
    std::io::stdout().write_all(told.as_bytes()).map_err(Stop::Output)
}

/// Has the module compiled, as a program that loads it would.
fn precompile(module: &Path) -> Result<String, Stop> {
    let executor = Executor::builder().max_workers(1).build()?;
    let module = executor.load_file(module).map_err(module_error)?;
    let kept = isopool::module_cache_directory().map_or_else(
        || "not kept: the cache of compiled modules is switched off".to_owned(),
        |folder| format!("kept in {}", folder.display()),
    );
    Ok(format!("hash      {}\ncompiled  {} bytes, {kept}\n", module.hash(), module.info().compiled_bytes))
}
