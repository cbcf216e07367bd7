//! Decides what a guest needs: everything that its closures lead to, and nothing else.

use super::model::{ImplFacts, ItemId, ItemKind, Mention, Name, Program, ScopeId, TaskId};
use super::resolve::Reached;
use std::collections::{BTreeMap, BTreeSet};

/// What is kept, and why.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Items that the copies keep, with the first reason.
    pub(crate) kept: BTreeMap<ItemId, Reason>,
    /// Dependencies by the name that code uses, with the first task that led there.
    pub(crate) dependencies: BTreeMap<String, Reason>,
    /// Every method, field-like and path name after the first segment that kept code mentions.
    names: BTreeSet<String>,
}

/// Why something is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The task at the start of the chain; none when an item is marked `#[isopool::shared]`.
    pub(crate) task: Option<TaskId>,
    /// The item that named it; none when the task did.
    pub(crate) by: Option<ItemId>,
}

/// Follows every mention from all tasks until nothing new is found.
pub(crate) fn reach(program: &Program) -> Reach {
    let mut walk = Walk { program, reach: Reach::default(), waiting: Vec::new(), alive: BTreeSet::new() };
    for (id, task) in program.tasks.iter().enumerate() {
        walk.enliven(task.scope);
        walk.follow(&task.mentions, &Reason { task: Some(id), by: None });
    }
    let roots_with_tasks: BTreeSet<usize> = program.tasks.iter().map(|task| program.scopes[task.scope].root).collect();
    for (id, item) in program.items.iter().enumerate() {
        let is_shared = item.shared || program.is_in_shared_module(item.scope);
        if is_shared && roots_with_tasks.contains(&program.scopes[item.scope].root) {
            walk.keep(id, Reason { task: None, by: None });
        }
    }
    loop {
        walk.drain();
        if !walk.round() {
            return walk.reach;
        }
    }
}

struct Walk<'a> {
    program: &'a Program,
    reach: Reach,
    waiting: Vec<ItemId>,
    /// Scopes in which something is kept.
    alive: BTreeSet<ScopeId>,
}

