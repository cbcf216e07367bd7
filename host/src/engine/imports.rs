//! Everything that a guest can import: WASI 0.2 with nothing behind it but clocks, random numbers, its environment and
//! its output, and what it is granted (see `reach`); and the interfaces `host`, `nested`, `sync` and `streams` of `wit/`.

use super::contract::{host, nested, streams, sync};
use super::deterministic;
use super::files::replace_streams;
use super::guest::Guest;
use super::trap::cut;
use crate::executor::Flavour;
use crate::task::{Location, LogLevel, LogRecord, Panic};
use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

/// A linker that knows every import.
///
/// The *async* form of WASI: in the other one, wasmtime-wasi starts a runtime with a thread for each CPU as soon as a
/// guest prints or sleeps, and a worker has one thread (see `sandbox/README.md`).
pub(super) fn linker(engine: &Engine, flavour: Flavour) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    replace_streams(&mut linker)?;
    if flavour.deterministic {
        deterministic::add_to_linker(&mut linker)?;
    }
    host::add_to_linker::<_, HasSelf<_>>(&mut linker, Guest::called)?;
    sync::add_to_linker::<_, HasSelf<_>>(&mut linker, Guest::called)?;
    streams::add_to_linker::<_, HasSelf<_>>(&mut linker, Guest::called)?;
    nested::add_to_linker::<_, HasSelf<_>>(&mut linker, Guest::called)?;
    Ok(linker)
}

impl host::Host for Guest {
    fn log(&mut self, entry: host::LogRecord) -> wasmtime::Result<()> {
        Guest::log(
            self,
            LogRecord {
                level: match entry.level {
                    host::Level::Error => LogLevel::Error,
                    host::Level::Warn => LogLevel::Warn,
                    host::Level::Info => LogLevel::Info,
                    host::Level::Debug => LogLevel::Debug,
                    host::Level::Trace => LogLevel::Trace,
                },
                target: cut(entry.target),
                message: cut(entry.message),
                file: entry.file.map(cut),
                line: entry.line,
            },
        )
    }

    fn panicked(&mut self, info: host::Panic) {
        let location = info.file.map(|file| Location { file: cut(file), line: info.line, column: info.column });
        self.panic = Some(Panic { message: cut(info.message), location, backtrace: Vec::new() });
    }

    fn progress(&mut self, done: u64, total: u64, message: String) {
        Guest::progress(self, done, total, message);
    }

    fn context(&mut self) -> host::TaskContext {
        Guest::context(self)
    }
}
