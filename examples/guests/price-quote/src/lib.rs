//! What it does: a plugin that asks its host: the price of an order, by the prices of the shop that runs it.
//! Takes from: `isopool-guest`, and the host that is in `wit/shop.wit`. Hands to: the example `host_functions`, docs and benches.
//! Never: sees more of the shop than the prices that it asks for.

#[cfg(target_family = "wasm")]
mod bindings;

#[cfg(target_family = "wasm")]
use bindings::shop::prices::catalogue::price;
use isopool_guest::task;

#[cfg(not(target_family = "wasm"))]
fn price(_: &str) -> Result<u64, String> {
    Err("there is no shop outside of a sandbox".to_owned())
}

/// What an order costs: articles, and how many of each. Ten and more of one are a tenth cheaper.
///
/// # Errors
/// What the shop says of an article.
#[task]
pub fn quote(order: Vec<(String, u64)>) -> Result<u64, String> {
    let mut sum = 0;
    for (article, count) in order {
        let full = price(&article)? * count;
        sum += if count < 10 { full } else { full - full / 10 };
    }
    Ok(sum)
}
