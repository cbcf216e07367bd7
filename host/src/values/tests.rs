//! What fits, what does not, and what hostile bytes come to.

use super::{NoValue, decode_result, encode_arguments};
use crate::task::{FunctionType, ValueType};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn function(params: Vec<ValueType>) -> FunctionType {
    let params = params.into_iter().enumerate().map(|(number, ty)| (format!("p{number}"), ty)).collect();
    FunctionType { params, result: None }
}

fn list(ty: ValueType) -> ValueType {
    ValueType::List(Box::new(ty))
}

fn point() -> ValueType {
    ValueType::Record(vec![("x-place".into(), ValueType::F64), ("y-place".into(), ValueType::F32)])
}

/// Through bytes and back.
fn there_and_back<T: Serialize + serde::de::DeserializeOwned>(ty: &ValueType, value: &T) -> T {
    let bytes = encode_arguments(&function(vec![ty.clone()]), &(value,), true).expect("it fits");
    decode_result(Some(ty), &bytes).expect("it comes back")
}

#[test]
fn fields_meet_whatever_their_order_and_spelling() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Point {
        y_place: f32,
        x_place: f64,
    }
    let value = Point { y_place: 0.1, x_place: 2.0 };
    assert_eq!(there_and_back(&point(), &value), value);
    let fields = |value: &Value| encode_arguments(&function(vec![point()]), &[value], true);
    let twice = serde_json::from_str::<Value>(r#"{"x-place": 1, "x_place": 2, "y-place": 3}"#).expect("JSON");
    let error = fields(&twice).expect_err("the same field in two spellings");
    assert_eq!(error.to_string(), "argument 1, field \"x-place\": it comes twice");
}

#[test]
fn numbers_keep_their_value_or_are_refused() {
    let encoded = |ty: ValueType, value: Value| encode_arguments(&function(vec![ty]), &[value], true);
    assert!(encoded(ValueType::F64, json!(9_007_199_254_740_992_u64)).is_ok());
    let inexact = encoded(ValueType::F64, json!(9_007_199_254_740_993_u64)).expect_err("no float is this number");
    assert!(inexact.to_string().ends_with("which it cannot hold exactly"), "{inexact}");
    let large = encoded(ValueType::F32, json!(1e300)).expect_err("it would be infinite");
    assert!(large.to_string().ends_with("which is out of range"), "{large}");
    assert_eq!(there_and_back(&ValueType::F32, &f32::MIN_POSITIVE), f32::MIN_POSITIVE);
    assert_eq!(there_and_back::<Value>(&ValueType::F32, &json!(0.1)), json!(0.1));
}

#[test]
fn options_can_be_left_out_and_be_nested() {
    let ty = ValueType::Option(Box::new(ValueType::Option(Box::new(ValueType::U8))));
    for value in [None, Some(None), Some(Some(3_u8))] {
        assert_eq!(there_and_back(&ty, &value), value);
    }
    // A value where an option may be is there.
    let bytes = encode_arguments(&function(vec![ty.clone()]), &(3,), true).expect("it fits");
    assert_eq!(decode_result::<Option<Option<u8>>>(Some(&ty), &bytes), Ok(Some(Some(3))));
}

#[test]
fn bytes_that_lie_are_errors() {
    let (text, numbers) = (ValueType::String, list(ValueType::U64));
    for (ty, bytes) in [
        (&text, &[255, 255, 255, 255, 1][..]),
        (&text, &[1, 0, 0, 0, 0xff]),
        (&numbers, &[255, 255, 255, 255]),
        (&numbers, &[1, 0, 0, 0, 1, 2]),
        (&ValueType::Char, &[0, 0xd8, 0, 0]),
        (&ValueType::Bool, &[2]),
        (&ValueType::Enum(vec!["one".into()]), &[1, 0, 0, 0]),
        (&ValueType::U8, &[1, 2]),
        (&ValueType::U8, &[]),
    ] {
        let end = decode_result::<Value>(Some(ty), bytes);
        assert!(matches!(end, Err(NoValue::Unreadable(_))), "{ty} of {bytes:?}: {end:?}");
    }
}

fn types() -> impl Strategy<Value = ValueType> {
    let leaf = prop::sample::select(vec![
        ValueType::Bool,
        ValueType::U8,
        ValueType::S64,
        ValueType::F32,
        ValueType::Char,
        ValueType::String,
        ValueType::Enum(vec!["a".into(), "b".into()]),
        ValueType::Flags(vec!["f".into(), "g".into()]),
    ]);
    leaf.prop_recursive(4, 16, 3, |part| {
        prop_oneof![
            part.clone().prop_map(list),
            part.clone().prop_map(|ty| ValueType::Option(Box::new(ty))),
            prop::collection::vec(part.clone(), 1..3).prop_map(ValueType::Tuple),
            part.clone().prop_map(|ty| ValueType::Record(vec![("only".into(), ty)])),
            part.clone().prop_map(|ty| ValueType::Variant(vec![("none".into(), None), ("some".into(), Some(ty))])),
            part.prop_map(|ty| ValueType::Result { ok: None, err: Some(Box::new(ty)) }),
        ]
    })
}

proptest! {
    /// Whatever a worker sends: an error, or a value that is sent back as the same bytes.
    #[test]
    fn no_bytes_make_a_caller_panic_or_take_memory(ty in types(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        // Inside a tuple, so that errors of results are values.
        let ty = ValueType::Tuple(vec![ty]);
        if let Ok(value) = decode_result::<Value>(Some(&ty), &bytes) {
            let again = encode_arguments(&function(vec![ty.clone()]), &[&value], true);
            // JSON knows neither infinity nor `some(none)`.
            if let Ok(again) = again {
                prop_assert_eq!(decode_result::<Value>(Some(&ty), &again), Ok(value));
            }
        }
    }
}
