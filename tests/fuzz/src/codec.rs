//! What it does: decodes bytes as values of every shape that serde knows, in every codec.
//! Takes from: the target `codec`. Hands to: `isopool_guest::Codec`. Never: looks at the words of an error.

use isopool_guest::{Bytes, Codec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Every shape once.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    small: (u8, i8, u16, i16),
    large: (u32, i64, u128, bool, char),
    text: String,
    bytes: Bytes,
    list: Vec<Shape>,
    map: BTreeMap<String, Option<i32>>,
    fixed: [u16; 3],
    unit: (),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    One(u64),
    Two(u8, Box<Shape>),
    Named { name: String, inside: Vec<Shape> },
}

/// The first byte chooses a type; the rest are its bytes in each codec.
pub fn values(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else { return };
    match choice % 8 {
        0 => decode::<Everything>(bytes),
        1 => decode::<Vec<Shape>>(bytes),
        2 => decode::<(String, u64)>(bytes),
        3 => decode::<Vec<()>>(bytes),
        4 => decode::<BTreeMap<u64, Vec<String>>>(bytes),
        5 => decode::<(Bytes,)>(bytes),
        6 => decode::<Vec<Vec<Vec<u8>>>>(bytes),
        _ => decode::<Option<Option<Result<u8, String>>>>(bytes),
    }
}

/// What was decoded encodes, and decodes to the same.
fn decode<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    for codec in [Codec::Bincode, Codec::Json, Codec::Raw] {
        if let Ok(value) = codec.decode::<T>(bytes) {
            let encoded = match codec.encode(&value) {
                Ok(encoded) => encoded,
                // It reads an empty list from no bytes, and writes byte buffers only.
                Err(_) if codec == Codec::Raw => continue,
                Err(error) => panic!("it was decoded from this codec: {error}"),
            };
            assert_eq!(codec.decode::<T>(&encoded).as_ref(), Ok(&value), "{codec:?}");
        }
    }
}