impl Walk<'_> {
    fn drain(&mut self) {
        while let Some(item) = self.waiting.pop() {
            let mut reason = self.reach.kept[&item].clone();
            reason.by = Some(item);
            let program = self.program;
            self.follow(&program.items[item].mentions, &reason);
            for &child in &program.items[item].children {
                if self.contains_whole(item) && program.items[child].usable {
                    self.keep(child, reason.clone());
                }
            }
        }
    }

    /// Whether keeping the item keeps all its text.
    fn contains_whole(&self, item: ItemId) -> bool {
        is_whole(self.program, item)
    }

    fn follow(&mut self, mentions: &[Mention], reason: &Reason) {
        for mention in mentions {
            match &mention.what {
                Name::Method(name) => {
                    self.reach.names.insert(name.clone());
                }
                Name::Path { segments, .. } => {
                    self.reach.names.extend(segments.iter().skip(1).cloned());
                    for reached in self.program.resolve(mention) {
                        match reached {
                            Reached::Item(item) => self.keep(item, reason.clone()),
                            Reached::Dependency(name) => self.depend(name, reason.clone()),
                        }
                    }
                }
            }
        }
    }

    fn depend(&mut self, name: String, reason: Reason) {
        self.reach.dependencies.entry(name).or_insert(reason);
    }

    fn keep(&mut self, item: ItemId, reason: Reason) {
        if !self.program.items[item].usable || self.reach.kept.contains_key(&item) {
            return;
        }
        if let ItemKind::Use(leaf) = &self.program.items[item].kind {
            let target = Name::Path { segments: with_star(leaf.glob, &leaf.path), rooted: leaf.rooted, call: true };
            let mention = Mention { scope: self.program.items[item].scope, what: target };
            let by_use = Reason { by: Some(item), ..reason.clone() };
            self.reach.kept.insert(item, reason);
            self.enliven(self.program.items[item].scope);
            if leaf.path.len() == 1 && !leaf.glob {
                self.follow_lone_import(item, &by_use);
            } else {
                self.follow(&[mention], &by_use);
            }
            return;
        }
        self.reach.kept.insert(item, reason);
        self.enliven(self.program.items[item].scope);
        self.waiting.push(item);
    }

    /// `use rand;`
    fn follow_lone_import(&mut self, item: ItemId, reason: &Reason) {
        let ItemKind::Use(leaf) = &self.program.items[item].kind else { return };
        if self.program.dependencies.contains(&leaf.path[0]) {
            self.depend(leaf.path[0].clone(), reason.clone());
        }
    }

    fn enliven(&mut self, scope: ScopeId) {
        let mut at = Some(scope);
        while let Some(scope) = at {
            self.alive.insert(scope);
            at = self.program.scopes[scope].parent;
        }
    }

    /// What no path names: impls, their members, traits for method calls, their imports. True when something was kept.
    fn round(&mut self) -> bool {
        let before = self.reach.kept.len() + self.reach.dependencies.len();
        for id in 0..self.program.items.len() {
            let item = &self.program.items[id];
            if self.reach.kept.contains_key(&id) || !item.usable {
                continue;
            }
            let reason = match &item.kind {
                ItemKind::Impl(facts) if facts.of_trait.is_some() => self.trait_impl_is_needed(id, facts),
                ItemKind::Member { of } => self.member_is_needed(id, *of),
                ItemKind::Trait { methods } => self.trait_is_needed(id, methods),
                ItemKind::Use(_) => self.import_is_needed(id),
                _ => None,
            };
            if let Some(reason) = reason {
                if let ItemKind::Member { of } = item.kind {
                    self.keep(of, reason.clone());
                }
                self.keep(id, reason);
            }
        }
        before != self.reach.kept.len() + self.reach.dependencies.len()
    }

    /// The items that a path of the block's header leads to, without the imports on the way.
    fn targets(&self, from: ItemId, path: &[String]) -> Vec<Reached> {
        let what = Name::Path { segments: path.to_vec(), rooted: false, call: false };
        let reached = self.program.resolve(&Mention { scope: self.program.items[from].scope, what });
        let is_target = |one: &Reached| match one {
            Reached::Item(item) => {
                !matches!(self.program.items[*item].kind, ItemKind::Use(_) | ItemKind::Module { .. })
            }
            Reached::Dependency(_) => true,
        };
        reached.into_iter().filter(is_target).collect()
    }

    /// Whether everything that the path leads to is in the guest anyway; std and generics always are.
    fn is_available(&self, from: ItemId, path: &[String]) -> bool {
        self.targets(from, path).iter().all(|target| match target {
            Reached::Item(item) => self.reach.kept.contains_key(item),
            Reached::Dependency(name) => name == "serde" || self.reach.dependencies.contains_key(name),
        })
    }

    fn first_kept(&self, from: ItemId, paths: &[Vec<String>]) -> Option<ItemId> {
        let mut targets = paths.iter().flat_map(|path| self.targets(from, path));
        targets.find_map(|target| match target {
            Reached::Item(item) if self.reach.kept.contains_key(&item) => Some(item),
            _ => None,
        })
    }

    /// A trait's impl is needed when the type, the trait and its arguments are all there without it.
    fn trait_impl_is_needed(&self, id: ItemId, facts: &ImplFacts) -> Option<Reason> {
        let of_trait = facts.of_trait.as_ref()?;
        let available = facts.self_paths.iter().chain(&facts.argument_paths).chain([of_trait]);
        if !available.into_iter().all(|path| self.is_available(id, path)) {
            return None;
        }
        let traits = [of_trait.clone()];
        let by = self.first_kept(id, &facts.self_paths).or_else(|| self.first_kept(id, &traits))?;
        Some(Reason { by: Some(by), ..self.reach.kept[&by].clone() })
    }

    fn member_is_needed(&self, id: ItemId, of: ItemId) -> Option<Reason> {
        let ItemKind::Impl(facts) = &self.program.items[of].kind else { return None };
        if !self.program.items[of].usable || !self.reach.names.contains(&self.program.items[id].name) {
            return None;
        }
        let by = self.first_kept(of, &facts.self_paths)?;
        Some(Reason { by: Some(by), ..self.reach.kept[&by].clone() })
    }

    /// A method call does not name its trait: a trait with such a method is needed when a kept type has it.
    fn trait_is_needed(&self, id: ItemId, methods: &[String]) -> Option<Reason> {
        if !methods.iter().any(|method| self.reach.names.contains(method)) {
            return None;
        }
        self.program.items.iter().enumerate().find_map(|(block, item)| {
            let ItemKind::Impl(facts) = &item.kind else { return None };
            let of_this = self.targets(block, facts.of_trait.as_ref()?).contains(&Reached::Item(id));
            let available = facts.self_paths.iter().all(|path| self.is_available(block, path));
            if !of_this || !item.usable || !available || !self.is_in_sight(id) {
                return None;
            }
            let by = self.first_kept(block, &facts.self_paths);
            let task = by.and_then(|by| self.reach.kept[&by].task).or_else(|| self.any_task(item.scope));
            Some(Reason { task, by })
        })
    }

    /// Whether kept code may call a trait's methods: the trait is beside it or imported there.
    fn is_in_sight(&self, of_trait: ItemId) -> bool {
        let imports = |id: usize| match &self.program.items[id].kind {
            ItemKind::Use(leaf) if self.alive.contains(&self.program.items[id].scope) => {
                self.targets(id, &leaf.path).contains(&Reached::Item(of_trait))
                    || (leaf.glob && self.program.scopes_of_glob(id).contains(&self.program.items[of_trait].scope))
            }
            _ => false,
        };
        self.alive.contains(&self.program.items[of_trait].scope) || (0..self.program.items.len()).any(imports)
    }

    fn any_task(&self, scope: ScopeId) -> Option<TaskId> {
        let root = self.program.scopes[scope].root;
        self.program.tasks.iter().position(|task| self.program.scopes[task.scope].root == root)
    }

    /// Imports that work without being named: std's, and traits whose methods are called.
    fn import_is_needed(&self, id: ItemId) -> Option<Reason> {
        let item = &self.program.items[id];
        let ItemKind::Use(leaf) = &item.kind else { return None };
        if !self.alive.contains(&item.scope) || leaf.path.is_empty() {
            return None;
        }
        let reason = Some(Reason { task: self.any_task(item.scope), by: None });
        if ["std", "core", "alloc"].contains(&leaf.path[0].as_str()) {
            // Parts of std that are not there on wasm are kept only when they are named.
            let only_some_systems = leaf.path.get(1).is_some_and(|part| part == "os" || part == "arch");
            return reason.filter(|_| !only_some_systems);
        }
        let targets = self.targets(id, &with_star(leaf.glob, &leaf.path));
        let is_kept_trait = |target: &Reached| {
            matches!(target, Reached::Item(item) if matches!(self.program.items[*item].kind, ItemKind::Trait { .. })
                && self.reach.kept.contains_key(item))
        };
        if targets.iter().any(is_kept_trait) || (leaf.glob && self.opens_a_kept_trait(id)) {
            return reason;
        }
        let foreign = targets.iter().any(|target| {
            matches!(target, Reached::Dependency(name) if self.reach.dependencies.contains_key(name)
                && *name != self.program.library)
        });
        reason.filter(|_| foreign && self.looks_like_a_trait(id))
    }

    fn opens_a_kept_trait(&self, glob: ItemId) -> bool {
        self.program.scopes_of_glob(glob).iter().any(|scope| {
            self.program.scopes[*scope].names.values().flatten().any(|item| {
                matches!(self.program.items[*item].kind, ItemKind::Trait { .. }) && self.reach.kept.contains_key(item)
            })
        })
    }

    /// Imported, and named by no code of the module: it is there for its methods.
    fn looks_like_a_trait(&self, import: ItemId) -> bool {
        let item = &self.program.items[import];
        let module = self.program.module_of(item.scope);
        let named = self.program.scopes[module].mentioned.contains(&item.name);
        item.name == "_" || (item.name.starts_with(char::is_uppercase) && !named)
    }
}

