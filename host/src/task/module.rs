//! What a module says of itself.

use super::FunctionType;
use serde::{Deserialize, Serialize};

/// One function that tasks may call, as the module describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionInfo {
    /// Its name, unique in the module.
    pub name: String,
    /// Its signature as written in the guest; empty when the module does not say.
    pub signature: String,
    /// What its author says of it; may be empty.
    pub docs: String,
    /// The codecs that it speaks; none, if it is a plain export.
    pub codecs: Vec<String>,
    /// How it is called.
    pub kind: FunctionKind,
}

impl FunctionInfo {
    /// Whether a task can call it: nothing in its types is a resource, a stream or a future.
    pub fn is_callable(&self) -> bool {
        match &self.kind {
            FunctionKind::Task | FunctionKind::Program => true,
            FunctionKind::Export { ty, .. } => ty.handle().is_none(),
        }
    }

    /// Whether only a [live instance](crate::LiveInstance::function) can call it: it takes or gives a resource of the component's own, and
    /// nothing else that cannot travel.
    pub fn needs_live_instance(&self) -> bool {
        match &self.kind {
            FunctionKind::Task | FunctionKind::Program => false,
            FunctionKind::Export { ty, .. } => ty.handle().is_some() && ty.foreign_handle().is_none(),
        }
    }
}

/// How a function is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FunctionKind {
    /// A function of a task module: its arguments and its result go through a codec.
    Task,
    /// A function that a component exports: its arguments and its result go by its own types.
    Export {
        /// What it takes and gives.
        ty: FunctionType,
        /// Whether a `list<u8>` of it travels to the guest and back as a block. The engine knows that for functions of common
        /// types only; for others it holds each byte in 40.
        blocks: bool,
    },
    /// A program: see [`Command`](crate::Command).
    Program,
}

/// What is known of a module once it was compiled: enough to check a call before anything is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModuleInfo {
    /// The version of the `isopool:task` package that it was made for; empty for a component that was not.
    pub contract: String,
    /// Its functions, in the module's own order.
    pub functions: Vec<FunctionInfo>,
    /// The names of the interfaces that it imports.
    pub imports: Vec<String>,
    /// The names that it exports.
    pub exports: Vec<String>,
    /// The functions that it imports of its caller: see
    /// [`host_function`](crate::ExecutorBuilder::host_function).
    pub host_functions: Vec<super::HostFunctionInfo>,
    /// Size of its machine code and data, in bytes.
    pub compiled_bytes: u64,
    /// What it asks for, if it says so.
    pub manifest: Option<super::Manifest>,
}

impl ModuleInfo {
    /// The function with this name.
    pub fn function(&self, name: &str) -> Option<&FunctionInfo> {
        self.functions.iter().find(|function| function.name == name)
    }
}

/// The call that prepares a module.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct InitializerCall {
    pub(crate) function: String,
    pub(crate) codec: isopool_guest::Codec,
    pub(crate) argument: Vec<u8>,
    /// What it sees of the executor's environment and arguments, if the module asks for that: a compile worker has no others.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) arguments: Vec<String>,
}

/// Why a module cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    /// Not WebAssembly at all; the first bytes.
    NotWasm { starts_with: Vec<u8> },
    /// WebAssembly that does not parse or validate.
    Invalid { message: String },
    /// A core module that neither carries the task world nor is a WASI program.
    CoreModule { exports: Vec<String> },
    /// A component with nothing in it that a task can call.
    OtherWorld { exports: Vec<String> },
    /// A component made for another version of the contract.
    OtherVersion { module: String, host: String },
    /// It imports what no task is given.
    UnknownImport { message: String },
    /// The engine could not compile it.
    Compile { message: String },
    /// It trapped or panicked while it listed its functions.
    Describe { message: String },
    /// Its initializer failed, in the guest's own words.
    Initializer { message: String },
    /// The machine code could not be written.
    Artifact { message: String },
    /// What it says that it asks for cannot be read.
    Manifest { message: String },
}
