//! What it does: the steps from a package with `task!` closures to embedded modules, in their order.
//! Takes from: the user's build script. Hands to: the files beside. Never: decides what is kept; `prune` does.

use super::compile::{Compiled, compile};
use super::generate::{generate, has_tasks, lock_of, target_name};
use super::index::{self, Line};
use super::package::{Package, Target};
use super::report::{Report, report};
use crate::guest::{Guest, lock, shared_target_dir, variable};
use crate::install::{install, write_if_changed};
use crate::prune::{CfgSet, Program, Reach, Root, collect, copies, reach};
use crate::{Error, dep_info, toolchain};
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Compiles every `task!` of this package: the one line of its build script.
///
/// A closure that does not compile for the sandbox does not fail the build script: `task!` shows the error at the closure.
///
/// # Panics
/// It does not: if no module can be made at all (the target is missing, a file cannot be written) it prints why, and ends
/// the build script with code 1. [`Closures::try_compile`] returns the error instead.
pub fn closures() {
    Closures::new().compile();
}

/// How the closures of a package are compiled.
///
/// ```no_run
/// // build.rs of a program whose closures recurse deeply
/// isopool_build::Closures::new().stack_bytes(1 << 20).compile();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Closures {
    guest: Guest,
}

impl Closures {
    /// With the defaults of [`Guest`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The stack, in bytes: default 256 KiB, as [`Guest::stack_bytes`].
    #[must_use]
    pub fn stack_bytes(mut self, bytes: u32) -> Self {
        self.guest = self.guest.stack_bytes(bytes);
        self
    }

    /// Whether backtraces have file and line, as [`Guest::line_tables`].
    #[must_use]
    pub fn line_tables(mut self, yes: bool) -> Self {
        self.guest = self.guest.line_tables(yes);
        self
    }

    /// Compiles the closures.
    ///
    /// # Panics
    /// As [`closures`].
    pub fn compile(&self) {
        if let Err(error) = self.try_compile() {
            eprintln!("error: {}", error.chain());
            std::process::exit(1);
        }
    }

    /// As [`Closures::compile`], with the error.
    ///
    /// # Errors
    /// Not called by a build script; cargo does not know the package; the target `wasm32-wasip2` is missing and rustup could
    /// not install it; files cannot be written. A closure that does not compile is no error here.
    pub fn try_compile(&self) -> Result<(), Error> {
        if variable("TARGET")?.to_string_lossy().starts_with("wasm") {
            // A dependency of a guest: it is compiled whole, and its own closures are not called there.
            println!("cargo::rerun-if-changed=Cargo.toml");
            return Ok(());
        }
        let out_dir = PathBuf::from(variable("OUT_DIR")?);
        let package = Package::read(&PathBuf::from(variable("CARGO_MANIFEST_DIR")?))?;
        let index_file = out_dir.join("isopool").join(index::FILE);
        if env::var_os("DOCS_RS").is_some() {
            return write_if_changed(&index_file, index::empty(&package.library).as_bytes());
        }
        let program = read(&package);
        watch(&package, &program);
        let lines = if program.tasks.is_empty() {
            Vec::new()
        } else {
            toolchain::ensure_target()?;
            self.modules(&package, &program, &out_dir)?
        };
        write_if_changed(&index_file, index::text(&package.library, &lines).as_bytes())
    }

    fn modules(&self, package: &Package, program: &Program, out_dir: &Path) -> Result<Vec<Line>, Error> {
        let reach = reach(program);
        let target_dir = shared_target_dir(out_dir);
        let folder = target_dir.join("closures").join(folder_name(package));
        // Until the modules are copied: another configuration of the same package may make the same files.
        let _lock = lock(&target_dir)?;
        generate(&folder, package, program, &reach, &copies(program, &reach))?;
        let mut lines = Vec::new();
        for target in package.targets.iter().filter(|target| has_tasks(program, target)) {
            let compiled = compile(&folder, &target_dir, package, target, &self.guest)?;
            let tasks = tasks_of(program, target);
            lines.extend(match compiled {
                Compiled::Module(wasm) => {
                    watch_inputs(&wasm, package, &folder)?;
                    finished(program, target, &tasks, &wasm, out_dir)?
                }
                Compiled::Failed { diagnostics, cargo } => {
                    watch_path_dependencies(package, &reach);
                    let report = report(program, &reach, &tasks, &diagnostics, &cargo);
                    failed(program, target, &tasks, &report)
                }
            });
        }
        Ok(lines)
    }
}

fn read(package: &Package) -> Program {
    let (host, guest) = (CfgSet::of_host(&package.features), CfgSet::of_guest(&package.features));
    let roots: Vec<Root> = package.targets.iter().map(|target| target.root.clone()).collect();
    let dependencies: BTreeSet<String> = package.dependencies.keys().cloned().collect();
    let program = collect(&package.folder, &package.library, dependencies, (&host, &guest), &roots);
    for warning in &program.warnings {
        println!("cargo::warning=isopool: {warning}");
    }
    program
}

