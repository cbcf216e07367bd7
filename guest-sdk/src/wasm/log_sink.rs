//! What it does: sends records of the crate `log` to the host, named by task. Takes from: guest code.
//! Hands to: `host.log`. Never: prints; filters by anything but `log::max_level`, which costs a guest one comparison.

use super::bindings::isopool::task::host;
use log::{Level, LevelFilter, Log, Metadata, Record};

struct Sink;

static SINK: Sink = Sink;

/// Every record goes to the host, unless guest code lowers `log::max_level` or has installed a logger of its own.
pub(super) fn install() {
    if log::set_logger(&SINK).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}

impl Log for Sink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // Most messages have no placeholders left at run time; the others are written out.
        let written;
        let message = match record.args().as_str() {
            Some(text) => text,
            None => {
                written = record.args().to_string();
                &written
            }
        };
        host::log(host::LogRecord {
            level: level(record.level()),
            target: record.target(),
            message,
            file: record.file(),
            line: record.line(),
        });
    }

    fn flush(&self) {}
}

fn level(level: Level) -> host::Level {
    match level {
        Level::Error => host::Level::Error,
        Level::Warn => host::Level::Warn,
        Level::Info => host::Level::Info,
        Level::Debug => host::Level::Debug,
        Level::Trace => host::Level::Trace,
    }
}
