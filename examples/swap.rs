//! A plugin is replaced while its tasks run: `cargo run --example swap`.
//!
//! Each task is of the version that was current when it was made; a version that does not fit is refused, and the one before it
//! stays.

use isopool::{Executor, Registry};

fn main() -> anyhow::Result<()> {
    let executor = Executor::builder().max_workers(2).build()?;
    let plugins = Registry::new(&executor).require(["shop:rules/pricing#total"]);
    let wasm = include_bytes!(env!("ISOPOOL_MODULE_PRICING"));
    // Another empty section makes other bytes of it: that stands in for the plugin's next build.
    let next_build = [&wasm[..], &[0, 6, 5, b'b', b'u', b'i', b'l', b'd']].concat();

    let mut totals = Vec::new();
    for build in [&wasm[..], &next_build] {
        let version = plugins.publish("pricing", build)?;
        println!("in use: version {} ({:.12})", version.number(), version.hash());
        let total = plugins.function("pricing", "shop:rules/pricing#total")?;
        for _ in 0..3 {
            let order = serde_json::json!([[{ "name": "map", "price": 8.0, "weight_grams": null }], "None"]);
            totals.push(executor.submit(total.call::<_, f64>(order))?);
        }
    }
    let refused = plugins.publish("pricing", *b"half a download").expect_err("it is no module");
    println!("refused: {refused}");
    println!("in use: version {}", plugins.current("pricing")?.number());

    for total in totals {
        println!("{} by {:.12}", total.result()?, total.task().module_hash());
    }
    Ok(())
}
