//! `isopool map`: one call for every input, results in the order of the inputs.
//!
//! A thread reads inputs and submits them; this one waits for the oldest result and prints it. So a result is printed
//! as soon as those before it are, also while the next input is still being typed.

use super::call::{Answer, Callee, Pending};
use super::config::{Form, Map, OnFailure, Print};
use super::exit::{Code, Stop};
use super::input::{InputName, inputs, reads_standard_input};
use super::interrupt::Interrupt;
use super::output::Output;
use isopool::{Codec, Executor, Shutdown};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

/// Lines that are read ahead for each worker: many small tasks, sent together.
const LINES_AHEAD: usize = 128;
/// Files that are read ahead for each worker: they may be large.
const FILES_AHEAD: usize = 2;

/// What the reader says.
enum Event {
    /// An input was submitted, or could not be.
    Input(InputName, Result<Pending, Stop>),
    /// There is no further input.
    End,
    /// A signal has come; whoever waits for an input waits in vain.
    Interrupted,
}

/// Calls the function for every input, and prints what it returns.
pub(super) fn map(config: Map) -> Result<(), Stop> {
    let mut output = Output::take()?;
    let (codec, count) = if config.form == Form::FileBytes { (Codec::Raw, None) } else { (Codec::Json, Some(1)) };
    let callee = Callee::open(&config.target, &config.pool, codec, count)?;
    let executor = callee.executor.clone();
    let is_whole_files = matches!(config.form, Form::FileText | Form::FileBytes);
    // Somebody who types the inputs sees the results; a bar would stand between the two.
    let is_typed = reads_standard_input(&config.files) && std::io::stdin().is_terminal();
    if !is_typed {
        output.show_progress(is_whole_files.then_some(config.files.len() as u64));
    }
    let ahead = executor.max_workers() * if is_whole_files { FILES_AHEAD } else { LINES_AHEAD };
    let (sender, events) = sync_channel(ahead);
    let interrupt = {
        let (executor, sender) = (executor.clone(), sender.clone());
        Interrupt::install(move || {
            executor.begin_shutdown(Shutdown::Kill);
            // Full: then nobody waits for an input.
            let _ = sender.try_send(Event::Interrupted);
        })
        .map_err(Stop::System)?
    };
    let begun = Arc::new(AtomicU64::new(0));
    let reader = Reader { callee, begun: Arc::clone(&begun), events: sender };
    let (form, files) = (config.form, config.files);
    std::thread::Builder::new()
        .name("isopool-inputs".to_owned())
        .spawn(move || reader.read(form, files))
        .map_err(Stop::System)?;

    let mut printer = Printer {
        output,
        print: config.print,
        on_failure: config.on_failure,
        executor: executor.clone(),
        interrupt,
        begun,
        done: 0,
        failed: 0,
        first_failure: Code::OK,
    };
    let printed = printer.print_all(&events);
    // The reader notices at its next input that nobody listens; one that waits for a keyboard ends with the program.
    drop(events);
    executor.shutdown(if printed.is_ok() { Shutdown::Finish } else { Shutdown::Kill });
    let written = printer.output.finish();
    printed.and(written)
}

struct Reader {
    callee: Callee,
    begun: Arc<AtomicU64>,
    events: SyncSender<Event>,
}

impl Reader {
    /// Submits all inputs, until there are no more or nobody listens.
    fn read(self, form: Form, files: Vec<std::path::PathBuf>) {
        for input in inputs(form, files) {
            let (name, task) = match input {
                Err(error) => (error.name().clone(), Err(error.into())),
                Ok(input) => (input.name, self.callee.submit(input.argument).map_err(Stop::from)),
            };
            if task.is_ok() {
                self.begun.fetch_add(1, Ordering::Relaxed);
            }
            if self.events.send(Event::Input(name, task)).is_err() {
                return;
            }
        }
        // Refused only when nobody listens any more.
        let _ = self.events.send(Event::End);
    }
}

struct Printer {
    output: Output,
    print: Print,
    on_failure: OnFailure,
    executor: Executor,
    interrupt: Interrupt,
    begun: Arc<AtomicU64>,
    done: u64,
    failed: u64,
    first_failure: Code,
}

impl Printer {
    fn print_all(&mut self, events: &Receiver<Event>) -> Result<(), Stop> {
        loop {
            let event = match events.try_recv() {
                Ok(event) => event,
                Err(TryRecvError::Empty) => {
                    self.output.flush()?;
                    match events.recv() {
                        Ok(event) => event,
                        Err(_) => break,
                    }
                }
                Err(TryRecvError::Disconnected) => break,
            };
            match event {
                Event::Input(name, task) => self.print_input(&name, task)?,
                Event::Interrupted | Event::End => break,
            }
        }
        match (self.interrupt.signal(), self.failed) {
            (Some(signal), _) => Err(self.stopped_by(signal)),
            (None, 0) => Ok(()),
            (None, failed) => Err(Stop::SomeFailed { failed, all: self.done, code: self.first_failure }),
        }
    }

    fn stopped_by(&self, signal: i32) -> Stop {
        Stop::Signal { signal, done: self.done, begun: self.begun.load(Ordering::Relaxed) }
    }

    fn print_input(&mut self, name: &InputName, task: Result<Pending, Stop>) -> Result<(), Stop> {
        let result = match task {
            Err(stop) => Err(stop),
            Ok(task) => {
                if !task.done() {
                    self.output.flush()?;
                }
                task.result().map_err(|error| Stop::task(Some(name), error))
            }
        };
        match result {
            Ok(answer) => self.print_answer(name, &answer)?,
            Err(stop) => self.print_failure(name, stop)?,
        }
        self.done += 1;
        Ok(())
    }

    fn print_answer(&mut self, name: &InputName, answer: &Answer) -> Result<(), Stop> {
        let value = answer.to_json();
        match self.print {
            Print::Values => self.output.line(&value),
            Print::Records => self.output.line(&format!("{{\"input\":{},\"value\":{value}}}", quoted(name))),
        }
    }

    fn print_failure(&mut self, name: &InputName, stop: Stop) -> Result<(), Stop> {
        if let Some(signal) = self.interrupt.signal() {
            return Err(self.stopped_by(signal));
        }
        // When the pool cannot go on, neither can this; an executor that was refused once will be refused again.
        let is_last = self.executor.broken().is_some() || matches!(stop, Stop::Isopool(_));
        if self.on_failure == OnFailure::Stop || is_last {
            return Err(stop);
        }
        self.output.tell(&stop);
        if self.failed == 0 {
            self.first_failure = stop.code();
        }
        self.failed += 1;
        match self.print {
            Print::Values => self.output.line("null"),
            Print::Records => {
                let error = quoted(&stop);
                self.output.line(&format!("{{\"input\":{},\"error\":{error}}}", quoted(name)))
            }
        }
    }
}

/// As a string of JSON.
fn quoted(value: &impl ToString) -> serde_json::Value {
    serde_json::Value::String(value.to_string())
}
