//! Closures as host functions: any number of arguments, whatever they return.

use super::error::HostError;
use crate::error::TaskRef;
use crate::task::{FunctionType, HostFaultKind, ValueType};
use crate::values::{Reader, ValueError, Writer, read_argument, write_result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which call a host function serves: see
/// [`host_function_in_context`](crate::ExecutorBuilder::host_function_in_context).
#[derive(Clone, Debug)]
pub struct HostCall {
    pub(super) task: TaskRef,
    pub(super) function: Arc<str>,
    pub(super) withdrawn: Arc<AtomicBool>,
}

impl HostCall {
    /// The task that calls: its number, its module, its function.
    pub fn task(&self) -> &TaskRef {
        &self.task
    }

    /// The name of the function, as the module imports it.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// Whether somebody waits for the answer. Not any more when the call has had its time, or its task has ended or was stopped:
    /// a function that takes long may look, and leave.
    pub fn is_wanted(&self) -> bool {
        !self.withdrawn.load(Ordering::Relaxed)
    }
}

/// A call with all that its function needs.
pub(crate) struct Call {
    pub(super) context: HostCall,
    pub(super) ty: Arc<FunctionType>,
    pub(super) argument: Vec<u8>,
}

/// What a call came to: what it returned, by the import's type.
pub(super) type Returned = Result<Vec<u8>, (HostFaultKind, String)>;

/// What calling a function begins.
pub(super) enum Begun {
    Ended(Returned),
    Future(Pin<Box<dyn Future<Output = Returned> + Send>>),
}

/// A host function, whatever its types.
// Public because traits name it; nobody outside of this crate can do anything with it.
#[allow(unreachable_pub)]
pub struct Implementation {
    /// How many arguments it takes.
    pub(super) arity: usize,
    pub(super) run: Box<dyn Fn(Call) -> Begun + Send + Sync>,
}

impl Implementation {
    pub(super) fn run(&self, call: Call) -> Begun {
        (self.run)(call)
    }
}

impl fmt::Debug for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Implementation").field("arity", &self.arity).finish_non_exhaustive()
    }
}

/// A closure that can be a host function: `Fn(A, B, …) -> Result<T, E>` with up to eight arguments, where each argument can be
/// deserialized, `T` can be serialized, and `E` can become a [`HostError`].
pub trait HostFunction<Arguments>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_implementation(self) -> Implementation;
}

/// As [`HostFunction`], with the [call](HostCall) before the arguments: `Fn(&HostCall, A, B, …) -> Result<T, E>`.
pub trait HostFunctionInContext<Arguments>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_implementation(self) -> Implementation;
}

/// As [`HostFunction`], for what takes long without a thread: `Fn(HostCall, A, B, …) -> F`, where `F` is a future of a
/// `Result<T, E>`.
pub trait AsyncHostFunction<Arguments>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_implementation(self) -> Implementation;
}

/// Writes what a closure returned as what the import returns. If that is a `result`, it is the closure's own.
fn written<T: Serialize, E: Into<HostError>>(ty: Option<&ValueType>, returned: Result<T, E>) -> Returned {
    let mut out = Writer::default();
    let returned = returned.map_err(Into::into);
    let is_written = match (ty, &returned) {
        (Some(ValueType::Result { ok, .. }), Ok(value)) => {
            out.byte(0);
            write_result(ok.as_deref(), value, &mut out)
        }
        (_, Ok(value)) => write_result(ty, value, &mut out),
        (Some(ValueType::Result { err, .. }), Err(error)) => {
            out.byte(1);
            error.write(err.as_deref(), &mut out).ok_or_else(|| failed(error))?
        }
        (_, Err(error)) => return Err(failed(error)),
    };
    is_written.map(|()| out.into_bytes()).map_err(|error| wrong_type(&error))
}

fn failed(error: &HostError) -> (HostFaultKind, String) {
    (HostFaultKind::Failed, error.to_string())
}

fn wrong_type(error: &ValueError) -> (HostFaultKind, String) {
    (HostFaultKind::WrongType, error.to_string())
}

/// Implements the three traits for closures with these arguments.
macro_rules! closures {
    ($count:literal: $($name:ident)*) => {
        /// Reads the arguments from their bytes.
        const _: () = {
            #[allow(non_snake_case, unused_mut, unused_variables)]
            fn arguments<$($name: DeserializeOwned),*>(call: &Call) -> Result<($($name,)*), ValueError> {
                let (mut input, mut types) = (Reader::new(&call.argument), call.ty.params.iter().enumerate());
                $(
                    let (place, (_, ty)) = types.next().ok_or_else(|| ValueError::new("an argument is missing"))?;
                    let $name = read_argument::<$name>(place + 1, ty, &mut input)?;
                )*
                input.end()?;
                Ok(($($name,)*))
            }

            #[allow(non_snake_case)]
            impl<Function, Value, Error, $($name),*> HostFunction<($($name,)*)> for Function
            where
                Function: Fn($($name),*) -> Result<Value, Error> + Send + Sync + 'static,
                Value: Serialize,
                Error: Into<HostError>,
                $($name: DeserializeOwned,)*
            {
                fn into_implementation(self) -> Implementation {
                    let run = move |call: Call| {
                        let returned = arguments(&call).map_err(|error| wrong_type(&error));
                        let returned = returned.and_then(|($($name,)*)| written(call.ty.result.as_ref(), self($($name),*)));
                        Begun::Ended(returned)
                    };
                    Implementation { arity: $count, run: Box::new(run) }
                }
            }

            #[allow(non_snake_case)]
            impl<Function, Value, Error, $($name),*> HostFunctionInContext<($($name,)*)> for Function
            where
                Function: Fn(&HostCall, $($name),*) -> Result<Value, Error> + Send + Sync + 'static,
                Value: Serialize,
                Error: Into<HostError>,
                $($name: DeserializeOwned,)*
            {
                fn into_implementation(self) -> Implementation {
                    let run = move |call: Call| {
                        let returned = arguments(&call).map_err(|error| wrong_type(&error));
                        let returned = returned.and_then(|($($name,)*)| {
                            written(call.ty.result.as_ref(), self(&call.context, $($name),*))
                        });
                        Begun::Ended(returned)
                    };
                    Implementation { arity: $count, run: Box::new(run) }
                }
            }

            #[allow(non_snake_case)]
            impl<Function, Running, Value, Error, $($name),*> AsyncHostFunction<($($name,)*)> for Function
            where
                Function: Fn(HostCall, $($name),*) -> Running + Send + Sync + 'static,
                Running: Future<Output = Result<Value, Error>> + Send + 'static,
                Value: Serialize,
                Error: Into<HostError>,
                $($name: DeserializeOwned,)*
            {
                fn into_implementation(self) -> Implementation {
                    let run = move |call: Call| match arguments(&call) {
                        Err(error) => Begun::Ended(Err(wrong_type(&error))),
                        Ok(($($name,)*)) => {
                            let running = self(call.context, $($name),*);
                            let ty = call.ty;
                            Begun::Future(Box::pin(async move { written(ty.result.as_ref(), running.await) }))
                        }
                    };
                    Implementation { arity: $count, run: Box::new(run) }
                }
            }
        };
    };
}

closures!(0:);
closures!(1: A);
closures!(2: A B);
closures!(3: A B C);
closures!(4: A B C D);
closures!(5: A B C D E);
closures!(6: A B C D E F);
closures!(7: A B C D E F G);
closures!(8: A B C D E F G H);
