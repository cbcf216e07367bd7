//! `isopool build --watch`: a package that is built again whenever a source of it changes.

use super::build::{Build, component, finish};
use super::exit::Stop;
use super::interrupt::Interrupt;
use super::output::Output;
use isopool_build::{Error, Sources, SourcesState};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How often the sources are looked at: as often as a registry looks at a watched file.
const INTERVAL: Duration = Duration::from_millis(500);

/// Builds the package until a signal ends it, which is the reason to stop.
pub(super) fn watch(config: &Build, output: &mut Output) -> Result<(), Stop> {
    let (end, ends) = channel();
    let interrupt = Interrupt::install(move || {
        // If nobody listens any more, it has ended.
        let _ = end.send(());
    })
    .map_err(Stop::System)?;
    let mut sources = config.guest.sources()?;
    let mut builds = 0;
    loop {
        let mut seen = sources.state();
        let built = build(config, &mut sources, &mut seen, output);
        if let Some(signal) = interrupt.signal() {
            // A cargo that was interrupted too has failed for no other reason.
            return Err(Stop::Watch { signal, builds });
        }
        match built {
            Ok(()) => builds += 1,
            Err(stop) if is_final(&stop, builds) => return Err(stop),
            Err(stop) => output.tell(&stop),
        }
        output.tell(&format_args!("watching {} files; Ctrl-C ends it", seen.len()));
        if !has_changed(&sources, &seen, &ends) {
            let signal = interrupt.signal().unwrap_or_default();
            return Err(Stop::Watch { signal, builds });
        }
    }
}

/// Builds once. What is found to be a source then is one from now on, and `seen` has it too.
fn build(config: &Build, sources: &mut Sources, seen: &mut SourcesState, output: &mut Output) -> Result<(), Stop> {
    let component = component(config)?;
    *sources = component.sources.clone();
    *seen = seen.with_files_of(sources.state());
    finish(config, component, output)
}

/// Waits for a change; `false`: a signal came first.
fn has_changed(sources: &Sources, seen: &SourcesState, ends: &Receiver<()>) -> bool {
    while ends.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        if sources.state() != *seen {
            return true;
        }
    }
    false
}

/// Whether no change of a source could help: nobody reads on, or the very first build lacks a package, a compiler or a place
/// for its file.
fn is_final(stop: &Stop, builds: u64) -> bool {
    match stop {
        Stop::Output(_) => true,
        Stop::Build(Error::File { .. } | Error::Start { .. } | Error::TargetMissing { .. }) => builds == 0,
        _ => false,
    }
}
