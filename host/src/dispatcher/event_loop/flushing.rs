//! What goes out to the workers after each turn.

use super::EventLoop;
use super::attending::watch_or_kill;
use crate::dispatcher::event::Event;
use crate::task::WorkerId;

impl EventLoop {
    /// Sends what was queued, also by what the sending itself brings about.
    pub(super) fn flush(&mut self) {
        loop {
            let deaf = self.flush_once();
            if deaf.is_empty() {
                return;
            }
            deaf.into_iter().for_each(|worker| self.handle(Event::WorkerHungUp { worker }));
        }
    }

    /// Sends what was queued, and waits for room where a socket is full. Gives the workers that listen no more.
    fn flush_once(&mut self) -> Vec<WorkerId> {
        self.flush_fork_server();
        let mut deaf = Vec::new();
        for worker in self.workers.0.values_mut().filter(|worker| worker.wants_to_send()) {
            if let Err(error) = worker.flush() {
                // Its end will be an event; what it had said before is still read.
                tracing::debug!(worker = %worker.name, %error, "a worker does not take requests any more");
                worker.discard_unsent();
                deaf.push(worker.id);
                continue;
            }
            let waits = worker.wants_to_send();
            if waits != worker.waits_for_room {
                worker.waits_for_room = waits;
                watch_or_kill(&self.epoll, worker);
            }
        }
        deaf
    }
}
