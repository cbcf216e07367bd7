//! What guests' log records are worth in this program.

use crate::ipc::LogLevel;
use tracing::level_filters::LevelFilter;

/// The least severe level that anyone in this program listens to.
pub(super) fn log_level() -> Option<LogLevel> {
    match LevelFilter::current() {
        LevelFilter::OFF => None,
        LevelFilter::ERROR => Some(LogLevel::Error),
        LevelFilter::WARN => Some(LogLevel::Warn),
        LevelFilter::INFO => Some(LogLevel::Info),
        LevelFilter::DEBUG => Some(LogLevel::Debug),
        _ => Some(LogLevel::Trace),
    }
}
