//! Every bound of the house: its unit, its default, its reason. No bound lives anywhere else.
//!
//! The defaults are those of [`ExecutorBuilder`](crate::ExecutorBuilder), whose options change them. An error that is over a
//! limit names it:
//!
//! ```
//! use isopool::{Executor, limits};
//!
//! let error = Executor::builder().max_workers(limits::MAX_WORKERS + 1).build().expect_err("over the limit");
//! assert!(error.to_string().ends_with("must be between 1 and 4096"));
//! ```

use std::time::Duration;

/// Bytes in one kibibyte.
pub(crate) const KIB: usize = 1024;
/// Bytes in one mebibyte.
pub(crate) const MIB: usize = 1024 * KIB;

// ── Crash bundles ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// Most crash bundles in one directory: enough to tell causes apart, and a module that fails a thousand times a second does not
/// fill the disk. What fails after that leaves none, so that the first failures stay.
pub const MAX_CRASH_BUNDLES: usize = 32;

/// Largest module that goes into a crash bundle, in bytes; a larger one is named by its hash and given to the replay.
pub const MAX_BUNDLE_MODULE_BYTES: usize = 16 * MIB;

/// Largest argument that goes into a crash bundle, in bytes: a task with more leaves none.
pub const MAX_BUNDLE_ARGUMENT_BYTES: usize = 64 * MIB;

/// Most calls of host functions that a crash bundle holds: the first ones. A task that makes more cannot be replayed beyond them.
pub const MAX_BUNDLE_HOST_CALLS: usize = 10_000;

/// Most bytes of the arguments and answers of these calls together. They are kept in the caller while a task runs.
pub const MAX_BUNDLE_HOST_CALL_BYTES: usize = 16 * MIB;

/// Longest description in a crash bundle, in bytes: what it holds beside the module, the argument and the calls' own bytes.
pub const MAX_BUNDLE_DESCRIPTION_BYTES: usize = 8 * MIB;

/// Most failures whose crash bundles wait to be written by one executor; those that come while so many wait leave none.
pub(crate) const MAX_WAITING_BUNDLES: usize = 16;

/// How long a shutdown waits for crash bundles that are being written: a disk that does not answer holds nobody for ever.
pub(crate) const BUNDLE_PATIENCE: Duration = Duration::from_secs(10);

// ── What a caller may ask for ────────────────────────────────────────────────────────────────────────────────────────

/// Most workers of one executor. Each costs a process, three descriptors in the caller and a few MiB.
pub const MAX_WORKERS: usize = 4096;

/// Tasks that may wait in an executor's queue before `submit` blocks and `try_submit` refuses: room for a burst of a
/// hundred thousand without letting a runaway producer take the machine.
pub const DEFAULT_QUEUE_CAPACITY: usize = 131_072;

/// Default for the encoded arguments of all tasks of an executor that have not ended, together, in bytes: room for four of the
/// largest. Results are not among them: a result is its future's, and a caller that submits everything before it takes the
/// first one must not wait for itself.
pub const DEFAULT_MAX_PENDING_BYTES: usize = 1024 * MIB;

/// Default for the encoded arguments of one task, in bytes: several times the 64 MiB that must work, and still a small
/// part of a wasm32 guest's 4 GiB.
pub const DEFAULT_MAX_ARGUMENT_BYTES: usize = 256 * MIB;

/// Default for the encoded result of one task, in bytes. As for arguments.
pub const DEFAULT_MAX_RESULT_BYTES: usize = 256 * MIB;

/// Hard ceiling for either: a wasm32 guest cannot hold more in one piece beside its own data.
pub const MAX_PAYLOAD_BYTES: usize = 2048 * MIB;

/// Default for what a guest may write to stdout and stderr together in one task, in bytes; the rest is dropped and
/// counted.
pub const DEFAULT_MAX_OUTPUT_BYTES: usize = MIB;

/// Default for the log records of one task that reach the caller; the rest are dropped and counted.
pub const MAX_LOG_RECORDS: u32 = 10_000;

