//! Faults at every point of a worker's life, thousands of them, drawn from a seed: no task is lost, none runs twice, nothing
//! hangs, nothing is left behind.
//!
//! `ISOPOOL_STRESS_FAULTS=100000` makes a longer run, `ISOPOOL_STRESS_SEED=N` another one. The summary is printed with
//! `--nocapture`. Which task meets which fault depends on the scheduler; what each worker draws depends on the seed only.

use crate::patience::end_of;
use crate::support::{FAULTS, house, logs, no_hang};
use guest_basic::{environment, failure, resources, value};
use isopool::{BrokenCause, Bytes, Error, ErrorKind, Executor, Shutdown, StartMethod, TaskError, TaskFuture};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Faults in one run, if the environment does not say otherwise: as many as the promise of the house.
const FAULTS_WANTED: u64 = 2000;

/// Of a thousand workers, how many get a fault.
const FAULTY_PERMILLE: u32 = 850;

/// The start methods that differ in what can fail.
const METHODS: [StartMethod; 3] = [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork];

fn number_from(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")),
        Err(_) => default,
    }
}

/// What the workers of one executor wrote beside the plan.
struct Plan {
    path: PathBuf,
}

impl Plan {
    fn write(seed: u64) -> Self {
        let path = PathBuf::from(FAULTS);
        std::fs::write(&path, format!("{seed} {FAULTY_PERMILLE}")).expect("the build's directory can be written");
        Self { path }
    }

    fn lines(&self, what: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path.with_extension(what)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        for path in ["log", "begun", "starts"].map(|what| self.path.with_extension(what)).iter().chain([&self.path]) {
            // Not all of them are there after a short life.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What came of a whole run.
#[derive(Default)]
struct Tally {
    faults: BTreeMap<String, u64>,
    tasks: u64,
    ends: BTreeMap<&'static str, u64>,
    executors: u64,
    broken_executors: u64,
    /// The longest life of an executor, by its start method.
    slowest: BTreeMap<&'static str, Duration>,
}

impl Tally {
    fn struck(&self) -> u64 {
        self.faults.values().sum()
    }

    fn summary(&self) -> String {
        let mut text = format!("{} faults in {} executors, {} tasks", self.struck(), self.executors, self.tasks);
        let mut line = |name: &str, count: u64| write!(text, "\n  {name:<20} {count:>7}").expect("text grows");
        self.ends.iter().for_each(|(end, count)| line(end, *count));
        line("broken executors", self.broken_executors);
        for what in ["tasks lost", "tasks run twice", "hangs", "left behind"] {
            // Each would have ended the run.
            line(what, 0);
        }
        self.faults.iter().for_each(|(point, count)| line(point, *count));
        for (method, life) in &self.slowest {
            write!(text, "\n  {method:<20} {:>7} ms at most", life.as_millis()).expect("text grows");
        }
        text
    }
}

/// One task of each kind that a pool is made for, and what it must give.
enum Submitted {
    Sum(TaskFuture<u64>, u64),
    Echo(TaskFuture<Bytes>, usize),
    Unit(TaskFuture<()>),
    Fails(TaskFuture<u32>),
}

fn submit(executor: &Executor, n: u64) -> Result<Submitted, Error> {
    Ok(match n % 8 {
        0 | 1 => Submitted::Sum(executor.submit(value::add::task(n, 1))?, n + 1),
        2 => Submitted::Echo(executor.submit(value::echo::task(Bytes::from(vec![7; 600_000])))?, 600_000),
        3 => Submitted::Echo(executor.submit(value::echo::task(Bytes::from(vec![7; 3000])))?, 3000),
        4 => Submitted::Unit(executor.submit(environment::log_all_levels::task(format!("task {n}")))?),
        5 => Submitted::Unit(executor.submit(resources::sleep_ms::task(n % 5))?),
        6 => Submitted::Fails(executor.submit(failure::fails::task())?),
        _ => {
            let cancelled = executor.submit(resources::sleep_ms::task(20))?;
            cancelled.cancel();
            Submitted::Unit(cancelled)
        }
    })
}

/// How one task ended, in a word. A wrong value, an error that nothing here explains, or no end at all panics.
fn end(submitted: &Submitted) -> &'static str {
    let error = match submitted {
        Submitted::Sum(future, sum) => end_of(future).map(|value| assert_eq!(value, *sum)).err(),
        Submitted::Echo(future, length) => {
            end_of(future).map(|bytes| assert!(bytes.len() == *length && bytes.iter().all(|byte| *byte == 7))).err()
        }
        Submitted::Unit(future) => end_of(future).err(),
        Submitted::Fails(future) => match end_of(future) {
            Err(TaskError::Failed { .. }) => None,
            Err(error) => Some(error),
            Ok(_) => panic!("a task that fails has returned"),
        },
    };
    match error {
        None => "as it should",
        Some(TaskError::Cancelled { .. }) => "cancelled",
        Some(TaskError::Shutdown { .. }) => "shut down",
        Some(TaskError::BrokenProcessPool(broken)) => match broken.cause {
            BrokenCause::Signaled { .. } => "lost: signal",
            BrokenCause::Exited { .. } => "lost: exit",
            BrokenCause::SpawnFailed { .. } => "lost: no start",
            BrokenCause::ForkServerDied { .. } => "lost: fork server",
            cause => panic!("no fault explains {cause}"),
        },
        Some(error) => panic!("no fault explains {error}"),
    }
}

/// The life of one executor.
fn one_executor(seed: u64, tally: &mut Tally) {
    let (plan, begun) = (Plan::write(seed), Instant::now());
    let method = METHODS[(seed % 3) as usize];
    let builder = Executor::builder().start_method(method).max_workers(1 + (seed % 4) as usize);
    // Half of them recycle their workers meanwhile.
    let builder = if seed.is_multiple_of(2) { builder.max_tasks_per_worker(1 + (seed % 7) as usize) } else { builder };
    let executor = builder.build().expect("these are good options");
    let mut submitted = Vec::new();
    for n in 0..60 {
        match submit(&executor, n) {
            Ok(task) => submitted.push(task),
            // A compile worker had a fault, or nobody could be started any more: said, and nothing hangs.
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Module | ErrorKind::Broken), "{error}");
                break;
            }
        }
        if n % 20 == 19 {
            executor
                .resize(1 + ((seed + n) % 4) as usize)
                .unwrap_or_else(|error| assert!(executor.broken().is_some(), "{error}"));
        }
    }
    let how = match seed % 5 {
        0 => Shutdown::CancelPending,
        1 => Shutdown::Kill,
        2 => Shutdown::FinishWithin(Duration::from_millis(seed % 50)),
        _ => Shutdown::Finish,
    };
    // Some are shut down in the middle of it, some when all is done.
    if !seed.is_multiple_of(3) {
        submitted.iter().for_each(|task| *tally.ends.entry(end(task)).or_default() += 1);
        tally.tasks += submitted.len() as u64;
        submitted.clear();
    }
    let ending = executor.clone();
    no_hang("a shutdown", move || ending.shutdown(how));
    submitted.iter().for_each(|task| *tally.ends.entry(end(task)).or_default() += 1);
    tally.tasks += submitted.len() as u64;
    tally.executors += 1;
    tally.broken_executors += u64::from(executor.broken().is_some());
    assert_eq!(executor.stats().workers, []);
    let slowest = tally.slowest.entry(method.name()).or_default();
    *slowest = begun.elapsed().max(*slowest);
    check_nothing_ran_twice(&plan);
    for line in plan.lines("log") {
        let mut words = line.split(' ').skip(1);
        let point = words.next().expect("a line is number, point, fault").to_owned();
        *tally.faults.entry(point).or_default() += 1;
    }
}

