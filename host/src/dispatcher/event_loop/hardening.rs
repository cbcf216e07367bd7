//! What workers say of the layers that lock them in, and what is made of the end of one that ran into a layer.

use super::EventLoop;
use crate::dispatcher::event::Event;
use crate::error::BrokenCause;
use crate::ipc::{PROTOCOL_VERSION, Reply};
use crate::sandbox::{HardeningReport, Layer, NotHardened};
use crate::task::{SystemCall, WorkerId};

impl EventLoop {
    /// A worker has said something of its sandbox.
    pub(super) fn hear_of_sandbox(&mut self, id: WorkerId, reply: Reply) {
        let Some(worker) = self.workers.0.get_mut(&id) else { return };
        match reply {
            Reply::Hardened { report } if !worker.up && worker.hardening.is_none() => match report.checked() {
                Some(report) => worker.hardening = Some(report),
                None => self.lied(id, "its report on its sandbox is none".to_owned()),
            },
            Reply::NotHardened { error: NotHardened { layer, reason } } if !worker.up => {
                let cause = BrokenCause::NotHardened { layer, reason: crate::ipc::last_words(reason) };
                self.cause = Some((Some(worker.name), cause));
                self.handle(Event::NotHardened { worker: id });
            }
            // It may come at any time, and is believed only when the process has died of it.
            Reply::Denied { syscall } => worker.denied = Some(SystemCall::of_number(u32::from_le_bytes(syscall))),
            _ => self.lied(id, "it sent a reply that nobody had asked for".to_owned()),
        }
    }

    /// A worker says that it is ready for tasks.
    pub(super) fn greeted(&mut self, id: WorkerId, protocol: u32, version: &str) {
        if protocol != PROTOCOL_VERSION {
            let message = format!(
                "the worker program was built with isopool {version} (protocol {protocol}), this program with {} (protocol \
                 {PROTOCOL_VERSION}); build both with the same",
                env!("CARGO_PKG_VERSION")
            );
            return self.lied(id, message);
        }
        if !self.take_hardening(id) {
            return;
        }
        if let Some(worker) = self.workers.0.get_mut(&id) {
            worker.up = true;
            tracing::debug!(worker = %worker.name, "a worker is ready");
        }
        self.workers_changed = true;
        self.handle(Event::WorkerReady { worker: id });
    }

    /// A worker is about to be ready: what it said of its sandbox is taken over. False: it lacks what it must have.
    fn take_hardening(&mut self, id: WorkerId) -> bool {
        let Some(report) = self.workers.0.get(&id).map(|worker| worker.hardening.clone()) else { return false };
        let holds = |layer: Layer| report.as_ref().is_some_and(|report: &HardeningReport| report.holds(layer));
        let hardening = self.config.hardening;
        if let Some(lacking) = Layer::ALL.iter().find(|layer| hardening.requires(**layer) && !holds(**layer)) {
            self.lied(id, format!("it is ready without the layer `{lacking}`, which is required"));
            return false;
        }
        if report.is_some() {
            *self.status.hardening.lock() = report;
        }
        true
    }

    /// What ended a worker, with what is known here of the layer or limit that it ran into.
    pub(super) fn explain_limit(&self, id: WorkerId, cause: BrokenCause) -> BrokenCause {
        let killed = matches!(cause, BrokenCause::OutOfMemory | BrokenCause::Signaled { signal: libc::SIGKILL });
        let group = self.workers.0.get(&id).filter(|worker| killed && !worker.killed);
        if let Some(limit) = group.and_then(|worker| worker.group.as_ref()?.was_too_small()) {
            return BrokenCause::OutOfWorkerMemory { limit };
        }
        match (cause, self.config.limits.cpu_time) {
            (BrokenCause::SyscallDenied { .. }, _) => {
                BrokenCause::SyscallDenied { syscall: self.workers.0.get(&id).and_then(|worker| worker.denied) }
            }
            (BrokenCause::Signaled { signal: libc::SIGXCPU }, Some(limit)) => BrokenCause::OutOfCpuTime { limit },
            (cause, _) => cause,
        }
    }
}
