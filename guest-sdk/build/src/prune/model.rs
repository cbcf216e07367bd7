//! The nouns of pruning: files, scopes, items, tasks, and what each of them mentions.

use super::source::SourceFile;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

pub(crate) type FileId = usize;
pub(crate) type ScopeId = usize;
pub(crate) type ItemId = usize;
pub(crate) type TaskId = usize;

/// Every root of one package with all that was read for it.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) files: Vec<SourceFile>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) items: Vec<Item>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) roots: Vec<RootScope>,
    /// The name by which the package knows the host library.
    pub(crate) library: String,
    /// Names by which code of this package reaches dependencies.
    pub(crate) dependencies: BTreeSet<String>,
    /// What could not be read, in words.
    pub(crate) warnings: Vec<String>,
    /// Every `use` item.
    pub(crate) uses: Vec<UseStatement>,
    /// Files that `include_str!` and its relatives name.
    pub(crate) included: Vec<Included>,
}

/// A file that code reads at compile time.
#[derive(Debug)]
pub(crate) struct Included {
    /// The file that names it, which its path is relative to.
    pub(crate) file: FileId,
    pub(crate) path: String,
}

/// One target of the package.
#[derive(Debug)]
pub(crate) struct RootScope {
    /// The crate's name as rustc knows it.
    pub(crate) crate_name: String,
    /// The root file.
    pub(crate) path: PathBuf,
    /// Other roots reach this one by its crate name.
    pub(crate) is_library: bool,
    pub(crate) scope: ScopeId,
    pub(crate) file: FileId,
    /// Inner attributes of the root file that the copy keeps.
    pub(crate) inner: Vec<Range<usize>>,
}

/// A place with names: a module or the body of a function.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) parent: Option<ScopeId>,
    /// Index in [`Program::roots`].
    pub(crate) root: usize,
    pub(crate) kind: ScopeKind,
    pub(crate) names: BTreeMap<String, Vec<ItemId>>,
    /// `use …::*` leaves.
    pub(crate) globs: Vec<ItemId>,
    /// First segments that any code in here mentions, the host's too.
    pub(crate) mentioned: BTreeSet<String>,
}

/// What a scope is, with the text that must stay when only a part of its inside stays.
#[derive(Debug)]
pub(crate) enum ScopeKind {
    Root,
    /// The module's own item holds its header.
    Module {
        item: ItemId,
    },
    Function {
        file: FileId,
        /// The item whose body this is, when there is one.
        item: Option<ItemId>,
        name: String,
        /// From the first attribute to the end of the body.
        whole: Range<usize>,
        /// The keyword `fn`, the name, and both delimiters of the parameters and of the body.
        keyword: Range<usize>,
        ident: Range<usize>,
        parens: (usize, usize),
        braces: (usize, usize),
    },
}

/// Something that can be kept or blanked.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) kind: ItemKind,
    pub(crate) name: String,
    /// Where its name is.
    pub(crate) scope: ScopeId,
    pub(crate) file: FileId,
    pub(crate) range: Range<usize>,
    /// One-based line, for messages.
    pub(crate) line: usize,
    pub(crate) mentions: Vec<Mention>,
    /// Parts of it that the copy never has: markers, evaluated `cfg`s, lint levels.
    pub(crate) blank: Vec<Range<usize>>,
    /// The item whose text contains this one.
    pub(crate) parent: Option<ItemId>,
    pub(crate) children: Vec<ItemId>,
    /// Marked `#[isopool::shared]`.
    pub(crate) shared: bool,
    /// False for what a guest cannot have: `#[isopool::host]`, `#[test]`, `main`, a `cfg` that is false there.
    pub(crate) usable: bool,
}

