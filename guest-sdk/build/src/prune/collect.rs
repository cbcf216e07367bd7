//! Walks the syntax of every root and fills the model: scopes, items, tasks.

use super::attributes::{Facts, facts, kept_inner};
use super::cfg::CfgSet;
use super::model::{ImplFacts, Item, ItemId, ItemKind, Mention, Name, Program, RootScope, Scope, ScopeId, ScopeKind};
use super::source::{SourceError, bytes, read};
use proc_macro2::Span;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::visit::Visit;

/// A target of the user's package.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    /// The crate's name as rustc knows it.
    pub(crate) crate_name: String,
    /// The root file.
    pub(crate) path: PathBuf,
    /// Other roots reach it by its crate name.
    pub(crate) is_library: bool,
}

/// Reads all roots. Files that cannot be read or parsed become warnings: rustc reports them better.
pub(crate) fn collect(
    package: &Path,
    library: &str,
    dependencies: BTreeSet<String>,
    (host, guest): (&CfgSet, &CfgSet),
    roots: &[Root],
) -> Program {
    let mut program = Program { library: library.to_owned(), dependencies, ..Program::default() };
    for root in roots {
        Collector::new(&mut program, package, library, host, guest).root(root);
    }
    program
}

/// The walk over one root.
pub(crate) struct Collector<'a> {
    pub(crate) program: &'a mut Program,
    pub(crate) package: &'a Path,
    pub(crate) library: &'a str,
    host: &'a CfgSet,
    guest: &'a CfgSet,
    pub(crate) file: usize,
    pub(crate) scope: ScopeId,
    /// Where `mod x;` of the current module looks for files.
    pub(crate) directory: PathBuf,
    /// The directory of the current file: where `#[path]` starts.
    pub(crate) file_directory: PathBuf,
    /// Inline modules between the file and here.
    pub(crate) inline: Vec<String>,
    pub(crate) owner: Option<ItemId>,
    /// Where mentions go: those of the item or task being walked.
    pub(crate) sink: Vec<Mention>,
    /// Names of variables, innermost block last.
    pub(crate) locals: Vec<BTreeSet<String>>,
    /// What `Self` stands for.
    pub(crate) self_path: Option<Vec<String>>,
    /// The host compiles what is being walked.
    pub(crate) on_host: bool,
    pub(crate) in_task: bool,
}

impl<'a> Collector<'a> {
    fn new(program: &'a mut Program, package: &'a Path, library: &'a str, host: &'a CfgSet, guest: &'a CfgSet) -> Self {
        Self {
            program,
            package,
            library,
            host,
            guest,
            file: 0,
            scope: 0,
            directory: PathBuf::new(),
            file_directory: PathBuf::new(),
            inline: Vec::new(),
            owner: None,
            sink: Vec::new(),
            locals: vec![BTreeSet::new()],
            self_path: None,
            on_host: true,
            in_task: false,
        }
    }

    fn root(&mut self, root: &Root) {
        let Some((file, tree)) = self.load(&root.path) else { return };
        self.file = file;
        self.scope = self.new_scope(None, ScopeKind::Root);
        self.program.scopes[self.scope].root = self.program.roots.len();
        self.program.roots.push(RootScope {
            crate_name: root.crate_name.clone(),
            path: root.path.clone(),
            is_library: root.is_library,
            scope: self.scope,
            file,
            inner: kept_inner(&tree.attrs),
        });
        self.directory = root.path.parent().unwrap_or(self.package).to_owned();
        self.file_directory = self.directory.clone();
        tree.items.iter().for_each(|item| self.item(item));
    }

    /// Reads a file once; a second root that shares it shares the text, but has its own scopes.
    pub(crate) fn load(&mut self, path: &Path) -> Option<(usize, syn::File)> {
        match read(self.package, path) {
            Ok((source, tree)) => {
                let known = self.program.files.iter().position(|file| file.name == source.name);
                let id = known.unwrap_or_else(|| {
                    self.program.files.push(source);
                    self.program.files.len() - 1
                });
                Some((id, tree))
            }
            Err(error) => {
                // A `mod` whose file is absent may be behind a cfg that only rustc knows.
                let absent =
                    matches!(&error, SourceError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound);
                if !absent {
                    self.program.warnings.push(error.to_string());
                }
                None
            }
        }
    }

    pub(crate) fn new_scope(&mut self, parent: Option<ScopeId>, kind: ScopeKind) -> ScopeId {
        let root = parent.map_or(0, |parent| self.program.scopes[parent].root);
        self.program.scopes.push(Scope {
            parent,
            root,
            kind,
            names: Default::default(),
            globs: Vec::new(),
            mentioned: BTreeSet::new(),
        });
        self.program.scopes.len() - 1
    }

    /// Adds an item of the current scope; `named` says whether paths find it.
    pub(crate) fn declare(&mut self, kind: ItemKind, name: &str, span: Span, named: bool) -> ItemId {
        let id = self.program.items.len();
        self.program.items.push(Item {
            kind,
            name: name.to_owned(),
            scope: self.scope,
            file: self.file,
            range: bytes(span),
            line: span.start().line,
            mentions: Vec::new(),
            blank: Vec::new(),
            parent: self.owner,
            children: Vec::new(),
            shared: false,
            usable: true,
        });
        if let Some(owner) = self.owner {
            self.program.items[owner].children.push(id);
        }
        if named && !name.is_empty() && name != "_" {
            self.program.scopes[self.scope].names.entry(name.to_owned()).or_default().push(id);
        }
        id
    }

