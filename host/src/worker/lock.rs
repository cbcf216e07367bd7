//! How a process of this room locks itself in, between its engine and its first module.

use super::exit::WorkerError;
use super::serve::{SharedChannel, send};
use super::takeover::setup;
use crate::executor::Execution;
use crate::fault;
use crate::ipc::{Reply, WorkerConfig, denied_frame};
use crate::sandbox::{self, Hardening, Policy, ProcessLimits, Profile};
use crate::sync::ProcessMark;
use crate::sys;
use crate::task::Grants;
use std::os::fd::AsFd;

/// What of a configuration says how its process is locked in.
pub(super) struct Lock {
    hardening: Hardening,
    grants: Grants,
    execution: Execution,
    limits: ProcessLimits,
    group: Option<String>,
}

impl Lock {
    pub(super) fn of(config: &WorkerConfig) -> Self {
        let WorkerConfig { hardening, grants, execution, limits, group, .. } = config;
        let (grants, group) = (grants.clone(), group.clone());
        Self { hardening: *hardening, grants, execution: *execution, limits: *limits, group }
    }

    /// Locks this process in and tells what holds; false when something that must does not: then it leaves.
    pub(super) fn close(&self, profile: Profile, channel: &SharedChannel) -> Result<bool, WorkerError> {
        ProcessMark::look_for_itself();
        fault::keep_files();
        setup("prepare for denied calls", sys::tell_denied_calls(channel.lock().as_fd(), denied_frame()))?;
        let policy = Policy {
            profile,
            hardening: self.hardening,
            grants: &self.grants,
            no_machine_code: self.execution == Execution::Fortress,
            limits: self.limits,
            group: self.group.as_deref(),
        };
        match sandbox::lock_in(&policy) {
            Ok(report) => send(channel, &Reply::Hardened { report }, &[]).map(|()| true),
            Err(error) => send(channel, &Reply::NotHardened { error }, &[]).map(|()| false),
        }
    }
}