#[derive(Debug)]
pub(crate) enum ItemKind {
    Function,
    Type {
        variants: Vec<String>,
    },
    Value,
    Trait {
        methods: Vec<String>,
    },
    Macro,
    MacroCall,
    ExternCrate,
    Module {
        scope: ScopeId,
        /// What stays when something inside stays: `mod x;`, or `mod x {` and `}`.
        header: Vec<Range<usize>>,
        /// The file of `mod x;`.
        file: Option<FileId>,
    },
    Use(UseLeaf),
    Impl(ImplFacts),
    /// A member of an inherent `impl`: kept when its name is mentioned.
    Member {
        of: ItemId,
    },
}

/// One name that a `use` brings in.
#[derive(Debug, Clone)]
pub(crate) struct UseLeaf {
    pub(crate) path: Vec<String>,
    /// Starts with `::`.
    pub(crate) rooted: bool,
    pub(crate) glob: bool,
}

/// One `use` item: its text and the tree of what can be cut out of it.
#[derive(Debug)]
pub(crate) struct UseStatement {
    pub(crate) file: FileId,
    pub(crate) range: Range<usize>,
    pub(crate) blank: Vec<Range<usize>>,
    pub(crate) tree: UseNode,
}

/// A part of a `use` item.
#[derive(Debug)]
pub(crate) struct UseNode {
    pub(crate) range: Range<usize>,
    /// The comma behind it.
    pub(crate) comma: Option<usize>,
    pub(crate) inner: UseInner,
}

#[derive(Debug)]
pub(crate) enum UseInner {
    Leaf(ItemId),
    Group(Vec<UseNode>),
}

/// What decides whether an `impl` block is needed.
#[derive(Debug)]
pub(crate) struct ImplFacts {
    /// Paths in the self type.
    pub(crate) self_paths: Vec<Vec<String>>,
    /// The trait, when it is not inherent.
    pub(crate) of_trait: Option<Vec<String>>,
    /// Paths in the trait's generic arguments.
    pub(crate) argument_paths: Vec<Vec<String>>,
    /// `impl … {` and `}`: what stays around kept members.
    pub(crate) header: Vec<Range<usize>>,
}

/// A name in code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    /// Where it is written.
    pub(crate) scope: ScopeId,
    pub(crate) what: Name,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    Path {
        segments: Vec<String>,
        rooted: bool,
        /// It is followed by `!`.
        call: bool,
    },
    /// After a dot: a method or a field, never a free function.
    Method(String),
}

/// One `task!` that the host compiles.
#[derive(Debug)]
pub(crate) struct Task {
    /// `src/main.rs:17:13`.
    pub(crate) id: String,
    pub(crate) scope: ScopeId,
    pub(crate) file: FileId,
    /// The whole call, from the first segment of the macro's path to the closing delimiter.
    pub(crate) range: Range<usize>,
    /// The delimiters of the call.
    pub(crate) delimiters: (usize, usize),
    pub(crate) mentions: Vec<Mention>,
    /// The innermost item whose text contains it.
    pub(crate) owner: Option<ItemId>,
}

impl Program {
    /// The module (never a function) that contains the scope.
    pub(crate) fn module_of(&self, mut scope: ScopeId) -> ScopeId {
        while let ScopeKind::Function { .. } = self.scopes[scope].kind {
            scope = self.scopes[scope].parent.expect("a function is in a module");
        }
        scope
    }

    /// Whether a module around the scope is marked `#[isopool::shared]`: then everything in it is.
    pub(crate) fn is_in_shared_module(&self, scope: ScopeId) -> bool {
        std::iter::successors(Some(scope), |scope| self.scopes[*scope].parent).any(|scope| {
            match self.scopes[scope].kind {
                ScopeKind::Module { item } => self.items[item].shared,
                _ => false,
            }
        })
    }

    /// The item and all whose text contains it, innermost first.
    pub(crate) fn ancestors(&self, item: Option<ItemId>) -> impl Iterator<Item = ItemId> + '_ {
        std::iter::successors(item, |item| self.items[*item].parent)
    }

    /// `src/util.rs:10`.
    pub(crate) fn place(&self, item: ItemId) -> String {
        let item = &self.items[item];
        format!("{}:{}", self.files[item.file].name, item.line)
    }
}
