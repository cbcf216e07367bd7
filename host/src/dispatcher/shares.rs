//! The shared objects that one worker has, so that each is sent once, and what it held is given back when it has ended.

use crate::ipc::{CallerChannel, ChannelError, Request};
use crate::sync::{ProcessMark, SharedObject};
use isopool_guest::sync::{Object, ObjectId};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};

/// What one worker has.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// An object that is gone here is used by no task any more.
    objects: HashMap<ObjectId, Weak<SharedObject>>,
    /// The worker's process; asked for with the first object.
    process: Option<ProcessMark>,
}

impl Shares {
    /// Queues what the worker must know before a task that uses these objects; gives their names.
    pub(super) fn share(
        &mut self,
        pid: u32,
        objects: &[Arc<SharedObject>],
        channel: &mut CallerChannel,
    ) -> Result<Vec<ObjectId>, ChannelError> {
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        self.forget_the_gone(channel)?;
        // It has not been waited for yet, so the id is its own.
        let holder = self.process.get_or_insert_with(|| ProcessMark::of(pid)).word();
        for object in objects {
            if self.objects.contains_key(&object.id()) {
                continue;
            }
            let descriptor = object.descriptor().ok_or_else(|| io::Error::other("it cannot be shared from here"))?;
            let request = Request::Share { object: object.id(), spec: object.spec(), holder };
            channel.queue(&request, None, Some(Arc::clone(descriptor)))?;
            self.objects.insert(object.id(), Arc::downgrade(object));
        }
        Ok(objects.iter().map(|object| object.id()).collect())
    }

    fn forget_the_gone(&mut self, channel: &mut CallerChannel) -> Result<(), ChannelError> {
        let gone: Vec<ObjectId> =
            self.objects.iter().filter(|(_, object)| object.strong_count() == 0).map(|(id, _)| *id).collect();
        for object in gone {
            self.objects.remove(&object);
            channel.queue(&Request::Unshare { object }, None, None)?;
        }
        Ok(())
    }

    /// The worker has ended: gives back what it held.
    pub(super) fn give_back(&mut self) {
        let Some(process) = self.process else { return };
        for object in self.objects.drain().filter_map(|(_, object)| object.upgrade()) {
            object.take_from(process);
        }
    }
}
