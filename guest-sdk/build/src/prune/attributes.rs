//! What the attributes of an item mean for pruning.

use super::cfg::CfgSet;
use super::source::bytes;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::{Attribute, Meta};

/// What the attributes of one item say.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Marked `#[isopool::host]`, or a test: never in a guest.
    pub(crate) host_only: bool,
    /// Marked `#[isopool::shared]`: always in a guest.
    pub(crate) shared: bool,
    /// The host may compile it.
    pub(crate) on_host: bool,
    /// The guest may compile it.
    pub(crate) in_guest: bool,
    /// What the copy leaves out.
    pub(crate) blank: Vec<Range<usize>>,
}

/// Attributes that say nothing in a guest, or that would make its build fail.
const LINTS: &[&str] = &["allow", "warn", "deny", "forbid", "expect"];

/// Attributes of a root file that change how the rest is read.
const KEPT_INNER: &[&str] = &["feature", "recursion_limit", "type_length_limit"];

/// Reads the attributes of one item; `library` is the name by which the package knows isopool.
pub(crate) fn facts(attributes: &[Attribute], host: &CfgSet, guest: &CfgSet, library: &str) -> Facts {
    let mut facts = Facts { host_only: false, shared: false, on_host: true, in_guest: true, blank: Vec::new() };
    for attribute in attributes {
        let path = path_of(attribute);
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let left_out = match names.as_slice() {
            [first, "host"] if *first == library => {
                facts.host_only = true;
                true
            }
            [first, "shared"] if *first == library => {
                facts.shared = true;
                true
            }
            ["cfg"] => read_cfg(attribute, host, guest, &mut facts),
            [.., "test" | "bench" | "test_case" | "rstest"] => {
                facts.host_only = true;
                true
            }
            [name] => LINTS.contains(name),
            _ => false,
        };
        if left_out {
            facts.blank.push(bytes(attribute.span()));
        }
    }
    facts
}

/// Whether the guest's answer is known, so that the attribute can go.
fn read_cfg(attribute: &Attribute, host: &CfgSet, guest: &CfgSet, facts: &mut Facts) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    let Ok(predicate) = list.parse_args::<Meta>() else { return false };
    facts.on_host &= host.holds(&predicate) != Some(false);
    let guest = guest.holds(&predicate);
    facts.in_guest &= guest != Some(false);
    guest.is_some()
}

/// The inner attributes of a root file that its copy needs.
pub(crate) fn kept_inner(attributes: &[Attribute]) -> Vec<Range<usize>> {
    let kept = |attribute: &&Attribute| KEPT_INNER.iter().any(|name| attribute.path().is_ident(name));
    attributes.iter().filter(kept).map(|attribute| bytes(attribute.span())).collect()
}

fn path_of(attribute: &Attribute) -> Vec<String> {
    attribute.path().segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// The value of `#[path = "…"]`.
pub(crate) fn path_value(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find(|attribute| attribute.path().is_ident("path")).and_then(|attribute| match &attribute.meta {
        Meta::NameValue(syn::MetaNameValue {
            value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }),
            ..
        }) => Some(text.value()),
        _ => None,
    })
}