    /// Walks the inside of an item: its mentions become the item's, variables outside are not seen.
    pub(crate) fn within(&mut self, item: ItemId, walk: impl FnOnce(&mut Self)) {
        let owner = self.owner.replace(item);
        let sink = std::mem::take(&mut self.sink);
        let locals = std::mem::replace(&mut self.locals, vec![BTreeSet::new()]);
        walk(self);
        self.locals = locals;
        self.owner = owner;
        let mentions = std::mem::replace(&mut self.sink, sink);
        self.note_first_segments(&mentions);
        self.program.items[item].mentions.extend(mentions);
    }

    /// Remembers, for the modules, which names any of their code uses.
    pub(crate) fn note_first_segments(&mut self, mentions: &[Mention]) {
        for mention in mentions {
            if let Name::Path { segments, .. } = &mention.what {
                let module = self.program.module_of(mention.scope);
                self.program.scopes[module].mentioned.insert(segments[0].clone());
            }
        }
    }

    /// One item, at module level or in a function.
    pub(crate) fn item(&mut self, item: &syn::Item) {
        let facts = facts(attributes_of(item), self.host, self.guest, self.library);
        if !facts.on_host && !facts.in_guest {
            return;
        }
        let on_host = self.on_host;
        self.on_host &= facts.on_host;
        let usable = facts.in_guest && !facts.host_only;
        match item {
            syn::Item::Mod(module) => self.module(module, facts, usable),
            syn::Item::Use(import) => self.import(import, facts.shared, usable, facts.blank),
            syn::Item::Impl(block) => self.implementation(block, facts, usable),
            syn::Item::Macro(call) if call.ident.is_none() && self.is_task(&call.mac) => {
                self.macro_call(&call.mac);
            }
            _ => self.plain(item, facts, usable),
        }
        self.on_host = on_host;
    }

    fn plain(&mut self, item: &syn::Item, facts: Facts, usable: bool) {
        let (kind, names) = match item {
            syn::Item::Fn(function) => (ItemKind::Function, vec![function.sig.ident.unraw().to_string()]),
            syn::Item::Struct(item) => (no_variants(), vec![item.ident.unraw().to_string()]),
            syn::Item::Union(item) => (no_variants(), vec![item.ident.unraw().to_string()]),
            syn::Item::Type(item) => (no_variants(), vec![item.ident.unraw().to_string()]),
            syn::Item::Enum(item) => {
                let variants = item.variants.iter().map(|variant| variant.ident.unraw().to_string()).collect();
                (ItemKind::Type { variants }, vec![item.ident.unraw().to_string()])
            }
            syn::Item::Const(item) => (ItemKind::Value, vec![item.ident.unraw().to_string()]),
            syn::Item::Static(item) => (ItemKind::Value, vec![item.ident.unraw().to_string()]),
            syn::Item::Trait(item) => {
                (ItemKind::Trait { methods: methods_of(item) }, vec![item.ident.unraw().to_string()])
            }
            syn::Item::Macro(item) => match &item.ident {
                Some(name) => (ItemKind::Macro, vec![name.unraw().to_string()]),
                None => (ItemKind::MacroCall, super::scan::defined_names(item.mac.tokens.clone())),
            },
            syn::Item::ExternCrate(item) => {
                let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
                (ItemKind::ExternCrate, vec![name.unraw().to_string()])
            }
            _ => return,
        };
        let is_main = names[..] == ["main"] && matches!(self.program.scopes[self.scope].kind, ScopeKind::Root);
        let usable = usable && !is_main;
        let id = self.declare(kind, names.first().map_or("", String::as_str), item.span(), usable);
        for name in names.iter().skip(1).filter(|_| usable) {
            self.program.scopes[self.scope].names.entry(name.clone()).or_default().push(id);
        }
        self.settle(id, facts, usable);
        self.within(id, |walk| match item {
            syn::Item::Fn(function) => {
                function.attrs.iter().for_each(|attribute| walk.visit_attribute(attribute));
                walk.function(&function.sig, &function.block, bytes(function.span()), Some(id));
            }
            syn::Item::Macro(call) if call.ident.is_some() => walk.scan(call.mac.tokens.clone(), false),
            syn::Item::Macro(call) => walk.macro_call(&call.mac),
            syn::Item::ExternCrate(item) => {
                walk.mention(vec![item.ident.unraw().to_string(), "*".to_owned()], true, false);
            }
            other => syn::visit::visit_item(walk, other),
        });
    }

    pub(crate) fn settle(&mut self, id: ItemId, facts: Facts, usable: bool) {
        let item = &mut self.program.items[id];
        item.blank = facts.blank;
        item.shared = facts.shared;
        item.usable = usable;
    }

