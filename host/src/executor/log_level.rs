//! How much of what guests log anyone wants to hear.

use crate::ipc::LogLevel;

/// The least severe level that anyone in this program listens to.
pub(super) fn log_level() -> Option<LogLevel> {
    use tracing::level_filters::LevelFilter;
    match LevelFilter::current() {
        LevelFilter::OFF => None,
        LevelFilter::ERROR => Some(LogLevel::Error),
        LevelFilter::WARN => Some(LogLevel::Warn),
        LevelFilter::INFO => Some(LogLevel::Info),
        LevelFilter::DEBUG => Some(LogLevel::Debug),
        _ => Some(LogLevel::Trace),
    }
}
