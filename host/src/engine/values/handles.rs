//! The resources of a live instance that its caller holds: their handles are numbers that mean nothing to any other instance.

use crate::values::ValueError;
use std::collections::HashMap;
use wasmtime::component::{ResourceAny, Val};

/// Those of one instance.
#[derive(Debug, Default)]
pub(in crate::engine) struct Handles {
    /// Told apart from other instances by chance, so that no handle of another one is taken for one of these.
    instance: u64,
    /// The last handle's number. None comes twice, so that one that was dropped never means another resource.
    last: u64,
    held: HashMap<u64, Held>,
}

#[derive(Debug)]
struct Held {
    resource: ResourceAny,
    /// The whole name of its type.
    ty: String,
}

impl Handles {
    pub(in crate::engine) fn new(instance: u64) -> Self {
        Self { instance, ..Self::default() }
    }

    /// The number of the last one that was given.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Those that were given after this one never go out.
    pub(super) fn forget_after(&mut self, last: u64) {
        (last + 1..=self.last).for_each(|number| _ = self.held.remove(&number));
    }

    pub(super) fn count(&self) -> usize {
        self.held.len()
    }

    /// Keeps what the guest has given to its caller.
    pub(super) fn keep(&mut self, resource: ResourceAny, ty: &str) -> [u64; 2] {
        self.last += 1;
        self.held.insert(self.last, Held { resource, ty: ty.to_owned() });
        [self.instance, self.last]
    }

    pub(super) fn lending(&self) -> Lending<'_> {
        Lending { handles: self, given: Vec::new(), lent: Vec::new() }
    }

    pub(super) fn forget(&mut self, given: &[u64]) {
        given.iter().for_each(|number| _ = self.held.remove(number));
    }
}

/// What of them goes into one call. Whatever does not fit is found before the guest is called: the instance goes on.
#[derive(Debug)]
pub(super) struct Lending<'a> {
    handles: &'a Handles,
    pub(super) given: Vec<u64>,
    lent: Vec<u64>,
}

impl Lending<'_> {
    pub(super) fn give(&mut self, handle: [u64; 2], ty: &str) -> Result<ResourceAny, ValueError> {
        let resource = self.find(handle, ty)?;
        if self.lent.contains(&handle[1]) {
            return Err(ValueError::new("the resource is given away, and an argument before lends it"));
        }
        self.given.push(handle[1]);
        Ok(resource)
    }

    pub(super) fn lend(&mut self, handle: [u64; 2], ty: &str) -> Result<ResourceAny, ValueError> {
        let resource = self.find(handle, ty)?;
        self.lent.push(handle[1]);
        Ok(resource)
    }

    fn find(&self, [instance, number]: [u64; 2], ty: &str) -> Result<ResourceAny, ValueError> {
        if instance != self.handles.instance {
            return Err(ValueError::new(
                "the resource belongs to another live instance, or to one that has ended and was made anew",
            ));
        }
        if self.given.contains(&number) {
            return Err(ValueError::new("an argument before gives the resource away"));
        }
        let gone = || ValueError::new("the resource was dropped or given away");
        let held = self.handles.held.get(&number).ok_or_else(gone)?;
        if held.ty != ty {
            return Err(ValueError::new(format!("expected a resource `{ty}`, got `{}`", held.ty)));
        }
        Ok(held.resource)
    }
}

/// The resources in values, however deep.
pub(super) fn resources_within(values: &[Val]) -> Vec<ResourceAny> {
    fn walk(value: &Val, found: &mut Vec<ResourceAny>) {
        match value {
            Val::Resource(resource) => found.push(*resource),
            Val::List(values) | Val::Tuple(values) => values.iter().for_each(|value| walk(value, found)),
            Val::Record(fields) => fields.iter().for_each(|(_, value)| walk(value, found)),
            Val::Variant(_, Some(carried))
            | Val::Option(Some(carried))
            | Val::Result(Ok(Some(carried)) | Err(Some(carried))) => walk(carried, found),
            _ => {}
        }
    }
    let mut found = Vec::new();
    values.iter().for_each(|value| walk(value, &mut found));
    found
}
