//! Components that never heard of isopool: any export by its WIT name, with values by its own types.

use crate::patience::{end_of, error_of};
use crate::support;
use isopool::{
    BrokenCause, Bytes, Codec, ErrorKind, Executor, ExecutorBuilder, FunctionKind, Module, Reuse, TaskError, TrapCode,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// `tests/guests/plain`
const PLAIN: &[u8] = include_bytes!(env!("ISOPOOL_MODULE_GUEST_PLAIN"));

struct Plain {
    executor: Executor,
    module: Module,
}

impl Plain {
    fn new() -> Self {
        Self::with(Executor::builder())
    }

    fn with(builder: ExecutorBuilder) -> Self {
        let executor = builder.max_workers(1).build().expect("builds");
        let module = executor.load("plain", PLAIN).expect("it has functions to call");
        Self { executor, module }
    }

    fn call<R: DeserializeOwned + 'static>(&self, function: &str, arguments: impl Serialize) -> Result<R, TaskError> {
        let function = self.module.function(function).expect("it is exported");
        end_of(&self.executor.submit(function.call::<_, R>(arguments)).expect("submits"))
    }

    fn value<R: DeserializeOwned + 'static>(&self, function: &str, arguments: impl Serialize) -> R {
        self.call(function, arguments).expect("a value")
    }

    fn message(&self, function: &str, arguments: impl Serialize) -> String {
        match self.call::<Value>(function, arguments).expect_err("a failure") {
            TaskError::Codec { failure, .. } => failure.message,
            other => panic!("another error: {other}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: f64,
    y: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Color {
    Red,
    DarkGreen,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Dot,
    Circle(f64),
    Polygon(Vec<Point>),
    Labelled(String, Point),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Integers {
    a: i8,
    b: u8,
    c: i16,
    d: u16,
    e: i32,
    f: u32,
    g: i64,
    h: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    yes: bool,
    numbers: Integers,
    single: f32,
    double: f64,
    letter: char,
    text: String,
    bytes: Bytes,
    pair: (u32, String),
    color: Color,
    style: Vec<String>,
    shapes: Vec<Shape>,
    maybe: Option<Option<u8>>,
    outcome: Result<String, Color>,
    nested_lists: Vec<Vec<String>>,
}

fn everything() -> Everything {
    let (a, b, c, d, e, f, g, h) = (i8::MIN, u8::MAX, i16::MIN, u16::MAX, i32::MIN, u32::MAX, i64::MIN, u64::MAX);
    Everything {
        yes: true,
        numbers: Integers { a, b, c, d, e, f, g, h },
        single: 0.1,
        double: -0.1,
        letter: 'ß',
        text: "Grüße, 🦀".into(),
        bytes: Bytes::from(vec![0, 1, 255]),
        pair: (7, "seven".into()),
        color: Color::DarkGreen,
        style: vec!["italic".into(), "strike-through".into()],
        shapes: vec![
            Shape::Dot,
            Shape::Circle(1.5),
            Shape::Polygon(vec![Point { x: 1.0, y: 2.0 }, Point { x: -1.0, y: f64::MAX }]),
            Shape::Labelled("here".into(), Point { x: 0.0, y: 0.0 }),
        ],
        maybe: Some(Some(3)),
        outcome: Err(Color::Red),
        nested_lists: vec![vec![], vec!["a".into(), String::new()]],
    }
}

#[test]
fn functions_are_called_by_their_wit_names() {
    let _house = support::house();
    let plain = Plain::new();
    assert_eq!(plain.value::<f64>("score", ("four", 1.5)), 6.0);
    assert_eq!(plain.value::<u32>("test:plain/math@1.2.0#add", (1, 2)), 3);
    assert_eq!(plain.value::<u32>("test:plain/math#add", (u32::MAX, 2_u64)), 1);
    assert_eq!(plain.value::<()>("nothing", ()), ());
    assert_eq!(plain.value::<Option<f64>>("test:plain/math#mean", ([1.0, 2.0, 6.0],)), Some(3.0));
    assert_eq!(plain.value::<Option<f64>>("test:plain/math#mean", (Vec::<f64>::new(),)), None);
    assert_eq!(plain.value::<u32>("test:ops/ops@1.0.0#twice", (4,)), 8);
    assert_eq!(plain.value::<u32>("test:ops/ops@2.0.0#twice", (4,)), 9);
}

#[test]
fn every_type_goes_there_and_back() {
    let _house = support::house();
    for codec in [Codec::Bincode, Codec::Json, Codec::Raw] {
        // The types of the function say how its values travel, and the codec of the executor nothing.
        let plain = Plain::with(Executor::builder().codec(codec));
        let value = everything();
        assert_eq!(plain.value::<Everything>("test:plain/types#echo", (&value,)), value);
        let other = Everything { maybe: None, outcome: Ok("fine".into()), style: vec![], shapes: vec![], ..value };
        assert_eq!(plain.value::<Everything>("test:plain/types#echo", (&other,)), other);
    }
}

#[test]
fn json_values_go_there_and_back() {
    let _house = support::house();
    let plain = Plain::new();
    let value = json!({
        "nested-lists": [["a"], []],
        "yes": false,
        "numbers": { "h": u64::MAX, "g": -1, "f": 1, "e": 2, "d": 3, "c": 4, "b": 5, "a": -6 },
        "single": 0.1, "double": 1, "letter": "x", "text": "t", "bytes": [1, 2],
        "pair": [1, "one"], "color": "dark-green", "style": ["bold"],
        "shapes": ["dot", { "circle": 2 }, { "labelled": ["l", { "x": 0.25, "y": 1e300 }] }],
        "outcome": { "ok": "fine" },
    });
    let back: Value = plain.value("test:plain/types#echo", json!([value]));
    let mut expected = value;
    expected["maybe"] = json!(null);
    expected["double"] = json!(1.0);
    expected["shapes"][1]["circle"] = json!(2.0);
    assert_eq!(back, expected);
    let pairs = BTreeMap::from([("one".to_owned(), 1_u32), ("two".to_owned(), 2)]);
    assert_eq!(plain.value::<BTreeMap<String, u32>>("test:plain/types#pairs", (&pairs,)), pairs);
    assert_eq!(plain.value::<Vec<(String, u32)>>("test:plain/types#pairs", (&pairs,)), Vec::from_iter(pairs));
}

#[test]
fn an_error_of_a_function_is_the_task_s_unless_the_caller_wants_a_result() {
    let _house = support::house();
    #[derive(Debug, PartialEq, Deserialize)]
    enum Refusal {
        Empty,
        TooLong(u32),
        Other(Point),
    }
    let plain = Plain::new();
    assert_eq!(plain.value::<i32>("test:plain/math#divide", (7, 2)), 3);
    assert_eq!(plain.value::<Result<i32, String>>("test:plain/math#divide", (7, 2)), Ok(3));
    let refused = plain.value::<Result<i32, String>>("test:plain/math#divide", (7, 0));
    assert_eq!(refused, Err("7 cannot be divided by 0".to_owned()));
    let Err(TaskError::Failed { failure, .. }) = plain.call::<i32>("test:plain/math#divide", (7, 0)) else {
        panic!("it fails")
    };
    assert_eq!(failure.message, "7 cannot be divided by 0");
    let check = |text: &str| plain.value::<Result<u32, Refusal>>("test:plain/types#check", (text,));
    assert_eq!(check(""), Err(Refusal::Empty));
    assert_eq!(check("1"), Err(Refusal::Other(Point { x: 0.5, y: 1.0 })));
    assert_eq!(check("three"), Ok(5));
    assert_eq!(check("more than nine"), Err(Refusal::TooLong(14)));
    let Err(TaskError::Failed { failure, .. }) = plain.call::<u32>("test:plain/types#check", ("1",)) else {
        panic!("it fails")
    };
    assert_eq!(failure.message, r#"{"other":{"x":0.5,"y":1.0}}"#, "an error that is no text is told as JSON");
    assert_eq!(plain.value::<()>("test:plain/types#done", ()), ());
    assert_eq!(plain.value::<Result<(), ()>>("test:plain/types#done", ()), Ok(()));
}

#[test]
fn bytes_travel_as_a_block_where_the_function_s_type_is_a_common_one() {
    let _house = support::house();
    let plain = Plain::new();
    let blocks = |name: &str| match plain.module.function(name).expect("it is there").info().kind {
        FunctionKind::Export { blocks, .. } => blocks,
        _ => panic!("{name} is an export"),
    };
    let data: Vec<u8> = (0..8 << 20).map(|n| n as u8).collect();
    let reversed = plain.value::<Bytes>("test:plain/bytes#reverse", (Bytes::from(data.clone()),));
    assert!(reversed.iter().rev().eq(&data));
    // The caller's own `Vec<u8>` is as good, and slower to take apart.
    assert_eq!(plain.value::<Vec<u8>>("test:plain/bytes#reverse", (vec![1_u8, 2, 3],)), [3, 2, 1]);
    let crop = |width: u32| plain.call::<Bytes>("test:plain/bytes#crop", (Bytes::from(vec![7; 9]), width, 3));
    assert_eq!(crop(2).expect("crops").len(), 6);
    assert!(matches!(crop(4), Err(TaskError::Failed { failure, .. }) if failure.message == "12 bytes of 9"));
    assert!(
        blocks("test:plain/bytes#reverse") && blocks("test:plain/bytes#crop") && !blocks("test:plain/bytes#rename")
    );

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Blob {
        name: String,
        data: Bytes,
    }
    let blob = Blob { name: "a".into(), data: Bytes::from(data[..1 << 20].to_vec()) };
    let renamed = plain.value::<Blob>("test:plain/bytes#rename", (&blob,));
    assert_eq!((renamed.name.as_str(), renamed.data), ("A", blob.data));
}

#[test]
fn a_call_that_does_not_fit_says_where() {
    let _house = support::house();
    let plain = Plain::new();
    let mut said = String::new();
    let mut say = |name: &str, what: String| said.push_str(&format!("{name}\n    {}\n", what.replace('\n', "\n    ")));
    for (name, function, arguments) in [
        ("no arguments", "score", json!([])),
        ("too many arguments", "nothing", json!([1])),
        ("arguments that are no list", "score", json!({ "text": "a" })),
        ("another type", "score", json!([1, 2])),
        ("another type, second", "score", json!(["a", "b"])),
        ("a float for an integer", "test:plain/math#add", json!([1, 1.5])),
        ("a number out of range", "test:plain/math#add", json!([1, -1])),
        ("one element of another type", "test:plain/math#mean", json!([[1.0, 2.0, "three"]])),
        ("bytes with a number too many", "test:plain/bytes#reverse", json!([[1, 256]])),
        ("a list of pairs with a wrong one", "test:plain/types#pairs", json!([[["a", 1], ["b"]]])),
        ("a map with a wrong value", "test:plain/types#pairs", json!([{ "a": 1, "b": "c" }])),
    ] {
        say(name, plain.message(function, arguments));
    }
    let echo = |change: &dyn Fn(&mut Value)| {
        let mut value = serde_json::to_value(everything()).expect("it is JSON");
        value["double"] = json!(1);
        value["shapes"][2] = json!("dot");
        change(&mut value);
        plain.message("test:plain/types#echo", json!([value]))
    };
    type Change = dyn Fn(&mut Value);
    let changes: [(&str, &Change); 22] = [
        ("a field that is missing", &|value| drop(value.as_object_mut().expect("a record").remove("text"))),
        ("a field that is not there", &|value| value["colour"] = json!(1)),
        ("a field of another type", &|value| value["numbers"]["b"] = json!(256)),
        ("an option of another type", &|value| value["maybe"] = json!("3")),
        ("no single letter", &|value| value["letter"] = json!("ab")),
        ("a tuple too long", &|value| value["pair"] = json!([1, "a", 2])),
        ("an unknown name of an enum", &|value| value["color"] = json!("blue")),
        ("an unknown flag", &|value| value["style"] = json!(["bold", "tiny"])),
        ("an unknown case", &|value| value["shapes"][1] = json!({ "square": 1 })),
        ("a case without what it carries", &|value| value["shapes"][1] = json!("circle")),
        ("a case with what it does not carry", &|value| value["shapes"][1] = json!({ "dot": 1 })),
        ("a value deep in a case", &|value| value["shapes"][1] = json!({ "polygon": [{ "x": 1, "y": [] }] })),
        ("two cases at once", &|value| value["shapes"][1] = json!({ "circle": 1, "dot": null })),
        ("an error of another type", &|value| value["outcome"] = json!({ "err": 1 })),
        ("a success of another type", &|value| value["outcome"] = json!({ "ok": 1 })),
        ("neither success nor error", &|value| value["outcome"] = json!({ "okay": "a" })),
        ("no truth", &|value| value["yes"] = json!("yes")),
        ("nothing where something must be", &|value| value["text"] = json!(null)),
        ("a number below its range", &|value| value["numbers"]["a"] = json!(-129)),
        ("a part of a tuple of another type", &|value| value["pair"] = json!(["a", "a"])),
        ("a list in a list with a number", &|value| value["nested-lists"] = json!([["a"], ["b", 3]])),
        ("a float too large", &|value| value["single"] = json!(1e300)),
    ];
    for (name, change) in changes {
        say(name, echo(change));
    }
    let expects = |error: TaskError| match error {
        TaskError::Codec { failure, .. } => failure.message,
        other => panic!("another error: {other}"),
    };
    say("a result of another type", expects(plain.call::<String>("test:plain/math#add", (1, 2)).expect_err("no text")));
    let add = plain.call::<u8>("test:plain/math#add", (200, 100)).expect_err("too large");
    say("a result out of range", expects(add));
    assert_eq!(plain.value::<u32>("test:plain/math#add", (1, 2)), 3);
    insta::assert_snapshot!("plain_calls_that_do_not_fit", said);
}

#[test]
fn a_function_that_cannot_be_called_says_why() {
    let _house = support::house();
    let plain = Plain::new();
    let mut said = String::new();
    for (name, function, kind) in [
        ("no such function", "scores", ErrorKind::UnknownFunction),
        ("no such function in an interface", "test:plain/math#ad", ErrorKind::UnknownFunction),
        ("another version", "test:plain/math@2.0.0#add", ErrorKind::UnknownFunction),
        ("two versions", "test:ops/ops#twice", ErrorKind::AmbiguousFunction),
        ("a constructor", "test:plain/things#[constructor]thing", ErrorKind::NotCallable),
        ("a method", "test:plain/things#[method]thing.name", ErrorKind::NotCallable),
        ("a resource deep in a type", "test:plain/things#biggest", ErrorKind::NotCallable),
    ] {
        let error = plain.module.function(function).expect_err(name);
        assert_eq!(error.kind(), kind, "{name}");
        let text = error.to_string().replace(&plain.module.hash().to_string()[..12], "[hash]");
        said.push_str(&format!("{name}\n    {text}\n"));
    }
    insta::assert_snapshot!("plain_functions_that_cannot_be_called", said);
    assert_eq!(plain.executor.stats().workers_started, 0, "no worker was troubled");
}

// limit: MAX_CALL_VALUES
#[test]
fn limits_hold_for_plain_components_as_for_tasks() {
    let _house = support::house();
    let plain = Plain::with(Executor::builder().max_memory_bytes(8 << 20).max_result_bytes(1 << 20));
    let pid = || plain.executor.stats().workers[0].pid;
    plain.value::<()>("nothing", ());
    let worker = pid();
    let Err(TaskError::OutOfMemory { limit, .. }) = plain.call::<u32>("allocate", (64 << 20,)) else {
        panic!("it asks for more than it may have")
    };
    assert_eq!(limit, 8 << 20);
    let Err(TaskError::ResultTooLarge { size, limit, .. }) =
        plain.call::<Bytes>("test:plain/bytes#zeroes", ((1 << 20) + 1,))
    else {
        panic!("it is over the limit")
    };
    assert_eq!((size, limit), ((1 << 20) + 5, 1 << 20));
    // 4 bytes in the guest, 4 on the way, 40 for the engine.
    assert_eq!(plain.value::<Vec<u32>>("test:plain/bytes#numbers", (200_000,)).len(), 200_000);
    let error = plain.call::<Vec<u32>>("test:plain/bytes#numbers", (300_000,)).expect_err("over the limit");
    assert!(matches!(error, TaskError::ResultTooLarge { .. }), "{error}");
    let error = plain.call::<()>("trap", ()).expect_err("it traps");
    let broken = error.broken_process_pool().expect("a trap");
    assert!(matches!(&broken.cause, BrokenCause::Trap(trap) if trap.code == TrapCode::Unreachable), "{error}");
    assert_eq!(pid(), worker, "no limit cost the worker its life");

    let many = plain.message("test:plain/math#mean", (vec![1.0; isopool::limits::MAX_CALL_VALUES + 1],));
    assert!(many.contains("limits::MAX_CALL_VALUES"), "{many}");
    let spin = plain.module.function("spin").expect("it is there").call::<_, ()>(());
    let spin = plain.executor.submit(spin.time_limit(std::time::Duration::from_millis(50))).expect("submits");
    assert!(matches!(error_of(&spin), TaskError::TimedOut { .. }));
}

// limit: MAX_CALL_VALUES
#[test]
fn results_with_too_many_values_are_refused_before_they_are_taken_apart() {
    let _house = support::house();
    let plain = Plain::new();
    let count = isopool::limits::MAX_CALL_VALUES as u32;
    let said = plain.message("test:plain/bytes#numbers", (count,));
    assert!(said.contains("limits::MAX_CALL_VALUES"), "{said}");
    assert_eq!(plain.value::<u32>("count", ()), 1);
}

#[test]
fn every_task_has_an_instance_of_its_own_unless_asked_otherwise() {
    let _house = support::house();
    let fresh = Plain::new();
    assert_eq!([fresh.value::<u32>("count", ()), fresh.value("count", ())], [1, 1]);
    let kept = Plain::with(Executor::builder().reuse(Reuse::Worker));
    assert_eq!([kept.value::<u32>("count", ()), kept.value("count", ())], [1, 2]);
}

#[test]
fn a_plain_export_can_be_no_initializer() {
    let _house = support::house();
    let loader = Plain::new();
    let call = loader.module.function("nothing").expect("it is there").call::<_, ()>(());
    let executor = Executor::builder().max_workers(1).initializer(call).build().expect("builds");
    let error = executor.load("plain", PLAIN).expect_err("it is refused");
    assert!(error.to_string().ends_with("not a component's plain export"), "{error}");
}

#[test]
fn signatures_are_those_of_wit() {
    let _house = support::house();
    let plain = Plain::new();
    let list: Vec<String> =
        plain.module.info().functions.iter().map(|info| format!("{}: {}", info.name, info.signature)).collect();
    insta::assert_snapshot!("plain_signatures", list.join("\n"));
}

/// A component that exports this interface, `test:types/types`, whose functions `g0`, `g1`, … give lists.
pub(crate) fn component_of(interface: &str, functions: usize) -> Vec<u8> {
    let wit = format!(
        "package test:types;\ninterface types {{\n{interface}\n}}\nworld only {{ export types; }}\n\
         package wasi:io@0.2.0 {{ interface streams {{ resource output-stream; }} }}"
    );
    let mut resolve = Resolve::default();
    let package = resolve.push_str("types.wit", &wit).expect("sound WIT");
    let world = resolve.select_world(&[package], None).expect("it has one world");
    // Numbers of two bytes, whether they need them or not.
    let number = |n: usize| vec![n as u8 | 0x80, (n >> 7) as u8];
    let section = |id: u8, content: &[u8]| [&[id], &number(content.len())[..], content].concat();
    let export = |name: &str, kind: u8| [&number(name.len())[..], name.as_bytes(), &[kind, 0]].concat();
    let mut exports = [number(functions + 1), export("memory", 2)].concat();
    (0..functions).for_each(|n| exports.extend(export(&format!("test:types/types#g{n}"), 0)));
    let mut module = [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 0, 1, 0x7f]),
        section(3, &[1, 0]),
        section(5, &[1, 0, 1]),
        section(7, &exports),
        section(10, &[1, 3, 0, 0, 0x0b]),
    ]
    .concat();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("it can be encoded");
    module
}

// limit: MAX_SIGNATURE_TYPES, MAX_COMPONENT_TYPES, MAX_TYPE_DEPTH
#[test]
fn signatures_that_no_person_writes_are_refused() {
    use isopool::limits::{MAX_COMPONENT_TYPES, MAX_SIGNATURE_TYPES, MAX_TYPE_DEPTH};
    let _house = support::house();
    let executor = support::executor(1);
    // Each of two of the one before: 2 × 2^times types.
    let doubled = |times: usize, functions: usize| {
        let types: Vec<String> = (0..times).map(|n| format!("type t{} = tuple<t{n}, t{n}>;\n", n + 1)).collect();
        let list: Vec<String> = (0..functions).map(|n| format!("g{n}: func() -> list<t{times}>;\n")).collect();
        component_of(&format!("type t0 = u8;\n{}{}", types.concat(), list.concat()), functions)
    };
    let lists =
        |depth: usize| component_of(&format!("g0: func() -> {}u8{};", "list<".repeat(depth), ">".repeat(depth)), 1);
    let variants = |depth: usize| {
        let types: Vec<String> = (1..depth).map(|n| format!("variant v{n} {{ none, some(v{}) }}\n", n - 1)).collect();
        component_of(&format!("type v0 = u8;\n{}g0: func() -> list<v{}>;", types.concat(), depth - 1), 1)
    };
    for sound in [doubled(10, 8), lists(MAX_TYPE_DEPTH), variants(MAX_TYPE_DEPTH)] {
        let module = executor.load("sound", sound).expect("it is large, and no larger than it may be");
        assert!(module.function("test:types/types#g0").is_ok());
    }
    let types = 2 << 10;
    assert!(types < MAX_SIGNATURE_TYPES);
    for (limit, hostile) in [
        ("limits::MAX_SIGNATURE_TYPES", doubled(13, 1)),
        ("limits::MAX_COMPONENT_TYPES", doubled(10, MAX_COMPONENT_TYPES / types + 1)),
        ("limits::MAX_TYPE_DEPTH", lists(MAX_TYPE_DEPTH + 1)),
        ("limits::MAX_TYPE_DEPTH", variants(MAX_TYPE_DEPTH + 1)),
    ] {
        let error = executor.load("hostile", hostile).expect_err(limit).to_string();
        assert!(error.contains(limit), "{error}");
    }
}
