//! The host of a plugin, with isopool.

use crate::Plugin;
use isopool::{Executor, Function, LiveInstance, Module, TaskFuture};
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

    /// One instance for many calls.
    pub(crate) fn session(&self) -> anyhow::Result<Session> {
        Ok(Session { instance: self.executor.open(&self.module)?, tidy: self.tidy.clone() })
    }
}

impl Plugin for Host {
    fn tidy(&self, text: &str) -> anyhow::Result<String> {
        Ok(self.executor.submit(self.tidy.call((text,)))?.result()?)
    }

    fn spin(&self, meanwhile: impl FnOnce(u32)) -> anyhow::Result<()> {
        let call: TaskFuture<()> = self.executor.submit(self.module.function("spin")?.call(()))?;
        while !call.running() {
            std::thread::yield_now();
        }
        meanwhile(self.executor.stats().workers.first().map_or(0, |worker| worker.pid));
        Ok(call.result()?)
    }

    fn fail(&self, message: &str) -> anyhow::Result<()> {
        Ok(self.executor.submit(self.module.function("fail")?.call((message,)))?.result()?)
    }

    fn eat(&self) -> anyhow::Result<u32> {
        Ok(self.executor.submit(self.module.function("eat")?.call(()))?.result()?)
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
