//! What is run in a round.

/// A workload as each program is called with it.
pub(super) struct Step {
    pub(super) arguments: Vec<String>,
    /// Peers and limits have it too.
    pub(super) shared: bool,
}

/// The steps of a round; each is run by every program before the next.
pub(super) fn steps(quick: bool) -> Vec<Step> {
    let shared = [
        "W1",
        "W2 100000 1 1000",
        "W3",
        "W4 1",
        "W4 2",
        "W4life",
        "W5 270000",
        "W6",
        "W7 100000",
        "W8 1000 1",
        "W8 10000 1",
    ];
    let own = if quick {
        ["W9 5", "W10 1", "W11 50", "W12 1", "W13 1000", "W14 500", "W15 500", "W16 10000"]
    } else {
        ["W9 20", "W10 3", "W11 200", "W12 3", "W13 2000", "W14 2000", "W15 2000", "W16 40000"]
    };
    let step = |line: &str, shared| Step { arguments: line.split(' ').map(str::to_owned).collect(), shared };
    shared.into_iter().map(|line| step(line, true)).chain(own.into_iter().map(|line| step(line, false))).collect()
}
