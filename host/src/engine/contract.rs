//! The contract in `wit/`, as Rust types.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "task-module",
    imports: {
        "isopool:task/host.log": trappable,
        "isopool:task/nested.[static]child.submit": trappable,
        "isopool:task/nested.[method]child.wait": async | trappable,
        "isopool:task/nested.[method]child.cancel": trappable,
        "isopool:task/nested.[drop]child": trappable,
    },
    exports: { default: async },
    with: { "isopool:task/nested.child": super::nested::Child },
});

pub(super) use self::isopool::task::{host, nested, streams, sync};
pub(super) use exports::isopool::task::runner::{Failure, FailureKind, Function};

/// The version of the contract that this host speaks.
pub(super) const CONTRACT_VERSION: &str = "0.1.0";

/// The interface that makes a component a task module, without its version.
pub(super) const RUNNER: &str = "isopool:task/runner";

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_the_one_of_the_wit_package() {
        let wit = include_str!("../../../wit/isopool.wit");
        assert!(wit.contains(&format!("package isopool:task@{};", super::CONTRACT_VERSION)));
    }
}
