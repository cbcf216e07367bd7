//! Where the workers of one pool come from, by its start method.

use super::child::WorkerProcess;
use super::forkserver::ForkServer;
use super::spawn::{Guise, spawn};
use super::{Child, Program, fork};
use crate::context::StartMethod;
use crate::ipc::WorkerConfig;
use crate::limits::MAX_LOADED_MODULES;
use crate::task::{ArtifactId, WorkerId};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

/// Starts workers.
#[derive(Debug)]
pub(crate) struct Nursery {
    method: StartMethod,
    program: Program,
    /// What the workers will be told.
    config: WorkerConfig,
    /// There is one from the first worker to the end of the pool, unless it has died and no worker was needed since.
    server: Option<ForkServer>,
    /// What a fork server is given, the newest last.
    modules: VecDeque<(ArtifactId, Arc<OwnedFd>)>,
}

/// A worker that was started, or asked for.
#[derive(Debug)]
pub(crate) struct Newborn {
    pub(crate) process: WorkerProcess,
    /// 0 while the process is awaited.
    pub(crate) pid: u32,
    /// The caller's end of its channel.
    pub(crate) socket: OwnedFd,
    /// The modules that it has from its birth.
    pub(crate) loaded: Vec<ArtifactId>,
}

impl Nursery {
    pub(crate) fn new(method: StartMethod, program: Program, config: WorkerConfig) -> Self {
        Self { method, program, config, server: None, modules: VecDeque::new() }
    }

    /// Starts a worker, or asks for one: it never waits for the answer.
    pub(crate) fn start(&mut self, worker: WorkerId) -> io::Result<Newborn> {
        let (Child { pid, pidfd }, socket) = match self.method {
            StartMethod::Spawn | StartMethod::InitMain => spawn(&self.program, Guise::Worker)?,
            StartMethod::Fork => fork::fork()?,
            StartMethod::ForkServer => return self.ask(worker),
        };
        Ok(Newborn { process: WorkerProcess::Own(pidfd), pid, socket, loaded: Vec::new() })
    }

    fn ask(&mut self, worker: WorkerId) -> io::Result<Newborn> {
        let server = match &mut self.server {
            Some(server) => server,
            none => none.insert(ForkServer::start(&self.program, &self.config, &self.modules)?),
        };
        let socket = server.ask(worker)?;
        Ok(Newborn { process: WorkerProcess::Awaited, pid: 0, socket, loaded: server.loaded().collect() })
    }

    /// A task needs this module: workers of a fork server have it from their birth, from now on.
    pub(crate) fn knows(&mut self, artifact: ArtifactId, code: &Arc<OwnedFd>) {
        let is_new = || !self.modules.iter().rev().any(|(known, _)| *known == artifact);
        if self.method != StartMethod::ForkServer || !is_new() {
            return;
        }
        if self.modules.len() == MAX_LOADED_MODULES {
            self.modules.pop_front();
        }
        self.modules.push_back((artifact, Arc::clone(code)));
        if let Some(server) = &mut self.server {
            server.load(artifact, code);
        }
    }

    pub(crate) fn server(&mut self) -> Option<&mut ForkServer> {
        self.server.as_mut()
    }

    /// When the fork server must have said what it owes.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.server.as_ref().and_then(ForkServer::next_deadline)
    }

    /// The fork server has ended and was reaped: the next worker needs another one.
    pub(crate) fn forget_server(&mut self) {
        self.server = None;
    }

    /// Nobody will be started any more.
    pub(crate) fn end(&mut self) {
        if let Some(server) = self.server.take() {
            server.end();
        }
    }

    /// What is executed, for messages.
    pub(crate) fn program(&self) -> &Program {
        &self.program
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        self.end();
    }
}
