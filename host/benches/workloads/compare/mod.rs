//! What it does: runs isopool's workloads, its peers' and the limits of the machine in turn, and writes what came out.
//! Takes from: the workloads of this program, `benches/peers` and `benches/native`. Hands to: BENCHMARKS.md and `benches/figures.svg`.
//! Never: measures anything itself but how long a whole program took.

mod figures;
mod machine;
mod options;
mod own;
mod page;
mod plan;
mod plot;
mod programs;
mod rounds;
mod tables;
mod targets;

use figures::Figures;
use options::Options;
use std::process::ExitCode;

/// `workloads compare …`: see [`Options`].
pub(crate) fn compare(arguments: &[String]) -> ExitCode {
    match Options::read(arguments).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let (programs, skipped) = programs::find(options);
    skipped.iter().for_each(|reason| eprintln!("skipped: {reason}"));
    rounds::run(options, &programs)?;
    let figures = Figures::read(&options.results)?;
    let parts = [
        ("machine", machine::describe(options, &figures, &programs, &skipped)),
        ("compared", tables::compared(&figures)),
        ("limits", tables::limits(&figures)),
        ("targets", targets::table(&figures)?),
        ("own", own::tables(&figures)),
    ];
    parts.iter().for_each(|(_, text)| println!("{text}"));
    let svg = plot::svg(&figures);
    if options.write {
        page::write(&parts, &svg)?;
    }
    Ok(())
}
