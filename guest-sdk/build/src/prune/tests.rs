//! What is kept, on small sources; the exact text of copies, so that lines and columns are seen to stay.
use super::collect::collect_text;
use super::{copies, reach};

fn copy_of(text: &str) -> String {
    let program = collect_text(text, &["serde", "tokio", "nix", "itoa", "rand"]);
    let reach = reach(&program);
    copies(&program, &reach).pop().expect("the root is always written").text
}

#[test]
fn the_copy_keeps_line_and_column() {
    let text = "fn main() {\n    let factor = 3;\n    let call = isopool::task!([factor: u64] |x: u64| -> u64 { x * factor });\n}\n";
    let kept = "fn main() {\n\n               isopool::task!{[factor: u64] |x: u64| -> u64 { x * factor }}\n}\n";
    assert_eq!(copy_of(text), kept);
}
