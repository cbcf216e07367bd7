//! Tasks in the program's own source: `cargo run --example closures`.
//!
//! The build script of this package (`isopool_build::closures()`) takes each `task!`, and the items that it names, out of this
//! file and compiles them for the sandbox. The rest of the program stays outside.

use isopool::{Executor, task};

/// An ordinary function. A closure below names it, so it is in the sandbox too.
fn is_prime(n: u64) -> bool {
    n >= 2 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d))
}

fn main() -> anyhow::Result<()> {
    let executor = Executor::new()?;

    // A capture is a copy that travels along; captures, arguments and the result have types.
    let factor = 3;
    let triple = task!([factor: u64] |x: u64| -> u64 { x * factor });
    println!("3 × 14 = {}", executor.submit(triple(14))?.result()?);

    // The same closure for many items: the results come in their order.
    let is_prime = task!(|n: u64| -> bool { is_prime(n) });
    let mut primes = Vec::new();
    for (n, result) in (1..=50).zip(executor.map(is_prime, 1..=50)) {
        if result? {
            primes.push(n);
        }
    }
    println!("primes up to 50: {primes:?}");

    // An `Err` is the task's failure, with its message.
    let parse = task!(|text: String| -> Result<i64, std::num::ParseIntError> { text.trim().parse() });
    for text in [" 42 ", "forty-two"] {
        match executor.submit(parse(text.to_owned()))?.result() {
            Ok(number) => println!("{text:?} is {number}"),
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}
