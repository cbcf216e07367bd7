//! Functions of the caller's that plugins may call.

use super::builder::{ExecutorBuilder, range};
use super::schedule::check_time_limit;
use crate::dispatcher::HostCallOptions;
use crate::error::Error;
use crate::host_functions::{AsyncHostFunction, HostFunction, HostFunctionInContext, HostFunctions};
use crate::limits;
use std::time::Duration;

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostOptions {
    pub(super) functions: HostFunctions,
    threads: usize,
    time_limit: Duration,
    pub(super) max_calls: u64,
    pub(super) max_call_bytes: usize,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            functions: HostFunctions::default(),
            threads: limits::DEFAULT_HOST_FUNCTION_THREADS,
            time_limit: limits::DEFAULT_HOST_FUNCTION_TIME_LIMIT,
            max_calls: limits::DEFAULT_MAX_HOST_FUNCTION_CALLS,
            max_call_bytes: limits::DEFAULT_MAX_HOST_FUNCTION_BYTES,
        }
    }
}

impl ExecutorBuilder {
    /// Lets modules call a closure of this program's: what their WIT has as `import my:pkg/host`, with a function `lookup`, is
    /// named `my:pkg/host#lookup`. With a version (`my:pkg/host@1.0.0#lookup`) only that one is meant, without one each. The
    /// last closure given for a name counts. A module that imports what the executor was not given is refused.
    ///
    /// The closure runs **in this process**, on one of [a few threads](Self::host_function_threads), while the task waits for it: so a plugin
    /// can use a database connection, say, and its process never holds one. Arguments and value are converted by the import's own
    /// types: a record is a struct, a variant or an enum is an enum, `option` is `Option`, `list` is `Vec`. Whatever a plugin passes
    /// may be a lie: check it as you would check what comes from a network.
    ///
    /// **An error** of the closure is the plugin's to handle if the import's type is a `result`, as [`HostError`](crate::HostError)
    /// says. Any other end without a value (an error that has no place there, a panic, an argument of another type, a limit) ends
    /// the task, with [`TaskError::HostFunction`](crate::TaskError::HostFunction), and nobody else.
    ///
    /// **When the task is stopped** while the closure runs (cancelled, out of time, its worker killed), the closure runs to its end,
    /// and what it returns is dropped. A closure that blocks for ever keeps its thread; the call ends after
    /// [its time](Self::host_function_time_limit). A closure that waits for another task of the same executor may wait for a worker that
    /// waits for the closure, until that time is over.
    ///
    /// Only tasks call host functions: an [initializer](Self::initializer) that does is refused. Two builders with closures are
    /// equal, and share a [reusable executor](crate::get_reusable_executor), only when one is a clone of the other.
    ///
    /// ```
    /// use isopool::Executor;
    /// use price_quote::quote; // a plugin that imports `price: func(article: string) -> result<u64, string>`
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let price = |article: String| match &*article {
    ///     "tea" => Ok(320),
    ///     _ => Err(format!("there is no {article} in this shop")),
    /// };
    /// let executor = Executor::builder().max_workers(1).host_function("shop:prices/catalogue#price", price).build()?;
    /// assert_eq!(executor.submit(quote::task(vec![("tea".into(), 2)]))?.result()?, 640);
    /// # Ok(())
    /// # }
    /// ```
    pub fn host_function<A>(mut self, name: impl Into<String>, function: impl HostFunction<A>) -> Self {
        self.options.host.functions.insert(name.into(), function.into_implementation());
        self
    }

    /// As [`host_function`](Self::host_function), for a closure that wants to know [which call](crate::HostCall) it serves: it comes
    /// before the arguments.
    pub fn host_function_in_context<A>(
        mut self,
        name: impl Into<String>,
        function: impl HostFunctionInContext<A>,
    ) -> Self {
        self.options.host.functions.insert(name.into(), function.into_implementation());
        self
    }

    /// As [`host_function`](Self::host_function), for a closure that takes [the call](crate::HostCall) and the arguments and returns
    /// a future. A call that waits costs no thread then.
    ///
    /// The future is polled by the threads for host functions, whenever something wakes it; there is no other runtime below it.
    /// What needs one (tokio's timers and sockets) is spawned on the program's own, whose handle can be awaited anywhere:
    /// `move |_, url: String| { let work = handle.spawn(fetch(url)); async move { work.await? } }`. When the task is stopped, the
    /// future is dropped.
    pub fn async_host_function<A>(mut self, name: impl Into<String>, function: impl AsyncHostFunction<A>) -> Self {
        self.options.host.functions.insert(name.into(), function.into_implementation());
        self
    }

    /// Most threads that run host functions, 1 to [`limits::MAX_HOST_FUNCTION_THREADS`]; calls beyond them wait. They start when calls
    /// come. Default: [`limits::DEFAULT_HOST_FUNCTION_THREADS`].
    pub fn host_function_threads(mut self, threads: usize) -> Self {
        self.options.host.threads = threads;
        self
    }

    /// For how long a task waits for one call of a host function, more than 0, the wait for a thread included; then the task
    /// ends. Default: [`limits::DEFAULT_HOST_FUNCTION_TIME_LIMIT`].
    pub fn host_function_time_limit(mut self, limit: Duration) -> Self {
        self.options.host.time_limit = limit;
        self
    }

    /// How often one task may call host functions; then it ends. Each task that it submits may as often. Default:
    /// [`limits::DEFAULT_MAX_HOST_FUNCTION_CALLS`].
    pub fn max_host_function_calls(mut self, calls: u64) -> Self {
        self.options.host.max_calls = calls;
        self
    }

    /// Most bytes of the arguments of one call of a host function, and of what it returns, up to
    /// [`limits::MAX_PAYLOAD_BYTES`]; a task that passes or is to get more ends. Default:
    /// [`limits::DEFAULT_MAX_HOST_FUNCTION_BYTES`].
    pub fn max_host_function_bytes(mut self, bytes: usize) -> Self {
        self.options.host.max_call_bytes = bytes;
        self
    }
}

impl HostOptions {
    /// The names of the options that differ.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let Self { functions, threads, time_limit, max_calls, max_call_bytes } = self;
        let differences = [
            ("host_function", *functions != other.functions),
            ("host_function_threads", *threads != other.threads),
            ("host_function_time_limit", *time_limit != other.time_limit),
            ("max_host_function_calls", *max_calls != other.max_calls),
            ("max_host_function_bytes", *max_call_bytes != other.max_call_bytes),
        ];
        differences.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// In the words of the dispatcher.
    pub(super) fn checked(&self) -> Result<HostCallOptions, Error> {
        self.functions.check().map_err(Error::invalid)?;
        range("host_function_threads", self.threads, 1, limits::MAX_HOST_FUNCTION_THREADS)?;
        range("max_host_function_bytes", self.max_call_bytes, 0, limits::MAX_PAYLOAD_BYTES)?;
        check_time_limit("host_function_time_limit", self.time_limit)?;
        Ok(HostCallOptions { threads: self.threads, time_limit: self.time_limit })
    }
}
