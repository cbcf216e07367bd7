//! A plan, and what each worker draws from it.

use super::point::{ALL, Action, Fault, Point};
use crate::task::TaskId;
use parking_lot::RwLock;
use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Names the plan.
pub(crate) const VARIABLE: &str = "ISOPOOL_FAULTS";

/// What this process drew.
#[derive(Debug)]
struct Plan {
    path: PathBuf,
    /// The number of this process among all that read the plan.
    number: u64,
    fault: Option<(Point, Action)>,
    /// How often the point is passed unharmed.
    passes: AtomicU32,
    /// What is written to once no file can be opened any more.
    kept: OnceLock<[(&'static str, File); 2]>,
}

/// One is leaked for each process: what a fork server drew is not its copies'.
static PLAN: RwLock<Option<&'static Plan>> = RwLock::new(None);

/// Reads the plan, if there is one; for workers only, and before they clear their environment.
pub(crate) fn arm() {
    if let Some(path) = std::env::var_os(VARIABLE) {
        draw(PathBuf::from(path));
    }
}

/// Draws anew, in a copy of a process that has drawn before.
pub(crate) fn arm_copy() {
    if let Some(plan) = plan() {
        draw(plan.path.clone());
    }
}

fn draw(path: PathBuf) {
    *PLAN.write() = Plan::read(path).map(|plan| &*Box::leak(Box::new(plan)));
}

fn plan() -> Option<&'static Plan> {
    *PLAN.read()
}

/// The fault that is due at this point.
pub(crate) fn strikes(point: Point) -> Option<Fault> {
    let plan = plan()?;
    let (_, action) = plan.fault.filter(|(planned, _)| *planned == point)?;
    // Counts down to 0, where it strikes, and never comes back there.
    (plan.passes.fetch_sub(1, Ordering::Relaxed) == 0).then(|| {
        plan.append("log", &format!("{} {point:?} {action}", plan.number));
        Fault(action)
    })
}

/// Opens what will be written to: this process is about to lose all other files.
pub(crate) fn keep_files() {
    if let Some(plan) = plan() {
        let open = |what| open(&plan.path, what).map(|file| (what, file));
        if let (Ok(log), Ok(begun)) = (open("log"), open("begun")) {
            // Before, in the process that this one is a copy of: then it drew another plan.
            let _ = plan.kept.set([log, begun]);
        }
    }
}

/// Whether this process has to write to files.
pub(crate) fn writes_files() -> bool {
    plan().is_some()
}

/// A task has begun.
pub(crate) fn note_begun(task: TaskId) {
    if let Some(plan) = plan() {
        plan.append("begun", &format!("{} {}", plan.number, task.get()));
    }
}

impl Plan {
    fn read(path: PathBuf) -> Option<Self> {
        let text = std::fs::read_to_string(&path).ok()?;
        let (seed, permille) = text.trim().split_once(' ')?;
        let (seed, permille): (u64, u64) = (seed.parse().ok()?, permille.parse().ok()?);
        let number = append(&path, "starts", ".").ok()?;
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number);
        let fault = (random.below(1000) < permille).then(|| {
            let point = ALL[random.below(ALL.len() as u64) as usize];
            let action = match random.below(10) {
                0..5 => Action::Kill,
                5 => Action::Abort,
                6 => Action::Exit(3),
                7 => Action::Exit(0),
                _ => Action::PauseMs(1 + random.below(20)),
            };
            (point, action)
        });
        // Mostly at the first time: many points are passed once in a life.
        let passes = AtomicU32::new([0, 0, 0, 1, 2, 7][random.below(6) as usize]);
        Some(Self { path, number, fault, passes, kept: OnceLock::new() })
    }

    fn append(&self, what: &str, line: &str) {
        let line = format!("{line}\n");
        let kept = self.kept.get().into_iter().flatten().find(|(name, _)| *name == what).map(|(_, file)| file);
        // A test that finds too little here fails.
        let _ = match kept {
            Some(mut file) => file.write_all(line.as_bytes()),
            None => append(&self.path, what, &line).map(drop),
        };
    }
}

fn open(plan: &Path, what: &str) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).open(plan.with_extension(what))
}

/// Adds to a file beside the plan at one stroke, and gives where it ends.
fn append(plan: &Path, what: &str, text: &str) -> std::io::Result<u64> {
    let mut file = open(plan, what)?;
    file.write_all(text.as_bytes())?;
    file.stream_position()
}

/// SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// Of a thousand looks at a worker's channel, how many come late.
static LATE_READS: AtomicU32 = AtomicU32::new(0);

/// Makes the dispatchers of this process slow readers: of a thousand looks at a channel, so many come late.
pub fn slow_reader(permille: u32) {
    LATE_READS.store(permille, Ordering::Relaxed);
}

/// A dispatcher is about to read a channel.
pub(crate) fn pause_reader() {
    static LOOKS: AtomicU32 = AtomicU32::new(0);
    let late = LATE_READS.load(Ordering::Relaxed);
    // A step that is prime to 1000 visits every remainder, far from its neighbours.
    if late > 0 && LOOKS.fetch_add(379, Ordering::Relaxed) % 1000 < late {
        std::thread::sleep(Duration::from_millis(3));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_and_kind_of_fault_is_drawn_and_the_same_again_from_the_same_seed() {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let draw = |name: &str| -> Vec<Option<(Point, Action)>> {
            let path = directory.path().join(name);
            std::fs::write(&path, "7 500").expect("it can be written");
            (0..2000).map(|_| Plan::read(path.clone()).expect("it is sound").fault).collect()
        };
        let drawn = draw("one");
        assert_eq!(drawn, draw("two"));
        let faults: Vec<_> = drawn.into_iter().flatten().collect();
        assert!((900..1100).contains(&faults.len()), "{}", faults.len());
        for point in ALL {
            assert!(faults.iter().any(|(other, _)| other == point), "{point:?}");
        }
        for action in [Action::Kill, Action::Abort, Action::Exit(3), Action::Exit(0)] {
            assert!(faults.iter().any(|(_, other)| *other == action), "{action}");
        }
    }

    #[test]
    fn without_a_plan_nothing_strikes() {
        assert!(ALL.iter().all(|point| strikes(*point).is_none()));
        assert!(Plan::read(PathBuf::from("/dev/null")).is_none());
    }
}