/// How often one task's progress is sent to the caller, at most. Twenty times a second is more than an eye follows, and a
/// guest that tells it in a tight loop costs the caller no more than that.
pub const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

/// Longest text of one word on a task's progress, in bytes; a longer one is cut.
pub const MAX_PROGRESS_TEXT_BYTES: usize = KIB;

/// Most bytes of one task's own environment, names and values together: it travels with the task.
pub const MAX_TASK_ENVIRONMENT_BYTES: usize = 64 * KIB;

/// Longest name of a tenant, in bytes.
pub const MAX_TENANT_BYTES: usize = 128;

/// Most directories that one task may be granted, those of its executor included: each is open in its worker.
pub const MAX_DIRECTORY_GRANTS: usize = 64;

/// Longest path of a granted directory in a guest, in bytes. Source: `PATH_MAX` of Linux.
pub const MAX_GUEST_PATH_BYTES: usize = 4096;

/// Most grants of addresses that one task may have, those of its executor included: each is compared with each address that
/// its guest connects to.
pub const MAX_ADDRESS_GRANTS: usize = 64;

/// Most bytes of one task's arguments (of its command line, so to say), those of its executor included: its own travel with
/// it.
pub const MAX_ARGUMENTS_BYTES: usize = 64 * KIB;

/// Classes of tasks (tenants, or grants) that a dispatcher remembers before it looks for those that nobody uses any more.
pub(crate) const REMEMBERED_CLASSES: usize = 64;

/// Default for how deep tasks may be nested: a task that the caller submits is at depth 0. Source: loky's `MAX_DEPTH`.
pub const DEFAULT_MAX_DEPTH: u32 = 10;

/// Deepest nesting that `ISOPOOL_MAX_DEPTH` may ask for: a worker has an instance slot for each level.
pub const MAX_DEPTH: u32 = 64;

/// Most tasks that one task may have submitted and hold: whose result it has not taken and whose handle it has not dropped.
pub const MAX_CHILDREN: usize = 1024;

/// Most bytes of the arguments of the tasks that one task holds, together; the same for their results.
pub const MAX_CHILD_BYTES: u64 = 256 * MIB as u64;

/// Most bytes of messages to a worker that it has not read when a task in it submits another one. One that waits for its
/// tasks reads them; one that submits and forgets for ever would have them pile up in the caller.
pub const MAX_UNREAD_BYTES: usize = 32 * MIB;

/// Longest text of one log record, failure, panic or trap message, in bytes; longer ones are cut.
pub const MAX_MESSAGE_BYTES: usize = 16 * KIB;

/// Most frames or causes in one trace.
pub const MAX_TRACE_ENTRIES: usize = 64;

/// Most workers of all executors of a program together, each counted with its `max_workers` until its last worker is gone:
/// two executors of the largest size, one that finishes its work and its replacement, and still a quarter of the 32,768
/// process ids of a default Linux. The environment variable
/// `ISOPOOL_MAX_TOTAL_WORKERS` names another number.
pub const MAX_TOTAL_WORKERS: usize = 8192;

/// Default for how much the resident memory of a worker may grow after its first task before it is recycled, in bytes. A
/// fresh instance is given back after each task; what a busy worker keeps on purpose is the buffer of its largest argument
/// and 128 MiB of freed memory, and an honest one stays below the sum. Source: loky, where it is 300 MB.
pub const DEFAULT_MAX_WORKER_GROWTH_BYTES: usize = 512 * MIB;

/// Shortest time between two looks at the memory of one worker. A look costs a worker its tasks sent ahead and one system
/// call of the caller's: once a second that is not noticed.
pub(crate) const MEMORY_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a worker that seems to have grown too much is left without a task before the look that counts: it gives back
/// the memory of its last task after its answer, some hundred MiB in tens of milliseconds.
pub(crate) const MEMORY_SECOND_LOOK_DELAY: Duration = Duration::from_millis(50);

/// Most retries of one task: enough for workers that are lost to the machine's trouble, and an end to a task that kills
/// each of its workers.
pub const MAX_TASK_RETRIES: u32 = 100;

