//! A plugin asks its host: `cargo run --example host_functions`.
//!
//! The plugin `price-quote` (in `guests/`) imports a function of the shop that runs it. Here it is a closure over the shop's own
//! prices: it runs in this process, and the plugin's process holds nothing but the answers.

use isopool::Executor;
use price_quote::quote;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn main() -> anyhow::Result<()> {
    let prices: HashMap<&str, u64> = HashMap::from([("tea", 320), ("cake", 450), ("coffee", 280)]);
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    let price = move |article: String| {
        counter.fetch_add(1, Ordering::Relaxed);
        // The plugin's to handle: the import's type is `result<u64, string>`.
        prices.get(&*article).copied().ok_or_else(|| format!("there is no {article} in this shop"))
    };
    let executor = Executor::builder().max_workers(2).host_function("shop:prices/catalogue#price", price).build()?;

    let order = |articles: &[(&str, u64)]| articles.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    println!(
        "two teas and a cake: {} cents",
        executor.submit(quote::task(order(&[("tea", 2), ("cake", 1)])))?.result()?
    );
    println!("twelve coffees: {} cents", executor.submit(quote::task(order(&[("coffee", 12)])))?.result()?);
    if let Err(error) = executor.submit(quote::task(order(&[("ale", 1)])))?.result() {
        println!("{error}");
    }
    println!("the plugin has asked {} times", asked.load(Ordering::Relaxed));

    // A host that gives it nothing learns of that before anything runs.
    let other = Executor::builder().max_workers(1).build()?;
    if let Err(error) = other.submit(quote::task(order(&[("tea", 1)]))) {
        println!("{error}");
    }
    Ok(())
}
