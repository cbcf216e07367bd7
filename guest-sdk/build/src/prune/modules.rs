//! Walks modules, inline and in files, as rustc looks for them.

use super::attributes::{Facts, path_value};
use super::collect::Collector;
use super::model::{ItemKind, ScopeKind};
use super::source::bytes;
use std::ops::Range;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

impl Collector<'_> {
    pub(crate) fn module(&mut self, module: &syn::ItemMod, facts: Facts, usable: bool) {
        let name = module.ident.unraw().to_string();
        let scope = self.new_scope(Some(self.scope), ScopeKind::Root);
        let header = match &module.content {
            None => vec![bytes(module.span())],
            Some((brace, _)) => {
                vec![bytes(module.span()).start..bytes(brace.span.open()).end, bytes(brace.span.close())]
            }
        };
        let kind = ItemKind::Module { scope, header, file: None };
        // A module is not a part of the item around it: what is kept of it is decided piece by piece.
        let id = self.declare(kind, &name, module.span(), usable);
        self.program.scopes[scope].kind = ScopeKind::Module { item: id };
        let blank_inner = match &module.content {
            Some(_) => inner_ranges(&module.attrs),
            None => Vec::new(),
        };
        self.settle(id, facts, usable);
        self.program.items[id].blank.extend(blank_inner);
        let outer = std::mem::replace(&mut self.scope, scope);
        match &module.content {
            Some((_, items)) => self.inline_module(module, &name, items),
            None => self.file_module(module, &name),
        }
        self.scope = outer;
    }

    fn inline_module(&mut self, module: &syn::ItemMod, name: &str, items: &[syn::Item]) {
        let directory = self.directory.clone();
        let part = path_value(&module.attrs).unwrap_or_else(|| name.to_owned());
        self.directory.push(&part);
        self.inline.push(part);
        items.iter().for_each(|item| self.item(item));
        self.inline.pop();
        self.directory = directory;
    }

    fn file_module(&mut self, module: &syn::ItemMod, name: &str) {
        let path = match path_value(&module.attrs) {
            Some(path) if self.inline.is_empty() => self.file_directory.join(path),
            Some(path) => self.directory.join(path),
            None => {
                let flat = self.directory.join(format!("{name}.rs"));
                if flat.is_file() { flat } else { self.directory.join(name).join("mod.rs") }
            }
        };
        let ScopeKind::Module { item } = self.program.scopes[self.scope].kind else { return };
        let Some((file, tree)) = self.load(&path) else {
            // Its header must not be kept: rustc would look for the file.
            self.program.items[item].usable = false;
            return;
        };
        if let ItemKind::Module { file: of_module, .. } = &mut self.program.items[item].kind {
            *of_module = Some(file);
        }
        let owns_directory = path_value(&module.attrs).is_some() || path.ends_with("mod.rs");
        let parent = path.parent().unwrap_or(self.package).to_owned();
        let directory = if owns_directory { parent.clone() } else { parent.join(name) };
        let saved_file = std::mem::replace(&mut self.file, file);
        let saved_directory = std::mem::replace(&mut self.directory, directory);
        let saved_file_directory = std::mem::replace(&mut self.file_directory, parent);
        let saved_inline = std::mem::take(&mut self.inline);
        tree.items.iter().for_each(|item| self.item(item));
        self.inline = saved_inline;
        self.file_directory = saved_file_directory;
        self.directory = saved_directory;
        self.file = saved_file;
    }
}

/// Inner attributes of an inline module: after its brace, so not in its header.
fn inner_ranges(attributes: &[syn::Attribute]) -> Vec<Range<usize>> {
    let is_inner = |attribute: &&syn::Attribute| matches!(attribute.style, syn::AttrStyle::Inner(_));
    attributes.iter().filter(is_inner).map(|attribute| bytes(attribute.span())).collect()
}