/// Default for the files that one worker may have open: its channel, one for each module that it was given and a few of the
/// engine's. Source: the soft limit of most systems.
pub const DEFAULT_MAX_OPEN_FILES: u32 = 1024;

/// Fewest files that one worker can do with: it has a dozen of its own.
pub const MIN_OPEN_FILES: u32 = 32;

/// What a worker's writable memory is allowed beyond its engine, guests, arguments and results, in bytes: modules, the
/// allocator's own, and the 128 MiB of freed memory that it keeps.
pub const WORKER_OVERHEAD_BYTES: u64 = 512 * MIB as u64;

/// Least memory of a worker, in bytes, beside what its engine sets aside: a module, and the messages of a small task.
pub const MIN_WORKER_MEMORY_BYTES: u64 = 64 * MIB as u64;

/// How long idle workers of the reusable executor live. Source: loky's default.
pub const DEFAULT_REUSABLE_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

// ── Modules ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Largest module that is accepted, in bytes.
pub const MAX_MODULE_BYTES: usize = 256 * MIB;

/// Largest compiled module that is taken from a compile worker, in bytes: machine code is two to three times the wasm.
pub const MAX_ARTIFACT_BYTES: usize = 4 * MAX_MODULE_BYTES;

/// Most functions that a module may list.
pub const MAX_FUNCTIONS: usize = 65_536;

/// Most types in the signature of one function of a plain component, each part of a type counted: a signature that a person
/// wrote has some dozens, and a hostile one doubles with each line.
pub const MAX_SIGNATURE_TYPES: usize = 4096;

/// Most types in all signatures of a plain component together: they are kept where its functions are called.
pub const MAX_COMPONENT_TYPES: usize = 64 * MAX_SIGNATURE_TYPES;

/// How deep the types of such a function may be nested: a signature travels in messages, whose values are nested 128 deep at
/// most, and a variant takes four of these levels.
pub const MAX_TYPE_DEPTH: usize = 24;

/// What the end of a program takes beside what it wrote, in bytes: an exit code, two lengths and a count.
pub(crate) const PROGRAM_END_BYTES: u64 = 32;

/// Most values in the arguments, or in the result, of one call of a plain component, each part of a value counted. The engine
/// holds one in 40 bytes, so these are 160 MiB of a worker's memory. Bytes that travel as a block are not counted.
pub const MAX_CALL_VALUES: usize = 4 * 1024 * 1024;

/// How much of the name of a function that is not there is compared with those that are, and shown, in bytes: more than any
/// name that a person has mistyped.
pub(crate) const MAX_COMPARED_NAME_BYTES: usize = 256;

/// How many pairs of letters that comparison may look at: a thousand names of ordinary length, and some milliseconds.
pub(crate) const MAX_COMPARISONS: usize = 1 << 20;

/// How long a compile worker may take for one module, initializer included, before it is killed.
pub const COMPILE_TIMEOUT: Duration = Duration::from_secs(120);

/// Size of the cache of compiled modules on disk, in bytes; the longest unused entries go first.
pub const MAX_CACHE_BYTES: u64 = 1024 * MIB as u64;

/// What remains of [`MAX_CACHE_BYTES`] after a clearing, in percent, so that not every new entry clears again.
pub(crate) const CACHE_KEEP_PERCENT: u64 = 90;

/// How long an unfinished entry of the cache may lie there before it counts as left behind by a process that died.
pub(crate) const CACHE_UNFINISHED_LIFETIME: Duration = Duration::from_secs(3600);

/// What is known of a module, encoded, in the cache, in bytes: as much as a compile worker may say of it.
pub(crate) const MAX_CACHED_INFO_BYTES: usize = MAX_MESSAGE_FRAME_BYTES;

/// Modules that one worker keeps loaded; the longest unused goes first.
pub const MAX_LOADED_MODULES: usize = 64;

/// Default for the writable memory of a compile worker, in bytes. Measured, a module of 1.3 MB needs 0.1 GiB; the compiler's
/// need grows with the module, and with its largest function more than that.
pub const DEFAULT_MAX_COMPILE_MEMORY_BYTES: u64 = 4096 * MIB as u64;

