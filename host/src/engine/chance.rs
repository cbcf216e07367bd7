//! Random numbers for guests.

use crate::sys;
use parking_lot::Mutex;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::io;
use wasmtime_wasi::WasiCtxBuilder;

/// Where the random numbers of all guests of this process come from: the kernel, once. Not from the generator that
/// wasmtime-wasi uses by itself: that belongs to a thread, and a forked process would go on with a copy of its parent's, as
/// each of its siblings would.
pub(super) struct Chance(Mutex<ChaCha20Rng>);

impl Chance {
    /// For this process alone: a copy of it needs one of its own.
    pub(super) fn new() -> io::Result<Self> {
        let mut seed = [0; 32];
        for half in seed.chunks_exact_mut(16) {
            half.copy_from_slice(&sys::random_bits()?.to_ne_bytes());
        }
        Ok(Self(Mutex::new(ChaCha20Rng::from_seed(seed))))
    }

    /// One that nobody else has, as far as chance goes.
    pub(super) fn number(&self) -> u64 {
        self.0.lock().next_u64()
    }

    /// Gives a guest generators of its own.
    pub(super) fn give(&self, wasi: &mut WasiCtxBuilder) {
        let mut common = self.0.lock();
        let seed = u128::from(common.next_u64()) << 64 | u128::from(common.next_u64());
        wasi.secure_random(ChaCha20Rng::from_rng(&mut *common));
        wasi.insecure_random(ChaCha20Rng::from_rng(&mut *common)).insecure_random_seed(seed);
    }
}
