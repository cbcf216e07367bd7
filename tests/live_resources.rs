//! Resources of components, held by the caller of a live instance: no other instance, no task and no later call can be led astray.

use crate::patience::{end_of, error_of};
use crate::plain_components::component_of;
use crate::support::house;
use isopool::{BrokenCause, ErrorKind, Executor, Limit, LiveInstance, Module, Resource, Reuse, TaskError};
use serde::Serialize;
use serde::de::DeserializeOwned;

const PLAIN: &[u8] = include_bytes!(env!("ISOPOOL_MODULE_GUEST_PLAIN"));

fn plain(executor: &Executor) -> Module {
    executor.load("plain", PLAIN).expect("it has functions to call")
}

fn whole(name: &str) -> String {
    format!("test:plain/things#{name}")
}

fn call<R: DeserializeOwned + 'static>(
    instance: &LiveInstance,
    name: &str,
    arguments: impl Serialize,
) -> Result<R, TaskError> {
    let function = instance.function(&whole(name)).expect("it is exported");
    end_of(&instance.submit(function.call::<_, R>(arguments)).expect("it is open"))
}

fn thing(instance: &LiveInstance, name: &str) -> Resource {
    call(instance, "[constructor]thing", (name,)).expect("made")
}

fn name(instance: &LiveInstance, thing: &Resource) -> String {
    call(instance, "[method]thing.name", (thing,)).expect("it has one")
}

fn alive(instance: &LiveInstance) -> u32 {
    call(instance, "alive", ()).expect("counts")
}

/// What is wrong with a call that never reaches the guest.
fn refused(instance: &LiveInstance, name: &str, arguments: impl Serialize) -> String {
    match call::<()>(instance, name, arguments).expect_err("it does not fit") {
        TaskError::Codec { failure, .. } => failure.message,
        other => panic!("another error: {other}"),
    }
}

#[test]
fn constructors_methods_statics_and_drop_work_and_state_stays() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).build().expect("builds");
    let instance = executor.open(&plain(&executor)).expect("there is room");
    let (one, two) = (thing(&instance, "one"), thing(&instance, "two"));
    call::<()>(&instance, "[method]thing.rename", (&one, "first")).expect("renamed");
    let both: Resource = call(&instance, "[static]thing.joined", (&one, &two)).expect("joined");
    assert_eq!((name(&instance, &one).as_str(), name(&instance, &both).as_str()), ("first", "firsttwo"));
    assert_eq!(call::<Option<u32>>(&instance, "biggest", (vec![&one, &two, &both],)).expect("a number"), Some(8));
    assert_eq!(alive(&instance), 3);
    call::<()>(&instance, "[resource-drop]thing", (&two,)).expect("dropped");
    assert_eq!(alive(&instance), 2, "its destructor has run");
    assert_eq!(call::<String>(&instance, "take", (&one,)).expect("taken"), "first");
    assert_eq!((alive(&instance), name(&instance, &both).as_str()), (1, "firsttwo"));
}

#[test]
fn a_handle_that_means_nothing_is_refused_before_the_guest_is_called() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).build().expect("builds");
    let module = plain(&executor);
    let (instance, other) = (executor.open(&module).expect("room"), executor.open(&module).expect("room"));
    let (mine, dropped, taken) = (thing(&instance, "mine"), thing(&instance, "dropped"), thing(&instance, "taken"));
    let theirs = thing(&other, "theirs");
    call::<()>(&instance, "[resource-drop]thing", (&dropped,)).expect("dropped");
    call::<String>(&instance, "take", (&taken,)).expect("taken");
    let lamp: Resource = call(&instance, "[constructor]lamp", ()).expect("made");
    let method = "[method]thing.name";
    let said = [
        ("of another instance", refused(&instance, method, (&theirs,))),
        ("dropped", refused(&instance, method, (&dropped,))),
        ("dropped twice", refused(&instance, "[resource-drop]thing", (&dropped,))),
        ("given away", refused(&instance, "take", (&taken,))),
        ("of another type", refused(&instance, method, (&lamp,))),
        ("given and lent", refused(&instance, "swap", (&mine, &mine))),
        ("lent and given", refused(&instance, "swap-back", (&mine, &mine))),
        ("no resource", refused(&instance, method, (1,))),
        ("a resource for a text", refused(&instance, "[constructor]thing", (&mine,))),
        ("deep in an argument", refused(&instance, "biggest", (vec![&mine, &dropped],))),
    ];
    let said: String = said.iter().map(|(case, said)| format!("{case}\n    {said}\n")).collect();
    insta::assert_snapshot!("resources_that_are_refused", said);
    assert_eq!((name(&instance, &mine).as_str(), instance.ended()), ("mine", None), "the instance goes on");
    assert_eq!(name(&other, &theirs), "theirs");
}

#[test]
fn a_restart_takes_the_resources_along() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).build().expect("builds");
    let module = plain(&executor);
    let instance = executor.live(&module).restarts(1).open().expect("there is room");
    let before = thing(&instance, "before");
    let trap = instance.function("trap").expect("it is exported");
    assert!(error_of(&instance.submit(trap.call::<_, ()>(())).expect("open")).broken_process_pool().is_some());
    let told = refused(&instance, "[method]thing.name", (&before,));
    assert!(told.contains("made anew"), "{told}");
    let after = thing(&instance, "after");
    assert_eq!((name(&instance, &after).as_str(), instance.restarts()), ("after", 1));
}

