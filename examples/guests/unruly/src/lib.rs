//! A plugin for the world in `wit/world.wit`, written as anybody would write it: it depends on nothing of isopool.
#![cfg(target_family = "wasm")]
// The bindings are generated.
#![allow(missing_docs, unsafe_op_in_unsafe_fn, unreachable_pub, clippy::all)]

wit_bindgen::generate!({ world: "plugin", path: "wit" });

struct Unruly;

impl Guest for Unruly {
    fn tidy(text: String) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn spin() {
        while core::hint::black_box(true) {}
    }

    fn fail(message: String) {
        panic!("{message}");
    }

    fn eat() -> u32 {
        let mut held = Vec::new();
        loop {
            let mut block: Vec<u8> = Vec::new();
            if block.try_reserve_exact(1 << 20).is_err() {
                return held.len() as u32;
            }
            block.resize(1 << 20, 1);
            held.push(core::hint::black_box(block));
        }
    }
}

export!(Unruly);