fn with_star(glob: bool, path: &[String]) -> Vec<String> {
    let mut path = path.to_vec();
    if glob {
        path.push("*".to_owned());
    }
    path
}

/// Whether a kept item is kept with all its text; the others keep a header and some of their parts.
pub(crate) fn is_whole(program: &Program, item: ItemId) -> bool {
    match &program.items[item].kind {
        ItemKind::Module { .. } | ItemKind::Use(_) => false,
        ItemKind::Impl(facts) => facts.of_trait.is_some(),
        _ => true,
    }
}

impl Reach {
    /// Whether the item is kept, alone or in the text of another.
    pub(crate) fn has(&self, item: ItemId) -> bool {
        self.kept.contains_key(&item)
    }

    /// Tasks in the text of a kept item cannot be lifted out of it.
    pub(crate) fn is_in_kept_text(&self, program: &Program, owner: Option<ItemId>) -> bool {
        program.ancestors(owner).any(|item| self.has(item) && is_whole(program, item))
    }

    /// `scale` is named by `norm`, which the task names.
    pub(crate) fn chain(&self, program: &Program, item: ItemId) -> String {
        let mut words = format!("`{}` ({})", display_name(program, item), program.place(item));
        let mut at = self.kept.get(&item);
        let mut left = 8;
        while let Some(by) = at.and_then(|reason| reason.by) {
            words.push_str(&format!(", which `{}` ({}) names", display_name(program, by), program.place(by)));
            at = self.kept.get(&by);
            left -= 1;
            if left == 0 {
                return words;
            }
        }
        match at.and_then(|reason| reason.task) {
            Some(task) => words.push_str(&format!(", which the task at {} names", program.tasks[task].id)),
            None => words.push_str(", which is marked #[isopool::shared]"),
        }
        words
    }
}

fn display_name(program: &Program, item: ItemId) -> String {
    match &program.items[item].kind {
        ItemKind::Impl(facts) => {
            let ty = facts.self_paths.first().map_or_else(|| "_".to_owned(), |path| path.join("::"));
            facts
                .of_trait
                .as_ref()
                .map_or_else(|| format!("impl {ty}"), |name| format!("impl {} for {ty}", name.join("::")))
        }
        ItemKind::Use(leaf) => format!("use {}", leaf.path.join("::")),
        _ => program.items[item].name.clone(),
    }
}
