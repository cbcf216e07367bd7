//! A plugin host, with isopool.

use isopool::{Executor, TaskFuture};
use std::time::Duration;

isopool::client!({ path: "guests/unruly/wit" });

/// Runs a plugin.
pub(crate) struct Host {
    executor: Executor,
    plugin: Plugin,
}

impl Host {
    /// Takes a plugin, if it fits.
    pub(crate) fn load(wasm: &[u8]) -> anyhow::Result<Self> {
        let limits = Executor::builder().task_time_limit(Duration::from_secs(1)).max_memory_bytes(64 << 20);
        let executor = limits.max_workers(1).build()?;
        let plugin = Plugin::load(&executor, "plugin", wasm)?;
        Ok(Self { executor, plugin })
    }

    /// Begins a call.
    pub(crate) fn begin(&self, text: &str) -> anyhow::Result<TaskFuture<String>> {
        Ok(self.executor.submit(self.plugin.transform(text.to_owned()))?)
    }

    /// Calls it.
    pub(crate) fn transform(&self, text: &str) -> anyhow::Result<String> {
        Ok(self.begin(text)?.result()?)
    }

    /// The process that runs it.
    pub(crate) fn process(&self) -> Option<u32> {
        self.executor.stats().workers.first().map(|worker| worker.pid)
    }
}
