//! Attacks this machine with every hostile guest of the corpus: `cargo run --example hostile`.
//!
//! Prints what each came to and what it should have, and ends with exit code 1 if one differs. A part of a name as an argument
//! runs those that have it; `--slow` runs those too that take as long as a compile worker may.

use isopool_hostile::{Cost, Pool, corpus};
use std::time::Instant;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let slow = arguments.iter().any(|argument| argument == "--slow");
    let part = arguments.iter().find(|argument| !argument.starts_with("--"));
    let pool = Pool::new()?;
    let mut wrong = 0;
    println!("{:<46} {:<34} {:<34} ms", "guest", "expected", "got");
    for attack in corpus() {
        if attack.cost == Cost::Compile && !slow || part.is_some_and(|part| !attack.name.contains(part)) {
            continue;
        }
        let begun = Instant::now();
        let got = (attack.run)(&pool);
        let after = pool.innocent(1).err().map(|error| format!(", and an innocent task: {error}")).unwrap_or_default();
        let is_right = attack.expected.contains(&got.as_str()) && after.is_empty();
        wrong += usize::from(!is_right);
        let mark = if is_right { "" } else { "  ← WRONG" };
        let expected = attack.expected.join(" | ");
        println!("{:<46} {expected:<34} {got:<34} {}{after}{mark}", attack.name, begun.elapsed().as_millis());
    }
    if wrong > 0 {
        eprintln!("{wrong} of them came to something else");
        std::process::exit(1);
    }
    Ok(())
}
