//! Evaluates `#[cfg(…)]` for the host and for the guest, as far as a build script can know.

use std::collections::{BTreeMap, BTreeSet};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Lit, Meta, Token};

/// What is set for one side: names with their values (none for a bare name).
#[derive(Debug, Clone, Default)]
pub(crate) struct CfgSet {
    values: BTreeMap<String, BTreeSet<String>>,
    features: BTreeSet<String>,
}

/// Names that are never set in a build that matters here.
const NEVER: &[&str] = &["doc", "doctest", "miri", "clippy", "rust_analyzer", "rustfmt"];

/// Names that the compiler decides: not set means false, not unknown.
const BUILT_IN: &[&str] = &[
    "unix",
    "windows",
    "target_arch",
    "target_os",
    "target_family",
    "target_env",
    "target_vendor",
    "target_endian",
    "target_pointer_width",
    "target_feature",
    "target_abi",
    "panic",
    "debug_assertions",
    "proc_macro",
];

impl CfgSet {
    /// The host's set from the variables that cargo gives a build script; `features` are the active ones.
    pub(crate) fn of_host(features: &[String]) -> Self {
        let mut set = Self { features: features.iter().cloned().collect(), ..Self::default() };
        for (name, value) in std::env::vars() {
            if let Some(name) = name.strip_prefix("CARGO_CFG_") {
                let values = value.split(',').map(str::to_owned).collect();
                set.values.insert(name.to_lowercase(), values);
            }
        }
        set
    }

    /// The guest's set: the same features, the target `wasm32-wasip2`, built for release.
    pub(crate) fn of_guest(features: &[String]) -> Self {
        let fixed = [
            ("target_arch", "wasm32"),
            ("target_os", "wasi"),
            ("target_family", "wasm"),
            ("target_env", "p2"),
            ("target_vendor", "wasip2"),
            ("target_endian", "little"),
            ("target_pointer_width", "32"),
            ("panic", "abort"),
        ];
        let values = fixed.map(|(name, value)| (name.to_owned(), BTreeSet::from([value.to_owned()])));
        Self { values: values.into(), features: features.iter().cloned().collect() }
    }

    /// Whether the predicate holds; `None` when only the user's own build script could tell.
    pub(crate) fn holds(&self, predicate: &Meta) -> Option<bool> {
        match predicate {
            Meta::Path(path) => self.bare(&path.get_ident()?.to_string()),
            Meta::NameValue(pair) => self.pair(&pair.path.get_ident()?.to_string(), &text_of(&pair.value)?),
            Meta::List(list) => {
                let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
                let mut parts = parts.iter().map(|part| self.holds(part));
                match list.path.get_ident()?.to_string().as_str() {
                    "not" => parts.next()?.map(|held| !held),
                    "all" => conclude(parts, false),
                    "any" => conclude(parts, true),
                    _ => None,
                }
            }
        }
    }

    fn bare(&self, name: &str) -> Option<bool> {
        match name {
            // A closure in a `#[cfg(test)]` module is wanted by `cargo test`, and no harm to others.
            "test" | "true" => Some(true),
            "false" => Some(false),
            _ if NEVER.contains(&name) => Some(false),
            _ if self.values.contains_key(name) => Some(true),
            _ if BUILT_IN.contains(&name) => Some(false),
            _ => None,
        }
    }

    fn pair(&self, name: &str, value: &str) -> Option<bool> {
        if name == "feature" {
            return Some(self.features.contains(value));
        }
        match self.values.get(name) {
            Some(values) => Some(values.contains(value)),
            None if BUILT_IN.contains(&name) => Some(false),
            None => None,
        }
    }
}

/// `any` (`decisive` true) and `all` (`decisive` false) over three values.
fn conclude(parts: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut unknown = false;
    for part in parts {
        match part {
            Some(held) if held == decisive => return Some(decisive),
            Some(_) => {}
            None => unknown = true,
        }
    }
    if unknown { None } else { Some(!decisive) }
}

fn text_of(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}
