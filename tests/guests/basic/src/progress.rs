//! What it does: tasks that tell how far they are. Never: waits for anyone to listen.

use isopool_guest::task;
use std::time::Duration;

/// Counts, and says so at each number.
#[task]
pub fn count_to(total: u64) {
    for done in 1..=total {
        isopool_guest::progress(done, total, "counting");
    }
}

/// Says each text, with its number, and waits a while after each.
#[task]
pub fn say(texts: Vec<String>, pause_ms: u64) {
    for (done, text) in texts.iter().enumerate() {
        isopool_guest::progress(done as u64, 0, text);
        std::thread::sleep(Duration::from_millis(pause_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_a_sandbox_nobody_listens() {
        count_to(3);
        say(vec!["a text".into()], 0);
    }
}
