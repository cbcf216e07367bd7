//! Guests that see nothing of the world but their arguments: random numbers come from a seed, and time from a counter.

use super::guest::Guest;
use super::module_cache::Run;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// When every guest's time begins: 2000-01-01T00:00:00Z, since 1970.
const BEGIN: Duration = Duration::from_secs(946_684_800);

/// How much time passes with each look at a clock, in nanoseconds. Guests that wait for time to pass go on.
const STEP_NS: u64 = 1_000;

/// What all that one guest sees of chance comes from.
pub(super) struct Seed(blake3::Hash);

impl Seed {
    /// The seed of one call: the same for the same function, codec and argument in the same module, under the same number.
    pub(super) fn of_task(number: u64, run: &Run<'_>) -> Option<Self> {
        let mut hasher = Self::hasher(number);
        hasher.update(&run.artifact.0);
        for part in [run.function.as_bytes(), run.codec.as_bytes(), run.argument] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Some(Self(hasher.finalize()))
    }

    /// The seed of a call that is no task.
    pub(super) fn of_no_task(number: u64) -> Self {
        Self(Self::hasher(number).finalize())
    }

    fn hasher(number: u64) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_derive_key("isopool 2026 seed of a deterministic guest");
        hasher.update(&number.to_le_bytes());
        hasher
    }

    /// Gives the guest random numbers and clocks of its own.
    pub(super) fn close_world(&self, wasi: &mut WasiCtxBuilder) -> VirtualClock {
        let clock = VirtualClock::default();
        let stream = |number| {
            let mut random = ChaCha20Rng::from_seed(*self.0.as_bytes());
            random.set_stream(number);
            random
        };
        let (_, seed) = self.0.as_bytes().split_at(16);
        let seed = seed.iter().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
        wasi.secure_random(stream(0)).insecure_random(stream(1)).insecure_random_seed(seed);
        wasi.wall_clock(clock.clone()).monotonic_clock(clock.clone());
        clock
    }
}

/// A clock that moves only when it is looked at, or waited for.
#[derive(Clone, Debug, Default)]
pub(super) struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// Nanoseconds since the guest's time began.
    fn look(&self) -> u64 {
        self.0.fetch_add(STEP_NS, Ordering::Relaxed) + STEP_NS
    }

    fn advance_to(&self, moment: u64) {
        self.0.fetch_max(moment, Ordering::Relaxed);
    }
}

impl HostMonotonicClock for VirtualClock {
    fn resolution(&self) -> u64 {
        STEP_NS
    }

    fn now(&self) -> u64 {
        self.look()
    }
}

impl HostWallClock for VirtualClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(STEP_NS)
    }

    fn now(&self) -> Duration {
        BEGIN + Duration::from_nanos(self.look())
    }
}

/// The clock of one guest with its table of handles: what its imports of time work on.
pub(super) struct VirtualTime<'a> {
    pub(super) clock: VirtualClock,
    pub(super) table: &'a mut ResourceTable,
}

struct HasVirtualTime;

impl HasData for HasVirtualTime {
    type Data<'a> = VirtualTime<'a>;
}

/// Puts waiting for virtual time in the place of waiting: wasmtime-wasi waits for the machine's own time, whatever clock a
/// guest has.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<_, HasVirtualTime>(linker, Guest::virtual_time)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl monotonic_clock::Host for VirtualTime<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clock.look())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(STEP_NS)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let moment = Moment { clock: self.clock.clone(), when };
        let moment = self.table.push(moment)?;
        subscribe(self.table, moment)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let when = self.clock.look().saturating_add(duration);
        self.subscribe_instant(when)
    }
}

/// A moment of virtual time that a guest waits for: it comes at once.
struct Moment {
    clock: VirtualClock,
    when: u64,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Moment {
    async fn ready(&mut self) {
        self.clock.advance_to(self.when);
    }
}
