//! Counts primes below some numbers, each in a sandbox of its own.

use isopool::{Executor, task};

/// An ordinary function. The closure below names it, so it is in the sandbox too.
fn primes_below(limit: u64) -> u64 {
    (2..limit).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count() as u64
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let executor = Executor::new()?;

    // What a closure takes from around it stands in brackets: a copy that travels along.
    let factor = 1000;
    let count = task!([factor: u64] |n: u64| -> u64 { primes_below(n * factor) });
    for (n, result) in (1..=5).zip(executor.map(count, 1..=5)) {
        println!("{} primes below {}", result?, n * factor);
    }

    // A panic ends its own task, and nothing else.
    let divide = task!(|a: u64, b: u64| -> u64 { a / b });
    match executor.submit(divide(1, 0))?.result() {
        Ok(quotient) => println!("1 / 0 is {quotient}"),
        Err(error) => println!("{error}"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closure_runs_in_a_sandbox() {
        let executor = Executor::builder().max_workers(1).build().expect("a pool can be made");
        let count = task!(|n: u64| -> u64 { primes_below(n) });
        let counts: Vec<u64> = executor.map(count, [10, 100]).collect::<Result<_, _>>().expect("both are counted");
        assert_eq!(counts, [4, 25]);
    }
}
