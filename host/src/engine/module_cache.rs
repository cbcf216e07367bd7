//! The modules that a worker can run, and the instances it keeps.

use super::deterministic::Seed;
use super::ending::StopAsked;
use super::guest::{GuestSettings, Own, Purview};
use super::instance::{GuestEngine, Instance, Prepared};
use super::os_error::remedy;
use super::program;
use super::recognise::is_program;
use super::stdin::Stdin;
use super::trap::cut;
use crate::executor::{GuestOutput, Reuse};
use crate::fault::{self, Point};
use crate::limits::{INSTANCE_SLOTS, MAX_LOADED_MODULES};
use crate::sys::MemoryFile;
use crate::task::{ArtifactId, Limit, Outcome, RunReport, TaskId};
use isopool_guest::sync::Object;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use wasmtime::Engine;
use wasmtime::component::Component;

/// One task to run.
pub(crate) struct Run<'a> {
    pub(crate) task: TaskId,
    pub(crate) artifact: ArtifactId,
    pub(crate) function: &'a str,
    pub(crate) codec: &'a str,
    pub(crate) argument: &'a [u8],
    /// What a program reads instead of its argument.
    pub(crate) input: Option<&'a Arc<File>>,
    /// The shared objects that it may use.
    pub(crate) objects: &'a [Arc<dyn Object>],
    pub(crate) own: Own<'a>,
    /// The task's own choice, before the executor's.
    pub(crate) output: Option<GuestOutput>,
    /// How deep it is nested.
    pub(crate) depth: u32,
    /// It runs while its parent waits.
    pub(crate) lent: bool,
    /// Below the executor's.
    pub(crate) limits: &'a [(Limit, u64)],
    /// Whether it is to stop; `None`: nobody asks.
    pub(crate) stop: Option<StopAsked>,
}

/// How it ended. Hold it until the answer is sent: the instance goes with it, and that takes longer than a small task.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) result: Vec<u8>,
    pub(crate) report: RunReport,
    _instance: Option<Instance>,
}

/// Modules by name. Not locked while a guest runs: a guest that waits for a nested task may have it run here meanwhile.
pub(crate) struct ModuleCache {
    engine: GuestEngine,
    modules: Mutex<Modules>,
}

#[derive(Default)]
struct Modules {
    by_name: HashMap<ArtifactId, Module>,
    /// Counts uses, to find the longest unused.
    clock: u64,
}

struct Module {
    /// Kept when the code is dropped, so that the caller need not know what is loaded.
    file: OwnedFd,
    code: Code,
    /// `Reuse::Worker` only.
    live: Option<Instance>,
    last_used: u64,
}

enum Code {
    NotLoaded,
    Loaded(Arc<Prepared>),
    Failed(String),
}

impl ModuleCache {
    pub(crate) fn new(engine: GuestEngine) -> Self {
        Self { engine, modules: Mutex::default() }
    }

    /// Takes the machine code of a module; it is loaded when the first task needs it.
    pub(crate) fn add(&self, artifact: ArtifactId, file: OwnedFd) {
        let mut modules = self.modules.lock();
        modules.clock += 1;
        let module = Module { file, code: Code::NotLoaded, live: None, last_used: modules.clock };
        modules.by_name.entry(artifact).or_insert(module);
    }

    /// Loads the code of a module that was added, before a task needs it. A failure is told to the tasks that do.
    pub(crate) fn preload(&self, artifact: ArtifactId) {
        let mut modules = self.modules.lock();
        modules.clock += 1;
        let _ = modules.load(&self.engine, artifact);
    }

    /// How many modules are ready to run.
    #[cfg(test)]
    pub(super) fn loaded(&self) -> usize {
        self.modules.lock().by_name.values().filter(|module| matches!(module.code, Code::Loaded(_))).count()
    }

    /// Makes these the modules of a process that was forked from the one that has loaded them.
    pub(crate) fn renew(&mut self, settings: GuestSettings) -> wasmtime::Result<()> {
        self.engine.renew(settings)
    }

    /// Runs a task to its end.
    pub(crate) fn run(&self, run: &Run<'_>) -> Ended {
        self.engine.wait(self.run_here(run))
    }

