//! Tasks of tasks, as a guest sees them: the `nested` interface of `wit/`. What is over a limit is an error for the guest.

use super::contract::nested;
use super::guest::Guest;
use crate::limits::{MAX_CHILD_BYTES, MAX_CHILDREN, MAX_MESSAGE_BYTES};
use crate::task::{ChildEnd, ChildFault, ChildFaultKind, TaskId};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::Resource;

/// How a child ended, with its result; `None`: not in time.
pub(crate) type Waited = Option<(ChildEnd, Vec<u8>)>;

/// The way to the caller, who runs the children somewhere.
pub(crate) trait ChildTasks: Send + Sync {
    /// Sends a child of a task on its way. Its number is the guest's; they grow.
    fn submit(&self, parent: TaskId, child: u32, function: String, codec: String, argument: &[u8]);

    /// Waits for its end. Meanwhile this thread may run children of the same task.
    ///
    /// # Errors
    /// The caller is gone, or the channel to it is of no use any more.
    fn wait(
        &self,
        parent: TaskId,
        child: u32,
        deadline: Option<Instant>,
    ) -> Pin<Box<dyn Future<Output = wasmtime::Result<Waited>> + Send + '_>>;

    /// The task does not want it any more.
    fn forget(&self, parent: TaskId, child: u32);
}

/// The handle that a guest holds.
// As the generated code wants it; nobody outside of this room sees it.
#[allow(unreachable_pub)]
pub struct Child {
    parent: Option<TaskId>,
    number: u32,
}

/// What the running task has submitted.
#[derive(Debug, Default)]
pub(super) struct Children {
    next: u32,
    /// Those whose handles are held.
    held: HashMap<u32, Held>,
    argument_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    argument_bytes: u64,
    state: HeldState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeldState {
    Open,
    Taken,
    Cancelled,
}

fn refused(message: impl Into<String>) -> ChildFault {
    ChildFault::new(ChildFaultKind::Refused, message)
}

impl Guest {
    /// Takes the number of a new child.
    fn new_child(&mut self, function: &str, codec: &str, argument_bytes: u64) -> Result<(TaskId, u32), ChildFault> {
        let Some(parent) = self.task() else {
            return Err(refused("only a task can submit tasks; this is none (an initializer, say)"));
        };
        let (depth, limit) = (self.depth(), self.settings.max_depth);
        if depth >= limit {
            return Err(refused(format!(
                "a task at depth {depth} cannot submit another one: tasks may be nested {limit} deep; the caller can \
                 raise it with ISOPOOL_MAX_DEPTH"
            )));
        }
        let too_large = |message| Err(ChildFault::new(ChildFaultKind::TooLarge, message));
        let limit = self.settings.max_argument_bytes;
        if argument_bytes > limit {
            return too_large(format!("the argument has {argument_bytes} bytes, the limit is {limit}"));
        }
        if self.children.held.len() >= MAX_CHILDREN {
            return Err(refused(format!(
                "the task holds {MAX_CHILDREN} tasks that it has submitted, and may not hold more; take the results of \
                 some"
            )));
        }
        let all = self.children.argument_bytes + argument_bytes;
        if all > MAX_CHILD_BYTES {
            return too_large(format!(
                "the arguments of the tasks that it holds would have {all} bytes together, the limit is {MAX_CHILD_BYTES}"
            ));
        }
        if function.len() + codec.len() > MAX_MESSAGE_BYTES {
            return Err(refused("the name of the function is too long"));
        }
        let number = self.children.next;
        self.children.next += 1;
        self.children.argument_bytes = all;
        self.children.held.insert(number, Held { argument_bytes, state: HeldState::Open });
        Ok((parent, number))
    }

    /// The state of a child of the running task; `None` for one of a task that has ended, in an instance that is kept.
    fn held(&mut self, child: &Child) -> Option<&mut HeldState> {
        if child.parent != self.task() {
            return None;
        }
        self.children.held.get_mut(&child.number).map(|held| &mut held.state)
    }

