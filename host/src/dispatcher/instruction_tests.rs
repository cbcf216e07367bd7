//! How many instructions a task costs in the state machine, from its submission to its end: counted by valgrind, so that a
//! slow-down is seen without a clock.

use super::action::{Action, End};
use super::begun::Begun;
use super::event::Event;
use super::quarantine::QuarantineOptions;
use super::recycling::Recycling;
use super::state::{State, StateOptions};
use crate::executor::{Containment, Interruption};
use crate::queue::Turn;
use crate::task::{TaskId, WorkerId};
use std::process::Command;
use std::time::Instant;

/// The most that a task may cost with one worker, in instructions: what was counted in the profile of the gate (`dev`, optimised
/// at level 1), 4961, and 15 % above. A change that makes tasks dearer on purpose raises it and says why.
const MOST_FOR_ONE: u64 = 5705;
/// The same for a task of a thousand that wait at once, and so stand in the waiting line: 6326 were counted.
const MOST_FOR_ONE_OF_MANY: u64 = 7275;
/// How many tasks the counted program drives.
const TASKS: &str = "ISOPOOL_COUNTED_TASKS";
/// In how many at once they are submitted.
const AT_ONCE: &str = "ISOPOOL_COUNTED_AT_ONCE";
/// The test that is counted, as its program names it.
const COUNTED: &str = "dispatcher::instruction_tests::tasks_go_through_and_each_ends_once";
const WORKER: WorkerId = WorkerId(0);

struct Pool {
    state: State,
    begun: Begun,
    now: Instant,
    actions: Vec<Action>,
    told: u64,
}

impl Pool {
    /// With one worker, which is up.
    fn of_one() -> Self {
        let state = State::new(StateOptions {
            max_workers: 1,
            idle_timeout: None,
            containment: Containment::Task,
            recycling: Recycling::default(),
            interruption: Interruption::Kill,
            quarantine: QuarantineOptions::default(),
        });
        Self { state, begun: Begun::default(), now: Instant::now(), actions: Vec::new(), told: 0 }
    }

    fn event(&mut self, event: Event) {
        self.state.handle(event, self.now, &mut self.begun, &mut self.actions);
        let ends = self.actions.drain(..).filter(|action| matches!(action, Action::Finish { end: End::Told, .. }));
        self.told += ends.count() as u64;
    }

    /// Tasks are submitted, then run and answered for one after another.
    fn run(&mut self, tasks: std::ops::Range<u64>) {
        for task in tasks.clone() {
            self.event(Event::Submitted { turn: Turn::new(TaskId(task), 0, 0) });
        }
        for task in tasks {
            self.event(Event::TaskDone { worker: WORKER, task: TaskId(task), trapped: false });
        }
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("the other test sets a number"))
}

#[test]
fn tasks_go_through_and_each_ends_once() {
    let (tasks, at_once) = (number(TASKS, 100), number(AT_ONCE, 10));
    let mut pool = Pool::of_one();
    // The first task starts the worker.
    pool.event(Event::Submitted { turn: Turn::new(TaskId(0), 0, 0) });
    pool.event(Event::WorkerReady { worker: WORKER });
    pool.event(Event::TaskDone { worker: WORKER, task: TaskId(0), trapped: false });
    assert_eq!(pool.told, 1);
    for first in (1..=tasks).step_by(at_once as usize) {
        pool.run(first..(first + at_once).min(tasks + 1));
    }
    assert_eq!(pool.told, 1 + tasks);
    assert_eq!(pool.state.waiting(), 0);
}

#[test]
fn a_task_costs_no_more_instructions_than_it_did() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("skipped: valgrind is missing (Debian: apt install valgrind)");
        return;
    }
    for (at_once, most) in [(1, MOST_FOR_ONE), (1000, MOST_FOR_ONE_OF_MANY)] {
        // What the program does besides cancels out.
        let (few, many) = (2000, 6000);
        let cost = (instructions(many, at_once) - instructions(few, at_once)) / (many - few);
        println!("{cost} instructions a task, {at_once} at once; at most {most}");
        assert!(cost <= most, "a task of {at_once} at once costs {cost} instructions; it may cost {most}");
        assert!(cost > most / 10, "{cost} instructions are too few to be a task's: is anything counted?");
    }
}

/// Those of this program when it drives so many tasks.
fn instructions(tasks: u64, at_once: u64) -> u64 {
    let program = std::env::current_exe().expect("the path of a program that runs is known");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--exact", "--test-threads=1", COUNTED])
        .env(TASKS, tasks.to_string())
        .env(AT_ONCE, at_once.to_string())
        .output()
        .expect("it has just said its version");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "nothing was counted: {COUNTED}");
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    collected.and_then(|(_, number)| number.trim().parse().ok()).expect("callgrind says how many it has counted")
}
