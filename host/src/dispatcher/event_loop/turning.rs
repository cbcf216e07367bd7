//! One turn of the loop: what is ready is taken in, and what comes of it is done.

use super::EventLoop;
use crate::dispatcher::action::Action;
use crate::dispatcher::event::Event;
use crate::dispatcher::token::Token;
use crate::task::WorkerId;
use nix::sys::epoll::{EpollEvent, EpollTimeout};
use std::time::Instant;

/// How the dispatcher's own thread rests between two turns.
pub(in crate::dispatcher) enum Rest {
    /// Until something happens, at most so long.
    Until(EpollTimeout),
    /// For [`LULL_PAUSE`](crate::limits::LULL_PAUSE), whatever happens.
    Moment,
}

impl EventLoop {
    /// A turn of the dispatcher's own thread.
    pub(in crate::dispatcher) fn turn(&mut self, ready: &[EpollEvent]) {
        self.catch_up();
        self.take_in_the_lull();
        for event in ready {
            match Token::unpack(event.data()) {
                Token::Mailbox => self.read_mailbox(),
                Token::Channel(worker) => self.read_channel(worker),
                Token::Process(worker) => self.process_ended(worker),
                Token::ForkServerChannel => self.read_fork_server(),
                Token::ForkServerProcess => self.fork_server_ended(),
            }
        }
        self.check_fork_server();
        self.check_host_calls();
        self.end_turn();
    }

    /// A turn of a caller's thread, which does a part of it. Whether the dispatcher's own thread has to look, too.
    pub(in crate::dispatcher) fn turn_of_caller(&mut self, part: impl FnOnce(&mut Self)) -> bool {
        self.is_helped = true;
        part(self);
        self.end_turn();
        self.is_helped = false;
        let is_earlier = match (self.next_deadline(), self.rests_until) {
            (Some(deadline), Some(rests_until)) => deadline < rests_until,
            (deadline, _) => deadline.is_some(),
        };
        is_earlier || self.terminated || !self.put_off.is_empty()
    }

    fn end_turn(&mut self) {
        if self.state.next_deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            self.handle(Event::Tick);
        }
        // First what callers see, then what workers get: a task that runs has a worker that is listed.
        self.publish();
        self.flush();
    }

    /// How long the dispatcher's own thread may rest.
    pub(in crate::dispatcher) fn rest(&mut self) -> Rest {
        if self.lulls() {
            return Rest::Moment;
        }
        self.rests_until = self.next_deadline();
        let Some(deadline) = self.rests_until else { return Rest::Until(EpollTimeout::NONE) };
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up, so that the deadline has come when the rest is over.
        Rest::Until(EpollTimeout::try_from(left.as_millis() + 1).unwrap_or(EpollTimeout::MAX))
    }

    fn next_deadline(&self) -> Option<Instant> {
        let owed = self.nursery.next_deadline().into_iter().chain(self.host.next_deadline());
        self.state.next_deadline().into_iter().chain(owed).min()
    }

    /// Puts off what only the dispatcher's own thread may do: a worker dies with the thread that has started it. What comes
    /// after for the same worker waits with it.
    pub(super) fn puts_off(&mut self, action: Action) -> bool {
        let waits = |worker: WorkerId| self.put_off.iter().any(|other| other.worker() == Some(worker));
        let is_own = matches!(action, Action::Start { .. }) || action.worker().is_some_and(waits);
        let put_off = self.is_helped && is_own;
        if put_off {
            self.put_off.push_back(action);
        }
        put_off
    }

    /// Does what callers' threads have put off.
    fn catch_up(&mut self) {
        while let Some(action) = self.put_off.pop_front() {
            self.carry_out(action);
            self.settle();
        }
    }
}