/// Memory of a compile worker that counts and was never touched, in bytes: stacks and heaps of its threads.
pub(crate) const COMPILE_UNTOUCHED_BYTES: u64 = 256 * MIB as u64;

// ── Guests ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Default for the linear memory of one instance, in bytes: all that a wasm32 guest can address.
pub const DEFAULT_MAX_MEMORY_BYTES: usize = 4096 * MIB;

/// Least linear memory that an instance may be bounded to, in bytes: one page of WebAssembly.
pub const MIN_MEMORY_BYTES: usize = 64 * KIB;

/// Default for the calls from one task to the host. An honest guest that reads a clock or prints with each of millions of
/// items stays below; one that does nothing but call is ended after some ten seconds.
pub const DEFAULT_MAX_HOST_CALLS: u64 = 200_000_000;

/// Most fuel that a task may have: the engine counts in signed numbers.
pub const MAX_FUEL: u64 = i64::MAX as u64;

/// Core instances, memories and tables of one component: a component built from Rust has two or three.
pub const MAX_CORE_INSTANCES: u32 = 64;
/// See [`MAX_CORE_INSTANCES`].
pub const MAX_MEMORIES: u32 = 8;
/// See [`MAX_CORE_INSTANCES`].
pub const MAX_TABLES: u32 = 64;
/// Elements of one table.
pub const MAX_TABLE_ELEMENTS: usize = 100_000;

/// Default for the native stack of a guest's calls, in bytes. wasmtime's own default is 512 KiB.
pub const MAX_WASM_STACK: usize = MIB;

/// Smallest stack that an executor may ask for, in bytes: the start of a small guest.
pub const MIN_WASM_STACK: usize = 64 * KIB;

/// Largest stack that an executor may ask for, in bytes; each instance slot of a worker has one.
pub const LARGEST_WASM_STACK: usize = 64 * MIB;

/// What host functions have of the stack that they share with the guest that calls them, in bytes: beside the guest's own.
pub(crate) const HOST_STACK_BYTES: usize = MIB;

/// Initial memory up to this size, in bytes, is mapped copy-on-write however sparse it is. Measured for a snapshot of
/// 16 MiB: 15 µs instead of 9 ms. wasmtime's own default is 16 MiB; above this one, images sparser than half are copied.
pub(crate) const DENSE_IMAGE_BYTES: usize = MAX_MODULE_BYTES;

/// Memory of a table that is zeroed instead of given back, in bytes: the tables of a small guest.
pub(crate) const TABLE_KEEP_RESIDENT_BYTES: usize = 16 * KIB;

/// Default for the host resources (streams, pollables) that one instance may hold.
pub const MAX_HOST_RESOURCES: usize = 10_000;

/// Most that an executor may ask for: each takes some hundred bytes of the worker.
pub const LARGEST_HOST_RESOURCES: usize = 1_000_000;

/// Default for the bytes of random data that a guest gets from one call.
pub const MAX_RANDOM_BYTES: u64 = MIB as u64;

/// Most that an executor may ask for: the worker holds them for a moment.
pub const LARGEST_RANDOM_BYTES: u64 = 64 * MIB as u64;

/// How long a task that was asked to stop may take before its worker is killed
/// ([`Interruption::Epoch`](crate::Interruption::Epoch)): it stops in microseconds, unless it is in the middle of a host
/// call that does not end, or its machine is very busy.
pub const INTERRUPTION_GRACE: Duration = Duration::from_millis(100);

/// Bytes that a guest may hand to the host in one call beside the payload: names, messages, traces.
pub const HOST_CALL_SLACK_BYTES: usize = 2 * MIB;

/// Memory of an instance slot that is zeroed instead of given back, in bytes. It must be more than a guest's stack, which
/// lies before its data: otherwise every page of data and heap is given back and faulted in again by each task. Measured
/// with a small guest, whole life of an instance: with 512 KiB 16 µs (stack of 64 KiB), 19 µs (128), 22 µs (256, the SDK's
/// default); with 256 KiB the last is 38 µs. More costs a small guest nothing: no more is zeroed than it has. With 4 MiB an echo
/// of 1 MiB takes 1.5 ms instead of 2.1.
pub(crate) const KEEP_RESIDENT_BYTES: usize = 4 * MIB;