    /// As [`run`](Self::run), also while another guest of this thread waits.
    pub(crate) async fn run_here(&self, run: &Run<'_>) -> Ended {
        // A guest reads its environment once: a task that has one of its own needs an instance of its own. So does one
        // that runs while its parent waits, which has the kept one.
        let stdin = is_program(run.function).then(|| run.input.map_or(Stdin::Bytes(run.argument), Stdin::Stream));
        let own = Own { stdin, ..run.own };
        let shares = self.engine.settings.reuse == Reuse::Worker && own.is_empty() && !run.lent;
        let taken = self.modules.lock().take(&self.engine, run.artifact, shares);
        let (prepared, kept) = match taken {
            Ok(taken) => taken,
            Err(message) => return failed(Outcome::ModuleFailed(cut(message))),
        };
        let seed = || Seed::of_task(self.engine.settings.deterministic?, run);
        let mut instance = match kept.map_or_else(|| self.engine.instance(own, seed()), Ok) {
            Ok(instance) => instance,
            Err(message) => return failed(Outcome::GrantFailed(cut(message))),
        };
        let Run { task, function, objects, output, depth, .. } = *run;
        // What a program writes is its result.
        let output = output.or(stdin.map(|_| GuestOutput::Capture));
        let (limits, stop) = (self.engine.settings.limits.lowered(run.limits), run.stop.clone());
        let purview = Purview { task: Some(task), function, objects, output, depth, limits, stop };
        fault::point(Point::GuestStarting);
        let end = self.engine.run(&prepared, &mut instance, &purview, run.codec, run.argument).await;
        let end = if stdin.is_some() { program::ended(end, self.engine.settings.max_result_bytes) } else { end };
        fault::point(Point::GuestReturned);
        let mut leaving = None;
        match self.modules.lock().by_name.get_mut(&run.artifact) {
            Some(module) if shares && end.instance_usable => module.live = Some(instance),
            _ => leaving = Some(instance),
        }
        Ended { outcome: end.outcome, result: end.result, report: end.report, _instance: leaving }
    }
}

impl Modules {
    /// A module's code, and the instance that is kept of it.
    fn take(
        &mut self,
        engine: &GuestEngine,
        artifact: ArtifactId,
        shares: bool,
    ) -> Result<(Arc<Prepared>, Option<Instance>), String> {
        self.clock += 1;
        self.load(engine, artifact)?;
        self.make_room_for_an_instance(artifact, shares);
        let module = self.by_name.get_mut(&artifact).ok_or_else(|| unknown(artifact))?;
        let Code::Loaded(prepared) = &module.code else { unreachable!("load() has returned without an error") };
        Ok((Arc::clone(prepared), if shares { module.live.take() } else { None }))
    }

    /// Loads a module's code, if it is not.
    fn load(&mut self, engine: &GuestEngine, artifact: ArtifactId) -> Result<(), String> {
        let module = self.by_name.get_mut(&artifact).ok_or_else(|| unknown(artifact))?;
        module.last_used = self.clock;
        if matches!(module.code, Code::NotLoaded) {
            fault::point(Point::CodeLoading);
            module.code = match load_code(engine, &module.file) {
                Ok(prepared) => Code::Loaded(Arc::new(prepared)),
                Err(error) => {
                    Code::Failed(format!("the module's machine code cannot be loaded: {error:#}{}", remedy(&error)))
                }
            };
            fault::point(Point::CodeLoaded);
            self.drop_surplus_code();
        }
        match self.by_name.get(&artifact).map(|module| &module.code) {
            Some(Code::Loaded(_)) => Ok(()),
            Some(Code::Failed(message)) => Err(message.clone()),
            Some(Code::NotLoaded) | None => Err(unknown(artifact)),
        }
    }

    fn drop_surplus_code(&mut self) {
        while self.by_name.values().filter(|module| matches!(module.code, Code::Loaded(_))).count() > MAX_LOADED_MODULES
        {
            let loaded = self.by_name.values_mut().filter(|module| matches!(module.code, Code::Loaded(_)));
            if let Some(oldest) = loaded.min_by_key(|module| module.last_used) {
                (oldest.code, oldest.live) = (Code::NotLoaded, None);
            }
        }
    }

    /// Ends the longest unused of the instances that are kept, when the pool has no slot for one more.
    fn make_room_for_an_instance(&mut self, artifact: ArtifactId, shares: bool) {
        let starts = !shares || self.by_name.get(&artifact).is_some_and(|module| module.live.is_none());
        while starts && self.by_name.values().filter(|module| module.live.is_some()).count() >= INSTANCE_SLOTS as usize
        {
            let live = self.by_name.values_mut().filter(|module| module.live.is_some());
            if let Some(oldest) = live.min_by_key(|module| module.last_used) {
                oldest.live = None;
            }
        }
    }
}

fn unknown(artifact: ArtifactId) -> String {
    format!("the worker was never given the module {artifact:.12}")
}

fn failed(outcome: Outcome) -> Ended {
    Ended { outcome, result: Vec::new(), report: RunReport::default(), _instance: None }
}

fn load_code(engine: &GuestEngine, file: &OwnedFd) -> wasmtime::Result<Prepared> {
    let component = deserialize(engine.engine(), file)?;
    engine.prepare(engine.link(&component)?)
}

/// Maps machine code. The one unsafe function of this room.
///
/// The engine hardly checks what it maps: whoever writes machine code owns the process that loads it. Here that is the
/// caller's own compile worker, which could as well have compiled something else.
fn deserialize(engine: &Engine, file: &OwnedFd) -> wasmtime::Result<Component> {
    MemoryFile::expect_unchangeable(file.as_fd())?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: `deserialize_file` wants the bytes that `Component::serialize` wrote, unchanged for as long as the
    // component lives. The caller sends nothing else (`Request::Load`), and nobody can change the file: it is sealed
    // against writes and any change of size (checked above).
    unsafe { Component::deserialize_file(engine, path) }
}
