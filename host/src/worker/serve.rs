//! The loop: receives requests, runs tasks, answers. One thread, one task at a time.

use super::exit::WorkerError;
use super::lock::Lock;
use super::nested::Nested;
use super::objects::{Objects, TaskObjects};
use super::{compile, forkserver, last_words, native, probe};
use crate::engine::{
    Ended, GuestEngine, GuestSettings, LogSink, ModuleCache, Own, ProgressSink, Purpose, Run, StopAsked,
};
use crate::fault::{self, Point};
use crate::ipc::{
    ClaimTable, ClaimTicket, PROTOCOL_VERSION, Reply, Request, Role, RunRequest, WorkerChannel, WorkerConfig,
    WorkerReceived,
};
use crate::limits::WORKER_KEEPS_BYTES;
use crate::sandbox::Profile;
use crate::sync::ProcessMark;
use crate::task::{LogRecord, Outcome, Progress, RunReport, TaskId};
use crate::{sandbox, sys};
use isopool_guest::sync::Object;
use parking_lot::Mutex;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The channel, shared with the sink for log records. One thread uses it: the lock is never waited for.
pub(super) type SharedChannel = Arc<Mutex<WorkerChannel>>;

/// Answers the caller until it says stop or is gone.
pub(super) fn serve(socket: OwnedFd) -> Result<(), WorkerError> {
    let channel = Arc::new(Mutex::new(WorkerChannel::new(socket)));
    let Some(copy) = last_words::telling(&channel, || answer(&channel))? else { return Ok(()) };
    // With the fork server's channel go the channels of other workers that it had read ahead.
    drop(channel);
    let channel = Arc::new(Mutex::new(WorkerChannel::new(copy.channel)));
    last_words::telling(&channel, || answer_as_copy(&channel, copy.modules, copy.parent))
}

/// `Some`: this process is not the one that came in here, but a worker that it has forked.
fn answer(channel: &SharedChannel) -> Result<Option<forkserver::Copy>, WorkerError> {
    let Some((config, claims)) = configure(channel)? else { return Ok(None) };
    let mut objects = Objects::default();
    if let Some(call) = &config.native_initializer
        && config.role == Role::Worker
    {
        let Some(shared) = take_shared(channel, call.objects, &mut objects)? else { return Ok(None) };
        let ended = native::initialize(call, &shared);
        // Before the answer, as with tasks.
        drop(shared);
        if let Err(message) = ended {
            send(channel, &Reply::InitializerFailed { message }, &[])?;
            return Ok(None);
        }
    }
    let purpose = match config.role {
        Role::Worker | Role::Probe => Purpose::Run,
        Role::ForkServer => Purpose::Fork,
        Role::Compiler => Purpose::Compile,
    };
    let (role, lock) = (config.role, Lock::of(&config));
    let nested = Arc::new(Nested::default());
    let engine = GuestEngine::new(purpose, settings(config, channel, &nested)).map_err(|error| no_engine(&error))?;
    fault::point(Point::EngineMade);
    let profile = match role {
        Role::Worker | Role::Probe => Profile::Worker,
        Role::Compiler => Profile::Compiler,
        Role::ForkServer => Profile::ForkServer,
    };
    if !lock.close(profile, channel)? {
        return Ok(None);
    }
    greet(channel)?;
    match role {
        // Never dropped: to give back its reservations takes longer than to leave the process.
        Role::Worker => {
            let modules = Box::leak(Box::new(ModuleCache::new(engine)));
            run_tasks(channel, modules, &nested, claims, objects).map(|()| None)
        }
        Role::Compiler => compile::serve(channel, engine).map(|()| None),
        Role::ForkServer => forkserver::serve(channel, engine),
        Role::Probe => probe::serve(channel).map(|()| None),
    }
}

/// The life of a worker that a fork server has forked: from its configuration on it is that of any other.
fn answer_as_copy(channel: &SharedChannel, modules: &'static mut ModuleCache, parent: u32) -> Result<(), WorkerError> {
    match sandbox::apply_to_copy(parent) {
        Ok(()) => fault::point(Point::CopyOnItsOwn),
        // Nobody waits for this worker, or for what it says.
        Err(error) if error.is_parent_gone() => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let Some((config, claims)) = configure(channel)? else { return Ok(()) };
    if config.role != Role::Worker {
        return Err(WorkerError::Protocol("a role that no copy of a fork server has"));
    }
    let lock = Lock::of(&config);
    let nested = Arc::new(Nested::default());
    modules.renew(settings(config, channel, &nested)).map_err(|error| no_engine(&error))?;
    if !lock.close(Profile::Worker, channel)? {
        return Ok(());
    }
    greet(channel)?;
    run_tasks(channel, modules, &nested, claims, Objects::default())
}

/// The first word, with the claim table that came with it; `None` when the caller is gone or speaks another protocol.
fn configure(channel: &SharedChannel) -> Result<Option<(WorkerConfig, Option<OwnedFd>)>, WorkerError> {
    let Some(first) = receive(channel)? else { return Ok(None) };
    let Request::Configure(config) = first.request else {
        return Err(WorkerError::Protocol("another request before `Configure`"));
    };
    fault::point(Point::ConfigureRead);
    if config.protocol == PROTOCOL_VERSION {
        return Ok(Some((config, first.descriptor)));
    }
    // The caller reads of the other protocol in `Ready`, and says so.
    greet(channel)?;
    Ok(None)
}

/// Takes in the objects of the native initializer, which come before any other request; `None` when the caller is gone.
fn take_shared(channel: &SharedChannel, count: u32, objects: &mut Objects) -> Result<Option<TaskObjects>, WorkerError> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let Some(received) = receive(channel)? else { return Ok(None) };
        let Request::Share { object, spec, holder } = received.request else {
            return Err(WorkerError::Protocol("another request before the objects of the native initializer"));
        };
        objects.add(object, spec, ProcessMark::of_word(holder), received.descriptor)?;
        ids.push(object);
    }
    objects.of_task(&ids).map(Some)
}