/// Instance slots of a worker's pool, beside one for each level of nesting. One task runs at a time; the others stay warm
/// for other modules.
pub(crate) const INSTANCE_SLOTS: u32 = 4;

// ── Plugins ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Default for the versions of one plugin that a registry keeps: the current one, and some to go back to.
pub const DEFAULT_PLUGIN_VERSIONS: usize = 8;

/// Default for how long a live instance may be without a call before it is closed: it holds a process.
pub const DEFAULT_LIVE_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Most live instances of one executor: each has a process, and a thread and some descriptors of its caller.
pub const MAX_LIVE_INSTANCES: usize = 256;

/// How often a watched file is looked at: sooner than a person has looked up from a build, and no load.
pub(crate) const WATCH_INTERVAL: Duration = Duration::from_millis(500);

// ── Host functions ───────────────────────────────────────────────────────────────────────────────────────────────────

/// Default for how often one task may call host functions. A call is a way to the caller and back, some tens of microseconds:
/// so many take half a minute or more, and a task that makes them in a tight loop keeps a thread of its caller busy.
pub const DEFAULT_MAX_HOST_FUNCTION_CALLS: u64 = 1_000_000;

/// Default for the arguments of one call of a host function, and for what it returns, in bytes: they pass through the caller's
/// memory, and one call of each worker may be under way.
pub const DEFAULT_MAX_HOST_FUNCTION_BYTES: usize = 16 * MIB;

/// Default for how long a call of a host function may take, its wait for a thread included: longer than a slow database, and an
/// end to a function that never returns.
pub const DEFAULT_HOST_FUNCTION_TIME_LIMIT: Duration = Duration::from_secs(30);

/// Default for the threads of one executor that run host functions: enough for a few that wait for a disk or a server. They
/// start when there is work for them.
pub const DEFAULT_HOST_FUNCTION_THREADS: usize = 8;

/// Most threads of one executor that run host functions. A worker has one call under way at most.
pub const MAX_HOST_FUNCTION_THREADS: usize = MAX_WORKERS;

/// Most host functions that a module may import: more than any interface has.
pub const MAX_HOST_FUNCTIONS: usize = 1024;

// ── Shared objects ───────────────────────────────────────────────────────────────────────────────────────────────────

/// Most permits of a semaphore, free and taken. Source: `SEM_VALUE_MAX` of POSIX semaphores.
pub const MAX_PERMITS: u32 = i32::MAX as u32;

/// Default for the items in a queue that wait to be taken, with their lengths, in bytes.
pub const DEFAULT_QUEUE_BYTES: usize = MIB;

/// Largest queue, in bytes. The memory is taken as it is used, and not given back before the queue's end.
pub const MAX_QUEUE_BYTES: usize = 256 * MIB;

/// Smallest queue, in bytes: a few numbers.
pub const MIN_QUEUE_BYTES: usize = 64;

/// Processes that may hold permits of one semaphore at a time (more wait), and threads and tasks that may wait for one
/// condition: their table is 8 KiB, and read whole by each operation.
pub const SYNC_PLACES: u32 = 512;

/// How long one that waits for an object sleeps at most before it looks by itself: whether the holder is alive, and whether
/// a wake-up was lost with a process that died. Ten looks a second cost nothing, and a tenth of a second after a death is
/// soon.
pub(crate) const SYNC_RECHECK: Duration = Duration::from_millis(100);

/// The first of these looks comes after this; each is then twice as late as the one before.
pub(crate) const SYNC_FIRST_LOOK: Duration = Duration::from_millis(2);

/// How many processes one that waits asks for in one look; each costs some ten microseconds.
pub(crate) const SYNC_LOOKS: usize = 16;

/// How long an operation that must not wait, or whose timeout is over, waits for another process that is in the middle of
/// one. Those take microseconds; only a process that was stopped, or lies, takes longer.
pub const SYNC_INNER_GRACE: Duration = Duration::from_millis(100);