#[test]
fn no_task_has_resources_whatever_its_executor_keeps() {
    let _house = house();
    for reuse in [Reuse::Never, Reuse::Worker] {
        let executor = Executor::builder().max_workers(1).reuse(reuse).build().expect("builds");
        let instance = executor.open(&plain(&executor)).expect("there is room");
        let constructor = instance.function(&whole("[constructor]thing")).expect("exported");
        let error = executor.submit(constructor.call::<_, Resource>(("x",))).expect_err("it is no live instance");
        assert_eq!(error.kind(), ErrorKind::NotCallable, "{error}");
        assert!(error.to_string().contains("own<thing>") && error.to_string().contains("Executor::open"), "{error}");
    }
}

#[test]
fn more_resources_than_the_limit_end_the_instance() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).limit(Limit::HostResources, 50).build().expect("builds");
    let instance = executor.open(&plain(&executor)).expect("there is room");
    let held: Vec<Resource> = call(&instance, "many", (50,)).expect("as many as there may be");
    call::<()>(&instance, "[resource-drop]thing", (&held[0],)).expect("dropped");
    thing(&instance, "in its place");
    let error = call::<Resource>(&instance, "[constructor]thing", ("one too many",)).expect_err("over the limit");
    assert!(error.to_string().contains("HostResources"), "{error}");
    let cause = instance.ended().expect("it has ended").cause;
    assert!(matches!(cause, BrokenCause::InstanceEnded { .. }), "{cause:?}");
}

#[test]
fn what_cannot_go_out_of_an_instance_is_dropped_in_it() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).build().expect("builds");
    let instance = executor.open(&plain(&executor)).expect("there is room");
    let kept = thing(&instance, "kept");
    let values = isopool::limits::MAX_CALL_VALUES as u32;
    let said = refused(&instance, "crowd", (3, values));
    assert!(said.contains("limits::MAX_CALL_VALUES"), "{said}");
    assert_eq!(alive(&instance), 1, "their destructors have run");
    assert_eq!(name(&instance, &kept), "kept", "what was there before stays");
}

#[test]
fn a_resource_of_the_host_stays_with_the_host_though_an_interface_names_it() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).build().expect("builds");
    let interface = "use wasi:io/streams@0.2.0.{output-stream};\n\
                     g0: func() -> list<u8>;\ng1: func() -> output-stream;\ng2: func() -> list<output-stream>;";
    let module = executor.load("hosted", component_of(interface, 3)).expect("it can be loaded");
    let instance = executor.open(&module).expect("there is room");
    assert!(instance.function("test:types/types#g0").is_ok());
    for name in ["test:types/types#g1", "test:types/types#g2"] {
        let error = instance.function(name).expect_err("it is not the component's own");
        assert_eq!(error.kind(), ErrorKind::NotCallable);
        assert!(error.to_string().ends_with("only values and the component's own resources travel"), "{error}");
        assert!(!module.info().function(name).expect("it is listed").needs_live_instance());
    }
    assert!(!module.info().functions.iter().any(|function| function.name.contains("[resource-drop]")));
}

#[test]
fn a_component_of_nothing_but_a_resource_can_be_loaded_and_has_it_at_its_root() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).build().expect("builds");
    let wasm = include_bytes!("../host/src/engine/testdata/root_resource.wasm");
    let module = executor.load("root", wasm.to_vec()).expect("a live instance can call it");
    let instance = executor.open(&module).expect("there is room");
    let make = instance.function("[constructor]thing").expect("it is exported");
    assert!(make.info().needs_live_instance() && !make.info().is_callable());
    let thing = end_of(&instance.submit(make.call::<_, Resource>(())).expect("open")).expect("a thing");
    let drop = instance.function("[resource-drop]thing").expect("it is listed");
    let dropped = || end_of(&instance.submit(drop.call::<_, ()>((&thing,))).expect("open"));
    assert_eq!(dropped(), Ok(()));
    assert!(dropped().is_err(), "it is gone");
}

#[test]
fn a_worker_that_lies_about_resources_confuses_itself_and_nobody_else() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).build().expect("builds");
    // The module comes from the cache: a liar cannot compile.
    let honest = executor.open(&plain(&executor)).expect("there is room");
    let one = thing(&honest, "one");
    let liars = Executor::builder().max_workers(1).worker_program(env!("CARGO_BIN_EXE_liar"));
    let liars = liars.env("LIE", "[resource-then-go-on]").build().expect("a liar looks like any other program");
    let lying = liars.open(&plain(&liars)).expect("there is room");
    let told = thing(&lying, "two");
    assert_eq!(thing(&lying, "three"), told, "it gives the same again");
    assert!(refused(&honest, "[method]thing.name", (&told,)).contains("belongs to another live instance"));
    let answer = refused(&lying, "alive", ());
    assert!(answer.contains("the caller expects ()"), "{answer}");
    assert_eq!(name(&honest, &one), "one");
}
