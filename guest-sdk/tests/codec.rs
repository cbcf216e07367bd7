//! What it does: checks that values survive every codec, and that hostile bytes cost no more than they weigh.
//! Takes from: `isopool_guest::Codec`. Never: trusts a length.

use isopool_guest::{Bytes, Codec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;

/// A value made of every kind of part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Number(i64),
    Named { name: String, parts: Vec<Shape> },
    Pair(Option<u8>, Bytes),
    Table(BTreeMap<String, (u32, f64)>),
}

fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Nothing),
        any::<i64>().prop_map(Shape::Number),
        (any::<Option<u8>>(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(a, b)| Shape::Pair(a, b.into())),
        prop::collection::btree_map(".*", (any::<u32>(), -1e9..1e9f64), 0..4).prop_map(Shape::Table),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        (".*", prop::collection::vec(inner, 0..4)).prop_map(|(name, parts)| Shape::Named { name, parts })
    })
}

proptest! {
    #[test]
    fn a_value_comes_back_equal(shape in shapes()) {
        for codec in [Codec::Bincode, #[cfg(feature = "json")] Codec::Json] {
            let bytes = codec.encode(&(&shape, 7u8)).expect("every part can be written");
            prop_assert_eq!(codec.decode::<(Shape, u8)>(&bytes).expect("it was written by the same codec"), (shape.clone(), 7));
            prop_assert!(codec.decode::<(Shape, u8)>(&bytes[..bytes.len() - 1]).is_err(), "cut short");
            let longer = [&bytes[..], &[1]].concat();
            prop_assert!(codec.decode::<(Shape, u8)>(&longer).is_err(), "one byte too many");
        }
    }

    #[test]
    fn a_buffer_comes_back_equal(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for codec in Codec::ALL {
            let encoded = codec.encode(&(Bytes::from(bytes.clone()),)).expect("every codec writes buffers");
            prop_assert_eq!(&codec.decode::<(Bytes,)>(&encoded).expect("the same codec").0[..], &bytes[..]);
        }
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error_and_reserve_little(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let peak = peak_of(|| {
            for codec in Codec::ALL {
                drop(codec.decode::<Vec<(Shape, Vec<Vec<u64>>)>>(&bytes));
                drop(codec.decode::<(Bytes, String)>(&bytes));
                drop(codec.decode::<BTreeMap<u8, Vec<()>>>(&bytes));
            }
        });
        prop_assert!(peak < RESERVED_MAX, "{} bytes reserved for {}", peak, bytes.len());
    }
}

/// `serde` itself reserves at most 1 MiB ahead for a list, and less where the input is shorter than that.
const RESERVED_MAX: usize = 1 << 20;

/// Counts the bytes of one thread that are in use.
struct Counting;

thread_local! {
    static IN_USE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let now = IN_USE.get() + bytes;
    IN_USE.set(now);
    PEAK.set(PEAK.get().max(now));
}

// SAFETY: every method passes its arguments to the system's allocator, whose contract is the same, and gives its answer.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller upholds the contract for `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller got `pointer` from `alloc` above, hence from `System`, with this `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes in use at once while `run` runs, above what is in use before.
fn peak_of(run: impl FnOnce()) -> usize {
    let before = IN_USE.get();
    PEAK.set(before);
    run();
    (PEAK.get() - before).unsigned_abs()
}

/// A length of 2⁶³ in bincode's variable form, and nothing behind it.
const LYING: &[u8] = &[253, 0, 0, 0, 0, 0, 0, 0, 128];

#[test]
fn a_length_that_lies_reserves_nothing() {
    let peak = peak_of(|| {
        assert!(Codec::Bincode.decode::<Bytes>(LYING).is_err());
        assert!(Codec::Bincode.decode::<String>(LYING).is_err());
        assert!(Codec::Bincode.decode::<Vec<u8>>(LYING).is_err());
        assert!(Codec::Bincode.decode::<Vec<[u64; 32]>>(LYING).is_err());
        assert!(Codec::Bincode.decode::<BTreeMap<String, String>>(LYING).is_err());
        assert!(Codec::Bincode.decode::<(Vec<String>,)>(LYING).is_err());
        assert!(Codec::Bincode.decode::<Option<Box<[String]>>>(&[&[1], LYING].concat()).is_err());
    });
    assert!(peak < RESERVED_MAX, "{peak} bytes");
}

#[test]
fn a_plausible_length_that_lies_reserves_no_more_than_the_bytes_there_are() {
    // 1 GiB is claimed, 3 bytes are there.
    let bytes = [252, 0, 0, 0, 64, 1, 2, 3];
    let peak = peak_of(|| {
        assert!(Codec::Bincode.decode::<Bytes>(&bytes).is_err());
        assert!(Codec::Bincode.decode::<String>(&bytes).is_err());
    });
    assert!(peak < 4096, "{peak} bytes");
}

#[test]
fn a_list_of_nothing_is_not_endless() {
    let error = Codec::Bincode.decode::<Vec<()>>(LYING).expect_err("2⁶³ elements in 9 bytes");
    assert_eq!(error.to_string(), "more elements than 9 bytes can hold");
    let few = Codec::Bincode.encode(&vec![(); 1000]).expect("it can be written");
    assert_eq!(Codec::Bincode.decode::<Vec<()>>(&few).expect("a few are allowed").len(), 1000);
}

#[test]
fn deep_nesting_is_an_error_and_not_the_end_of_the_process() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Chain(Option<Box<Chain>>);
    // Each 1 is one more level; a million of them would need more stack than there is.
    let bytes = vec![1; 1_000_000];
    let error = Codec::Bincode.decode::<Chain>(&bytes).expect_err("too deep");
    assert_eq!(error.to_string(), "values are nested more than 128 deep");
    let shallow = [vec![1; 40], vec![0]].concat();
    assert!(Codec::Bincode.decode::<Chain>(&shallow).is_ok());
}

#[test]
fn what_is_left_over_is_told() {
    let error = Codec::Bincode.decode::<u8>(&[1, 2, 3]).expect_err("two bytes too many");
    assert_eq!(error.to_string(), "2 bytes are left over after the value");
}
