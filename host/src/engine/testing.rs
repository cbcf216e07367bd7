//! Guests and settings for the room tests.

use super::guest::GuestSettings;
use crate::executor::{GuestOutput, Reuse};
use crate::limits::{DEFAULT_MAX_MEMORY_BYTES, MIB};
use std::sync::Arc;

/// A core module that carries the types of its world; `testdata/task_module.wat` says what its functions do.
pub(crate) const TASK_MODULE: &[u8] = include_bytes!("testdata/task_module.wasm");

/// Settings that listen to nothing.
pub(crate) fn settings() -> GuestSettings {
    GuestSettings {
        worker_index: 3,
        environment: Vec::new(),
        reuse: Reuse::Never,
        output: GuestOutput::Capture,
        log_level: None,
        logs: Arc::new(|_, _| {}),
        progress: Arc::new(|_, _| {}),
        max_result_bytes: MIB as u64,
        max_output_bytes: MIB as u64,
        max_memory_bytes: DEFAULT_MAX_MEMORY_BYTES as u64,
    }
}
