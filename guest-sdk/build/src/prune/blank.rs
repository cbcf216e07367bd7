//! Writes the copies: the user's text, in which everything that is not kept is a space.

use super::model::{ItemId, ItemKind, Program, ScopeId, ScopeKind, Task, UseInner, UseNode};
use super::reach::{Reach, is_whole};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// One file of the generated package.
#[derive(Debug)]
pub(crate) struct Copy {
    /// The same name as in the user's package.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Writes every file of which something is kept, and the root files.
pub(crate) fn copies(program: &Program, reach: &Reach) -> Vec<Copy> {
    let mut writer = Writer {
        program,
        reach,
        pages: program.files.iter().map(|file| Page::new(&file.text)).collect(),
        skeletons: BTreeSet::new(),
        taken: BTreeMap::new(),
    };
    for &item in reach.kept.keys() {
        writer.item(item);
    }
    writer.imports();
    writer.hollow_out();
    for task in &program.tasks {
        writer.task(task);
    }
    for root in &program.roots {
        writer.pages[root.file].used = true;
        root.inner.iter().for_each(|range| writer.pages[root.file].keep(range));
    }
    let pages = writer.pages.iter().zip(&program.files).filter(|(page, _)| page.used);
    pages.map(|(page, file)| Copy { name: file.name.clone(), text: page.print(&file.text) }).collect()
}

/// One file while it is decided, byte by byte, what stays.
struct Page {
    used: bool,
    kept: Vec<bool>,
    /// Other characters in place of the user's: `{` for the `(` of a task.
    written: BTreeMap<usize, char>,
}

impl Page {
    fn new(text: &str) -> Self {
        Self { used: false, kept: vec![false; text.len()], written: BTreeMap::new() }
    }

    fn keep(&mut self, range: &Range<usize>) {
        self.used = true;
        self.kept[range.clone()].fill(true);
    }

    fn blank(&mut self, range: &Range<usize>) {
        self.kept[range.clone()].fill(false);
    }

    fn write(&mut self, at: usize, text: &str) {
        self.used = true;
        self.written.extend(text.chars().enumerate().map(|(index, char)| (at + index, char)));
    }

    /// A character for a character, so that columns stay; blanks at the end of a line are left out.
    fn print(&self, text: &str) -> String {
        let mut copy = String::with_capacity(text.len() / 2);
        let mut blanks = String::new();
        for (at, char) in text.char_indices() {
            let shown = match self.written.get(&at) {
                Some(written) => Some(*written),
                None => self.kept[at].then_some(char),
            };
            match (shown, char) {
                (_, '\n') => {
                    blanks.clear();
                    copy.push('\n');
                }
                (Some(shown), _) => {
                    copy.push_str(&blanks);
                    blanks.clear();
                    copy.push(shown);
                }
                (None, '\t') => blanks.push('\t'),
                (None, _) => blanks.push(' '),
            }
        }
        copy
    }
}

struct Writer<'a> {
    program: &'a Program,
    reach: &'a Reach,
    pages: Vec<Page>,
    /// Function bodies that are kept only for what is in them.
    skeletons: BTreeSet<ScopeId>,
    /// Names of such functions, by the text around them: a module, a function, or a kept impl.
    taken: BTreeMap<(ScopeId, Option<ItemId>), BTreeSet<String>>,
}

