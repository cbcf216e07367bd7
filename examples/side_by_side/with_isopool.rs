//! The host of a plugin, with isopool.

use isopool::{Executor, Function, LiveInstance, Module};
use std::time::Duration;

pub(crate) struct Host {
    executor: Executor,
    module: Module,
    tidy: Function,
}

impl Host {
    pub(crate) fn new(wasm: &[u8]) -> anyhow::Result<Self> {
        let builder = Executor::builder().max_workers(1).max_memory_bytes(64 << 20);
        let executor = builder.task_time_limit(Duration::from_secs(1)).build()?;
        let module = executor.load("unruly", wasm)?;
        let tidy = module.function("tidy")?;
        Ok(Self { executor, module, tidy })
    }

    pub(crate) fn tidy(&self, text: &str) -> anyhow::Result<String> {
        Ok(self.executor.submit(self.tidy.call((text,)))?.result()?)
    }

    pub(crate) fn spin(&self) -> anyhow::Result<()> {
        Ok(self.executor.submit(self.module.function("spin")?.call(()))?.result()?)
    }

    pub(crate) fn fail(&self, message: &str) -> anyhow::Result<()> {
        Ok(self.executor.submit(self.module.function("fail")?.call((message,)))?.result()?)
    }

    pub(crate) fn eat(&self) -> anyhow::Result<u32> {
        Ok(self.executor.submit(self.module.function("eat")?.call(()))?.result()?)
    }

    /// One instance for many calls.
    pub(crate) fn session(&self) -> anyhow::Result<Session> {
        Ok(Session { instance: self.executor.open(&self.module)?, tidy: self.tidy.clone() })
    }

    /// The process that the engine runs in, while a call runs.
    pub(crate) fn engine_process(&self) -> Option<u32> {
        self.executor.stats().workers.first().map(|worker| worker.pid)
    }
}

pub(crate) struct Session {
    instance: LiveInstance,
    tidy: Function,
}

impl Session {
    pub(crate) fn tidy(&mut self, text: &str) -> anyhow::Result<String> {
        Ok(self.instance.submit(self.tidy.call((text,)))?.result()?)
    }
}
