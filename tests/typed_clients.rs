//! Clients that are made from WIT: what fits is called with its own types, and what does not is refused when it is loaded.

use crate::patience::end_of;
use crate::support;
use isopool::{Bytes, ErrorKind, Executor, IntoTask, ModuleErrorKind, TaskError, TaskFuture};
use serde::de::DeserializeOwned;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

isopool::client!({ path: "guests/plain/wit", world: "plain" });

/// `tests/guests/plain`
const PLAIN: &[u8] = include_bytes!(env!("ISOPOOL_MODULE_GUEST_PLAIN"));

fn executor() -> Executor {
    Executor::builder().max_workers(1).build().expect("builds")
}

fn plain(executor: &Executor) -> Plain {
    Plain::load(executor, "plain", PLAIN).expect("it is of this world")
}

fn value<T: IntoTask>(executor: &Executor, task: T) -> T::Output
where
    T::Output: DeserializeOwned + 'static,
{
    end_of(&executor.submit(task).expect("submits")).expect("a value")
}

#[test]
fn functions_are_called_with_their_own_types() {
    let _house = support::house();
    let executor = executor();
    let plain = plain(&executor);
    assert_eq!(value(&executor, plain.score("four".into(), 1.5)), 6.0);
    assert_eq!(value(&executor, plain.nothing()), ());
    assert_eq!(value(&executor, plain.math().add(1, 2)), 3);
    assert_eq!(value(&executor, plain.math().divide(7, 2)), Ok(3));
    assert_eq!(value(&executor, plain.math().divide(7, 0)), Err("7 cannot be divided by 0".to_owned()));
    assert_eq!(value(&executor, plain.math().mean(vec![1.0, 2.0, 6.0])), Some(3.0));
    assert_eq!(value(&executor, plain.types().done()), Ok(()));
    // Two interfaces of one name are called by their whole names.
    assert_eq!(value(&executor, plain.test_ops_ops_1_0_0().twice(4)), 8);
    assert_eq!(value(&executor, plain.test_ops_ops_2_0_0().twice(4)), 9);
    assert_eq!(value(&executor, plain.bytes().reverse(Bytes::from(vec![1, 2, 3]))), Bytes::from(vec![3, 2, 1]));
    let blob = bytes::Blob { name: "a".into(), data: Bytes::from(vec![7; 9]) };
    assert_eq!(value(&executor, plain.bytes().rename(blob.clone())), bytes::Blob { name: "A".into(), ..blob });
    // A task like another: it has limits of its own, and is one of many.
    assert!(matches!(
        end_of(&executor.submit(plain.trap().tenant("ours")).expect("submits")),
        Err(TaskError::BrokenProcessPool(_))
    ));
    let sums: Result<Vec<u32>, _> = executor.map(|n| plain.math().add(n, n), 0..5).collect();
    assert_eq!(sums.expect("sums"), [0, 2, 4, 6, 8]);
    let again = Plain::new(plain.module().clone()).expect("it fits as it did");
    assert_eq!(value(&executor, again.math().add(2, 2)), 4);
}

#[test]
fn every_type_of_a_client_goes_there_and_back() {
    use types::{Color, Everything, Integers, Point, Refusal, Shape, Style};
    let _house = support::house();
    let executor = executor();
    let plain = plain(&executor);
    let (a, b, c, d, e, f, g, h) = (i8::MIN, u8::MAX, i16::MIN, u16::MAX, i32::MIN, u32::MAX, i64::MIN, u64::MAX);
    let everything = Everything {
        yes: true,
        numbers: Integers { a, b, c, d, e, f, g, h },
        single: 0.1,
        double: -0.1,
        letter: 'ß',
        text: "Grüße, 🦀".into(),
        bytes: Bytes::from(vec![0, 1, 255]),
        pair: (7, "seven".into()),
        color: Color::DarkGreen,
        style: Style::BOLD | Style::STRIKE_THROUGH,
        shapes: vec![
            Shape::Dot,
            Shape::Circle(1.5),
            Shape::Polygon(vec![Point { x: 1.0, y: 2.0 }, Point { x: -1.0, y: f64::MAX }]),
            Shape::Labelled(("here".into(), Point { x: 0.0, y: 0.0 })),
        ],
        maybe: Some(Some(3)),
        outcome: Err(Color::Red),
        nested_lists: vec![vec![], vec!["a".into(), String::new()]],
    };
    let back = value(&executor, plain.types().echo(everything.clone()));
    assert_eq!(back, everything);
    assert!(back.style.contains(Style::BOLD) && !back.style.contains(Style::ITALIC));
    assert_eq!(format!("{:?}", back.style), r#"{"bold", "strike-through"}"#);
    let other = Everything { style: Style::empty(), maybe: Some(None), outcome: Ok("fine".into()), ..everything };
    assert_eq!(value(&executor, plain.types().echo(other.clone())), other);
    assert_eq!(value(&executor, plain.types().check(String::new())), Err(Refusal::Empty));
    assert_eq!(value(&executor, plain.types().check("1".into())), Err(Refusal::Other(Point { x: 0.5, y: 1.0 })));
    assert_eq!(value(&executor, plain.types().check("more than nine".into())), Err(Refusal::TooLong(14)));
    let pairs = vec![("one".to_owned(), 1), ("two".to_owned(), 2)];
    assert_eq!(value(&executor, plain.types().pairs(pairs.clone())), pairs);
}

#[test]
fn a_call_of_a_client_can_be_awaited() {
    let _house = support::house();
    let executor = executor();
    let plain = plain(&executor);
    let future: TaskFuture<u32> = executor.submit(plain.math().add(20, 1)).expect("submits");
    let doubled = async { future.await.map(|sum| 2 * sum) };
    let mut doubled = pin!(doubled);
    // Whoever is told by `other` knows that the first has ended: there is one worker.
    end_of(&executor.submit(plain.nothing()).expect("submits")).expect("ends");
    let Poll::Ready(sum) = doubled.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it has ended")
    };
    assert_eq!(sum.expect("a sum"), 42);
}

