//! What it does: writes what the macro reads on the host: for each task its module, or why it has none.
//! Takes from: `steps.rs`. Hands to: `isopool-macros`. Never: fails to list a task that was seen.

use std::fmt::Write;

/// The file, inside `OUT_DIR/isopool/`.
pub(crate) const FILE: &str = "closures.index";

/// One task of one crate.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) crate_name: String,
    pub(crate) id: String,
    /// The module's file beside the index; empty when there is none.
    pub(crate) module: String,
    /// What the macro says at the task; empty when all is well.
    pub(crate) complaint: String,
}

/// The text of the index.
pub(crate) fn text(library: &str, lines: &[Line]) -> String {
    let mut text = format!("library\t{library}\n");
    for line in lines {
        let complaint = escape(&line.complaint);
        writeln!(text, "task\t{}\t{}\t{}\t{complaint}", line.crate_name, line.id, line.module)
            .expect("a String takes all");
    }
    text
}

/// The index of a build without modules, for docs.rs.
pub(crate) fn empty(library: &str) -> String {
    format!("library\t{library}\nno-modules\n")
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "")
}
