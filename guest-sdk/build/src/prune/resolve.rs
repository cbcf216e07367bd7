//! Follows a path through scopes, `use` items and modules, as far as sources without macro expansion allow.

use super::model::{ItemId, ItemKind, Mention, Name, Program, ScopeId, ScopeKind, UseLeaf};

/// What a path led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reached {
    Item(ItemId),
    Dependency(String),
}

/// `use` chains longer than this are circles.
const DEEPEST_CHAIN: usize = 24;

/// Names that every module has without a `use`; they never come from a glob.
const PRELUDE: &[&str] = &[
    "Vec",
    "String",
    "Option",
    "Some",
    "None",
    "Result",
    "Ok",
    "Err",
    "Box",
    "Copy",
    "Clone",
    "Send",
    "Sync",
    "Sized",
    "Drop",
    "Fn",
    "FnMut",
    "FnOnce",
    "Debug",
    "Default",
    "PartialEq",
    "Eq",
    "PartialOrd",
    "Ord",
    "Hash",
    "Iterator",
    "IntoIterator",
    "Extend",
    "DoubleEndedIterator",
    "ExactSizeIterator",
    "AsRef",
    "AsMut",
    "Into",
    "From",
    "TryFrom",
    "TryInto",
    "FromIterator",
    "ToOwned",
    "ToString",
    "Unpin",
    "Self",
];

impl Program {
    /// Everything that one mention leads to, in the order of the way: imports first, the item itself last.
    pub(crate) fn resolve(&self, mention: &Mention) -> Vec<Reached> {
        let Name::Path { segments, rooted, call } = &mention.what else { return Vec::new() };
        let mut reached = Vec::new();
        self.path(mention.scope, segments, *rooted, DEEPEST_CHAIN, &mut reached);
        let found_item = reached.iter().any(|one| matches!(one, Reached::Item(_)));
        if *call && !found_item && !reached.iter().any(|one| matches!(one, Reached::Dependency(_))) {
            // `macro_rules!` names have scopes of their own kind: in the order of the text, or the crate's root.
            reached.extend(self.macros_named(mention.scope, segments.last().expect("a path has a segment")));
        }
        reached
    }

    fn macros_named(&self, scope: ScopeId, name: &str) -> Vec<Reached> {
        let root = self.scopes[scope].root;
        let is_wanted = |id: &ItemId| {
            let item = &self.items[*id];
            item.usable
                && item.name == name
                && matches!(item.kind, ItemKind::Macro)
                && self.scopes[item.scope].root == root
        };
        (0..self.items.len()).filter(is_wanted).map(Reached::Item).collect()
    }

    fn path(&self, scope: ScopeId, segments: &[String], rooted: bool, left: usize, reached: &mut Vec<Reached>) {
        let Some((first, rest)) = segments.split_first() else { return };
        if left == 0 {
            return;
        }
        match first.as_str() {
            _ if rooted => self.outside(first, rest, left, reached),
            "crate" | "$crate" => self.inside(self.root_of(scope), rest, left, reached),
            "self" => self.inside(self.module_of(scope), rest, left, reached),
            "super" => {
                let parent = self.scopes[self.module_of(scope)].parent;
                let Some(parent) = parent.map(|parent| self.module_of(parent)) else { return };
                // `super::super::x`: the next segment may be `super` again.
                if rest.first().is_some_and(|next| next == "super") {
                    self.path(parent, rest, false, left - 1, reached);
                } else {
                    self.inside(parent, rest, left, reached);
                }
            }
            _ => self.lexical(scope, segments, left, reached),
        }
    }

    /// A path that begins with a plain name: from the innermost scope out to the module, then other crates.
    fn lexical(&self, scope: ScopeId, segments: &[String], left: usize, reached: &mut Vec<Reached>) {
        let mut at = Some(scope);
        while let Some(scope) = at {
            if self.named(scope, segments, left, reached) {
                return;
            }
            at = match self.scopes[scope].kind {
                ScopeKind::Function { .. } => self.scopes[scope].parent,
                _ => None,
            };
        }
        self.outside(&segments[0], &segments[1..], left, reached);
        if reached.is_empty() && segments.len() == 1 {
            self.seek_in_foreign_globs(scope, &segments[0], left, reached);
        }
    }

    /// Another crate: the package's own library, or a dependency. A bare name is a dependency only in a `use`.
    fn outside(&self, first: &str, rest: &[String], left: usize, reached: &mut Vec<Reached>) {
        let library = self.roots.iter().find(|root| root.is_library && root.crate_name == first);
        if let Some(library) = library {
            self.inside(library.scope, rest, left, reached);
        } else if !rest.is_empty() && self.dependencies.contains(first) {
            reached.push(Reached::Dependency(first.to_owned()));
        }
    }

    fn inside(&self, module: ScopeId, segments: &[String], left: usize, reached: &mut Vec<Reached>) {
        if !segments.is_empty() {
            self.named(module, segments, left, reached);
        }
    }

    /// Looks the first segment up in one scope; true when something has that name.
    fn named(&self, scope: ScopeId, segments: &[String], left: usize, reached: &mut Vec<Reached>) -> bool {
        if left == 0 {
            return false;
        }
        let (first, rest) = segments.split_first().expect("callers have a segment");
        let found = self.scopes[scope].names.get(first).cloned().unwrap_or_default();
        for &item in &found {
            push(reached, Reached::Item(item));
            self.further(item, rest, left - 1, reached);
        }
        if !found.is_empty() {
            return true;
        }
        self.scopes[scope].globs.iter().any(|&glob| self.seek_in_glob(glob, segments, left - 1, reached))
    }