/// The same for operations that give something back or only look: a permit is not to be lost to a busy machine.
pub const SYNC_FINISH: Duration = Duration::from_secs(2);

/// How long a wait for a condition tries to take its lock again after its timeout: longer than locks are held.
pub const SYNC_REACQUIRE: Duration = Duration::from_secs(10);

/// Most objects among the arguments of one task: each is a mapping in its worker.
pub const MAX_TASK_OBJECTS: usize = 256;

// ── Workers and the channel ──────────────────────────────────────────────────────────────────────────────────────────

/// Longest reason in a report on a worker's hardening, in bytes; a longer one is cut.
pub const MAX_HARDENING_REASON_BYTES: usize = KIB;

/// Most ports of granted addresses that are a rule of Landlock each. More, and the system restricts no port: then the engine
/// alone does.
pub const MAX_GRANTED_PORTS: usize = 4096;

/// How long a new worker may take from its start to its `Ready`.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// Descriptors that travel with one call of a native function: each costs one in either process.
pub const MAX_CALL_DESCRIPTORS: usize = 64;

/// Shared objects that travel with one call of a native function: each is a mapping in its process, and a descriptor.
pub const MAX_CALL_OBJECTS: usize = 64;

/// How long a worker that was asked to stop may take before it is killed.
pub const STOP_GRACE: Duration = Duration::from_secs(2);

/// How long a worker may live after its channel was closed before it is killed: a process that ends closes its channel
/// first, and what ended it is to be known.
pub const HANG_UP_GRACE: Duration = Duration::from_secs(1);

/// How long a fork server may take to say what it owes: how a worker has ended, or whether one that is not wanted any more
/// was made. It answers in well under a millisecond; one that does not is stuck, and is killed with its workers.
pub const FORK_SERVER_PATIENCE: Duration = Duration::from_secs(2);

/// How long after the kernel was seen to kill for want of memory a death by `SIGKILL` is put down to that.
pub(crate) const OOM_KILL_MOMENT: Duration = Duration::from_secs(1);

/// Workers that may die one after another without having finished a task between before the pool gives up.
pub const CRASH_LOOP_STARTS: u32 = 5;

/// Default for the workers that tasks of one module may kill, one after another and with none of its tasks ended between,
/// before it is put in quarantine: each costs a process and a task, and a worker that the machine has killed is no habit.
pub const DEFAULT_QUARANTINE_DEATHS: u32 = 10;

/// Deaths of workers that lie further back than this do not count for a quarantine.
pub const QUARANTINE_WINDOW: Duration = Duration::from_secs(60);

/// Default for how long the first quarantine of a module lasts; each that follows at once is twice as long.
pub const DEFAULT_FIRST_QUARANTINE: Duration = Duration::from_secs(1);

/// Longest quarantine, however often it was doubled: then one task tries again.
pub const LONGEST_QUARANTINE: Duration = Duration::from_secs(600);

/// Tasks sent to one worker and not finished, the running one included. Hides the way to the worker and back for small
/// tasks; a task that waits behind a long one is taken back when another worker is free.
pub const SEND_AHEAD: usize = 64;

/// How long a worker that has ended a task looks out for the next one before it sleeps, if the last wait was as short: to be woken
/// takes longer. Measured: with 50 µs too many of the gaps of a caller that does something with each result are missed.
pub(crate) const WORKER_SPINS_FOR: Duration = Duration::from_micros(200);

/// How long a caller that waits looks out for the answer of a worker whose last one came as soon, before it sleeps.
pub(crate) const CALLER_SPINS_FOR: Duration = Duration::from_micros(100);

/// How long the dispatcher sleeps where answers come fast, instead of being woken for each: what it adds to a result that has to wait
/// for its turn anyway.
pub(crate) const LULL_PAUSE: Duration = Duration::from_micros(50);

/// Tasks that each worker must have for that, so that none has nothing to do meanwhile.
pub(crate) const LULL_FROM_TASKS: usize = 16;

