//! Every way of writing a closure that works. Each prints its name in its module; `closures.rs` knows where each must be.

use fmt_int::Buffer;
use hostonly::Pid;
use pool::task;
use serde::{Deserialize, Serialize};
use std::fmt;

mod net;
mod shapes {
    pub trait Area {
        fn area(&self) -> f64;
    }
    impl Area for super::Square {
        fn area(&self) -> f64 {
            self.side * self.side
        }
    }
}
use shapes::Area;

#[derive(Clone, Serialize, Deserialize)]
pub struct Square {
    side: f64,
}

impl Square {
    /// Not needed by any task, and not possible in one.
    fn owner(&self) -> Pid {
        hostonly::pid()
    }

    fn doubled(&self) -> f64 {
        2.0 * self.area()
    }

    fn submit(&self) {
        let side = self.side;
        show(task!([side: f64] |x: f64| -> f64 { Square { side: side * x }.doubled() })(2.0));
    }
}

struct Meter;

impl Meter {
    fn submit(&self, n: u64) {
        show(task!([m: u64 = n + 1] |x: u64| -> u64 { m * x })(1));
    }
}

struct Clock;

impl Clock {
    fn submit(&self) {
        show(task!(|| -> u8 { 7 })());
    }
}

impl From<Pid> for Square {
    fn from(_: Pid) -> Self {
        Square { side: 1.0 }
    }
}

#[derive(Debug)]
struct Negative(i64);

impl fmt::Display for Negative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is negative", self.0)
    }
}

macro_rules! twice {
    ($x:expr) => {
        $x * 2
    };
}

macro_rules! pass {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// A kept function that makes a call of its own: its task stays in it.
fn inner() -> u64 {
    let _call = task!(|x: u64| -> u64 { x });
    5
}

fn show<A, R>(call: pool::Call<A, R>) {
    println!("{} {}", call.function, call.signature);
}

const WORDS: &str = include_str!("words.txt");

fn main() {
    hostonly::pid();
    let (factor, é) = (3u64, "ü");
    show(pool::task!([factor: u64] |x: u64| -> u64 { twice!(x) * factor })(14));
    show(task!([é: String = é.to_owned()] || -> String { format!("{é}{WORDS}") })());
    let (a, b) = (task!(|x: u8| -> u8 { x }), task!(|x: u8| -> u8 { x }));
    show(a(1));
    show(b(1));
    show(vec![task!(|x: u64| -> String { Buffer::new().format(x).to_owned() })].remove(0)(1));
    const LIMIT: i64 = 0;
    show(task!(|x: i64| -> Result<i64, Negative> { if x < LIMIT { Err(Negative(x)) } else { Ok(x) } })(1));
    show(task!(|bytes: Vec<u8>| -> Vec<u8> { bytes })(vec![1]));
    show(pass!(task!(|| -> u64 { inner() + helper::half(4) + demo_app::library_side(1) }))());
    Square { side: 1.0 }.submit();
    Meter.submit(1);
    Clock.submit();
    Square { side: 2.0 }.owner();
    net::go();
    show(demo_app::make()(1));
    show(helper::make()(1));
    let _: Vec<_> = (0..2).map(task!(|x: u64| -> u64 { x })).collect();
}

#[test]
fn w() {
    show(task!([w: u8 = 1] |x: u8| -> u8 { w + x })(1));
}

#[cfg(not(unix))]
fn never() {
    show(task!(|| -> u8 { no_such_function() })());
}
