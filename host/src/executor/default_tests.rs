//! What no executor can be made to show in a test's time: that its options begin as the limits say.

use super::builder::Options;
use crate::limits::{
    DEFAULT_MAX_ARGUMENT_BYTES, DEFAULT_MAX_COMPILE_MEMORY_BYTES, DEFAULT_MAX_HOST_CALLS, DEFAULT_MAX_MEMORY_BYTES,
    DEFAULT_MAX_PENDING_BYTES, DEFAULT_MAX_RESULT_BYTES, DEFAULT_MAX_WORKER_GROWTH_BYTES, INSTANCE_SLOTS,
    MAX_HOST_RESOURCES, MAX_PAYLOAD_BYTES, MAX_RANDOM_BYTES, WORKER_OVERHEAD_BYTES,
};
use crate::task::{Class, Limit};

// limit: DEFAULT_MAX_PENDING_BYTES, DEFAULT_MAX_WORKER_GROWTH_BYTES, DEFAULT_MAX_COMPILE_MEMORY_BYTES, DEFAULT_MAX_HOST_CALLS
// limit: MAX_HOST_RESOURCES, MAX_RANDOM_BYTES, WORKER_OVERHEAD_BYTES
#[test]
fn options_begin_as_the_limits_say() {
    let options = Options::default();
    assert_eq!(options.pending_bytes(), DEFAULT_MAX_PENDING_BYTES);
    let mut large = Options::default();
    large.max_argument_bytes = MAX_PAYLOAD_BYTES;
    assert_eq!(large.pending_bytes(), MAX_PAYLOAD_BYTES, "the largest argument has room");
    assert_eq!(options.hardening.of_compiler().memory_bytes, DEFAULT_MAX_COMPILE_MEMORY_BYTES);
    let config = options.worker_config(&Class::default()).expect("these are good options");
    assert_eq!(config.task_limits.get(Limit::HostCalls), DEFAULT_MAX_HOST_CALLS);
    assert_eq!(config.task_limits.get(Limit::HostResources), MAX_HOST_RESOURCES as u64);
    assert_eq!(config.task_limits.get(Limit::RandomBytes), MAX_RANDOM_BYTES);
    let guests = u64::from(INSTANCE_SLOTS) * DEFAULT_MAX_MEMORY_BYTES as u64;
    let payloads = 2 * (DEFAULT_MAX_ARGUMENT_BYTES + DEFAULT_MAX_RESULT_BYTES) as u64;
    assert_eq!(config.limits.memory_bytes, guests + payloads + WORKER_OVERHEAD_BYTES);
    let recycling = options.recycling.checked().expect("these too");
    assert_eq!(recycling.max_growth_bytes, Some(DEFAULT_MAX_WORKER_GROWTH_BYTES as u64));
}
