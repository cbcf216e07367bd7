//! The first difference between a function that a client was compiled for and the one that a component has.

use super::names::listed;
use crate::task::{FunctionType, ValueType};

/// Where they differ and how, in words that follow the function's name; `None` if a call fits. Parameters go by their places, not by their names.
pub(crate) fn difference(expected: &FunctionType, found: &FunctionType) -> Option<String> {
    for (number, (name, ty)) in (1..).zip(&expected.params) {
        let Some((_, other)) = found.params.get(number - 1) else { break };
        if let Some(difference) = of_types(ty, other) {
            return Some(format!(", parameter {number} `{name}`{difference}"));
        }
    }
    let params = expected.params.len();
    if params != found.params.len() {
        return Some(format!(": expected a function of {params} parameters, found {}", cut(found.to_string())));
    }
    match (&expected.result, &found.result) {
        (Some(ty), Some(other)) => of_types(ty, other).map(|difference| format!(", result{difference}")),
        (None, None) => None,
        (ty, other) => {
            let shown = |ty: &Option<ValueType>| ty.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
            Some(format!(", result: expected {}, found {}", cut(shown(ty)), cut(shown(other))))
        }
    }
}

/// What comes after the name of the place: `, field "x": expected f64, found f32`.
fn of_types(expected: &ValueType, found: &ValueType) -> Option<String> {
    use ValueType::{Enum, Flags, List, Option as Maybe, Record, Result as Either, Tuple, Variant};
    let unlike = || Some(format!(": expected {}, found {}", cut(expected.to_string()), cut(found.to_string())));
    match (expected, found) {
        (List(ty), List(other)) => at(", elements", of_types(ty, other)),
        (Maybe(ty), Maybe(other)) => at(", some", of_types(ty, other)),
        (Either { ok, err }, Either { ok: other_ok, err: other_err }) => {
            let ok = at(", ok", carried(ok.as_deref(), other_ok.as_deref()));
            ok.or_else(|| at(", err", carried(err.as_deref(), other_err.as_deref())))
        }
        (Tuple(types), Tuple(others)) if types.len() == others.len() => {
            let parts = (1..).zip(types.iter().zip(others));
            parts.into_iter().find_map(|(number, (ty, other))| at(&format!(", element {number}"), of_types(ty, other)))
        }
        (Record(fields), Record(others)) => named("field", fields, others, of_types),
        (Variant(cases), Variant(others)) => {
            named("case", cases, others, |ty, other| carried(ty.as_ref(), other.as_ref()))
        }
        (Enum(names), Enum(others)) => of_names("case", names, others),
        (Flags(names), Flags(others)) => of_names("flag", names, others),
        _ if expected == found => None,
        _ => unlike(),
    }
}

fn at(place: &str, difference: Option<String>) -> Option<String> {
    difference.map(|difference| format!("{place}{difference}"))
}

fn carried(expected: Option<&ValueType>, found: Option<&ValueType>) -> Option<String> {
    match (expected, found) {
        (Some(ty), Some(other)) => of_types(ty, other),
        (None, None) => None,
        (Some(ty), None) => Some(format!(": expected {}, found nothing", cut(ty.to_string()))),
        (None, Some(other)) => Some(format!(": expected nothing, found {}", cut(other.to_string()))),
    }
}

fn named<T>(
    kind: &str,
    expected: &[(String, T)],
    found: &[(String, T)],
    inside: impl Fn(&T, &T) -> Option<String>,
) -> Option<String> {
    for ((name, ty), (other, other_ty)) in expected.iter().zip(found) {
        if name != other {
            break;
        }
        if let Some(difference) = inside(ty, other_ty) {
            return Some(format!(", {kind} \"{name}\"{difference}"));
        }
    }
    let names = |parts: &[(String, T)]| parts.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    of_names(kind, &names(expected), &names(found))
}

fn of_names(kind: &str, expected: &[String], found: &[String]) -> Option<String> {
    if expected == found {
        return None;
    }
    if let Some(lacks) = expected.iter().find(|name| !found.contains(name)) {
        let found = cut(listed(found.iter().map(String::as_str)));
        return Some(format!(": the {kind} \"{lacks}\" is missing; there are {found}"));
    }
    if let Some(further) = found.iter().find(|name| !expected.contains(name)) {
        return Some(format!(": there is a {kind} \"{}\" that is not expected", cut(further.clone())));
    }
    let (first, other) = expected.iter().zip(found).find(|(name, other)| name != other)?;
    Some(format!(": the order is another: expected the {kind} \"{first}\", found \"{other}\""))
}

/// A component's types and names are as long as it likes.
fn cut(text: String) -> String {
    const SHOWN: usize = 160;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
