//! W10: what each layer that locks workers in costs.

use crate::calls::{ROUND_TRIPS, WARM_UP, call};
use crate::lifetime::begin_hanging;
use crate::measure::{children, line, memory_of, microseconds, milliseconds, quantile};
use guest_bench::noop;
use isopool::{Execution, Executor, ExecutorBuilder, Hardening, Layer, Shutdown};
use std::time::Instant;

/// Tasks of one `map`.
const TASKS: u32 = 20_000;
const CHUNK: usize = 1000;

/// Each layer alone, none and all, in turn in each round, so that a busy moment meets all of them.
pub(crate) fn layers(times: u64) {
    let only = |layer: &Layer| (format!("only {layer}"), Hardening::Only((*layer).into()));
    let optional = |layer: &&Layer| !matches!(layer, Layer::Surroundings | Layer::NewPrivileges | Layer::NewCode);
    let mut cases = vec![("off".to_owned(), Hardening::Off)];
    cases.extend(Layer::ALL.iter().filter(optional).map(only));
    cases.push(("all".to_owned(), Hardening::BestEffort));
    let mut figures: Vec<Figures> = cases.iter().map(|_| Figures::default()).collect();
    for _ in 0..times.max(1) {
        for ((_, hardening), figures) in cases.iter().zip(&mut figures) {
            figures.take(|| Executor::builder().hardening(*hardening).execution(Execution::Speed));
        }
    }
    for ((name, _), figures) in cases.iter().zip(&mut figures) {
        figures.print(&format!("isopool({name})"));
    }
}

#[derive(Default)]
struct Figures {
    start: Vec<f64>,
    round_trip: Vec<f64>,
    throughput: Vec<f64>,
    pss: Vec<f64>,
}

impl Figures {
    fn take(&mut self, builder: impl Fn() -> ExecutorBuilder) {
        let executor = builder().max_workers(2).build().expect("the machine has room for a pool");
        call(&executor, 1);
        let busy = begin_hanging(&executor);
        let start = Instant::now();
        call(&executor, 1);
        self.start.push(milliseconds(start));
        drop(busy);
        executor.shutdown(Shutdown::Kill);

        let executor = builder().max_workers(1).build().expect("the machine has room for a pool");
        (0..WARM_UP).for_each(|x| assert_eq!(call(&executor, x), x));
        self.round_trip.extend((0..ROUND_TRIPS / 10).map(|x| {
            let start = Instant::now();
            call(&executor, x);
            microseconds(start)
        }));
        let start = Instant::now();
        assert!(
            executor.map(noop::task, 0..TASKS).chunk_size(CHUNK).expect("a good size").all(|result| result.is_ok()),
            "all return"
        );
        self.throughput.push(f64::from(TASKS) / start.elapsed().as_secs_f64());
        self.pss.extend(children().into_iter().map(|pid| memory_of(pid, "Pss:") as f64));
        executor.shutdown(Shutdown::Kill);
    }

    fn print(&mut self, peer: &str) {
        let figures = [
            ("worker_start", &mut self.start, "ms", 1),
            ("round_trip", &mut self.round_trip, "us", 1),
            ("map", &mut self.throughput, "tasks/s", u64::from(TASKS)),
            ("worker_pss", &mut self.pss, "KiB", 1),
        ];
        for (name, samples, unit, n) in figures {
            line(peer, "W10", n, &format!("{name}_min"), quantile(samples, 0.0), unit);
            line(peer, "W10", n, &format!("{name}_p50"), quantile(samples, 0.5), unit);
        }
    }
}
