//! The loop: receives requests, runs tasks, answers. One thread, one task at a time.

use super::exit::WorkerError;
use super::nested::Nested;
use super::{compile, last_words};
use crate::engine::{Ended, GuestEngine, GuestSettings, LogSink, ModuleCache, ProgressSink, Purpose, Run};
use crate::fault::{self, Point};
use crate::ipc::{
    ClaimTable, PROTOCOL_VERSION, Reply, Request, Role, RunRequest, WorkerChannel, WorkerConfig, WorkerReceived,
};
use crate::limits::WORKER_KEEPS_BYTES;
use crate::sys;
use crate::task::{LogRecord, Outcome, Progress, RunReport, TaskId};
use parking_lot::Mutex;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The channel, shared with the sink for log records. One thread uses it: the lock is never waited for.
pub(super) type SharedChannel = Arc<Mutex<WorkerChannel>>;

/// Answers the caller until it says stop or is gone.
pub(super) fn serve(socket: OwnedFd) -> Result<(), WorkerError> {
    let channel = Arc::new(Mutex::new(WorkerChannel::new(socket)));
    last_words::telling(&channel, || answer(&channel))
}

fn answer(channel: &SharedChannel) -> Result<(), WorkerError> {
    let Some(first) = receive(channel)? else { return Ok(()) };
    let Request::Configure(config) = first.request else {
        return Err(WorkerError::Protocol("another request before `Configure`"));
    };
    fault::point(Point::ConfigureRead);
    let understood = config.protocol == PROTOCOL_VERSION;
    let role = config.role;
    let nested = Arc::new(Nested::new(channel));
    let engine = if understood { Some(start_engine(config, channel, &nested)?) } else { None };
    fault::point(Point::EngineMade);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    send(channel, &Reply::Ready { protocol: PROTOCOL_VERSION, version }, &[])?;
    fault::point(Point::ReadySent);
    // The caller reads of the other protocol in `Ready`, and says so.
    let Some(engine) = engine else { return Ok(()) };
    match role {
        Role::Worker => run_tasks(channel, engine, &nested, first.descriptor),
        Role::Compiler => compile::serve(channel, engine),
    }
}

fn start_engine(
    config: WorkerConfig,
    channel: &SharedChannel,
    nested: &Arc<Nested>,
) -> Result<GuestEngine, WorkerError> {
    let purpose = match config.role {
        Role::Worker => Purpose::Run,
        Role::Compiler => Purpose::Compile,
    };
    let settings = GuestSettings {
        worker_index: config.index,
        environment: config.environment,
        reuse: config.reuse,
        output: config.output,
        log_level: config.log_level,
        logs: log_sink(channel),
        progress: progress_sink(channel),
        max_result_bytes: config.max_result_bytes,
        max_output_bytes: config.max_output_bytes,
        max_memory_bytes: config.max_memory_bytes,
        max_argument_bytes: config.max_argument_bytes,
        max_depth: config.max_depth,
        children: Arc::clone(nested) as _,
    };
    GuestEngine::new(purpose, settings)
        .map_err(|error| WorkerError::Engine(format!("{error:#}{}", last_words::advice())))
}

/// Sends each record at once. A channel that fails here fails again at the end of the task, and is noticed there.
fn log_sink(channel: &SharedChannel) -> LogSink {
    let channel = Arc::clone(channel);
    Arc::new(move |task: TaskId, record: LogRecord| {
        let _ = channel.lock().send(&Reply::Log { task, record }, &[]);
        fault::point(Point::LogSent);
    })
}

/// As for log records.
fn progress_sink(channel: &SharedChannel) -> ProgressSink {
    let channel = Arc::clone(channel);
    Arc::new(move |task: TaskId, progress: Progress| {
        let _ = channel.lock().send(&Reply::Progress { task, progress }, &[]);
    })
}

fn run_tasks(
    channel: &SharedChannel,
    engine: GuestEngine,
    nested: &Nested,
    claims: Option<OwnedFd>,
) -> Result<(), WorkerError> {
    let claims = claims.ok_or(WorkerError::Protocol("`Configure` without a claim table"))?;
    let claims =
        ClaimTable::open(claims).map_err(|source| WorkerError::Setup { step: "open the claim table", source })?;
    fault::point(Point::ClaimsOpened);
    sys::keep_freed_memory(WORKER_KEEPS_BYTES);
    // Never dropped: to give back its reservations takes longer than to leave the process.
    let modules: &ModuleCache = Box::leak(Box::new(ModuleCache::new(engine)));
    nested.open(claims.clone(), modules);
    while let Some(received) = nested.next()? {
        match received.request {
            Request::Load { artifact } => {
                let file = received.descriptor.ok_or(WorkerError::Protocol("`Load` without a file"))?;
                fault::point(Point::LoadRead);
                modules.add(artifact, file);
                fault::point(Point::LoadKept);
            }
            // Its parent waits no more, and so nobody asks for it: the caller takes it back.
            Request::Run(RunRequest { lent_to: Some(_), .. }) | Request::ChildEnded { .. } => {}
            Request::Run(request) => {
                fault::point(Point::RunRead);
                if claims.begin(request.claim) {
                    fault::note_begun(request.task);
                    fault::point(Point::ClaimTaken);
                    // Dropped, with its instance, after the answer is on its way.
                    let ended = modules.run(&run_of(&request, &received.payload));
                    nested.task_ended(request.task)?;
                    tell_end(channel, request.task, ended)?;
                }
                channel.lock().recycle(received.payload);
                fault::point(Point::PayloadRecycled);
            }
            Request::Stop => {
                fault::point(Point::StopRead);
                break;
            }
            Request::Configure(_) => return Err(WorkerError::Protocol("`Configure` twice")),
            Request::Compile(_) => return Err(WorkerError::Protocol("`Compile` to a worker that runs tasks")),
        }
    }
    Ok(())
}

/// What the engine is to run.
pub(super) fn run_of<'a>(request: &'a RunRequest, argument: &'a [u8]) -> Run<'a> {
    Run {
        task: request.task,
        artifact: request.artifact,
        function: &request.function,
        codec: request.codec.name(),
        argument,
        environment: &request.options.environment,
        output: request.options.output,
        depth: request.depth,
        lent: request.lent_to.is_some(),
    }
}

/// Tells how a task has ended, and lets its instance go.
pub(super) fn tell_end(channel: &SharedChannel, task: TaskId, mut ended: Ended) -> Result<(), WorkerError> {
    let outcome = std::mem::replace(&mut ended.outcome, Outcome::Returned);
    let report = std::mem::take(&mut ended.report);
    match send(channel, &Reply::Done { task, outcome, report }, &ended.result) {
        Err(error) if error.is_message_too_large() => {
            let outcome = Outcome::ModuleFailed("what is to be told of the task does not fit into a message".into());
            send(channel, &Reply::Done { task, outcome, report: RunReport::default() }, &[])
        }
        sent => sent,
    }?;
    fault::point(Point::DoneSent);
    drop(ended);
    fault::point(Point::InstanceDropped);
    Ok(())
}

pub(super) fn receive(channel: &SharedChannel) -> Result<Option<WorkerReceived>, WorkerError> {
    fault::point(Point::RequestAwaited);
    Ok(channel.lock().receive()?)
}

pub(super) fn send(channel: &SharedChannel, reply: &Reply, payload: &[u8]) -> Result<(), WorkerError> {
    Ok(channel.lock().send(reply, payload)?)
}