/// One folder for each set of features and `cfg`s, so that two configurations do not undo each other's files.
fn folder_name(package: &Package) -> String {
    let mut hasher = DefaultHasher::new();
    (&package.folder, &package.features, env!("CARGO_PKG_VERSION")).hash(&mut hasher);
    let mut cfgs: Vec<(String, String)> = env::vars().filter(|(name, _)| name.starts_with("CARGO_CFG_")).collect();
    cfgs.sort();
    cfgs.hash(&mut hasher);
    format!("{}-{:016x}", package.name, hasher.finish())
}

/// The tasks of one target, by their index in the program, in the order of the text.
fn tasks_of(program: &Program, target: &Target) -> Vec<usize> {
    let is_of_target = |task: &usize| {
        let root = &program.roots[program.scopes[program.tasks[*task].scope].root];
        root.path == target.root.path && root.crate_name == target.root.crate_name
    };
    (0..program.tasks.len()).filter(is_of_target).collect()
}

/// Copies the module, and checks that every task is in it.
fn finished(
    program: &Program,
    target: &Target,
    tasks: &[usize],
    wasm: &Path,
    out_dir: &Path,
) -> Result<Vec<Line>, Error> {
    let name = target_name(target);
    install(wasm, None, &target.root.crate_name, out_dir, &name)?;
    let bytes = fs::read(wasm).map_err(Error::file("read", wasm))?;
    let ids: Vec<&str> = tasks.iter().map(|task| program.tasks[*task].id.as_str()).collect();
    let line = |id: &&str| {
        let complaint = if is_in_module(&bytes, id, &ids) {
            String::new()
        } else {
            format!(
                "the module for this task was compiled, but without this task ({id}): something around it, a `#[cfg]` or a \
                 macro, takes it out there; move the task! out of that"
            )
        };
        let module = format!("{name}.wasm");
        Line { crate_name: target.root.crate_name.clone(), id: (*id).to_owned(), module, complaint }
    };
    Ok(ids.iter().map(line).collect())
}

/// Whether a module's data has the id, other than as the beginning of longer ids (`…:17:1` of `…:17:13`).
fn is_in_module(wasm: &[u8], id: &str, all: &[&str]) -> bool {
    let count = |text: &str| wasm.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
    let mut longer: Vec<&str> =
        all.iter().filter(|other| other.len() > id.len() && other.starts_with(id)).copied().collect();
    longer.sort_unstable();
    longer.dedup();
    count(id) > longer.into_iter().map(count).sum::<usize>()
}

fn failed(program: &Program, target: &Target, tasks: &[usize], report: &Report) -> Vec<Line> {
    let line = |task: &usize| Line {
        crate_name: target.root.crate_name.clone(),
        id: program.tasks[*task].id.clone(),
        module: String::new(),
        complaint: report.complaint(program, *task),
    };
    tasks.iter().map(line).collect()
}

fn rerun_if_changed(path: &Path) {
    // A path that is not there would make the script run every time.
    if path.exists() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

/// Everything that decides what the closures are.
fn watch(package: &Package, program: &Program) {
    for file in &program.files {
        rerun_if_changed(&package.folder.join(&file.name));
    }
    for included in &program.included {
        let folder = package.folder.join(&program.files[included.file].name);
        rerun_if_changed(&folder.with_file_name(&included.path));
    }
    // New targets appear in these.
    for folder in ["src/bin", "tests", "examples", "benches"] {
        rerun_if_changed(&package.folder.join(folder));
    }
    rerun_if_changed(&package.folder.join("Cargo.toml"));
    rerun_if_changed(&package.workspace_root.join("Cargo.toml"));
    lock_of(package).iter().for_each(|lock| rerun_if_changed(lock));
}

/// What the module was really made from: path dependencies, however deep.
fn watch_inputs(wasm: &Path, package: &Package, folder: &Path) -> Result<(), Error> {
    let path = wasm.with_extension("d");
    let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    for file in dep_info::files(&text, &package.folder.join("Cargo.toml")) {
        if !file.starts_with(folder) {
            rerun_if_changed(&file);
        }
    }
    Ok(())
}

/// A failed build names no inputs: the repair may be in any package that is not from a registry.
fn watch_path_dependencies(package: &Package, reach: &Reach) {
    let direct = package.dependencies.iter().filter(|(name, _)| reach.dependencies.contains_key(*name));
    let direct = direct.filter_map(|(_, dependency)| dependency.path.clone());
    for folder in direct.chain(package.members.iter().cloned()) {
        rerun_if_changed(&folder.join("src"));
        rerun_if_changed(&folder.join("Cargo.toml"));
    }
}

#[cfg(test)]
mod tests {
    use super::is_in_module;

    #[test]
    fn an_id_that_begins_a_longer_one_is_not_mistaken_for_it() {
        let all = ["src/main.rs:17:1", "src/main.rs:17:13"];
        assert!(!is_in_module(b"..src/main.rs:17:13..", all[0], &all));
        assert!(is_in_module(b"..src/main.rs:17:13..", all[1], &all));
        assert!(is_in_module(b"..src/main.rs:17:13src/main.rs:17:1..", all[0], &all));
    }
}