/// Message header fields of one frame, in bytes. The payload is bounded apart.
pub const MAX_MESSAGE_FRAME_BYTES: usize = 4 * MIB;

/// Most output of one task that can be captured, in bytes: it travels in the message that ends the task.
pub const MAX_CAPTURED_OUTPUT_BYTES: usize = MAX_MESSAGE_FRAME_BYTES / 2;

/// Freed memory that a worker keeps while it is busy, in bytes, and with it the buffer of the last argument: room for two
/// payloads of the size that must work. Measured with 1 MiB there and back: fresh pages were most of its time.
pub(crate) const WORKER_KEEPS_BYTES: usize = 128 * MIB;

/// How long a worker that has handled large payloads waits for the next task before it gives that memory back.
pub(crate) const WORKER_KEEPS_FOR: Duration = Duration::from_secs(1);

/// Payloads from this size on count as large, in bytes.
pub(crate) const LARGE_PAYLOAD_BYTES: usize = 256 * KIB;

/// Payloads from this size on are received into large pages where the kernel has them, in bytes.
pub(crate) const HUGE_PAYLOAD_BYTES: usize = 8 * MIB;

/// What one read from a worker's channel takes at most, in bytes, so that no worker holds the dispatcher for long.
pub(crate) const READ_CHUNK_BYTES: usize = 256 * KIB;

const _: () = assert!(DEFAULT_MAX_ARGUMENT_BYTES <= MAX_PAYLOAD_BYTES);
const _: () = assert!(DEFAULT_MAX_RESULT_BYTES <= MAX_PAYLOAD_BYTES);
const _: () = assert!(DEFAULT_MAX_ARGUMENT_BYTES <= DEFAULT_MAX_PENDING_BYTES);
const _: () = assert!(DEFAULT_FIRST_QUARANTINE.as_secs() <= LONGEST_QUARANTINE.as_secs());
const _: () = assert!(MAX_MESSAGE_BYTES * MAX_TRACE_ENTRIES <= MAX_MESSAGE_FRAME_BYTES);
const _: () = assert!(MAX_PROGRESS_TEXT_BYTES <= MAX_MESSAGE_BYTES);
const _: () = assert!(4 * MAX_TASK_ENVIRONMENT_BYTES <= MAX_MESSAGE_FRAME_BYTES);
const _: () = assert!(4 * MAX_ARGUMENTS_BYTES <= MAX_MESSAGE_FRAME_BYTES);
const _: () = assert!(2 * MAX_DIRECTORY_GRANTS * MAX_GUEST_PATH_BYTES <= MAX_MESSAGE_FRAME_BYTES);
const _: () = assert!(DEFAULT_MAX_HOST_FUNCTION_BYTES <= MAX_PAYLOAD_BYTES);
const _: () = assert!(DEFAULT_HOST_FUNCTION_THREADS <= MAX_HOST_FUNCTION_THREADS);
const _: () = assert!(SEND_AHEAD >= 2);
// Positions in a queue are 32-bit words, and twice its size must still be told from nothing.
const _: () = assert!(MAX_QUEUE_BYTES <= 1 << 30 && MAX_QUEUE_BYTES.is_power_of_two());
const _: () = assert!(MIN_QUEUE_BYTES.is_power_of_two() && DEFAULT_QUEUE_BYTES.is_power_of_two());
const _: () = assert!(MAX_TOTAL_WORKERS >= 2 * MAX_WORKERS);
const _: () = assert!(DEFAULT_MAX_WORKER_GROWTH_BYTES > DEFAULT_MAX_ARGUMENT_BYTES + WORKER_KEEPS_BYTES);
const _: () = assert!(MEMORY_SECOND_LOOK_DELAY.as_millis() < MEMORY_LOOK_INTERVAL.as_millis());
const _: () = assert!(HOST_CALL_SLACK_BYTES >= MAX_MESSAGE_BYTES * MAX_TRACE_ENTRIES);
const _: () = assert!(MIN_WASM_STACK <= MAX_WASM_STACK && MAX_WASM_STACK <= LARGEST_WASM_STACK);
const _: () = assert!(INSTANCE_SLOTS >= 2);
