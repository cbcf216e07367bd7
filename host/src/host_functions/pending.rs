//! Async host functions: futures that the threads poll whenever something wakes them.

use super::function::Returned;
use super::threads::{Lane, Work};
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

type Running = Pin<Box<dyn Future<Output = Returned> + Send>>;

/// A future that has not ended.
pub(super) struct Pending {
    pub(super) call: u64,
    /// `None` once it has ended, or was dropped because nobody waits for it.
    future: Mutex<Option<Running>>,
    /// It is in the line already.
    in_line: AtomicBool,
    /// Whoever keeps a waker for ever must not keep the threads.
    lane: Weak<Lane>,
}

impl Pending {
    pub(super) fn new(call: u64, future: Running, lane: &Arc<Lane>) -> Arc<Self> {
        let (future, in_line, lane) = (Mutex::new(Some(future)), AtomicBool::new(false), Arc::downgrade(lane));
        Arc::new(Self { call, future, in_line, lane })
    }

    /// Polls it once; what it returned, if it has ended by that.
    pub(super) fn poll(self: &Arc<Self>) -> Option<Returned> {
        // Before the poll: what wakes it from now on must be seen.
        self.in_line.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(self));
        let mut future = self.future.lock();
        let polled = future.as_mut()?.as_mut().poll(&mut Context::from_waker(&waker));
        match polled {
            Poll::Ready(returned) => {
                *future = None;
                Some(returned)
            }
            Poll::Pending => None,
        }
    }

    /// Drops the future: on a thread for host functions, because that is a user's code too.
    pub(super) fn end(&self) {
        let future = self.future.lock().take();
        drop(future);
    }
}

impl Wake for Pending {
    fn wake(self: Arc<Self>) {
        if !self.in_line.swap(true, Ordering::AcqRel)
            && let Some(lane) = self.lane.upgrade()
        {
            lane.add(Work::Poll(self));
        }
    }
}
