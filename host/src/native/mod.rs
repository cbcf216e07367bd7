//! What it does: knows the program's native functions by name, and runs them in processes of their own.
//! Takes from: the user. Hands to: process, sync, worker (which calls them).
//! Never: runs a function in the caller; runs anything that the program did not register.

mod call;
mod descriptors;
mod ends;
mod functions;
mod lent;
mod process;
mod starter;

pub use call::NativeCall;
pub(crate) use call::Parts;
pub use descriptors::Descriptor;
pub use ends::ProcessError;
pub(crate) use functions::run;
#[doc(hidden)]
pub use functions::{FUNCTIONS, NativeFailure, NativeFunction, invoke};
pub use process::Process;
