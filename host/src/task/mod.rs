//! What it does: the nouns that travel: task ids, modules and functions, outcomes, reports.
//! Takes from: nobody. Hands to: every room.
//! Never: I/O, threads, clocks.

mod child;
mod class;
mod command;
mod decision;
mod grants;
mod host_call;
mod id;
mod limit;
mod log;
mod manifest;
mod module;
mod object;
mod outcome;
mod progress;
mod report;
mod system_call;
mod value_type;

pub(crate) use child::{ChildEnd, ChildFault, ChildFaultKind};
pub(crate) use class::Class;
pub use command::CommandOutput;
pub use decision::{Decision, GrantKind};
pub use grants::{Access, AddressGrant, InvalidAddressGrant};
pub(crate) use grants::{DirectoryGrant, Grants, check_guest_path};
pub(crate) use host_call::HostAnswer;
pub use host_call::{HostFault, HostFaultKind, HostFunctionInfo};
pub(crate) use id::{ArtifactId, ClassId, ModuleNumber, WorkerId};
pub use id::{ModuleHash, TaskId};
pub(crate) use limit::TaskLimits;
pub use limit::{Limit, LimitExceeded};
pub(crate) use log::{LogLevel, LogRecord};
pub use manifest::{AddressRequest, DirectoryRequest, InvalidManifest, Manifest, VariableRequest};
pub use module::{FunctionInfo, FunctionKind, ModuleInfo};
pub(crate) use module::{InitializerCall, Refusal};
pub(crate) use object::{ObjectSpec, QueueBounds};
pub(crate) use outcome::Outcome;
pub use outcome::{CodecFailure, Failure, Location, MemoryBound, Panic, Side, Trap, TrapCode};
pub use progress::Progress;
pub(crate) use report::RunReport;
pub use report::{CapturedOutput, TaskReport};
pub use system_call::SystemCall;
pub use value_type::{FunctionType, ValueType};
