//! Takes `use` items apart, leaf by leaf, so that a copy can keep some of them.

use super::collect::Collector;
use super::model::{ItemKind, UseInner, UseLeaf, UseNode, UseStatement};
use super::source::bytes;
use std::ops::Range;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{ItemUse, UseTree};

impl Collector<'_> {
    /// Declares every leaf of a `use` item in the current scope.
    pub(crate) fn import(&mut self, item: &ItemUse, shared: bool, usable: bool, blank: Vec<Range<usize>>) {
        let statement = self.program.uses.len();
        let placeholder = UseNode { range: 0..0, comma: None, inner: UseInner::Group(Vec::new()) };
        self.program.uses.push(UseStatement { file: self.file, range: bytes(item.span()), blank, tree: placeholder });
        let mut walk = Walk { rooted: item.leading_colon.is_some(), shared, usable };
        let tree = walk.node(self, &item.tree, &mut Vec::new());
        self.program.uses[statement].tree = tree;
    }
}

/// What all leaves of one statement share.
struct Walk {
    rooted: bool,
    shared: bool,
    usable: bool,
}

impl Walk {
    fn node(&mut self, collector: &mut Collector<'_>, tree: &UseTree, prefix: &mut Vec<String>) -> UseNode {
        let range = bytes(tree.span());
        let inner = match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.unraw().to_string());
                let inner = self.node(collector, &path.tree, prefix).inner;
                prefix.pop();
                inner
            }
            UseTree::Group(group) => {
                let parts = group.items.pairs().map(|pair| {
                    let comma = pair.punct().map(|comma| bytes(comma.span()).start);
                    UseNode { comma, ..self.node(collector, pair.value(), prefix) }
                });
                UseInner::Group(parts.collect())
            }
            UseTree::Name(name) => self.leaf(collector, tree, prefix, &name.ident.unraw().to_string(), None),
            UseTree::Rename(rename) => {
                let new_name = rename.rename.unraw().to_string();
                self.leaf(collector, tree, prefix, &rename.ident.unraw().to_string(), Some(new_name))
            }
            UseTree::Glob(_) => self.leaf(collector, tree, prefix, "*", None),
        };
        UseNode { range, comma: None, inner }
    }

    fn leaf(
        &mut self,
        collector: &mut Collector<'_>,
        tree: &UseTree,
        prefix: &[String],
        last: &str,
        rename: Option<String>,
    ) -> UseInner {
        let mut path = prefix.to_vec();
        let glob = last == "*";
        // `use a::{self}` names `a`.
        let is_prefix = last == "self" && !path.is_empty();
        if !glob && !is_prefix {
            path.push(last.to_owned());
        }
        let name = rename.or_else(|| path.last().cloned()).unwrap_or_default();
        let leaf = UseLeaf { path, rooted: self.rooted, glob };
        let item = collector.declare(ItemKind::Use(leaf), &name, tree.span(), self.usable && !glob);
        let facts = &mut collector.program.items[item];
        facts.shared = self.shared;
        facts.usable = self.usable;
        if glob && self.usable {
            let scope = collector.scope;
            collector.program.scopes[scope].globs.push(item);
        }
        UseInner::Leaf(item)
    }
}
