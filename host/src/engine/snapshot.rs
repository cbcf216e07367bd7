//! Runs a module's initializer once, and makes its memory the one that every instance starts from.

use super::compile::{new_component, tell, unknown_import};
use super::guest::{Guest, Own, Purview};
use super::instance::GuestEngine;
use super::recognise;
use super::trap::cut;
use crate::limits::MAX_FUEL;
use crate::task::{InitializerCall, Manifest, Outcome, Refusal};
use wasmtime::Store;
use wasmtime::component::{Instance, Lift, WasmList};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

/// The component as it is after `call`, which sees of its environment and its arguments what the module asks for, as its tasks do.
pub(super) fn snapshot(
    engine: &GuestEngine,
    wasm: &[u8],
    call: &InitializerCall,
    manifest: Option<&Manifest>,
) -> Result<Vec<u8>, Refusal> {
    let refused = |message: String| Refusal::Initializer { message: cut(message) };
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    let (context, instrumented) = wizer
        .instrument_component(wasm)
        .map_err(|error| refused(format!("the module's memory cannot be kept for its instances: {error:#}")))?;
    let component = new_component(engine, &instrumented)?;
    let ty = component.component_type();
    let exports: Vec<_> = ty.exports(engine.engine()).map(|(name, _)| name).collect();
    if !recognise::is_task_module(exports.iter().copied()) {
        return Err(refused(
            "only a function of a task module can be an initializer, not a component's plain export".to_owned(),
        ));
    }
    recognise::contract_version(exports.iter().copied())?;
    let prepared = engine
        .prepare(engine.link(&component).map_err(unknown_import)?)
        .map_err(|error| refused(format!("{error:#}")))?;
    let mut environment = call.environment.clone();
    environment.retain(|(name, _)| manifest.is_none_or(|manifest| manifest.asks_for_variable(name)));
    let arguments = if manifest.is_none_or(|manifest| manifest.arguments) { &call.arguments[..] } else { &[] };
    let own = Own { environment: &environment, arguments, stdin: None };
    let mut instance = engine.instance(own, engine.seed_of_no_task()).map_err(refused)?;
    let purview = Purview::of_no_task(&call.function, &engine.settings);
    let end = engine.wait(engine.run(&prepared, &mut instance, &purview, call.codec.name(), &call.argument));
    if end.outcome != Outcome::Returned {
        return Err(refused(tell(end.outcome)));
    }
    // Its memory names handles that no fresh instance has: the next one to print would trap far from the cause.
    if instance.store.data().holds_handles() {
        let message = "it printed, or holds a stream, and handles do not outlive it; \
                       let only tasks print, or use the crate `log`";
        return Err(refused(message.to_owned()));
    }
    let handle = instance.handle().expect("it has just returned from a call");
    // The memory leaves the guest as one list.
    instance.store.set_hostcall_fuel(usize::MAX);
    instance.fill_up(MAX_FUEL);
    let mut state = State { store: &mut instance.store, instance: handle };
    engine
        .wait(wizer.snapshot_component(&context, &mut state))
        .map_err(|error| refused(format!("the module's memory cannot be kept for its instances: {error:#}")))
}

/// How the snapshot reads an instance: through functions that the instrumentation has added.
struct State<'a> {
    store: &'a mut Store<Guest>,
    instance: Instance,
}

impl State<'_> {
    async fn read<R: Lift + Send + Sync + 'static>(&mut self, instance: &str, function: &str) -> R {
        let added = "instrument_component() has added it";
        let (_, instance) = self.instance.get_export(&mut *self.store, None, instance).expect(added);
        let (_, function) = self.instance.get_export(&mut *self.store, Some(&instance), function).expect(added);
        let function = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, function).expect(added);
        function.call_async(&mut *self.store, ()).await.expect("it only reads a global or a memory").0
    }
}

impl ComponentInstanceState for State<'_> {
    async fn call_func_ret_list_u8(&mut self, instance: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        let list: WasmList<u8> = self.read(instance, func).await;
        contents(list.as_le_slice(&*self.store));
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.read(instance, func).await
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.read(instance, func).await
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.read::<f32>(instance, func).await.to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.read::<f64>(instance, func).await.to_bits()
    }
}
