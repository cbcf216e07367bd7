//! A plugin for the interface in `wit/world.wit`, written as anybody would write it: it depends on nothing of isopool.
#![cfg(target_family = "wasm")]
// The bindings are generated.
#![allow(missing_docs, unsafe_op_in_unsafe_fn, unreachable_pub, clippy::all)]

wit_bindgen::generate!({ world: "plugin", path: "wit" });

use exports::shop::rules::pricing::{Discount, Guest, Item};

struct Pricing;

impl Guest for Pricing {
    fn total(items: Vec<Item>, discount: Discount) -> Result<f64, String> {
        if let Some(item) = items.iter().find(|item| item.price < 0.0) {
            return Err(format!("{} has a negative price", item.name));
        }
        let sum: f64 = items.iter().map(|item| item.price).sum();
        Ok(match discount {
            Discount::None => sum,
            Discount::Percent(percent) => sum * (1.0 - f64::from(percent) / 100.0),
            Discount::Fixed(amount) => (sum - amount).max(0.0),
        })
    }
}

export!(Pricing);
