//! Tasks of tasks and calls of host functions, at the worker's end: the guest's words go to the caller. While a guest waits for
//! a child, this thread serves the children that the caller lends to it; while it waits for a host function, nothing. Everything
//! else that comes meanwhile is kept for later.

use super::exit::WorkerError;
use super::serve::{SharedChannel, receive, run_of, send, tell_end};
use crate::engine::{ChildTasks, HostCalls, ModuleCache, Waited};
use crate::fault;
use crate::ipc::{ClaimTable, Reply, Request, RunRequest, WorkerBefore, WorkerReceived};
use crate::task::{ChildEnd, HostAnswer, TaskId};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Instant;

/// The link of this worker's guests to the caller.
#[derive(Default)]
pub(super) struct Nested {
    /// Set when tasks are run: a fork server, which runs none, must not hold a channel here.
    link: OnceLock<Link>,
    kept: Mutex<Kept>,
}

struct Link {
    channel: SharedChannel,
    claims: ClaimTable,
    modules: &'static ModuleCache,
}

#[derive(Default)]
struct Kept {
    /// Children that have ended, and were not asked for yet.
    ended: HashMap<(TaskId, u32), (ChildEnd, Vec<u8>)>,
    /// Requests that came while a guest waited.
    deferred: VecDeque<WorkerReceived>,
    /// What went wrong while a guest waited: the end of this worker.
    broken: Option<WorkerError>,
}

impl Nested {
    /// Tasks are run from now on.
    pub(super) fn open(&self, channel: &SharedChannel, claims: ClaimTable, modules: &'static ModuleCache) {
        // Set once: a worker begins to serve once.
        let _ = self.link.set(Link { channel: channel.clone(), claims, modules });
    }

    /// The next request when no guest runs; `None` when the caller is gone.
    pub(super) fn next(&self, channel: &SharedChannel) -> Result<Option<WorkerReceived>, WorkerError> {
        let deferred = self.kept.lock().deferred.pop_front();
        match deferred {
            Some(received) => Ok(Some(received)),
            None => receive(channel),
        }
    }

    /// A task has ended: nobody will ask for its children. An error of while it waited comes to light.
    pub(super) fn task_ended(&self, task: TaskId) -> Result<(), WorkerError> {
        let mut kept = self.kept.lock();
        kept.ended.retain(|(parent, _), _| *parent != task);
        kept.broken.take().map_or(Ok(()), Err)
    }

    fn receive(&self, deadline: Option<Instant>) -> Result<WorkerBefore, WorkerError> {
        let mut channel = self.link()?.channel.lock();
        Ok(match deadline {
            None => channel.receive()?.map_or(WorkerBefore::Closed, WorkerBefore::Received),
            Some(deadline) => channel.receive_before(deadline)?,
        })
    }

    async fn serve_until(&self, parent: TaskId, child: u32, deadline: Option<Instant>) -> Result<Wait, WorkerError> {
        loop {
            if let Some((end, result)) = self.kept.lock().ended.remove(&(parent, child)) {
                return Ok(Wait::Ended(end, result));
            }
            // Also after each child that was run here: the caller lends another one then.
            send(&self.link()?.channel, &Reply::Await { parent, child }, &[])?;
            loop {
                let received = match self.receive(deadline)? {
                    WorkerBefore::Received(received) => received,
                    WorkerBefore::Closed => return Ok(Wait::CallerGone),
                    WorkerBefore::TimedOut => return Ok(Wait::TimedOut),
                };
                let WorkerReceived { request, payload, descriptor } = received;
                match request {
                    Request::ChildEnded { parent: of, child: which, .. } => {
                        self.keep(WorkerReceived { request, payload, descriptor })?;
                        if (of, which) == (parent, child) {
                            break;
                        }
                    }
                    Request::Run(request) if request.lent_to == Some(parent) => {
                        self.run_lent(&request, &payload).await?;
                        break;
                    }
                    request => self.keep(WorkerReceived { request, payload, descriptor })?,
                }
            }
        }
    }

