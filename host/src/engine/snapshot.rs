//! Calls a function of a module once, and makes the memory that it leaves the one that every instance starts from.

use super::compile::{new_component, tell, unknown_import};
use super::guest::{Guest, Own, Purview};
use super::instance::{GuestEngine, Instance as GuestInstance};
use super::manifest::{manifest, with_manifest_of};
use super::recognise;
use super::trap::cut;
use crate::limits::MAX_FUEL;
use crate::task::{InitializerCall, Manifest, Outcome, Refusal};
use wasmtime::Store;
use wasmtime::component::{Component, Instance, Lift, WasmList};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

/// The component as it is after a call of its function; a core module is made into a component first.
pub(crate) fn snapshot(engine: &GuestEngine, wasm: &[u8], call: &InitializerCall) -> Result<Vec<u8>, Refusal> {
    let made = after(engine, &recognise::component(wasm)?, call, manifest(wasm)?.as_ref(), Callable::AnyFunction)?;
    with_manifest_of(wasm, made)
}

/// The component as it is after an executor's initializer.
pub(super) fn initialized(
    engine: &GuestEngine,
    wasm: &[u8],
    call: &InitializerCall,
    manifest: Option<&Manifest>,
) -> Result<Vec<u8>, Refusal> {
    after(engine, wasm, call, manifest, Callable::TaskFunction)
}

/// What the call may be of.
#[derive(PartialEq, Eq)]
enum Callable {
    /// Its arguments were encoded before anybody knew the types of a plain export.
    TaskFunction,
    AnyFunction,
}

fn refused(message: impl Into<String>) -> Refusal {
    Refusal::Initializer { message: cut(message.into()) }
}

fn not_kept(error: wasmtime::Error) -> Refusal {
    refused(format!("the module's memory cannot be kept for its instances: {error:#}"))
}

fn after(
    engine: &GuestEngine,
    wasm: &[u8],
    call: &InitializerCall,
    manifest: Option<&Manifest>,
    callable: Callable,
) -> Result<Vec<u8>, Refusal> {
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    let (context, instrumented) = wizer.instrument_component(wasm).map_err(not_kept)?;
    let component = new_component(engine, &instrumented)?;
    let ty = component.component_type();
    let exports: Vec<_> = ty.exports(engine.engine()).map(|(name, _)| name).collect();
    if recognise::is_task_module(exports.iter().copied()) {
        recognise::contract_version(exports.iter().copied())?;
    } else if callable == Callable::TaskFunction {
        return Err(refused("only a function of a task module can be an initializer, not a component's plain export"));
    }
    let mut instance = called(engine, &component, call, manifest)?;
    let handle = instance.handle().expect("it has just returned from a call");
    // The memory leaves the guest as one list.
    instance.store.set_hostcall_fuel(usize::MAX);
    instance.fill_up(MAX_FUEL);
    let mut state = State { store: &mut instance.store, instance: handle };
    engine.wait(wizer.snapshot_component(&context, &mut state)).map_err(not_kept)
}

/// An instance in which the call has ended well, and that holds nothing which a memory could not keep.
///
/// The call sees of its environment and its arguments what the module asks for, as its tasks do.
fn called(
    engine: &GuestEngine,
    component: &Component,
    call: &InitializerCall,
    manifest: Option<&Manifest>,
) -> Result<GuestInstance, Refusal> {
    let prepared = engine
        .prepare(engine.link(component).map_err(unknown_import)?)
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
    if let Some(failure) = prepared.exports().failure(&call.function, &end.result) {
        return Err(refused(failure.message));
    }
    // Its memory names handles that no fresh instance has: the next one to print would trap far from the cause.
    if instance.store.data().holds_handles() {
        return Err(refused(
            "it printed, or holds a stream, and handles do not outlive it; \
             let only tasks print, or use the crate `log`",
        ));
    }
    Ok(instance)
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