impl Writer<'_> {
    fn item(&mut self, id: ItemId) {
        let item = &self.program.items[id];
        match &item.kind {
            ItemKind::Module { header, file, .. } => {
                header.iter().for_each(|range| self.pages[item.file].keep(range));
                file.iter().for_each(|file| self.pages[*file].used = true);
            }
            ItemKind::Impl(facts) if facts.of_trait.is_none() => {
                facts.header.iter().for_each(|range| self.pages[item.file].keep(range));
            }
            ItemKind::Use(_) => {}
            _ if self.reach.is_in_kept_text(self.program, item.parent) => return,
            _ => self.pages[item.file].keep(&item.range),
        }
        self.surround(item.scope);
    }

    /// Keeps the headers of the modules and functions around a place.
    fn surround(&mut self, scope: ScopeId) {
        let mut at = Some(scope);
        while let Some(scope) = at {
            match &self.program.scopes[scope].kind {
                ScopeKind::Root => {}
                ScopeKind::Module { item } => {
                    let module = &self.program.items[*item];
                    if let ItemKind::Module { header, .. } = &module.kind {
                        header.iter().for_each(|range| self.pages[module.file].keep(range));
                        module.blank.iter().for_each(|range| self.pages[module.file].blank(range));
                    }
                }
                ScopeKind::Function { .. } => {
                    self.skeletons.insert(scope);
                }
            }
            at = self.program.scopes[scope].parent;
        }
    }

    fn imports(&mut self) {
        for statement in &self.program.uses {
            if self.is_needed(&statement.tree) {
                let page = &mut self.pages[statement.file];
                page.keep(&statement.range);
                statement.blank.iter().for_each(|range| page.blank(range));
                self.cut(statement.file, &statement.tree);
            }
        }
    }

    fn is_needed(&self, node: &UseNode) -> bool {
        match &node.inner {
            UseInner::Leaf(item) => self.reach.has(*item),
            UseInner::Group(nodes) => nodes.iter().any(|node| self.is_needed(node)),
        }
    }

    fn cut(&mut self, file: usize, node: &UseNode) {
        if !self.is_needed(node) {
            self.pages[file].blank(&node.range);
            if let Some(comma) = node.comma {
                self.pages[file].blank(&(comma..comma + 1));
            }
        } else if let UseInner::Group(nodes) = &node.inner {
            nodes.iter().for_each(|node| self.cut(file, node));
        }
    }

    /// Takes out of kept items what a guest cannot have.
    fn hollow_out(&mut self) {
        for (id, item) in self.program.items.iter().enumerate() {
            let in_kept_text = self.reach.is_in_kept_text(self.program, item.parent);
            if self.reach.has(id) || (in_kept_text && item.usable) {
                item.blank.iter().for_each(|range| self.pages[item.file].blank(range));
            } else if in_kept_text && !is_import(&item.kind) {
                self.pages[item.file].blank(&item.range);
            }
        }
    }

    fn task(&mut self, task: &Task) {
        if self.reach.is_in_kept_text(self.program, task.owner) {
            return;
        }
        let page = &mut self.pages[task.file];
        page.keep(&task.range);
        page.write(task.delimiters.0, "{");
        page.write(task.delimiters.1, "}");
        self.surround(task.scope);
        for scope in std::mem::take(&mut self.skeletons) {
            self.skeleton(scope);
        }
    }

    /// `fn run<T>(self, x: T) -> X {` becomes `fn run   (         )     {`: a scope for the items in its body.
    fn skeleton(&mut self, scope: ScopeId) {
        let ScopeKind::Function { file, item, name, whole, keyword, ident, parens, braces } =
            &self.program.scopes[scope].kind
        else {
            return;
        };
        let page = &mut self.pages[*file];
        if page.kept[braces.0] && page.kept[braces.1] {
            return;
        }
        page.keep(&(braces.0..braces.0 + 1));
        page.keep(&(braces.1..braces.1 + 1));
        let parent = self.program.scopes[scope].parent.expect("a function is in a module");
        let block = item.and_then(|item| match self.program.items[item].kind {
            ItemKind::Member { of } if self.reach.has(of) => Some(of),
            _ => None,
        });
        let new_name = self.free_name(parent, block, name);
        let page = &mut self.pages[*file];
        let text = &self.program.files[*file].text;
        let place = if &new_name == name { None } else { place_for(text, page, whole, keyword, braces.0, &new_name) };
        match place {
            Some((at, header)) => page.write(at, &header),
            None => {
                page.keep(keyword);
                page.keep(ident);
                page.keep(&(parens.0..parens.0 + 1));
                page.keep(&(parens.1..parens.1 + 1));
            }
        }
    }

    /// Methods of different types may have one name; as free functions of one module they may not.
    fn free_name(&mut self, parent: ScopeId, block: Option<ItemId>, name: &str) -> String {
        let is_kept = |item: &ItemId| self.reach.has(*item);
        let kept_names = &self.program.scopes[parent].names;
        let taken = self.taken.entry((parent, block)).or_default();
        let is_free = |name: &String, taken: &BTreeSet<String>| {
            !taken.contains(name)
                && (block.is_some() || !kept_names.get(name).is_some_and(|items| items.iter().any(is_kept)))
        };
        let mut candidates = std::iter::once(name.to_owned()).chain((2..).map(|number| format!("{name}{number}")));
        let free = candidates.find(|name| is_free(name, taken)).expect("numbers do not end");
        taken.insert(free.clone());
        free
    }
}

/// Where `fn run2()` fits on the line of the keyword `fn`, without touching what is kept.
fn place_for(
    text: &str,
    page: &Page,
    whole: &Range<usize>,
    keyword: &Range<usize>,
    brace: usize,
    name: &str,
) -> Option<(usize, String)> {
    let header = format!("fn {name}()");
    let line_end = text[keyword.start..].find('\n').map_or(text.len(), |length| keyword.start + length);
    let end = line_end.min(brace);
    let line_start = text[..keyword.start].rfind('\n').map_or(0, |at| at + 1);
    let is_free = |at: usize| !page.kept[at] && !page.written.contains_key(&at) && text.as_bytes()[at].is_ascii();
    let is_ours = |at: usize| at >= whole.start || text.as_bytes()[at] == b' ';
    let mut start = keyword.start;
    while start > line_start && is_free(start - 1) && is_ours(start - 1) {
        start -= 1;
    }
    let at = keyword.start.min(end.checked_sub(header.len())?);
    // Two blanks in front keep it apart from what is kept there.
    let fits = at >= start && (at..at + header.len()).all(is_free);
    fits.then_some((at, header))
}

fn is_import(kind: &ItemKind) -> bool {
    matches!(kind, ItemKind::Use(_))
}

/// Whether a task stays inside the item that holds it, or becomes an item of its own.
pub(crate) fn is_lifted(program: &Program, reach: &Reach, task: &Task) -> bool {
    !program.ancestors(task.owner).any(|item| reach.has(item) && is_whole(program, item))
}