    /// The body of a function is a scope of its own.
    pub(crate) fn function(
        &mut self,
        signature: &syn::Signature,
        body: &syn::Block,
        whole: Range<usize>,
        item: Option<ItemId>,
    ) {
        let braces = body.brace_token.span;
        let parens = signature.paren_token.span;
        let kind = ScopeKind::Function {
            file: self.file,
            item,
            name: signature.ident.to_string(),
            whole,
            keyword: bytes(signature.fn_token.span()),
            ident: bytes(signature.ident.span()),
            parens: (bytes(parens.open()).start, bytes(parens.close()).start),
            braces: (bytes(braces.open()).start, bytes(braces.close()).start),
        };
        let scope = self.new_scope(Some(self.scope), kind);
        let outer = std::mem::replace(&mut self.scope, scope);
        self.visit_signature(signature);
        self.visit_block(body);
        self.scope = outer;
    }

    fn implementation(&mut self, block: &syn::ItemImpl, facts: Facts, usable: bool) {
        let self_paths = super::bodies::paths_of_type(&block.self_ty);
        let of_trait = block.trait_.as_ref().map(|(_, path, _)| super::bodies::segments_of(path));
        let argument_paths =
            block.trait_.as_ref().map_or_else(Vec::new, |(_, path, _)| super::bodies::paths_of_arguments(path));
        let inherent = of_trait.is_none();
        let braces = block.brace_token.span;
        let start = bytes(block.span()).start;
        let close = bytes(braces.close());
        let header = vec![start..bytes(braces.open()).end, close];
        let self_path = self_paths.first().cloned();
        let kind = ItemKind::Impl(ImplFacts { self_paths, of_trait, argument_paths, header });
        let id = self.declare(kind, "", block.span(), false);
        self.settle(id, facts, usable);
        let outer_self = std::mem::replace(&mut self.self_path, self_path);
        self.within(id, |walk| {
            block.attrs.iter().for_each(|attribute| walk.visit_attribute(attribute));
            walk.visit_generics(&block.generics);
            if let Some((_, path, _)) = &block.trait_ {
                walk.visit_path(path);
            }
            walk.visit_type(&block.self_ty);
            block.items.iter().for_each(|member| walk.member(id, member, inherent));
        });
        self.self_path = outer_self;
    }

    fn member(&mut self, of: ItemId, member: &syn::ImplItem, inherent: bool) {
        let (name, attributes): (String, &[syn::Attribute]) = match member {
            syn::ImplItem::Fn(item) => (item.sig.ident.unraw().to_string(), &item.attrs),
            syn::ImplItem::Const(item) => (item.ident.unraw().to_string(), &item.attrs),
            syn::ImplItem::Type(item) => (item.ident.unraw().to_string(), &item.attrs),
            _ => (String::new(), &[]),
        };
        let facts = facts(attributes, self.host, self.guest, self.library);
        if !facts.on_host && !facts.in_guest {
            return;
        }
        let usable = facts.in_guest && !facts.host_only;
        let kind = if inherent { ItemKind::Member { of } } else { ItemKind::Value };
        let on_host = self.on_host;
        self.on_host &= facts.on_host;
        let id = self.declare(kind, &name, member.span(), false);
        self.settle(id, facts, usable);
        self.within(id, |walk| match member {
            syn::ImplItem::Fn(item) => {
                item.attrs.iter().for_each(|attribute| walk.visit_attribute(attribute));
                walk.function(&item.sig, &item.block, bytes(item.span()), Some(id));
            }
            other => syn::visit::visit_impl_item(walk, other),
        });
        self.on_host = on_host;
    }
}

fn no_variants() -> ItemKind {
    ItemKind::Type { variants: Vec::new() }
}

fn methods_of(item: &syn::ItemTrait) -> Vec<String> {
    item.items
        .iter()
        .filter_map(|member| match member {
            syn::TraitItem::Fn(method) => Some(method.sig.ident.unraw().to_string()),
            _ => None,
        })
        .collect()
}

fn attributes_of(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::ExternCrate(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::ForeignMod(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::TraitAlias(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Union(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Reads one text as the only root of a package: for tests of the rest of this room.
#[cfg(test)]
pub(crate) fn collect_text(text: &str, dependencies: &[&str]) -> Program {
    let dependencies = dependencies.iter().map(|&name| name.to_owned()).collect();
    let mut program = Program { library: "isopool".to_owned(), dependencies, ..Program::default() };
    let (host, guest) = (CfgSet::default(), CfgSet::of_guest(&[]));
    let (source, tree) =
        super::source::parse("src/main.rs".to_owned(), text, Path::new("src/main.rs")).expect("a test's text parses");
    program.files.push(source);
    let mut walk = Collector::new(&mut program, Path::new("."), "isopool", &host, &guest);
    walk.scope = walk.new_scope(None, ScopeKind::Root);
    walk.program.roots.push(RootScope {
        crate_name: "demo".to_owned(),
        path: PathBuf::from("src/main.rs"),
        is_library: false,
        scope: walk.scope,
        file: 0,
        inner: kept_inner(&tree.attrs),
    });
    tree.items.iter().for_each(|item| walk.item(item));
    program
}
