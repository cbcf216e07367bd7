//! The world that is meant, and where its interfaces stand.

use crate::names::snake;
use crate::options::Options;
use std::collections::BTreeMap;
use std::path::Path;
use wit_parser::{Docs, Function, InterfaceId, Resolve, WorldId, WorldItem};

pub(crate) struct World {
    pub(crate) resolve: Resolve,
    pub(crate) id: WorldId,
    /// Every file that was read.
    pub(crate) files: Vec<String>,
    /// The names of the modules of interfaces.
    modules: BTreeMap<InterfaceId, String>,
}

/// One function that the world exports.
pub(crate) struct Exported<'a> {
    /// As a component exports it: `score`, `my:pkg/math@1.0.0#add`.
    pub(crate) name: String,
    pub(crate) interface: Option<InterfaceId>,
    pub(crate) function: &'a Function,
}

impl World {
    pub(crate) fn read(options: &Options, root: &Path) -> syn::Result<Self> {
        let path = root.join(options.path());
        if !path.exists() {
            return Err(options.error(format!("there is no `{}`, neither a WIT file nor a directory", path.display())));
        }
        let mut resolve = Resolve::default();
        let (package, sources) = match resolve.push_path(&path) {
            Ok(read) => read,
            // With file, line and column.
            Err(error) => return Err(options.error(resolve.render_error(&error))),
        };
        let id = resolve
            .select_world(&[package], options.world().as_deref())
            .map_err(|error| options.error(format!("{error:#}")))?;
        let files = sources.paths().map(|path| path.to_string_lossy().into_owned()).collect();
        let mut world = Self { resolve, id, files, modules: BTreeMap::new() };
        world.name_modules();
        Ok(world)
    }

    pub(crate) fn world(&self) -> &wit_parser::World {
        &self.resolve.worlds[self.id]
    }

    /// A module has its interface's name, as long as nothing else is called so.
    fn name_modules(&mut self) {
        let mut names = BTreeMap::new();
        for (id, interface) in self.resolve.interfaces.iter() {
            let whole = self.resolve.id_of(id);
            if let (Some(name), Some(whole)) = (&interface.name, whole) {
                names.insert(id, (snake(name), snake(&whole)));
            }
        }
        // Interfaces that are written in the world itself.
        for (key, item) in &self.world().exports {
            if let (wit_parser::WorldKey::Name(name), WorldItem::Interface { id, .. }) = (key, item) {
                names.insert(*id, (snake(name), snake(name)));
            }
        }
        let used = self.used_interfaces();
        names.retain(|id, _| used.contains(id));
        let functions: Vec<String> =
            self.exported().iter().filter(|it| it.interface.is_none()).map(|it| snake(&it.function.name)).collect();
        let is_alone =
            |name: &String| names.values().filter(|(other, _)| other == name).count() == 1 && !functions.contains(name);
        self.modules = names
            .iter()
            .map(|(id, (name, whole))| (*id, if is_alone(name) { name.clone() } else { whole.clone() }))
            .collect();
    }

    /// Those that the world exports, and those that give them types.
    fn used_interfaces(&self) -> Vec<InterfaceId> {
        let world = self.world();
        let items = world.exports.values().chain(world.imports.values());
        items.filter_map(|item| if let WorldItem::Interface { id, .. } = item { Some(*id) } else { None }).collect()
    }

    pub(crate) fn module(&self, interface: InterfaceId) -> Option<&str> {
        self.modules.get(&interface).map(String::as_str)
    }

    /// In the order of the world.
    pub(crate) fn exported(&self) -> Vec<Exported<'_>> {
        let mut all = Vec::new();
        for (key, item) in &self.world().exports {
            let name = self.resolve.name_world_key(key);
            match item {
                WorldItem::Function(function) => all.push(Exported { name, interface: None, function }),
                WorldItem::Interface { id, .. } => {
                    let functions = self.resolve.interfaces[*id].functions.values();
                    all.extend(functions.map(|function| Exported {
                        name: format!("{name}#{}", function.name),
                        interface: Some(*id),
                        function,
                    }));
                }
                WorldItem::Type { .. } => {}
            }
        }
        all
    }
}

/// What the author says of an item. Blocks of code in it are of any language, and no tests of this one.
pub(crate) fn docs(docs: &Docs) -> String {
    let (mut is_inside, mut said) = (false, String::new());
    for line in docs.contents.as_deref().unwrap_or_default().lines() {
        let is_fence = line.trim_start().starts_with("```");
        said.push_str(if is_fence && !is_inside { "```text" } else { line });
        said.push('\n');
        is_inside ^= is_fence;
    }
    said.trim_end().to_owned()
}
