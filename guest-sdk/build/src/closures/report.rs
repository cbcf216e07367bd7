//! What it does: says which task each error of the guest's build belongs to, in the user's own lines.
//! Takes from: `compile.rs`, `prune`. Hands to: `index.rs`, through `steps.rs`.
//! Never: drops an error; one that belongs to no task is shown at the first.

use super::compile::Diagnostic;
use crate::prune::{Program, Reach};
use std::collections::BTreeMap;

/// Errors by index of the task in the program.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) by_task: BTreeMap<usize, Vec<String>>,
    /// The first error, for tasks that have none of their own: where it is, and its title.
    pub(crate) first: Option<(usize, String)>,
}

/// Sorts the errors of one root's build; `tasks` are those of the root.
pub(crate) fn report(
    program: &Program,
    reach: &Reach,
    tasks: &[usize],
    diagnostics: &[Diagnostic],
    cargo: &str,
) -> Report {
    let mut report = Report::default();
    for diagnostic in diagnostics {
        let (task, text) = place(program, reach, tasks, diagnostic);
        report.add(task, &diagnostic.title, text);
    }
    if diagnostics.is_empty()
        && let Some(&first) = tasks.first()
    {
        report.add(
            first,
            "cargo failed",
            format!("the module of this task could not be compiled; cargo said:\n\n{cargo}"),
        );
    }
    report
}

impl Report {
    fn add(&mut self, task: usize, title: &str, text: String) {
        self.first.get_or_insert_with(|| (task, title.to_owned()));
        self.by_task.entry(task).or_default().push(text);
    }

    /// What the macro says at a task of a root that did not compile.
    pub(crate) fn complaint(&self, program: &Program, task: usize) -> String {
        if let Some(texts) = self.by_task.get(&task) {
            return texts.join("\n\n");
        }
        let Some((first, title)) = &self.first else { return String::new() };
        format!(
            "this task has no module, because another part of the same module does not compile: {title} (see the task at {})",
            program.tasks[*first].id
        )
    }
}

/// The task at which the error is shown, and the text.
fn place(program: &Program, reach: &Reach, tasks: &[usize], diagnostic: &Diagnostic) -> (usize, String) {
    let first = tasks.first().copied().unwrap_or(0);
    let text = &diagnostic.text;
    if let Some(package) = &diagnostic.foreign_package {
        return foreign(program, reach, tasks, package, text);
    }
    for (file, line, column) in &diagnostic.places {
        let Some((file, at)) = offset(program, file, *line, *column) else { continue };
        let holds = |task: &&usize| {
            let task = &program.tasks[**task];
            task.file == file && task.range.contains(&at)
        };
        if let Some(&task) = tasks.iter().find(holds) {
            return (task, format!("this task does not compile for its sandbox:\n\n{text}"));
        }
        let mut around: Vec<usize> = reach
            .kept
            .keys()
            .copied()
            .filter(|item| program.items[*item].file == file && program.items[*item].range.contains(&at))
            .collect();
        around.sort_by_key(|item| program.items[*item].range.len());
        if let Some(&item) = around.first() {
            let task = reach.kept[&item].task.filter(|task| tasks.contains(task)).unwrap_or(first);
            let words = format!(
                "the sandbox of this task has {}, and that does not compile there. If the task does not need it, mark it \
                 `#[{}::host]`; else take out of it what only the host has:\n\n{text}",
                reach.chain(program, item),
                program.library
            );
            return (task, words);
        }
    }
    (first, format!("the module of this task does not compile:\n\n{text}"))
}

fn foreign(program: &Program, reach: &Reach, tasks: &[usize], package: &str, text: &str) -> (usize, String) {
    let first = tasks.first().copied().unwrap_or(0);
    let reason = reach.dependencies.get(&package.replace('-', "_"));
    let task = reason.and_then(|reason| reason.task).filter(|task| tasks.contains(task)).unwrap_or(first);
    let why = match reason {
        Some(reason) => match reason.by {
            Some(item) => format!("it is named by {}", reach.chain(program, item)),
            None => "this task names it".to_owned(),
        },
        None => "a dependency of this task needs it".to_owned(),
    };
    let words = format!(
        "the crate `{package}` is in the sandbox of this task ({why}), and it does not compile for wasm32-wasip2. A task \
         can use only what compiles there; keep the rest on the host:\n\n{text}"
    );
    (task, words)
}

/// The byte at a line and column (both from one, columns in characters) of a file.
fn offset(program: &Program, name: &str, line: usize, column: usize) -> Option<(usize, usize)> {
    // rustc names files from its working directory, which is the generated package.
    let is_it = |file: &str| name == file || name.strip_suffix(file).is_some_and(|before| before.ends_with('/'));
    let mut known: Vec<usize> = (0..program.files.len()).filter(|file| is_it(&program.files[*file].name)).collect();
    known.sort_by_key(|file| std::cmp::Reverse(program.files[*file].name.len()));
    let file = *known.first()?;
    let text = &program.files[file].text;
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let within = text[start..].chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>();
    Some((file, start + within))
}
