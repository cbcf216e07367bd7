//! What it does: tasks that give a value. Never: fails.

use isopool_guest::{Bytes, task};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Does nothing.
#[task]
pub fn noop() {}

/// The sum, wrapping at 2⁶⁴.
#[task]
pub fn add(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

/// Which build of this module it is. Tests make another one by other bytes in its place.
#[task]
pub fn build() -> String {
    std::hint::black_box("build-number-1").to_owned()
}

/// The same bytes.
#[task]
pub fn echo(bytes: Bytes) -> Bytes {
    bytes
}

/// The same bytes, with the types that most people write.
#[task]
pub fn echo_vec(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

/// The same text.
#[task]
pub fn echo_string(text: String) -> String {
    text
}

/// What [`word_count()`] counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// How often each word occurs, in lower case.
    pub words: BTreeMap<String, u32>,
    /// Lines, as `str::lines` counts them.
    pub lines: usize,
    /// Bytes of UTF-8.
    pub bytes: usize,
}

/// Counts the words of a text.
///
/// A word is what stands between white space, without punctuation at its ends.
#[task]
pub fn word_count(text: String) -> Counts {
    let mut words = BTreeMap::new();
    for word in text.split_whitespace() {
        let word = word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
        if !word.is_empty() {
            *words.entry(word).or_default() += 1;
        }
    }
    Counts { words, lines: text.lines().count(), bytes: text.len() }
}

/// The same value, of a type made of most generic containers.
#[task]
pub fn containers(value: BTreeMap<String, Vec<(u32, Option<f64>)>>) -> BTreeMap<String, Vec<(u32, Option<f64>)>> {
    value
}

/// Bytes of the given number, each its index modulo 256.
#[task]
pub fn big_result(length: usize) -> Bytes {
    Bytes::from((0..length).map(|index| (index % 256) as u8).collect::<Vec<u8>>())
}

/// How many primes are below `n`, by trial division: work that grows faster than `n`.
#[task]
pub fn count_primes(n: u32) -> u32 {
    let is_prime = |n: &u32| (2..).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
    (2..n).filter(is_prime).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_without_case_and_punctuation() {
        let counts = word_count("The cat.\nThe \u{201c}hat\u{201d} \u{2014}".into());
        assert_eq!(counts.words, BTreeMap::from([("cat".into(), 1), ("hat".into(), 1), ("the".into(), 2)]));
        assert_eq!((counts.lines, counts.bytes), (2, 26));
    }

    #[test]
    fn primes_are_counted() {
        assert_eq!([0, 2, 3, 10, 100, 10_000].map(count_primes), [0, 0, 1, 4, 25, 1229]);
    }

    #[test]
    fn values_come_back() {
        assert_eq!(add(u64::MAX, 2), 1);
        assert_eq!(echo(Bytes::from(vec![1])), Bytes::from(vec![1]));
        assert_eq!(echo_vec(vec![1]), vec![1]);
        assert_eq!(echo_string("é".into()), "é");
        assert_eq!(big_result(258)[255..], [255, 0, 1]);
        let value = BTreeMap::from([("a".into(), vec![(1, None), (2, Some(0.5))])]);
        assert_eq!(containers(value.clone()), value);
        noop();
    }

    #[test]
    fn a_stub_says_where_its_function_is() {
        let call = word_count::task("a b".into());
        assert_eq!(call.function, "value::word_count");
        assert_eq!(call.signature, "fn(text: String) -> Counts");
        assert_eq!(call.module.name, "guest-basic");
        assert!(call.module.wasm.starts_with(b"\0asm\x0d\0\x01\0"), "a component");
        assert_eq!(call.arguments, ("a b".to_owned(),));
        let buffers: isopool_guest::Call<(Bytes,), Bytes> = echo_vec::task(vec![1]);
        assert_eq!(buffers.arguments.0, Bytes::from(vec![1]));
    }
}
