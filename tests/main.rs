//! The tests of the whole house: real worker processes, real guests. A table of contents.
//!
//! - [`tidy`]: the rules of the house, read from its sources.
//! - [`outcomes`]: what becomes of what: values, failures, panics, traps, crashes; under both containments.
//! - [`futures`]: what a future says of its task: states, cancellation, callbacks.
//! - [`waiting`]: waiting for many futures, awaiting one.
//! - [`map`]: the same function for many items.
//! - [`pool`]: how many workers there are, when they come and go, how full a pool may be.
//! - [`reusable`]: one executor that is used again and again.
//! - [`start_methods`]: how workers come to life, and what must hold under each way; fork servers that die.
//! - [`native`]: native functions of the program: processes that run them, initializers of workers.
//! - [`helping_callers`]: callers whose own thread does a part of the dispatcher's work.
//! - [`recycling`]: workers that have served long enough.
//! - [`scheduling`]: which task comes first, and which is run again.
//! - [`shutdown`]: how an executor ends, and what becomes of its tasks and workers.
//! - [`guests_see`]: what a guest sees of its surroundings, and the caller of a guest.
//! - [`per_task`]: what one task may have of its own, its progress and its report.
//! - [`nested`]: tasks that submit tasks and wait for them.
//! - [`counting`]: what pools count for the crate `metrics`.
//! - [`other_languages`]: guests in C, JavaScript and Python, each if its tools are on the machine.
//! - [`snapshotted`]: modules that are kept as a call has left them.
//! - [`plain_components`]: components that never heard of isopool: any export, values by its own types.
//! - [`typed_clients`]: clients that are made from WIT, and components that do not fit them.
//! - [`commands`]: WASI programs as tasks.
//! - [`tenants`]: tasks of several tenants in one pool: a process serves one of them.
//! - [`grants`]: directories, connections and arguments: what guests reach, and what they do not.
//! - [`manifests`]: modules that say what they ask for; the audit log of what they are given.
//! - [`quarantine`]: modules whose tasks kill workers again and again.
//! - [`crashes`]: processes that die: the caller's, one worker, many at once; workers that cannot be started.
//! - [`starved`]: a system that gives no more memory, descriptors or processes.
//! - [`hostile_guests`]: guests that mean harm, each with what it must come to: the corpus in `hostile/`.
//! - [`host_functions`]: functions of the caller's that plugins call: what comes of it, and its limits.
//! - [`slow_host_functions`]: those that take long, or never end.
//! - [`hostile_worker`]: workers that lie on their channel.
//! - [`sync`]: locks, queues and what else tasks share with each other and with their caller.
//! - [`streams`]: sequences of chunks between tasks and their caller.
//! - [`stream_ends`]: tasks that end in the middle of a stream, and what is told at its other end.
//! - [`time_limits`]: tasks that may run for so long and no longer, and tasks that must have ended by a moment.
//! - [`crash_bundles`]: what tasks that fail leave, and that it brings the same failure again.
//! - [`interruption`]: tasks that are stopped, and workers that go on.
//! - [`limits`]: tasks that ask for more than they may have.
//! - [`flavours`]: guests that see nothing of the world, and guests that are interpreted.
//! - [`shortage`]: a worker that the kernel kills for want of memory.
//! - [`hardening`]: what locks workers in, layer by layer, and the limits of a whole process.
//! - [`stress`]: thousands of injected faults.
//! - [`modules`]: modules and options that cannot be used, and what their errors say; the cache.
//!
//! What they share: [`support`] (every test runs alone and leaves nothing behind) and [`patience`] (bounded waits).

mod commands;
mod counting;
mod crash_bundles;
mod crashes;
mod defaults;
mod flavours;
mod futures;
mod grants;
mod guests_see;
mod hardening;
mod helping_callers;
mod host_functions;
mod hostile_guests;
mod hostile_worker;
mod interruption;
mod limits;
mod live_instances;
mod live_resources;
mod manifests;
mod map;
mod modules;
mod native;
mod native_sync;
mod nested;
mod other_languages;
mod outcomes;
mod patience;
mod per_task;
mod plain_components;
mod pool;
mod quarantine;
mod recycling;
mod registry;
mod reusable;
mod scheduling;
mod shortage;
mod shutdown;
mod slow_host_functions;
mod snapshotted;
mod start_methods;
mod starved;
mod stream_ends;
mod streams;
mod stress;
mod support;
mod sync;
mod tenants;
mod tidy;
mod time_limits;
mod typed_clients;
mod waiting;