    fn further(&self, item: ItemId, rest: &[String], left: usize, reached: &mut Vec<Reached>) {
        match &self.items[item].kind {
            ItemKind::Module { scope, .. } => self.inside(*scope, rest, left, reached),
            ItemKind::Use(leaf) => {
                let path: Vec<String> = leaf.path.iter().chain(rest).cloned().collect();
                self.imported(item, leaf, &path, left, reached);
            }
            _ => {}
        }
    }

    /// The target of a `use`: a name alone is a crate here (`use rand;`).
    fn imported(&self, item: ItemId, leaf: &UseLeaf, path: &[String], left: usize, reached: &mut Vec<Reached>) {
        let scope = self.items[item].scope;
        let own_name = path.len() == 1 && self.items[item].name == path[0];
        if own_name || leaf.rooted {
            self.outside(&path[0], &["*".to_owned()], left, reached);
        } else {
            self.path_beside(item, scope, path, left, reached);
        }
    }

    /// Like `path`, but an import does not find itself: `use rand::rand;`.
    fn path_beside(&self, item: ItemId, scope: ScopeId, path: &[String], left: usize, reached: &mut Vec<Reached>) {
        let only_itself = self.scopes[scope].names.get(&path[0]).is_some_and(|found| found == &[item]);
        if only_itself {
            self.outside(&path[0], &path[1..], left, reached);
        } else {
            self.path(scope, path, false, left, reached);
        }
    }

    /// `use shapes::*`, `use Shape::*`: whether the glob gives the first segment.
    fn seek_in_glob(&self, glob: ItemId, segments: &[String], left: usize, reached: &mut Vec<Reached>) -> bool {
        if left == 0 {
            return false;
        }
        let mut way = Vec::new();
        let scope = self.items[glob].scope;
        let modules = self.glob_modules(glob, left, &mut way);
        let mut found = Vec::new();
        let given = modules.iter().any(|&module| module != scope && self.named(module, segments, left - 1, &mut found))
            || self.gives_variant(&way, &segments[0]);
        if given {
            push(reached, Reached::Item(glob));
            way.into_iter().chain(found).for_each(|one| push(reached, one));
        }
        given
    }

    /// The modules of this package that a glob opens.
    pub(crate) fn scopes_of_glob(&self, glob: ItemId) -> Vec<ScopeId> {
        self.glob_modules(glob, DEEPEST_CHAIN, &mut Vec::new())
    }

    /// The modules that a glob opens, with the way there.
    fn glob_modules(&self, glob: ItemId, left: usize, way: &mut Vec<Reached>) -> Vec<ScopeId> {
        let ItemKind::Use(leaf) = &self.items[glob].kind else { return Vec::new() };
        if let [only] = leaf.path.as_slice()
            && let Some(library) = self.roots.iter().find(|root| root.is_library && &root.crate_name == only)
        {
            return vec![library.scope];
        }
        let scope = self.items[glob].scope;
        if let Some(module) = self.by_keywords(scope, &leaf.path) {
            return vec![module];
        }
        self.path(scope, &leaf.path, leaf.rooted, left, way);
        let Some(last) = leaf.path.last() else { return Vec::new() };
        way.iter()
            .filter_map(|one| match one {
                Reached::Item(item) if &self.items[*item].name == last => match self.items[*item].kind {
                    ItemKind::Module { scope, .. } => Some(scope),
                    _ => None,
                },
                _ => None,
            })
            .collect()
    }

    /// `crate`, `self`, `super::super`: a module that is named without a name.
    fn by_keywords(&self, scope: ScopeId, path: &[String]) -> Option<ScopeId> {
        let mut module = self.module_of(scope);
        for segment in path {
            module = match segment.as_str() {
                "crate" => self.root_of(module),
                "self" => module,
                "super" => self.module_of(self.scopes[module].parent?),
                _ => return None,
            };
        }
        Some(module)
    }

    fn gives_variant(&self, way: &[Reached], name: &str) -> bool {
        way.iter().any(|one| match one {
            Reached::Item(item) => match &self.items[*item].kind {
                ItemKind::Type { variants } => variants.iter().any(|variant| variant == name),
                _ => false,
            },
            Reached::Dependency(_) => false,
        })
    }

    /// A type or trait that nothing here defines may come from `use dependency::prelude::*`.
    fn seek_in_foreign_globs(&self, scope: ScopeId, name: &str, left: usize, reached: &mut Vec<Reached>) {
        if PRELUDE.contains(&name) || !name.starts_with(char::is_uppercase) {
            return;
        }
        let mut at = Some(scope);
        while let Some(scope) = at {
            for &glob in &self.scopes[scope].globs {
                let mut way = Vec::new();
                self.glob_modules(glob, left, &mut way);
                if way.iter().any(|one| matches!(one, Reached::Dependency(_))) {
                    push(reached, Reached::Item(glob));
                    way.into_iter().for_each(|one| push(reached, one));
                }
            }
            at = match self.scopes[scope].kind {
                ScopeKind::Function { .. } => self.scopes[scope].parent,
                _ => None,
            };
        }
    }

    fn root_of(&self, scope: ScopeId) -> ScopeId {
        self.roots[self.scopes[scope].root].scope
    }
}

fn push(reached: &mut Vec<Reached>, one: Reached) {
    if !reached.contains(&one) {
        reached.push(one);
    }
}
