//! A resource of a component, as its caller holds it.

use crate::task::ValueType;
use serde::{Deserialize, Serialize};

/// How a value says that it is a resource's handle.
pub(super) const RESOURCE: &str = "isopool::Resource";

/// A resource that a live instance has given to its caller: the Rust type of `own<…>` and `borrow<…>` in arguments and results of
/// [`LiveInstance::function`](crate::LiveInstance::function).
///
/// It means something to that one instance only, until it is given away or dropped there (`#[resource-drop]…`); after that, and in
/// a call of another instance, it is refused with [`TaskError::Codec`](crate::TaskError::Codec), and the instance goes on. To drop
/// this value drops nothing in the instance: it is a number. An instance may have so many at a time as
/// [`Limit::HostResources`](crate::Limit::HostResources) says, and one that goes over it ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename = "isopool::Resource")]
pub struct Resource([u64; 2]);

/// How it travels.
pub(super) fn handle_type() -> ValueType {
    ValueType::Tuple(vec![ValueType::U64, ValueType::U64])
}
