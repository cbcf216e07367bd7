//! Descriptors that travel beside the arguments of a call.
//!
//! A number means nothing in another process. While arguments are encoded, each descriptor among them is put aside and its
//! place in that row is written instead; the row is sent beside the bytes, and the place is looked up while they are decoded.

use crate::limits::MAX_CALL_DESCRIPTORS;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

thread_local! {
    /// What was put aside so far, while arguments are encoded in this thread.
    static PACKED: RefCell<Option<Vec<Arc<OwnedFd>>>> = const { RefCell::new(None) };
    /// What has come, while arguments are decoded in this thread.
    static RECEIVED: RefCell<Vec<Option<OwnedFd>>> = const { RefCell::new(Vec::new()) };
}

/// An open file, socket or whatever else has a descriptor, as an argument of a native function: the
/// [process](crate::Process) gets one of its own for the same thing.
///
/// It travels nowhere else: not in a result, and not to a task, which has no descriptors.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use isopool::Descriptor;
/// use std::io::Read;
///
/// #[isopool::native]
/// fn first_byte(file: Descriptor) -> std::io::Result<u8> {
///     let mut byte = [0];
///     std::fs::File::from(std::os::fd::OwnedFd::from(file)).read_exact(&mut byte)?;
///     Ok(byte[0])
/// }
///
/// let file = std::fs::File::open("/proc/self/exe")?;
/// let process = isopool::get_context(None).process(first_byte::call(Descriptor::new(file)));
/// process.start()?;
/// assert_eq!(process.result()?, 0x7f);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Descriptor(Arc<OwnedFd>);

impl Descriptor {
    /// Takes an open thing.
    pub fn new(descriptor: impl Into<OwnedFd>) -> Self {
        Self(Arc::new(descriptor.into()))
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The descriptor alone; when clones of this value are left, another one for the same thing.
///
/// # Panics
/// Clones are left, and the process may have no more descriptors.
impl From<Descriptor> for OwnedFd {
    fn from(descriptor: Descriptor) -> Self {
        Arc::try_unwrap(descriptor.0)
            .unwrap_or_else(|shared| shared.try_clone().expect("the process may have one more descriptor"))
    }
}

impl Serialize for Descriptor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let place = PACKED.with_borrow_mut(|packed| {
            let Some(packed) = packed else {
                return Err("a descriptor travels only in the arguments of a native function".to_owned());
            };
            if packed.len() == MAX_CALL_DESCRIPTORS {
                return Err(format!(
                    "more than {MAX_CALL_DESCRIPTORS} descriptors in one call (limits::MAX_CALL_DESCRIPTORS)"
                ));
            }
            packed.push(Arc::clone(&self.0));
            Ok(packed.len() as u32 - 1)
        });
        serializer.serialize_u32(place.map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Descriptor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let place = u32::deserialize(deserializer)? as usize;
        let received = RECEIVED.with_borrow_mut(|received| received.get_mut(place).and_then(Option::take));
        received.map(Self::new).ok_or_else(|| D::Error::custom("no descriptor came for this place"))
    }
}

/// Runs an encoder, and gives the descriptors that it put aside.
pub(super) fn pack<T>(encode: impl FnOnce() -> T) -> (T, Vec<Arc<OwnedFd>>) {
    let before = PACKED.replace(Some(Vec::new()));
    let encoded = encode();
    (encoded, PACKED.replace(before).unwrap_or_default())
}

/// Runs a decoder that may take these descriptors. What it leaves is closed.
pub(super) fn unpack<T>(descriptors: Vec<OwnedFd>, decode: impl FnOnce() -> T) -> T {
    RECEIVED.set(descriptors.into_iter().map(Some).collect());
    let decoded = decode();
    RECEIVED.take();
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use isopool_guest::Codec;

    fn null() -> Descriptor {
        Descriptor::new(std::fs::File::open("/dev/null").expect("it is everywhere"))
    }

    #[test]
    fn descriptors_are_found_where_they_were() {
        let (bytes, packed) = pack(|| Codec::Bincode.encode(&(null(), "text", null())).expect("encodes"));
        assert_eq!(packed.len(), 2);
        let copies = packed.iter().map(|descriptor| descriptor.try_clone().expect("one more")).collect();
        let decoded = unpack(copies, || Codec::Bincode.decode::<(Descriptor, String, Descriptor)>(&bytes));
        assert_eq!(decoded.expect("decodes").1, "text");
        // A place twice, and a place that is none.
        for places in [[0, 0], [0, 7]] {
            let bytes = Codec::Bincode.encode(&places).expect("encodes");
            let copies = packed.iter().map(|descriptor| descriptor.try_clone().expect("one more")).collect();
            let error = unpack(copies, || Codec::Bincode.decode::<(Descriptor, Descriptor)>(&bytes)).expect_err("none");
            assert_eq!(error.to_string(), "no descriptor came for this place");
        }
    }

    // limit: MAX_CALL_DESCRIPTORS
    #[test]
    fn descriptors_travel_nowhere_else_and_not_without_bound() {
        let error = Codec::Bincode.encode(&null()).expect_err("not a call");
        assert_eq!(error.to_string(), "a descriptor travels only in the arguments of a native function");
        let many = vec![null(); MAX_CALL_DESCRIPTORS + 1];
        assert!(pack(|| Codec::Bincode.encode(&many[1..])).0.is_ok());
        let error = pack(|| Codec::Bincode.encode(&many)).0.expect_err("one too many");
        assert!(error.to_string().contains("limits::MAX_CALL_DESCRIPTORS"), "{error}");
    }
}
