//! One call of a guest's function: `cargo run --example hello`.
//!
//! `text-survey` (in `guests/`) is a package of tasks. Its build script compiled it for the sandbox too, and the module is part
//! of this program. `word_count` is its function; `word_count::task` describes a call of it, checked by the compiler.

use isopool::Executor;
use text_survey::word_count;

fn main() -> anyhow::Result<()> {
    let executor = Executor::new()?;
    let future = executor.submit(word_count::task("to be or not to be".to_owned()))?;
    println!("{} words", future.result()?);
    Ok(())
}
