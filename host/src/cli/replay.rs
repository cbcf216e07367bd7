//! `isopool replay`: a failure once more.

use super::call::builder;
use super::config::Replay;
use super::exit::Stop;
use isopool::CrashBundle;
use std::fmt::Write as _;
use std::io::Write as _;

/// Replays a crash bundle, and says how the task has ended then and now.
pub(super) fn replay(config: &Replay) -> Result<(), Stop> {
    let bundle = CrashBundle::read(&config.bundle)?;
    let module = config
        .module
        .as_ref()
        .map(|path| std::fs::read(path).map_err(|source| Stop::File { what: "read", path: path.clone(), source }));
    let replay = bundle.replay(builder(&config.pool), module.transpose()?)?;
    let mut text = String::new();
    for reservation in bundle.reservations() {
        let _ = writeln!(text, "note: {reservation}");
    }
    let _ = writeln!(text, "recorded: {}", bundle.message());
    let _ = match &replay.result {
        Ok(bytes) => writeln!(text, "replayed: it returned a value of {bytes} bytes"),
        Err(error) => writeln!(text, "replayed: {error}"),
    };
    if let Some(divergence) = &replay.divergence {
        let _ = writeln!(text, "divergence: {divergence}");
    }
    if replay.is_same {
        text.push_str("same outcome\n");
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(Stop::Output)?;
    if replay.is_same { Ok(()) } else { Err(Stop::Differs) }
}
