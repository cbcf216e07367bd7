//! What it does: the tasks of the benchmarks, the same as the peers run. Takes from: `isopool-guest`.
//! Hands to: `benches/workloads`, through the stubs of its functions. Never: does more than its peer does.

use isopool_guest::{Bytes, task};

/// The same number.
#[task]
pub fn noop(x: u32) -> u32 {
    x
}

/// The same numbers: a chunk of [`noop()`] in one task, as a chunk of the peers is one message to one worker.
#[task]
pub fn noop_chunk(items: Vec<u32>) -> Vec<u32> {
    items.into_iter().map(noop).collect()
}

/// The same bytes.
#[task]
pub fn echo(bytes: Bytes) -> Bytes {
    bytes
}

/// How many primes are below `k`, by trial division: the loop of the peers, line by line.
#[task]
#[allow(clippy::manual_is_multiple_of)] // the same instructions as the peers' C
pub fn count_primes(k: u32) -> u32 {
    let mut count = 0;
    for n in 2..k {
        let (mut is_prime, mut d) = (1, 2);
        while d * d <= n {
            if n % d == 0 {
                is_prime = 0;
                break;
            }
            d += 1;
        }
        count += is_prime;
    }
    count
}

/// Never returns.
#[task]
pub fn hang(seconds: u64) -> u64 {
    std::thread::sleep(std::time::Duration::from_secs(seconds));
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tasks_give_what_the_peers_give() {
        assert_eq!((noop(7), noop_chunk(vec![1, 2]), count_primes(10_000), hang(0)), (7, vec![1, 2], 1229, 0));
        assert_eq!(echo(Bytes::from(vec![1])), Bytes::from(vec![1]));
    }
}
