//! How a pool comes to life: its dispatcher on a thread of its own.

use super::driver::Driver;
use super::entry::PoolStatus;
use super::event_loop::EventLoop;
use super::mailbox::Mailbox;
use super::room::Room;
use super::state::StateOptions;
use crate::context::StartMethod;
use crate::ipc::WorkerConfig;
use crate::process::{Program, WorkerGroups};
use crate::sync::SharedObject;
use crate::task::Class;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What a pool is told once.
#[derive(Clone, Debug)]
pub(crate) struct PoolOptions {
    pub(crate) state: StateOptions,
    pub(crate) start_method: StartMethod,
    pub(crate) program: Program,
    /// For the first worker; the index differs for each, and the grants for each class.
    pub(crate) worker: WorkerConfig,
    /// The one of tasks that do not say otherwise.
    pub(crate) class: Arc<Class>,
    /// What the native initializer of each worker may use; kept for as long as the pool may start one.
    pub(crate) initializer_objects: Vec<Arc<SharedObject>>,
    pub(crate) host_calls: HostCallOptions,
    /// Where each worker gets a control group.
    pub(crate) groups: Option<WorkerGroups>,
}

/// How a pool serves calls of host functions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostCallOptions {
    /// Most threads that run them.
    pub(crate) threads: usize,
    /// For each call, its wait for a thread included.
    pub(crate) time_limit: Duration,
}

/// What a pool shares with its callers.
#[derive(Debug)]
pub(crate) struct PoolHandle {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) room: Arc<Room>,
    pub(crate) status: Arc<PoolStatus>,
}

/// Starts the dispatcher of a new pool. Its thread ends after a shutdown, when every worker was reaped, and calls
/// `when_ended`.
pub(crate) fn start(
    options: PoolOptions,
    queue_capacity: usize,
    max_pending_bytes: usize,
    when_ended: impl FnOnce() + Send + 'static,
) -> io::Result<PoolHandle> {
    let mailbox = Arc::new(Mailbox::new()?);
    let room = Arc::new(Room::new(queue_capacity, max_pending_bytes));
    let status = Arc::new(PoolStatus::default());
    let handle = PoolHandle { mailbox: Arc::clone(&mailbox), room: Arc::clone(&room), status: Arc::clone(&status) };
    let event_loop = EventLoop::new(options, Arc::clone(&mailbox), room, Arc::clone(&status))?;
    let driver = Arc::new(Driver::new(event_loop, Arc::clone(&mailbox), status));
    mailbox.is_read_by(&driver);
    std::thread::Builder::new().name("isopool-dispatcher".to_owned()).spawn(move || {
        driver.run();
        drop(driver);
        when_ended();
    })?;
    Ok(handle)
}
