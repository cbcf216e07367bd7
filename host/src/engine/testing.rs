//! Guests and settings for the room tests.

use super::guest::GuestSettings;
use super::host_functions::HostCalls;
use super::nested::{ChildTasks, Waited};
use crate::executor::{Flavour, GuestOutput, Overflow, Reuse};
use crate::limits::MIB;
use crate::task::{ChildEnd, ChildFault, ChildFaultKind, Grants, HostAnswer, TaskId, TaskLimits};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

/// A core module that carries the types of its world; `testdata/task_module.wat` says what its functions do.
pub(crate) const TASK_MODULE: &[u8] = include_bytes!("testdata/task_module.wasm");

/// Settings that listen to nothing.
pub(crate) fn settings() -> GuestSettings {
    GuestSettings {
        worker_index: 3,
        environment: Vec::new(),
        arguments: Vec::new(),
        grants: Grants::default(),
        reuse: Reuse::Never,
        output: GuestOutput::Capture,
        log_level: None,
        logs: Arc::new(|_, _| {}),
        progress: Arc::new(|_, _| {}),
        max_result_bytes: MIB as u64,
        limits: TaskLimits::default(),
        overflow: Overflow::Drop,
        flavour: Flavour::default(),
        deterministic: None,
        max_worker_memory_bytes: u64::MAX,
        max_argument_bytes: MIB as u64,
        max_depth: 0,
        max_host_function_calls: 0,
        max_host_function_bytes: 0,
        children: no_children(),
        host: Arc::new(NoHost),
    }
}

/// Nobody has host functions here.
struct NoHost;

impl HostCalls for NoHost {
    fn call(&self, _: TaskId, _: u64, _: &str, _: &[u8]) -> wasmtime::Result<(HostAnswer, Vec<u8>)> {
        Err(wasmtime::Error::msg("there is no caller here"))
    }
}

/// Nobody runs children here.
fn no_children() -> Arc<dyn ChildTasks> {
    struct NoChildren;
    impl ChildTasks for NoChildren {
        fn submit(&self, _: TaskId, _: u32, _: String, _: String, _: &[u8]) {}
        fn wait(
            &self,
            _: TaskId,
            _: u32,
            _: Option<Instant>,
        ) -> Pin<Box<dyn Future<Output = wasmtime::Result<Waited>> + Send + '_>> {
            Box::pin(async {
                Ok(Some((
                    ChildEnd::Fault(ChildFault::new(ChildFaultKind::Refused, "there is no pool here")),
                    Vec::new(),
                )))
            })
        }
        fn forget(&self, _: TaskId, _: u32) {}
    }
    Arc::new(NoChildren)
}
