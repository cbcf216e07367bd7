//! Attacks this machine with every hostile guest of the corpus: `cargo run --example hostile`.
//!
//! Prints what each came to and what it should have, and ends with exit code 1 if one differs. A part of a name as an argument
//! runs those that have it.

use isopool_hostile::{Pool, corpus};
use std::time::Instant;

fn main() -> anyhow::Result<()> {
    let part = std::env::args().nth(1).unwrap_or_default();
    let pool = Pool::new()?;
    let mut wrong = 0;
    println!("{:<46} {:<34} {:<34} ms", "guest", "expected", "got");
    for attack in corpus().iter().filter(|attack| attack.name.contains(&part)) {
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