    /// Calls a host function, and waits for its answer; `None` when the caller is gone.
    fn call_host(
        &self,
        task: TaskId,
        call: u64,
        function: String,
        argument: &[u8],
    ) -> Result<Option<(HostAnswer, Vec<u8>)>, WorkerError> {
        send(&self.link()?.channel, &Reply::HostCall { task, call, function }, argument)?;
        loop {
            let received = match self.receive(None)? {
                WorkerBefore::Received(received) => received,
                WorkerBefore::Closed | WorkerBefore::TimedOut => return Ok(None),
            };
            match received.request {
                Request::HostAnswer { task: of, call: which, answer } if (of, which) == (task, call) => {
                    return Ok(Some((answer, received.payload)));
                }
                _ => self.keep(received)?,
            }
        }
    }

    /// Takes in what came while a guest waited for something else.
    fn keep(&self, received: WorkerReceived) -> Result<(), WorkerError> {
        match received.request {
            Request::Load { artifact } => {
                let file = received.descriptor.ok_or(WorkerError::Protocol("`Load` without a file"))?;
                self.link()?.modules.add(artifact, file);
                Ok(())
            }
            Request::ChildEnded { parent, child, end } => {
                self.kept.lock().ended.insert((parent, child), (end, received.payload));
                Ok(())
            }
            _ => self.defer(received),
        }
    }

    /// Keeps a request for when no guest runs. Tasks that the caller has taken back meanwhile go: so there are never more
    /// than there are claims.
    fn defer(&self, received: WorkerReceived) -> Result<(), WorkerError> {
        let claims = &self.link()?.claims;
        let mut kept = self.kept.lock();
        kept.deferred.push_back(received);
        kept.deferred.retain(|received| match &received.request {
            Request::Run(request) => claims.is_offered(request.claim),
            _ => true,
        });
        Ok(())
    }

    /// Keeps in mind why this worker cannot go on, and gives the same for the guest.
    fn broken(&self, error: WorkerError) -> wasmtime::Error {
        let told = wasmtime::Error::msg(error.to_string());
        self.kept.lock().broken.get_or_insert(error);
        told
    }

    fn link(&self) -> Result<&Link, WorkerError> {
        self.link.get().ok_or(WorkerError::Protocol("a task before its worker was ready"))
    }

    async fn run_lent(&self, request: &RunRequest, argument: &[u8]) -> Result<(), WorkerError> {
        let Link { channel, claims, modules } = self.link()?;
        if !claims.begin(request.claim) {
            return Ok(());
        }
        fault::note_begun(request.task);
        // It has no shared objects: what its parent holds of one would be given back with it.
        let ended = modules.run_here(&run_of(request, argument, &[])).await;
        tell_end(channel, request.task, ended)?;
        self.kept.lock().ended.retain(|(parent, _), _| *parent != request.task);
        Ok(())
    }
}

/// How a wait ended.
enum Wait {
    Ended(ChildEnd, Vec<u8>),
    TimedOut,
    CallerGone,
}

impl ChildTasks for Nested {
    fn submit(&self, parent: TaskId, child: u32, function: String, codec: String, argument: &[u8]) {
        // A channel that fails here fails again when the guest waits, or when its task ends.
        let _ = self
            .link()
            .and_then(|link| send(&link.channel, &Reply::Submit { parent, child, function, codec }, argument));
    }

    fn wait(
        &self,
        parent: TaskId,
        child: u32,
        deadline: Option<Instant>,
    ) -> Pin<Box<dyn Future<Output = wasmtime::Result<Waited>> + Send + '_>> {
        Box::pin(async move {
            match self.serve_until(parent, child, deadline).await {
                Ok(Wait::Ended(end, result)) => Ok(Some((end, result))),
                Ok(Wait::TimedOut) => Ok(None),
                // Whoever runs the guest finds the channel closed, too.
                Ok(Wait::CallerGone) => Err(wasmtime::Error::msg("the caller is gone")),
                Err(error) => Err(self.broken(error)),
            }
        })
    }

    fn forget(&self, parent: TaskId, child: u32) {
        self.kept.lock().ended.remove(&(parent, child));
        // As for `submit`.
        let _ = self.link().and_then(|link| send(&link.channel, &Reply::Forget { parent, child }, &[]));
    }
}

impl HostCalls for Nested {
    fn call(
        &self,
        task: TaskId,
        call: u64,
        function: &str,
        argument: &[u8],
    ) -> wasmtime::Result<(HostAnswer, Vec<u8>)> {
        match self.call_host(task, call, function.to_owned(), argument) {
            Ok(Some(answered)) => Ok(answered),
            // As for `wait`.
            Ok(None) => Err(wasmtime::Error::msg("the caller is gone")),
            Err(error) => Err(self.broken(error)),
        }
    }
}
