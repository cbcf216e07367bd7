//! One guest in one store: how it starts, runs one function, and is asked what it has.

use super::chance::Chance;
use super::config::{Purpose, config};
use super::contract::{Failure, Function, TaskModule, TaskModuleIndices};
use super::deterministic::Seed;
use super::ending::until_given_up;
use super::exports::Exports;
use super::guest::{Guest, GuestSettings, Own, Purview, World};
use super::host_functions;
use super::imports::linker;
use super::interrupt::{Interrupts, look_at_epochs};
use super::reach::Reach;
use super::recognise::{is_program, is_task_module};
use super::trap::{error_outcome, failure_outcome};
use crate::executor::Interruption;
use crate::fault::{self, Point};
use crate::limits::{HOST_CALL_SLACK_BYTES, MAX_CALL_VALUES, MAX_FUEL, MAX_FUNCTIONS};
use crate::task::{Limit, Outcome, RunReport};
use std::sync::Arc;
use wasmtime::component::{Component, InstancePre, Linker, Val};
use wasmtime::{Engine, Store};

/// What a guest may hand over while it lists its functions, in bytes: that many entries with short texts.
const LIST_BYTES: usize = MAX_FUNCTIONS * 256;

/// wasmtime with this process's options and imports.
pub(crate) struct GuestEngine {
    engine: Engine,
    linker: Linker<Guest>,
    /// Drives guests that sleep. It has no thread of its own.
    runtime: tokio::runtime::Runtime,
    /// What ends guests early, if their code can be interrupted.
    interrupts: Option<Interrupts>,
    /// Or why a part of it cannot be reached.
    reach: Result<Reach, String>,
    chance: Chance,
    pub(super) settings: Arc<GuestSettings>,
}

/// A module whose imports and exports are resolved: what a fresh instance starts from.
pub(super) struct Prepared {
    pre: InstancePre<Guest>,
    /// Through which the functions of a task module are reached.
    runner: Option<TaskModuleIndices>,
    /// The functions of any other component, which are reached as they are; of a task module the program that it is too, if
    /// it is one: a guest's test program is.
    exports: Exports,
    /// It imports functions of its caller.
    calls_host: bool,
}

/// A guest, alive or not yet started.
pub(super) struct Instance {
    pub(super) store: Store<Guest>,
    /// With its runner, if it has one.
    exports: Option<(wasmtime::component::Instance, Option<TaskModule>)>,
}

/// How one run ended.
pub(super) struct RunEnd {
    pub(super) outcome: Outcome,
    pub(super) result: Vec<u8>,
    pub(super) report: RunReport,
    /// Whether the instance can serve another task.
    pub(super) instance_usable: bool,
}

fn runtime(settings: &GuestSettings) -> std::io::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time();
    if settings.flavour.interruption == Interruption::Epoch || !settings.grants.addresses.is_empty() {
        runtime.enable_io();
    }
    runtime.build()
}

impl GuestEngine {
    pub(crate) fn new(purpose: Purpose, settings: GuestSettings) -> wasmtime::Result<Self> {
        let engine = Engine::new(&config(purpose, &settings)?)?;
        let linker = linker(&engine, settings.flavour)?;
        let (runtime, reach) = (runtime(&settings)?, Reach::open(&settings.grants));
        let (chance, settings) = (Chance::new()?, Arc::new(settings));
        let mut made = Self { engine, linker, runtime, interrupts: None, reach, chance, settings };
        if purpose == Purpose::Run {
            made.listen()?;
        }
        Ok(made)
    }

    /// Has the caller's signal end guests early, if they are to be interrupted.
    fn listen(&mut self) -> wasmtime::Result<()> {
        if self.settings.flavour.interruption == Interruption::Epoch {
            self.interrupts = Some(Interrupts::listen(&self.engine, &self.runtime)?);
        }
        Ok(())
    }