fn greet(channel: &SharedChannel) -> Result<(), WorkerError> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    send(channel, &Reply::Ready { protocol: PROTOCOL_VERSION, version }, &[])?;
    fault::point(Point::ReadySent);
    Ok(())
}

fn no_engine(error: &wasmtime::Error) -> WorkerError {
    WorkerError::Engine(format!("{error:#}{}", last_words::advice()))
}

fn settings(config: WorkerConfig, channel: &SharedChannel, nested: &Arc<Nested>) -> GuestSettings {
    let (runs_guests, flavour) = (config.role != Role::ForkServer, config.flavour());
    GuestSettings {
        worker_index: config.index,
        environment: config.environment,
        arguments: config.arguments,
        grants: config.grants,
        reuse: config.reuse,
        output: config.output,
        log_level: config.log_level,
        // A fork server runs no guest, and its copies must not hold its channel.
        logs: if runs_guests { log_sink(channel) } else { Arc::new(|_, _| {}) },
        progress: if runs_guests { progress_sink(channel) } else { Arc::new(|_, _| {}) },
        max_result_bytes: config.max_result_bytes,
        limits: config.task_limits,
        overflow: config.overflow,
        flavour,
        deterministic: config.deterministic,
        max_worker_memory_bytes: config.limits.memory_bytes,
        max_argument_bytes: config.max_argument_bytes,
        max_depth: config.max_depth,
        max_host_function_calls: config.max_host_function_calls,
        max_host_function_bytes: config.max_host_function_bytes,
        children: Arc::clone(nested) as _,
        host: Arc::clone(nested) as _,
    }
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
    modules: &'static ModuleCache,
    nested: &Nested,
    claims: Option<OwnedFd>,
    mut objects: Objects,
) -> Result<(), WorkerError> {
    let claims = claims.ok_or(WorkerError::Protocol("`Configure` without a claim table"))?;
    let claims =
        ClaimTable::open(claims).map_err(|source| WorkerError::Setup { step: "open the claim table", source })?;
    fault::point(Point::ClaimsOpened);
    sys::keep_freed_memory(WORKER_KEEPS_BYTES);
    channel.lock().looks_out(claims.clone());
    nested.open(channel, claims.clone(), modules);
    while let Some(received) = nested.next(channel)? {
        match received.request {
            Request::Share { object, spec, holder } => {
                objects.add(object, spec, ProcessMark::of_word(holder), received.descriptor)?;
            }
            Request::Unshare { object } => objects.forget(object),
            Request::Load { artifact } => {
                // The caller sends one: the kernel drops what this process may not have.
                let file = received.descriptor.ok_or(WorkerError::OutOfFiles("a module"))?;
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
                    let objects = objects.of_task(&request.objects)?;
                    // Dropped, with its instance, after the answer is on its way.
                    let stop = Some(stop_asked(&claims, request.claim));
                    let objects_for_guest = objects.for_guest();
                    let input = input_of(&request, received.descriptor)?;
                    let run = run_of(&request, &received.payload, &objects_for_guest);
                    let run = Run { stop, input: input.as_ref(), ..run };
                    let ended = modules.run(&run);
                    // Before the answer: whoever saw a task end finds free what it held.
                    drop(objects);
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
            Request::HostAnswer { .. } => return Err(WorkerError::Protocol("an answer to no call of a host function")),
            Request::Compile(_)
            | Request::Fork { .. }
            | Request::Attach
            | Request::Call { .. }
            | Request::TryEscape { .. } => {
                return Err(WorkerError::Protocol("another process's request to a worker that runs tasks"));
            }
        }
    }
    Ok(())
}

/// What a program reads as it comes.
fn input_of(request: &RunRequest, descriptor: Option<OwnedFd>) -> Result<Option<Arc<File>>, WorkerError> {
    if !request.streams_input {
        return Ok(None);
    }
    // The caller sends one: the kernel drops what this process may not have.
    let input = descriptor.ok_or(WorkerError::OutOfFiles("a program's standard input"))?;
    Ok(Some(Arc::new(input.into())))
}

/// What the engine is to run, with the objects that it may use.
pub(super) fn run_of<'a>(request: &'a RunRequest, argument: &'a [u8], objects: &'a [Arc<dyn Object>]) -> Run<'a> {
    Run {
        task: request.task,
        artifact: request.artifact,
        function: &request.function,
        codec: request.codec.name(),
        argument,
        input: None,
        objects,
        own: Own { environment: &request.options.environment, arguments: &request.options.arguments, stdin: None },
        output: request.options.output,
        depth: request.depth,
        lent: request.lent_to.is_some(),
        limits: &request.options.limits,
        stop: None,
    }
}

/// Looks whether the caller wants a task to stop.
fn stop_asked(claims: &ClaimTable, claim: ClaimTicket) -> StopAsked {
    let view = claims.view(claim);
    Arc::new(move || view.is_stopping())
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