fn check_nothing_ran_twice(plan: &Plan) {
    let mut begun = BTreeSet::new();
    for line in plan.lines("begun") {
        let task: u64 = line.split(' ').nth(1).and_then(|task| task.parse().ok()).expect("a line is number, task");
        assert!(begun.insert(task), "task {task} has begun twice");
    }
}

// behaviour: B17, B31, B34, B36
#[test]
fn thousands_of_faults_at_every_point_lose_no_task_and_run_none_twice() {
    let _house = house();
    // Without anyone who listens no record is sent.
    let _log = logs::listen();
    let (wanted, seed) =
        (number_from("ISOPOOL_STRESS_FAULTS", FAULTS_WANTED), number_from("ISOPOOL_STRESS_SEED", 20_261_124));
    isopool::__fault::slow_reader(30);
    let mut tally = Tally::default();
    let mut round = 0;
    while tally.struck() < wanted {
        one_executor(seed.wrapping_add(round), &mut tally);
        round += 1;
        assert!(round < wanted.max(100) * 4, "too few faults strike:\n{}", tally.summary());
    }
    isopool::__fault::slow_reader(0);
    println!("{}", tally.summary());
    // Their module is in the cache, so compile workers are few.
    let compiling = ["CompileRead", "CompileDone", "ArtifactHalfWritten", "CompiledHalfSent", "CompiledSent"];
    let missed: Vec<_> = isopool::__fault::POINTS
        .iter()
        .filter(|point| !compiling.contains(point) && !tally.faults.contains_key(**point))
        .collect();
    assert!(missed.is_empty(), "no fault struck at {missed:?}:\n{}", tally.summary());
}