    fn forget_child(&mut self, child: &Child, state: HeldState) {
        if let (Some(parent), HeldState::Open | HeldState::Taken) = (child.parent, state) {
            self.settings.children.forget(parent, child.number);
        }
    }
}

impl nested::Host for Guest {
    fn max_argument_bytes(&mut self) -> u64 {
        self.settings.max_argument_bytes
    }
}

impl nested::HostChild for Guest {
    fn submit(
        &mut self,
        function: String,
        codec: String,
        argument: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Child>, nested::Fault>> {
        let (parent, number) = match self.new_child(&function, &codec, argument.len() as u64) {
            Ok(new) => new,
            Err(fault) => return Ok(Err(to_wit(fault))),
        };
        self.settings.children.submit(parent, number, function, codec, &argument);
        Ok(Ok(self.resources().push(Child { parent: Some(parent), number })?))
    }

    async fn wait(
        &mut self,
        child: Resource<Child>,
        timeout_ns: Option<u64>,
    ) -> wasmtime::Result<Result<Vec<u8>, nested::Fault>> {
        let Child { parent, number } = *self.resources().get(&child)?;
        let cancelled = |message: &str| Ok(Err(to_wit(ChildFault::new(ChildFaultKind::Cancelled, message))));
        match self.held(&Child { parent, number }).copied() {
            None => return cancelled("the task that submitted it has ended"),
            Some(HeldState::Cancelled) => return cancelled("it was cancelled by the task that submitted it"),
            Some(HeldState::Taken) => return Ok(Err(to_wit(refused("its result was taken before")))),
            Some(HeldState::Open) => {}
        }
        let Some(parent) = parent else { return cancelled("nobody has submitted it") };
        let deadline = timeout_ns.and_then(|time| Instant::now().checked_add(Duration::from_nanos(time)));
        let link = Arc::clone(&self.settings.children);
        let Some((end, result)) = link.wait(parent, number, deadline).await? else {
            let message = "it had not ended when the wait for it did; it goes on";
            return Ok(Err(to_wit(ChildFault::new(ChildFaultKind::TimedOut, message))));
        };
        if let Some(state) = self.held(&Child { parent: Some(parent), number }) {
            *state = HeldState::Taken;
        }
        Ok(match end {
            ChildEnd::Returned => Ok(result),
            ChildEnd::Fault(fault) => Err(to_wit(fault)),
        })
    }

    fn cancel(&mut self, child: Resource<Child>) -> wasmtime::Result<()> {
        let Child { parent, number } = *self.resources().get(&child)?;
        let child = Child { parent, number };
        if let Some(state) = self.held(&child)
            && *state == HeldState::Open
        {
            *state = HeldState::Cancelled;
            self.forget_child(&child, HeldState::Open);
        }
        Ok(())
    }

    fn drop(&mut self, child: Resource<Child>) -> wasmtime::Result<()> {
        let child = self.resources().delete(child)?;
        if child.parent == self.task()
            && let Some(held) = self.children.held.remove(&child.number)
        {
            self.children.argument_bytes -= held.argument_bytes;
            self.forget_child(&child, held.state);
        }
        Ok(())
    }
}

fn to_wit(fault: ChildFault) -> nested::Fault {
    use nested::FaultKind as Kind;
    let kind = match fault.kind {
        ChildFaultKind::Failed => Kind::Failed,
        ChildFaultKind::Panicked => Kind::Panicked,
        ChildFaultKind::Codec => Kind::Codec,
        ChildFaultKind::Trapped => Kind::Trapped,
        ChildFaultKind::Lost => Kind::Lost,
        ChildFaultKind::OutOfMemory => Kind::OutOfMemory,
        ChildFaultKind::TooLarge => Kind::TooLarge,
        ChildFaultKind::Cancelled => Kind::Cancelled,
        ChildFaultKind::Shutdown => Kind::Shutdown,
        ChildFaultKind::Refused => Kind::Refused,
        ChildFaultKind::TimedOut => Kind::TimedOut,
    };
    nested::Fault { kind, message: fault.message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::chance::Chance;
    use crate::engine::guest::{GuestSettings, Own, Purview, World};
    use crate::engine::reach::Reach;
    use crate::engine::testing::settings;
    use crate::task::Grants;
    use std::sync::Arc;

    fn guest(depth: u32) -> Guest {
        let settings = Arc::new(GuestSettings { max_depth: 2, max_argument_bytes: 10, ..settings() });
        let reach = Reach::open(&Grants::default()).expect("there is nothing to open");
        let chance = Chance::new().expect("the kernel has random numbers");
        let mut guest = Guest::new(&settings, &reach, Own::default(), World::Open(&chance));
        let purview = Purview { task: Some(TaskId(7)), depth, ..Purview::of_no_task("f", &settings) };
        guest.begin(&purview);
        guest
    }

    /// A guest need not be made with the SDK, which looks at the same limits before it asks.
    #[test]
    fn a_guest_is_held_to_the_limits_of_its_children_whatever_it_is_made_with() {
        let kind = |result: Result<_, ChildFault>| result.map(drop).map_err(|fault| fault.kind);
        let mut held = guest(1);
        assert_eq!(kind(held.new_child("f", "raw", 10)), Ok(()));
        assert_eq!(kind(held.new_child("f", "raw", 11)), Err(ChildFaultKind::TooLarge));
        let name = "f".repeat(MAX_MESSAGE_BYTES - 2);
        assert_eq!(kind(held.new_child(&name, "raw", 0)), Err(ChildFaultKind::Refused));
        assert_eq!(kind(guest(2).new_child("f", "raw", 0)), Err(ChildFaultKind::Refused));
        for _ in 1..MAX_CHILDREN {
            assert_eq!(kind(held.new_child("f", "raw", 1)), Ok(()));
        }
        assert_eq!(kind(held.new_child("f", "raw", 1)), Err(ChildFaultKind::Refused));
    }
}
