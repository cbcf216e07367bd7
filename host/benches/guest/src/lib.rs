//! What it does: the tasks of the benchmarks, the same as the peers run. Takes from: `isopool-guest`.
//! Hands to: `benches/workloads`, through the stubs of its functions. Never: does more than its peer does.

mod primes;

use isopool_guest::stream::{StreamError, StreamReader, StreamWriter};
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

/// Gives so many chunks of so many bytes.
///
/// # Errors
/// Nobody reads.
#[task]
pub fn give(chunks: StreamWriter<Bytes>, size: usize, count: u64) -> Result<(), StreamError> {
    let chunk = Bytes::from(vec![7; size]);
    (0..count).try_for_each(|_| chunks.send(&chunk))
}

/// Takes what comes; how many bytes that were.
///
/// # Errors
/// The writer has ended without finishing.
#[task]
pub fn take(chunks: StreamReader<Bytes>) -> Result<usize, StreamError> {
    chunks.map(|chunk| Ok(chunk?.len())).sum()
}

/// How many primes are below `k`: the loop of the peers.
#[task]
pub fn count_primes(k: u32) -> u32 {
    primes::primes_below(k)
}

/// Never returns.
#[task]
pub fn hang(seconds: u64) -> u64 {
    std::thread::sleep(std::time::Duration::from_secs(seconds));
    seconds
}

/// Never returns, and computes.
#[task]
pub fn spin() {
    if !cfg!(target_family = "wasm") {
        panic!("outside of a sandbox nothing would stop it");
    }
    while std::hint::black_box(true) {}
}

/// The sum of the product of two matrices of `n` × `n`, by the plain three loops.
#[task]
pub fn matmul(n: u32) -> f64 {
    let n = n as usize;
    let left: Vec<f64> = (0..n * n).map(|at| (at % 7) as f64).collect();
    let right: Vec<f64> = (0..n * n).map(|at| (at % 5) as f64).collect();
    let mut product = vec![0.0; n * n];
    for row in 0..n {
        for column in 0..n {
            product[row * n + column] = (0..n).map(|at| left[row * n + at] * right[at * n + column]).sum();
        }
    }
    product.iter().sum()
}

/// Mixes so many bytes as the rounds of a hash function do: additions, rotations, exclusive ors of words.
#[task]
pub fn digest(bytes: u32) -> u32 {
    let mut state: [u32; 8] = std::array::from_fn(|at| 0x9e37_79b9_u32.wrapping_mul(at as u32 + 1));
    for block in 0..bytes / 64 {
        for round in 0..64_u32 {
            let [a, b, c, d, e, f, g, h] = state;
            let sum = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let first = h.wrapping_add(sum).wrapping_add((e & f) ^ (!e & g)).wrapping_add(block ^ round);
            let second =
                (a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22)).wrapping_add((a & b) ^ (a & c) ^ (b & c));
            state = [first.wrapping_add(second), a, b, c, d.wrapping_add(first), e, f, g];
        }
    }
    state.iter().fold(0, |mixed, word| mixed ^ word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tasks_give_what_the_peers_give() {
        assert_eq!((noop(7), noop_chunk(vec![1, 2]), count_primes(10_000), hang(0)), (7, vec![1, 2], 1229, 0));
        assert_eq!((matmul(2), digest(0)), (matmul(2), digest(63)));
        assert!(matmul(8) > 0.0 && digest(64) != digest(128));
        assert_eq!(echo(Bytes::from(vec![1])), Bytes::from(vec![1]));
    }
}
