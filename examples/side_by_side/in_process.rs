//! The host of a plugin, with the engine in its own process: as isopool's own workers use it, with the bounds that the engine offers.

use crate::Plugin;
use std::thread;
use std::time::Duration;
use wasmtime::component::{Component, ComponentNamedList, Instance, InstancePre, Lift, Linker, Lower, ResourceTable};
use wasmtime::{Config, Engine, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

pub(crate) struct Host {
    engine: Engine,
    plugin: InstancePre<State>,
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    limits: StoreLimits,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// How often the clock of the engine ticks, which stops calls.
const TICK: Duration = Duration::from_millis(100);
/// A second.
const TICKS: u64 = 10;

impl Host {
    pub(crate) fn new(wasm: &[u8]) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config.epoch_interruption(true);
        let engine = Engine::new(&config)?;
        let clock = engine.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(TICK);
                clock.increment_epoch();
            }
        });
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        let plugin = linker.instantiate_pre(&Component::new(&engine, wasm)?)?;
        Ok(Self { engine, plugin })
    }

    fn instance(&self) -> wasmtime::Result<(Store<State>, Instance)> {
        let limits = StoreLimitsBuilder::new().memory_size(64 << 20).trap_on_grow_failure(true).build();
        let state = State { wasi: WasiCtx::builder().build(), table: ResourceTable::new(), limits };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(TICKS);
        let instance = self.plugin.instantiate(&mut store)?;
        Ok((store, instance))
    }

    fn call<P, R>(&self, function: &str, parameters: P) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let (mut store, instance) = self.instance()?;
        let function = instance.get_typed_func::<P, R>(&mut store, function)?;
        function.call(&mut store, parameters)
    }

    /// One instance for many calls.
    pub(crate) fn session(&self) -> wasmtime::Result<Session> {
        let (store, instance) = self.instance()?;
        Ok(Session { store, instance })
    }
}

impl Plugin for Host {
    fn tidy(&self, text: &str) -> anyhow::Result<String> {
        self.call("tidy", (text,)).map(|(tidy,)| tidy).map_err(told)
    }

    fn spin(&self, meanwhile: impl FnOnce(u32)) -> anyhow::Result<()> {
        // This process is the engine's.
        meanwhile(std::process::id());
        self.call("spin", ()).map_err(told)
    }

    fn fail(&self, message: &str) -> anyhow::Result<()> {
        self.call("fail", (message,)).map_err(told)
    }

    fn eat(&self) -> anyhow::Result<u32> {
        self.call("eat", ()).map(|(mebibytes,)| mebibytes).map_err(told)
    }
}

pub(crate) struct Session {
    store: Store<State>,
    instance: Instance,
}

impl Session {
    pub(crate) fn tidy(&mut self, text: &str) -> wasmtime::Result<String> {
        self.store.set_epoch_deadline(TICKS);
        let tidy = self.instance.get_typed_func::<(&str,), (String,)>(&mut self.store, "tidy")?;
        Ok(tidy.call(&mut self.store, (text,))?.0)
    }
}

/// The engine has an error type of its own.
pub(crate) fn told(error: wasmtime::Error) -> anyhow::Error {
    anyhow::Error::msg(error.root_cause().to_string())
}
