//! The shared objects that a process was passed, so that what it held is given back when it has ended.

use crate::ipc::{CallerChannel, ChannelError, Request};
use crate::sync::{ProcessMark, SharedObject};
use isopool_guest::sync::Object;
use std::io;
use std::sync::Arc;

/// What one process was passed.
pub(super) struct Lent {
    objects: Vec<Arc<SharedObject>>,
    process: ProcessMark,
}

impl Lent {
    /// Queues what the process must know before its call. It has not been waited for yet, so the id is its own.
    pub(super) fn queue(
        pid: u32,
        objects: Vec<Arc<SharedObject>>,
        channel: &mut CallerChannel,
    ) -> Result<Self, ChannelError> {
        let process = ProcessMark::of(pid);
        for object in &objects {
            let descriptor = object.descriptor().ok_or_else(|| io::Error::other("it cannot be shared from here"))?;
            let request = Request::Share { object: object.id(), spec: object.spec(), holder: process.word() };
            channel.queue(&request, None, Some(Arc::clone(descriptor)))?;
        }
        Ok(Self { objects, process })
    }

    /// The process has ended: gives back what it held.
    pub(super) fn give_back(&mut self) {
        self.objects.drain(..).for_each(|object| object.take_from(self.process));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync;
    use std::time::Duration;

    #[test]
    fn what_a_process_held_is_free_when_its_end_was_seen() {
        let lock = sync::lock().expect("made");
        let (_, shared) = sync::collect(|| isopool_guest::Codec::Bincode.encode(&lock).expect("encodes"));
        std::mem::forget(lock.acquire(None).expect("free"));
        let mut lent = Lent { objects: shared.objects, process: ProcessMark::current() };
        assert!(lock.acquire(Some(Duration::ZERO)).is_err());
        lent.give_back();
        assert!(lock.acquire(Some(Duration::ZERO)).expect("given back").was_abandoned());
    }
}
