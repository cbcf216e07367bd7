//! What it does: keeps what the library gives to `tracing`, for tests of logs.
//! Never: prints; keeps spans, or what is for debugging and not said by a guest.

use parking_lot::Mutex;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The target of everything that guests log.
const GUESTS: &str = "isopool::guest";

/// The target of the audit log.
const AUDIT: &str = "isopool::audit";

/// What is kept of a value, in bytes: hostile guests log for ever, and the caller's memory is measured meanwhile.
const KEPT_BYTES: usize = 1024;

/// One event, with its fields in words, `message` among them.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) level: Level,
    pub(crate) target: String,
    pub(crate) fields: Vec<(&'static str, String)>,
}

impl Logged {
    /// A field's value; empty when it is not there.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value)
    }
}

/// Everything that has been logged since the first call of this in the process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Logged>>>);

/// Listens, from now on. Executors must be built after this: they ask for the level then.
pub(crate) fn listen() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        tracing::subscriber::set_global_default(Listener(log.clone())).expect("only this sets a subscriber, once");
        log
    })
    .clone()
}

impl Log {
    /// What the audit log says of a module of this name.
    pub(crate) fn audit(&self, module: &str) -> Vec<Logged> {
        let is_of = |logged: &&Logged| logged.target == AUDIT && logged.field("module") == module;
        self.0.lock().iter().filter(is_of).cloned().collect()
    }

    /// Those whose message contains a text.
    pub(crate) fn with(&self, text: &str) -> Vec<Logged> {
        self.0.lock().iter().filter(|logged| logged.field("message").contains(text)).cloned().collect()
    }
}

struct Listener(Log);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && (matches!(metadata.target(), GUESTS | AUDIT) || *metadata.level() <= Level::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        let (level, target) = (*event.metadata().level(), event.metadata().target().to_owned());
        let mut fields = Fields(Vec::new());
        event.record(&mut fields);
        self.0.0.lock().push(Logged { level, target, fields: fields.0 });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields(Vec<(&'static str, String)>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value[..value.floor_char_boundary(KEPT_BYTES)].to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
