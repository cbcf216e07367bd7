//! What it does: finds out where a `task!` is, on which side, and what the build script wrote about it.
//! Takes from: spans, cargo's environment, `OUT_DIR/isopool/closures.index`, the generated package's `isopool.tasks`.
//! Hands to: `closure.rs`. Never: builds anything.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The file that the build script leaves for the host's expansions.
const INDEX: &str = "isopool/closures.index";

/// The file in a generated package that says which tasks it has.
const TASKS: &str = "isopool.tasks";

/// The host library's name, unless the package has renamed it.
const LIBRARY: &str = "isopool";

/// Where a `task!` is being expanded.
pub(crate) enum Side {
    /// In the user's own crate; also in a dependency that is compiled whole for a sandbox.
    Host { finding: Finding, library: String },
    /// In the generated package, as an item.
    Lifted { library: String },
    /// In the generated package, inside a function that is kept whole.
    InPlace { library: String },
}

/// What the build script knows about one task.
pub(crate) enum Finding {
    /// The module's file in `OUT_DIR/isopool/`.
    Module(String),
    /// No module, and no reason to complain: an editor expands.
    Nothing,
    /// Why there is no module.
    Complaint(String),
}

impl Side {
    /// The name by which the package knows the host library.
    pub(crate) fn library(&self) -> &str {
        match self {
            Side::Host { library, .. } | Side::Lifted { library } | Side::InPlace { library } => library,
        }
    }
}

/// The id of the call that is being expanded, `src/main.rs:17:13`; `None` where the compiler does not say.
pub(crate) fn position() -> Option<String> {
    let span = proc_macro::Span::call_site();
    let file = span.local_file()?;
    // rustc's own working directory is the workspace's root.
    let file = env::current_dir().map_or_else(|_| file.clone(), |folder| folder.join(&file));
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    let inside =
        relative(&file, &package).or_else(|| relative(&file.canonicalize().ok()?, &package.canonicalize().ok()?));
    let name = inside.unwrap_or_else(|| file.display().to_string());
    Some(format!("{name}:{}:{}", span.line(), span.column()))
}

fn relative(file: &Path, package: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in file.strip_prefix(package).ok()?.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                parts.pop()?;
            }
            other => parts.push(other.as_os_str().to_str()?),
        }
    }
    Some(parts.join("/"))
}

/// Which side this is, and what is known there.
pub(crate) fn side(id: Option<&str>) -> Side {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    if let Ok(tasks) = fs::read_to_string(package.join(TASKS)) {
        let library = library_of(&tasks);
        let in_place = tasks.lines().filter_map(|line| line.strip_prefix("in-place\t")).any(|line| Some(line) == id);
        return if in_place { Side::InPlace { library } } else { Side::Lifted { library } };
    }
    let index = env::var_os("OUT_DIR").and_then(|out_dir| fs::read_to_string(Path::new(&out_dir).join(INDEX)).ok());
    let Some(index) = index else {
        return Side::Host { finding: without_index(id), library: LIBRARY.to_owned() };
    };
    let library = library_of(&index);
    let crate_name = env::var("CARGO_CRATE_NAME").unwrap_or_default();
    let finding = id.map_or(Finding::Nothing, |id| find(&index, &crate_name, id));
    Side::Host { finding, library }
}

/// The line `library`, a tab, a name.
fn library_of(text: &str) -> String {
    text.lines().find_map(|line| line.strip_prefix("library\t")).unwrap_or(LIBRARY).to_owned()
}

fn without_index(id: Option<&str>) -> Finding {
    if id.is_none() {
        return Finding::Nothing;
    }
    let package = env::var("CARGO_PKG_NAME").unwrap_or_default();
    Finding::Complaint(format!(
        "task!: the package `{package}` has no build script that compiles its tasks; put \
         `fn main() {{ isopool_build::closures(); }}` into its build.rs, and `isopool-build` under [build-dependencies] \
         (`cargo add --build isopool-build`)"
    ))
}

/// Lines are `task`, crate, id, module file, complaint, with tabs between and `\n` for line ends.
fn find(index: &str, crate_name: &str, id: &str) -> Finding {
    if index.lines().any(|line| line == "no-modules") {
        return Finding::Nothing;
    }
    let mut lines = index.lines().map(|line| line.split('\t').collect::<Vec<&str>>());
    let found = lines.find_map(|fields| match fields.as_slice() {
        ["task", of_crate, of_id, module, complaint] if *of_crate == crate_name && *of_id == id => {
            Some((module.to_string(), unescape(complaint)))
        }
        _ => None,
    });
    match found {
        Some((_, complaint)) if !complaint.is_empty() => Finding::Complaint(complaint),
        Some((module, _)) if module.is_empty() => Finding::Nothing,
        Some((module, _)) => Finding::Module(module),
        None => Finding::Complaint(format!(
            "the build script did not see this task! ({id}, crate `{crate_name}`): it must be written as `task!` or \
             `isopool::task!`, in a file that `mod` reaches; not in the body of a macro_rules, an included file or a \
             documentation test"
        )),
    }
}

/// `\n`, `\t` and `\\` as the build script writes them.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some(other) => plain.push(other),
                None => {}
            },
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_found_by_crate_and_place() {
        let index =
            "library\tpool\ntask\tdemo\tsrc/main.rs:1:2\tdemo.wasm\t\ntask\tdemo\tsrc/main.rs:2:2\t\ta\\nb\\\\\n";
        assert!(matches!(find(index, "demo", "src/main.rs:1:2"), Finding::Module(file) if file == "demo.wasm"));
        assert!(matches!(find(index, "demo", "src/main.rs:2:2"), Finding::Complaint(text) if text == "a\nb\\"));
        let unseen = find(index, "other", "src/main.rs:1:2");
        assert!(matches!(unseen, Finding::Complaint(text) if text.contains("did not see this task! (src/main.rs:1:2")));
    }

    #[test]
    fn a_file_s_name_has_no_dots() {
        assert_eq!(relative(Path::new("/p/src/a/../b.rs"), Path::new("/p")).as_deref(), Some("src/b.rs"));
        assert_eq!(relative(Path::new("/q/b.rs"), Path::new("/p")), None);
    }
}
