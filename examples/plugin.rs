//! A host of plugins that never heard of isopool: `cargo run --example plugin`.
//!
//! The plugin (`guests/pricing`) implements an interface of the shop's own, `guests/pricing/wit/world.wit`. The host calls it by
//! its WIT name, with ordinary types: whatever the plugin does, it does in a sandbox in another process.

use isopool::{Executor, FunctionKind};
use serde::Serialize;

#[derive(Serialize)]
struct Item {
    name: &'static str,
    price: f64,
    weight_grams: Option<u32>,
}

#[derive(Serialize)]
enum Discount {
    None,
    Percent(u8),
}

fn main() -> anyhow::Result<()> {
    let executor = Executor::builder().max_workers(1).max_memory_bytes(64 << 20).build()?;
    // A file that somebody has uploaded: here it is a part of this program.
    let plugin = executor.load("pricing", include_bytes!(env!("ISOPOOL_MODULE_PRICING")))?;
    for function in &plugin.info().functions {
        println!("{}: {}", function.name, function.signature);
        assert!(matches!(function.kind, FunctionKind::Export { .. }));
    }
    // The version of the package may be left out while there is only one.
    let total = plugin.function("shop:rules/pricing#total")?;
    let items = |price| {
        [Item { name: "book", price, weight_grams: Some(300) }, Item { name: "map", price: 8.0, weight_grams: None }]
    };

    let sum: f64 = executor.submit(total.call((items(12.0), Discount::Percent(10))))?.result()?;
    println!("together: {sum}");
    // The plugin's own error is a value for whoever asks for a `Result`, and the task's error for others.
    let refused: Result<f64, String> = executor.submit(total.call((items(-1.0), Discount::None)))?.result()?;
    println!("refused: {refused:?}");
    // What does not fit is found before anything is sent, and says where.
    let misfit = executor.submit(total.call::<_, f64>(([("book", 12.0)], Discount::None)))?;
    println!("misfit: {}", misfit.result().expect_err("a tuple is no record"));
    Ok(())
}
