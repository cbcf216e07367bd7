//! The same plugin host, with the engine in the host's own process. It is as careful as such a host can be: a fresh instance for
//! each call, a time limit, a memory limit.

use std::thread;
use std::time::Duration;
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// Runs a plugin.
pub(crate) struct Host {
    engine: Engine,
    plugin: InstancePre<State>,
}

/// What one instance has.
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

/// How often it is looked at the clock.
const TICK: Duration = Duration::from_millis(10);

impl Host {
    /// Takes a plugin: it is compiled here.
    pub(crate) fn load(wasm: &[u8]) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config.epoch_interruption(true);
        let engine = Engine::new(&config)?;
        let weak = engine.weak();
        thread::spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        });
        let component = Component::new(&engine, wasm)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        let plugin = linker.instantiate_pre(&component)?;
        Ok(Self { engine, plugin })
    }

    /// Calls it.
    pub(crate) fn transform(&self, text: &str) -> wasmtime::Result<String> {
        let limits = StoreLimitsBuilder::new().memory_size(64 << 20).build();
        let state = State { wasi: WasiCtx::builder().build(), table: ResourceTable::new(), limits };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline((Duration::from_secs(1).as_millis() / TICK.as_millis()) as u64);
        let instance = self.plugin.instantiate(&mut store)?;
        let transform = instance.get_typed_func::<(&str,), (String,)>(&mut store, "transform")?;
        Ok(transform.call(&mut store, (text,))?.0)
    }
}
