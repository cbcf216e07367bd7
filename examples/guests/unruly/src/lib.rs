//! A plugin that makes a text loud, and misbehaves when the text asks for it. It depends on nothing of isopool.
#![cfg(target_family = "wasm")]
// The bindings are generated.
#![allow(missing_docs, unsafe_op_in_unsafe_fn, unreachable_pub, clippy::all)]

wit_bindgen::generate!({ world: "plugin", path: "wit" });

use std::hint::black_box;

struct Unruly;

impl Guest for Unruly {
    fn transform(text: String) -> String {
        match text.as_str() {
            "please loop" => {
                let mut turns = 0_u64;
                loop {
                    turns = black_box(turns + 1);
                }
            }
            "please panic" => panic!("I was asked to"),
            "please eat memory" => {
                let mut eaten = Vec::new();
                loop {
                    eaten.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            _ => text.to_uppercase(),
        }
    }
}

export!(Unruly);
