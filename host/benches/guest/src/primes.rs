//! The loop that workloads compute: one for the guest and for the native peers.

/// How many primes are below `k`, by trial division.
#[allow(clippy::manual_is_multiple_of)] // The same instructions as the peers' Python and C.
pub(crate) fn primes_below(k: u32) -> u32 {
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
