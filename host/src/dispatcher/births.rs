//! How workers come to the dispatcher, and the fork server that some come from. As all of the event loop it decides nothing.

use super::action::KillReason;
use super::event::Event;
use super::event_loop::EventLoop;
use super::token::Token;
use super::worker_handle::WorkerHandle;
use crate::error::BrokenCause;
use crate::ipc::WorkerConfig;
use crate::limits::FORK_SERVER_PATIENCE;
use crate::metrics;
use crate::process::{News, WorkerGroups, explained};
use crate::sys::PidFd;
use crate::task::{ClassId, WorkerId};
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl EventLoop {
    pub(super) fn start_worker(&mut self, id: WorkerId, index: u32, class: ClassId) {
        let class = Arc::clone(self.classes.class(class));
        let had_server = self.nursery.server().is_some();
        let group = self.groups.as_ref().map(WorkerGroups::make).transpose();
        let started = group.and_then(|group| {
            let folder = group.as_ref().map(|group| group.folder().to_string_lossy().into_owned());
            let config = WorkerConfig {
                index,
                grants: class.grants.clone(),
                environment: class.withheld.of_environment(&self.config.environment),
                arguments: class.withheld.of_arguments(&self.config.arguments),
                group: folder,
                ..self.config.clone()
            };
            let start = || self.nursery.start(id);
            let mut worker = WorkerHandle::start(id, class, config, &self.initializer_objects, start)?;
            worker.group = group;
            if !had_server {
                self.watch_fork_server()?;
            }
            self.watch_worker(&worker).inspect_err(|_| worker.kill_and_reap())?;
            Ok(worker)
        });
        match started {
            Ok(worker) => {
                if !worker.is_awaited() {
                    tracing::debug!(worker = %worker.name, "a worker was started");
                }
                self.status.workers_started.fetch_add(1, Ordering::Relaxed);
                metrics::worker_started();
                self.workers.0.insert(id, worker);
                self.workers_changed = true;
            }
            Err(error) => {
                let program = self.nursery.program().path().display();
                self.not_started(format!("`{program}` could not be started: {}", explained(&error)));
                self.events.push_back(Event::StartFailed { worker: id });
            }
        }
    }

    fn not_started(&mut self, reason: String) {
        tracing::info!(reason, "a worker could not be started");
        self.cause = Some((None, BrokenCause::SpawnFailed { reason }));
    }

    /// Watches a worker's channel and process; one that is awaited has neither to watch yet.
    fn watch_worker(&self, worker: &WorkerHandle) -> io::Result<()> {
        let Some(process) = worker.process() else { return Ok(()) };
        watch(&self.epoll, worker.socket(), Token::Channel(worker.id))?;
        watch(&self.epoll, process, Token::Process(worker.id))
    }

    pub(super) fn kill_worker(&mut self, id: WorkerId, reason: KillReason) {
        let Some(worker) = self.workers.0.get_mut(&id) else { return };
        worker.kill_for(reason);
        if worker.is_awaited()
            && let Some(server) = self.nursery.server()
        {
            // It is killed when the fork server tells of it. One that was waited for too long is waited for no longer.
            let patience = if reason == KillReason::TimedOut { Default::default() } else { FORK_SERVER_PATIENCE };
            server.owes(id, Instant::now() + patience);
        }
    }

    // ── The fork server ─────────────────────────────────────────────────────────────────────────────────────────────

    /// One has just been started, if the start method has any.
    fn watch_fork_server(&mut self) -> io::Result<()> {
        let Some(server) = self.nursery.server() else { return Ok(()) };
        let watched = watch(&self.epoll, server.socket(), Token::ForkServerChannel)
            .and_then(|()| watch(&self.epoll, server.process(), Token::ForkServerProcess));
        watched.inspect_err(|_| self.nursery.end())
    }

    pub(super) fn read_fork_server(&mut self) {
        let Some(server) = self.nursery.server() else { return };
        let news = server.receive();
        if server.is_closed() {
            // Its end will be an event; closing a descriptor takes it out of epoll only when no copy of it is left.
            let _ = self.epoll.delete(server.socket());
        }
        news.into_iter().for_each(|news| self.hear_of_worker(news));
    }

    fn hear_of_worker(&mut self, news: News) {
        match news {
            News::Born { worker, pid, pidfd } => self.worker_is_born(worker, pid, pidfd),
            News::NotBorn { worker, reason } => {
                if self.workers.0.remove(&worker).is_some() {
                    self.not_started(reason);
                    self.handle(Event::StartFailed { worker });
                }
            }
            News::Ended { worker: id, cause } => {
                let Some(worker) = self.workers.0.get_mut(&id) else { return };
                if worker.lives() {
                    let name = worker.name;
                    if let Some(server) = self.nursery.server() {
                        server.kill_for(format!("it said that {name} has ended, which lives"));
                    }
                } else {
                    worker.tell_end(cause);
                    self.process_ended(id);
                }
            }
        }
    }

    fn worker_is_born(&mut self, id: WorkerId, pid: u32, pidfd: PidFd) {
        let Some(worker) = self.workers.0.get_mut(&id) else { return };
        worker.is_born(pid, pidfd);
        tracing::debug!(worker = %worker.name, "a worker was forked");
        let Some(worker) = self.workers.0.get(&id) else { return };
        if let Err(error) = self.watch_worker(worker) {
            tracing::error!(worker = %worker.name, %error, "a worker could not be watched");
            if let Some(server) = self.nursery.server() {
                server.kill_for(format!("what it forks cannot be watched: {error}"));
            }
        }
    }

    /// A worker has ended, and the fork server has not told how.
    pub(super) fn wait_for_word(&mut self, id: WorkerId) {
        if let Some(process) = self.workers.0.get(&id).and_then(WorkerHandle::process) {
            // It stays readable, and has nothing more to say.
            let _ = self.epoll.delete(process);
        }
        if let Some(server) = self.nursery.server() {
            server.owes(id, Instant::now() + FORK_SERVER_PATIENCE);
        }
    }

    /// Sends what was queued for the fork server, and waits for room where its socket is full.
    pub(super) fn flush_fork_server(&mut self) {
        let Some(server) = self.nursery.server().filter(|server| server.wants_to_send()) else { return };
        server.flush();
        let flags =
            if server.wants_to_send() { EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        if server.is_closed() {
            return;
        }
        let mut event = EpollEvent::new(flags, Token::ForkServerChannel.pack());
        if let Err(error) = self.epoll.modify(server.socket(), &mut event) {
            server.kill_for(format!("its channel cannot be watched: {error}"));
        }
    }

    pub(super) fn check_fork_server(&mut self) {
        if let Some(server) = self.nursery.server() {
            server.check_time(Instant::now());
        }
    }

    /// The fork server has ended, and all of its workers end with it.
    pub(super) fn fork_server_ended(&mut self) {
        self.read_fork_server();
        let Some(reason) = self.nursery.server().and_then(|server| server.try_reap()) else { return };
        tracing::warn!(reason, "a fork server died");
        if let Some(server) = self.nursery.server() {
            let _ = self.epoll.delete(server.process());
            if !server.is_closed() {
                let _ = self.epoll.delete(server.socket());
            }
        }
        self.nursery.forget_server();
        // Those of the next one are not among them.
        let orphans: Vec<WorkerId> = self.workers.0.keys().copied().collect();
        orphans.into_iter().for_each(|id| self.worker_is_orphaned(id, &reason));
    }

    fn worker_is_orphaned(&mut self, id: WorkerId, reason: &str) {
        let Some(worker) = self.workers.0.get_mut(&id) else { return };
        if worker.is_awaited() {
            self.workers.0.remove(&id);
            let reason = format!("nobody forks it any more: {reason}");
            self.cause = Some((None, BrokenCause::SpawnFailed { reason }));
            self.handle(Event::WorkerExited { worker: id });
        } else {
            // The kernel kills it too; whoever comes first.
            worker.kill();
            worker.tell_end(BrokenCause::ForkServerDied { reason: reason.to_owned() });
            self.process_ended(id);
        }
    }
}

fn watch(epoll: &Epoll, descriptor: BorrowedFd<'_>, token: Token) -> io::Result<()> {
    Ok(epoll.add(descriptor, EpollEvent::new(EpollFlags::EPOLLIN, token.pack()))?)
}
