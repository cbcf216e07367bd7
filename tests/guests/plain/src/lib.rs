//! A component of a world of its own, `wit/world.wit`: what a plugin looks like whose author never heard of isopool.
#![cfg(target_family = "wasm")]
// The bindings are generated.
#![allow(missing_docs, unsafe_op_in_unsafe_fn, unreachable_pub, clippy::all)]

wit_bindgen::generate!({ world: "plain", path: "wit", generate_all });

use exports::test::plain::bytes::{self, Blob};
use exports::test::plain::math;
use exports::test::plain::things::{self, GuestThing as _, ThingBorrow};
use exports::test::plain::types::{self, Everything, Refusal};
use exports::test::{ops1_0_0, ops2_0_0};
use std::cell::{Cell, RefCell};
use std::hint::black_box;

struct Plain;

impl Guest for Plain {
    fn score(text: String, weight: f64) -> f64 {
        text.len() as f64 * weight
    }

    fn nothing() {}

    fn shout(text: String) {
        println!("{}", text.to_uppercase());
    }

    fn count() -> u32 {
        thread_local!(static CALLS: Cell<u32> = const { Cell::new(0) });
        CALLS.with(|calls| {
            calls.set(calls.get() + 1);
            calls.get()
        })
    }

    fn trap() {
        std::process::abort();
    }

    fn spin() {
        let mut turns = 0_u64;
        loop {
            turns = black_box(turns + 1);
        }
    }

    fn allocate(bytes: u32) -> u32 {
        black_box(vec![1_u8; bytes as usize]).len() as u32
    }
}

impl math::Guest for Plain {
    fn add(a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    fn divide(a: i32, b: i32) -> Result<i32, String> {
        a.checked_div(b).ok_or_else(|| format!("{a} cannot be divided by {b}"))
    }

    fn mean(weights: Vec<f64>) -> Option<f64> {
        (!weights.is_empty()).then(|| weights.iter().sum::<f64>() / weights.len() as f64)
    }
}

impl types::Guest for Plain {
    fn echo(value: Everything) -> Everything {
        value
    }

    fn check(text: String) -> Result<u32, Refusal> {
        match text.len() as u32 {
            0 => Err(Refusal::Empty),
            1 => Err(Refusal::Other(types::Point { x: 0.5, y: 1.0 })),
            length @ 2..10 => Ok(length),
            length => Err(Refusal::TooLong(length)),
        }
    }

    fn pairs(of: Vec<(String, u32)>) -> Vec<(String, u32)> {
        of
    }

    fn done() -> Result<(), ()> {
        Ok(())
    }
}

impl bytes::Guest for Plain {
    fn reverse(mut data: Vec<u8>) -> Vec<u8> {
        data.reverse();
        data
    }

    fn crop(mut data: Vec<u8>, width: u32, height: u32) -> Result<Vec<u8>, String> {
        let wanted = width as usize * height as usize;
        if wanted > data.len() {
            return Err(format!("{wanted} bytes of {}", data.len()));
        }
        data.truncate(wanted);
        Ok(data)
    }

    fn rename(blob: Blob) -> Blob {
        Blob { name: blob.name.to_uppercase(), data: blob.data }
    }

    fn zeroes(count: u32) -> Vec<u8> {
        vec![0; count as usize]
    }

    fn numbers(count: u32) -> Vec<u32> {
        (0..count).collect()
    }
}

thread_local!(static ALIVE: Cell<u32> = const { Cell::new(0) });

struct Thing(RefCell<String>);

impl Drop for Thing {
    fn drop(&mut self) {
        ALIVE.with(|alive| alive.set(alive.get() - 1));
    }
}

impl things::GuestThing for Thing {
    fn new(name: String) -> Self {
        ALIVE.with(|alive| alive.set(alive.get() + 1));
        Self(RefCell::new(name))
    }

    fn name(&self) -> String {
        self.0.borrow().clone()
    }

    fn rename(&self, name: String) {
        self.0.replace(name);
    }

    fn joined(a: ThingBorrow<'_>, b: ThingBorrow<'_>) -> things::Thing {
        let name = a.get::<Thing>().name() + &b.get::<Thing>().name();
        things::Thing::new(<Thing as things::GuestThing>::new(name))
    }
}

struct Lamp;

impl things::GuestLamp for Lamp {
    fn new() -> Self {
        Self
    }
}

impl things::Guest for Plain {
    type Thing = Thing;
    type Lamp = Lamp;

    fn take(of: things::Thing) -> String {
        of.into_inner::<Thing>().name()
    }

    fn swap(_: things::Thing, _: ThingBorrow<'_>) {}

    fn swap_back(_: ThingBorrow<'_>, _: things::Thing) {}

    fn crowd(count: u32, numbers: u32) -> (Vec<things::Thing>, Vec<u16>) {
        (<Self as things::Guest>::many(count), vec![0; numbers as usize])
    }

    fn many(count: u32) -> Vec<things::Thing> {
        (0..count).map(|_| things::Thing::new(<Thing as things::GuestThing>::new(String::new()))).collect()
    }

    fn alive() -> u32 {
        ALIVE.with(Cell::get)
    }

    fn biggest(of: Vec<ThingBorrow<'_>>) -> Option<u32> {
        of.iter().map(|thing| thing.get::<Thing>().name().len() as u32).max()
    }
}

impl ops1_0_0::ops::Guest for Plain {
    fn twice(n: u32) -> u32 {
        2 * n
    }
}

impl ops2_0_0::ops::Guest for Plain {
    fn twice(n: u32) -> u32 {
        2 * n + 1
    }
}

export!(Plain);