/// Worlds that are not that of `guests/plain`, each by one difference.
mod other {
    isopool::client!({ path: "clients/missing_function.wit" });
    isopool::client!({ path: "clients/missing_version.wit" });
    isopool::client!({ path: "clients/parameters.wit" });
    isopool::client!({ path: "clients/no_result.wit" });

    macro_rules! clients {
        ($($module:ident $path:literal,)*) => {$(
            pub(super) mod $module {
                isopool::client!({ path: $path });
            }
        )*};
    }

    clients! {
        parameter "clients/parameter.wit",
        error_of_result "clients/error_of_result.wit",
        field "clients/field.wit",
        missing_field "clients/missing_field.wit",
        order_of_fields "clients/order_of_fields.wit",
        further_case "clients/further_case.wit",
        case "clients/case.wit",
        element "clients/element.wit",
    }
}

#[test]
fn a_module_that_does_not_fit_is_refused_with_the_first_difference() {
    let _house = support::house();
    let executor = executor();
    let module = executor.load("plain", PLAIN).expect("it has functions to call");
    let mut said = String::new();
    macro_rules! refused {
        ($($($name:ident)::+,)*) => {$({
            let error = other::$($name)::+::new(module.clone()).map(drop).expect_err(stringify!($($name)::+));
            assert_eq!(error.kind(), ErrorKind::Module);
            let kind = &error.module_error().expect("it is about a module").kind;
            assert!(matches!(kind, ModuleErrorKind::OtherClient { .. }), "{kind:?}");
            said.push_str(&format!("{error}\n"));
        })*};
    }
    refused! {
        MissingFunction,
        MissingVersion,
        Parameters,
        parameter::Parameter,
        NoResult,
        error_of_result::ErrorOfResult,
        field::Field,
        missing_field::MissingField,
        order_of_fields::OrderOfFields,
        further_case::FurtherCase,
        case::Case,
        element::Element,
    }
    insta::assert_snapshot!(
        "modules_that_do_not_fit_a_client",
        said.replace(&module.hash().to_string()[..12], "[hash]")
    );
    // It is refused as it is loaded, too, and a module of tasks has nothing of the sort.
    let error = other::parameter::Parameter::load(&executor, "plain", PLAIN).map(drop).expect_err("it does not fit");
    assert_eq!(error.kind(), ErrorKind::Module);
    let tasks = guest_basic::value::add::task(0, 0).module.wasm;
    let error = Plain::load(&executor, "tasks", tasks).map(drop).expect_err("it has no such functions");
    assert!(error.to_string().contains("it needs `score: func(text: string, weight: f64) -> f64`, but"), "{error}");
    assert_eq!(executor.stats().workers_started, 0, "no worker was troubled");
}

/// Names that are keywords, or names of what every client has.
mod names {
    isopool::client!({ path: "clients/names.wit", world: "self-made" });
}

#[test]
fn names_that_rust_does_not_have_are_spelled_otherwise() {
    use names::{SelfMade, in_place, r#match, other};
    let _house = support::house();
    // All of them are there. (A function that is generic says so, and calls nothing.)
    let _names = |client: &SelfMade, it: r#match::Type, moved: r#match::Move| {
        let _ = (client.load_("a".into()), client.new_(), client.module_(1, 2), client.test_names_load().other());
        let _ = (client.r#match().r#fn(it.clone(), moved), client.other().load(Some(it)));
        let _ = client.in_place().r#static(in_place::OtherBox::from(vec![1]));
    };
    let it = r#match::Type { self_: 1, r#impl: Bytes::from(vec![2]) };
    let json = serde_json::to_value((
        r#match::Crate::Super(it),
        r#match::Crate::Some(None),
        [r#match::Move::Self_, r#match::Move::WhereTo],
        r#match::Loop::WHILE | r#match::Loop::FOR_EVER,
        other::Box { result: Some(true) },
    ));
    let expected = serde_json::json!([
        { "super": { "self": 1, "impl": [2] } },
        { "some": null },
        ["self", "where-to"],
        ["while", "for-ever"],
        { "result": true },
    ]);
    assert_eq!(json.expect("JSON"), expected);
    let executor = executor();
    assert!(SelfMade::load(&executor, "plain", PLAIN).is_err());
}
