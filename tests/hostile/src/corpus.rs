//! The table: who attacks, and what it must come to.

use crate::modules;
use crate::pool::Pool;
use guest_hostile::{flood, hold, leave, nest, reach, take};
use isopool::{IntoTask, Limit, limits, sync};

/// One attack.
#[derive(Clone, Copy)]
pub struct Attack {
    /// What it does.
    pub name: &'static str,
    /// What it must come to, in the words of [`run`](Self::run). Several: the machine decides.
    pub expected: &'static [&'static str],
    /// Most bytes that the caller's memory may grow by: what the attack itself has in the caller (its module, its
    /// arguments) and 64 MiB.
    pub max_growth_bytes: usize,
    /// Attacks, and says how it ended.
    pub run: fn(&Pool) -> String,
}

const MIB: usize = 1 << 20;

fn attack(name: &'static str, expected: &'static [&'static str], run: fn(&Pool) -> String) -> Attack {
    Attack { name, expected, max_growth_bytes: 64 * MIB, run }
}

/// A module of so many mebibytes is in the caller's memory: as it is written, loaded, and sent.
fn large(mebibytes: usize, attack: Attack) -> Attack {
    Attack { max_growth_bytes: (64 + 4 * mebibytes) * MIB, ..attack }
}

/// Every attack.
pub fn corpus() -> Vec<Attack> {
    [take_without_end(), say_too_much(), leave_early(), reach_out(), submit_without_end(), hold_on(), trap(), lie()]
        .into_iter()
        .chain([be_too_much(), be_a_component(), spin_before_any_task()])
        .flatten()
        .collect()
}

fn take_without_end() -> Vec<Attack> {
    vec![
        attack("computes for ever", &["timed out"], |pool| pool.stop(take::spin::task())),
        attack("sleeps for ever", &["timed out"], |pool| pool.stop(take::sleep::task())),
        attack("fills its memory for ever", &["timed out"], |pool| pool.stop(take::fill::task())),
        attack("fills gibibytes with single instructions", &["out of memory"], |pool| {
            pool.module(&modules::fills_four_gibibytes_again_and_again())
        }),
        attack("hashes for ever", &["timed out"], |pool| pool.stop(take::random::task())),
        attack("spins in run", &["timed out"], |pool| pool.stop_module(&modules::spins_in_run())),
        attack("spins in its allocator", &["timed out"], |pool| pool.stop_module(&modules::spins_in_the_allocator())),
        attack("spins after its result", &["timed out"], |pool| pool.stop_module(&modules::spins_after_the_result())),
        attack("allocates for ever", &["out of memory"], |pool| pool.run(take::memory::task())),
        attack("grows its memory for ever", &["out of memory"], |pool| pool.module(&modules::grows_its_memory())),
        attack("sits on 400 MiB", &["timed out"], |pool| pool.stop(take::memory_and_time::task(400 << 20))),
        attack("allocates for ever, with a limit of its own", &["out of memory"], |pool| {
            pool.run(take::memory::task().into_task().limit(Limit::MemoryBytes, 16 << 20))
        }),
        attack("grows its table for ever", &["over: table elements"], |pool| pool.module(&modules::grows_its_table())),
        attack("calls itself for ever", &["trap: MemoryOutOfBounds", "trap: StackOverflow"], |pool| {
            pool.run(take::stack::task())
        }),
        attack("calls itself for ever, without a stack", &["trap: StackOverflow"], |pool| {
            pool.module(&modules::calls_itself())
        }),
        attack("gives back one byte too many", &["result too large"], |pool| pool.run(take::result::task(1 << 20))),
        attack("gives back 100 MiB", &["result too large"], |pool| pool.run(take::result::task(100 << 20))),
    ]
}

fn say_too_much() -> Vec<Attack> {
    vec![
        attack("prints 256 MiB", &["returned"], |pool| pool.run(flood::stdout::task(256))),
        attack("prints 256 MiB as an error, in one line", &["returned"], |pool| pool.run(flood::stderr::task(256))),
        attack("logs for ever", &["timed out"], |pool| pool.stop(flood::logs::task())),
        attack("logs for ever, and may call the host a thousand times", &["over: calls of the host"], |pool| {
            pool.run(flood::logs::task().into_task().limit(Limit::HostCalls, 1000))
        }),
        attack("tells its progress for ever", &["timed out"], |pool| pool.stop(flood::progress_for_ever::task())),
        attack("fails with 16 MiB of text", &["failed", "result too large"], |pool| {
            pool.run(flood::error::task(16 << 20))
        }),
        attack("panics with 16 MiB of text", &["panicked", "result too large"], |pool| {
            pool.run(flood::panics::task(16 << 20))
        }),
    ]
}

fn leave_early() -> Vec<Attack> {
    vec![
        attack("exits with success", &["trap: Exit(0)"], |pool| pool.run(leave::exit::task())),
        attack("aborts", &["trap: Unreachable"], |pool| pool.run(leave::abort::task())),
        attack("panics in drop", &["panicked"], |pool| pool.run(leave::panics_in_drop::task())),
        attack("panics with a value", &["panicked"], |pool| pool.run(leave::panics_with_a_value::task())),
    ]
}

fn reach_out() -> Vec<Attack> {
    vec![
        attack("reaches for files", &["reached nothing"], |pool| pool.reaches(reach::files::task())),
        attack("reaches for the environment", &["reached GIVEN=to guests"], |pool| {
            pool.reaches(reach::surroundings::task())
        }),
        attack("reads standard input", &["reached nothing"], |pool| pool.reaches(reach::stdin::task())),
        attack("reaches for the network", &["reached nothing"], |pool| pool.reaches(reach::network::task())),
        attack("starts threads and programs", &["reached nothing"], |pool| pool.reaches(reach::processes::task())),
    ]
}

fn submit_without_end() -> Vec<Attack> {
    vec![
        attack("submits a fork bomb", &["timed out"], |pool| pool.stop(nest::bomb::task())),
        attack("nests as deep as it goes", &["failed"], |pool| pool.run(nest::deep::task())),
        attack("submits as many as it gets", &["returned"], |pool| pool.run(nest::wide::task())),
        Attack {
            // What one task may hold, and as much again on its way.
            max_growth_bytes: (64 + 2 * 256) * MIB,
            ..attack("submits a MiB each, as many as it gets", &["returned"], |pool| {
                pool.run(nest::heavy::task((1 << 20) - 16))
            })
        },
        Attack {
            // What it may leave unread, and as much again while that grows.
            max_growth_bytes: 4 * limits::MAX_UNREAD_BYTES,
            ..attack("submits what is not there, and never asks what became of it", &["broke the protocol"], |pool| {
                pool.run(nest::nobody::task())
            })
        },
        attack("leaves children behind that spin", &["returned"], |pool| pool.run(nest::orphans::task(100))),
    ]
}

fn hold_on() -> Vec<Attack> {
    vec![
        attack("ends with a lock in its hands", &["returned"], |pool| {
            let lock = sync::lock().expect("memory for it");
            let end = pool.run(hold::lock::task(lock.clone()));
            // The caller gets it all the same.
            lock.acquire(Some(std::time::Duration::from_secs(60))).map_or_else(|error| error.to_string(), |_| end)
        }),
        attack("spins with a lock in its hands", &["timed out"], |pool| {
            let lock = sync::lock().expect("memory for it");
            let end = pool.stop(hold::lock_and_spin::task(lock.clone()));
            lock.acquire(Some(std::time::Duration::from_secs(60))).map_or_else(|error| error.to_string(), |_| end)
        }),
        attack("takes every permit", &["timed out"], |pool| {
            let semaphore = sync::semaphore(5).expect("memory for it");
            let end = pool.stop(hold::permits::task(semaphore.clone()));
            semaphore.acquire(Some(std::time::Duration::from_secs(60))).map_or_else(|error| error.to_string(), |_| end)
        }),
        attack("waits for what never happens", &["timed out"], |pool| {
            pool.stop(hold::event::task(sync::event().expect("memory for it")))
        }),
        attack("fills a queue", &["timed out"], |pool| {
            pool.stop(hold::queue::task(sync::queue(10).expect("memory for it")))
        }),
    ]
}

fn trap() -> Vec<Attack> {
    vec![
        attack("traps in its allocator", &["trap: Unreachable"], |pool| {
            pool.module(&modules::traps_in_the_allocator())
        }),
        attack("traps after its result", &["trap: Unreachable"], |pool| {
            pool.module(&modules::traps_after_the_result())
        }),
        attack("divides by zero", &["trap: IntegerDivisionByZero"], |pool| pool.module(&modules::divides_by_zero())),
        attack("overflows an integer", &["trap: IntegerOverflow"], |pool| {
            pool.module(&modules::overflows_an_integer())
        }),
        attack("converts what no integer is", &["trap: BadConversionToInteger"], |pool| {
            pool.module(&modules::converts_what_no_integer_is())
        }),
        attack("loads out of bounds", &["trap: MemoryOutOfBounds"], |pool| {
            pool.module(&modules::loads_out_of_bounds())
        }),
        attack("calls nothing", &["trap: IndirectCallToNull"], |pool| pool.module(&modules::calls_nothing())),
        attack("calls beyond its table", &["trap: TableOutOfBounds"], |pool| {
            pool.module(&modules::calls_beyond_the_table())
        }),
    ]
}

fn lie() -> Vec<Attack> {
    vec![
        attack("result out of bounds", &["trap: Other"], |pool| pool.module(&modules::result_out_of_bounds())),
        attack("result of 4 GiB", &["trap: Other", "result too large"], |pool| {
            pool.module(&modules::result_of_four_gibibytes())
        }),
        attack("result without a variant", &["trap: Other"], |pool| pool.module(&modules::result_without_a_variant())),
        attack("answer misaligned", &["trap: Other"], |pool| pool.module(&modules::answer_misaligned())),
        attack("answer out of bounds", &["trap: Other"], |pool| pool.module(&modules::answer_out_of_bounds())),
        attack("failure of no kind", &["trap: Other"], |pool| pool.module(&modules::failure_of_no_kind())),
        attack("failure that is not UTF-8", &["trap: Other"], |pool| pool.module(&modules::failure_that_is_not_utf8())),
        attack("failure with a trace without end", &["trap: Other", "result too large"], |pool| {
            pool.module(&modules::failure_with_a_trace_without_end())
        }),
        attack("failure of ten thousand causes", &["failed"], |pool| {
            pool.module(&modules::failure_of_ten_thousand_causes())
        }),
        attack("allocator that points nowhere", &["trap: Other"], |pool| {
            pool.module(&modules::allocator_that_points_nowhere())
        }),
        attack("allocator that always gives the same", &["returned", "codec"], |pool| {
            pool.module(&modules::allocator_that_always_gives_the_same())
        }),
        attack("traps in start", &["refused: no list of functions"], |pool| pool.module(&modules::traps_in_start())),
        attack("lists functions without end", &["refused: no list of functions"], |pool| {
            pool.module(&modules::lists_functions_without_end())
        }),
        attack("lists 70,000 functions", &["refused: no list of functions"], |pool| {
            pool.module(&modules::lists_more_functions_than_anyone_has())
        }),
        attack("lists a function twice", &["refused: no list of functions"], |pool| {
            pool.module(&modules::lists_a_function_twice())
        }),
        attack("lists a name of 10 MB", &["refused: no list of functions"], |pool| {
            pool.module(&modules::lists_a_long_name(10_000_000))
        }),
        attack("lists a name of 1 MB", &["returned"], |pool| pool.module(&modules::lists_a_long_name(1_000_000))),
        attack("lists a name that is not UTF-8", &["refused: no list of functions"], |pool| {
            pool.module(&modules::lists_a_name_that_is_not_utf8())
        }),
    ]
}

fn be_too_much() -> Vec<Attack> {
    vec![
        attack("nine memories", &["refused: too many memories"], |pool| pool.module(&modules::memories(8))),
        attack("a thousand memories", &["refused: invalid"], |pool| pool.module(&modules::memories(1000))),
        attack("a memory of 4 GiB", &["refused: no list of functions"], |pool| {
            pool.module(&modules::memory_of_four_gibibytes())
        }),
        attack("a hundred tables", &["refused: too many tables"], |pool| pool.module(&modules::tables(100))),
        attack("a hundred core instances", &["refused: too many instances"], |pool| {
            pool.module(&modules::core_instances(100))
        }),
        attack("a table of four billion elements", &["refused: not compilable"], |pool| {
            pool.module(&modules::table_of(4_000_000_000))
        }),
        large(100, attack("100 MiB of data", &["returned"], |pool| pool.module(&modules::data(100)))),
        large(260, attack("260 MiB of data", &["refused: too large"], |pool| pool.module(&modules::data(260)))),
        attack("data outside of its memory", &["refused: no list of functions"], |pool| {
            pool.module(&modules::data_outside_of_the_memory())
        }),
        attack("ten thousand functions", &["returned"], |pool| pool.module(&modules::functions(10_000))),
        large(
            20,
            attack("a million and a half functions", &["refused: invalid"], |pool| {
                pool.module(&modules::functions(1_500_000))
            }),
        ),
        attack("a function of 8 MB", &["refused: invalid"], |pool| pool.module(&modules::one_function_of(8_000_000))),
        attack("ten thousand blocks in each other", &["returned", "refused: not compilable"], |pool| {
            pool.module(&modules::blocks_in_blocks(10_000))
        }),
        attack("a jump table of 65,000", &["returned"], |pool| pool.module(&modules::jump_table(65_000))),
        attack("a jump table of ten million", &["refused: invalid"], |pool| {
            pool.module(&modules::jump_table(10_000_000))
        }),
        attack("forty thousand locals", &["returned", "refused: not compilable"], |pool| {
            pool.module(&modules::locals(40_000))
        }),
        attack("four billion locals", &["refused: invalid"], |pool| pool.module(&modules::locals(u32::MAX))),
        attack("ten thousand parameters", &["refused: invalid"], |pool| pool.module(&modules::parameters(10_000))),
        attack("half a million types", &["returned"], |pool| pool.module(&modules::types(500_000))),
        attack("ten thousand imports", &["refused: invalid", "refused: unknown import"], |pool| {
            pool.module(&modules::imports(10_000))
        }),
        attack("an import with a name of 90 kB", &["refused: invalid", "refused: unknown import"], |pool| {
            pool.module(&modules::import_with_a_long_name())
        }),
        attack("a hundred thousand exports", &["returned", "refused: invalid"], |pool| {
            pool.module(&modules::exports(100_000))
        }),
    ]
}

fn be_a_component() -> Vec<Attack> {
    vec![
        attack("a component in a component, 90 deep", &["refused: other world", "refused: invalid"], |pool| {
            pool.module(&modules::components_in_components(90))
        }),
        attack("a component in a component, 5,000 deep", &["refused: other world", "refused: invalid"], |pool| {
            pool.module(&modules::components_in_components(5000))
        }),
        attack("a type in a type, 50 deep", &["refused: other world"], |pool| {
            pool.module(&modules::types_in_types(50))
        }),
        attack("a type in a type, 100,000 deep", &["refused: invalid"], |pool| {
            pool.module(&modules::types_in_types(100_000))
        }),
        attack("a type of 2^60 numbers", &["refused: invalid"], |pool| pool.module(&modules::types_that_double(60))),
    ]
}

/// In the compile worker: it asks a module for its functions.
fn spin_before_any_task() -> Vec<Attack> {
    vec![
        attack("spins in start", &["refused: compiler timed out"], |pool| {
            pool.stop_compiler(&modules::spins_in_start())
        }),
        attack("spins in the list of functions", &["refused: compiler timed out"], |pool| {
            pool.stop_compiler(&modules::spins_in_the_list_of_functions())
        }),
    ]
}