    /// Makes this the engine of another process: a copy, by fork, of the one that has made it. Machine code, slots and
    /// imports stay; whatever belongs to one process is made anew.
    pub(super) fn renew(&mut self, settings: GuestSettings) -> wasmtime::Result<()> {
        self.runtime = runtime(&settings)?;
        self.reach = Reach::open(&settings.grants);
        self.chance = Chance::new()?;
        self.settings = Arc::new(settings);
        self.listen()
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Resolves a component's imports.
    pub(super) fn link(&self, component: &Component) -> wasmtime::Result<InstancePre<Guest>> {
        match host_functions::linker(&self.linker, &self.engine, component)? {
            Some(linker) => linker.instantiate_pre(component),
            None => self.linker.instantiate_pre(component),
        }
    }

    /// Resolves its exports: the contract's types are checked here, once.
    pub(super) fn prepare(&self, pre: InstancePre<Guest>) -> wasmtime::Result<Prepared> {
        let component = pre.component();
        let is_task_module = is_task_module(component.component_type().exports(&self.engine).map(|(name, _)| name));
        let runner = is_task_module.then(|| TaskModuleIndices::new(&pre)).transpose();
        let runner = runner.map_err(|error| error.context("its runner is not the one of the contract"))?;
        let exports = Exports::of(&self.engine, component, |name| !is_task_module || is_program(name));
        let exports = exports.map_err(wasmtime::Error::msg)?;
        let calls_host = host_functions::has_any(&self.engine, component);
        Ok(Prepared { pre, runner, exports, calls_host })
    }

    /// The seed of a guest that runs no task, if it is to see nothing of the world.
    pub(super) fn seed_of_no_task(&self) -> Option<Seed> {
        self.settings.deterministic.map(Seed::of_no_task)
    }

    /// A new guest; it starts with its first call. With a seed, it sees nothing of the world. Fails, in words, when something
    /// that is granted cannot be reached.
    pub(super) fn instance(&self, own: Own<'_>, seed: Option<Seed>) -> Result<Instance, String> {
        let reach = self.reach.as_ref().map_err(Clone::clone)?;
        let world = seed.map_or(World::Open(&self.chance), World::Closed);
        let mut store = Store::new(&self.engine, Guest::new(&self.settings, reach, own, world));
        store.limiter(|guest| &mut guest.memory);
        if self.settings.flavour.interruption == Interruption::Epoch {
            look_at_epochs(&mut store);
        }
        Ok(Instance { store, exports: None })
    }

    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Runs one function in an instance, which is started if it was not yet.
    pub(super) async fn run(
        &self,
        prepared: &Prepared,
        instance: &mut Instance,
        purview: &Purview<'_>,
        codec: &str,
        argument: &[u8],
    ) -> RunEnd {
        instance.store.data_mut().begin(purview);
        let max_result = usize::try_from(self.settings.max_result_bytes).unwrap_or(usize::MAX);
        // The engine checks this before it copies anything.
        let max_call = usize::try_from(self.settings.max_host_function_bytes).unwrap_or(usize::MAX);
        instance.store.set_hostcall_fuel(max_result.max(max_call).saturating_add(prepared.slack_bytes()));
        let fuel = purview.limits.get(Limit::Fuel);
        instance.fill_up(fuel);
        let answer = self.call(prepared, instance, purview, codec, argument).await;
        let mut report = instance.store.data_mut().end();
        report.fuel_used = instance.store.get_fuel().ok().map(|left| fuel.saturating_sub(left));
        let (outcome, result, instance_usable) = match answer {
            Ok(Ok(result)) if result.len() > max_result => {
                let (size, limit) = (result.len() as u64, self.settings.max_result_bytes);
                (Outcome::ResultTooLarge { size, limit }, Vec::new(), true)
            }
            Ok(Ok(result)) => (Outcome::Returned, result, true),
            Ok(Err(failure)) => (failure_outcome(failure, purview.function, codec), Vec::new(), true),
            Err(error) => (error_outcome(&error, instance.store.data_mut()), Vec::new(), false),
        };
        // A guest that reported a panic and lived on is in a state that nobody knows.
        let instance_usable = instance_usable && instance.store.data().panic.is_none();
        RunEnd { outcome, result, report, instance_usable }
    }

    /// Calls the guest, until it returns, gives up, or is stopped.
    async fn call(
        &self,
        prepared: &Prepared,
        instance: &mut Instance,
        purview: &Purview<'_>,
        codec: &str,
        argument: &[u8],
    ) -> wasmtime::Result<Result<Vec<u8>, Failure>> {
        match (&self.interrupts, &purview.stop) {
            (Some(interrupts), Some(stop)) => {
                let call = until_given_up(instance.call(prepared, purview.function, codec, argument));
                interrupts.until_stopped(stop, call).await
            }
            _ => until_given_up(instance.call(prepared, purview.function, codec, argument)).await,
        }
    }
}

impl Prepared {
    /// The functions that are reached as they are.
    pub(super) fn exports(&self) -> &Exports {
        &self.exports
    }

    /// Whether there are functions to ask the guest for.
    pub(super) fn has_runner(&self) -> bool {
        self.runner.is_some()
    }

    /// What a guest may hand over in one call beside its result's bytes.
    fn slack_bytes(&self) -> usize {
        match self.runner {
            Some(_) if !self.calls_host => HOST_CALL_SLACK_BYTES,
            // The engine counts what it holds, not what the guest has.
            _ => HOST_CALL_SLACK_BYTES + MAX_CALL_VALUES * size_of::<Val>(),
        }
    }
}

impl Instance {
    /// Gives the guest so much fuel, if its code counts it.
    pub(super) fn fill_up(&mut self, fuel: u64) {
        // The one error: it does not count.
        let _ = self.store.set_fuel(fuel);
    }

    async fn start(&mut self, prepared: &Prepared) -> wasmtime::Result<()> {
        if self.exports.is_none() {
            let instance = prepared.pre.instantiate_async(&mut self.store).await?;
            let runner =
                prepared.runner.as_ref().map(|indices| indices.load(&mut self.store, &instance)).transpose()?;
            self.exports = Some((instance, runner));
            fault::point(Point::Instantiated);
        }
        Ok(())
    }

    async fn call(
        &mut self,
        prepared: &Prepared,
        function: &str,
        codec: &str,
        argument: &[u8],
    ) -> wasmtime::Result<Result<Vec<u8>, Failure>> {
        self.start(prepared).await?;
        let (instance, runner) = self.exports.as_ref().expect("start() has put it there");
        match runner {
            Some(runner) if !is_program(function) => {
                runner.isopool_task_runner().call_run(&mut self.store, function, codec, argument).await
            }
            _ => prepared.exports.call(instance, &mut self.store, function, argument).await,
        }
    }

    /// Asks the runner of a task module for its functions.
    pub(super) async fn functions(&mut self, prepared: &Prepared) -> wasmtime::Result<Vec<Function>> {
        self.store.set_hostcall_fuel(LIST_BYTES);
        self.fill_up(MAX_FUEL);
        until_given_up(async {
            self.start(prepared).await?;
            let (_, runner) = self.exports.as_ref().expect("start() has put it there");
            let runner = runner.as_ref().expect("it is asked of task modules only");
            runner.isopool_task_runner().call_functions(&mut self.store).await
        })
        .await
    }

    /// The engine's own handle, once the guest has started.
    pub(super) fn handle(&self) -> Option<wasmtime::component::Instance> {
        self.exports.as_ref().map(|(instance, _)| *instance)
    }
}
