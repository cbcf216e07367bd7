//! W14: fresh instances and nothing else. Threads of one process share its address space, and with it the kernel's lock on that;
//! processes do not. What a pool of processes pays for its walls it gains here.

use crate::measure::line;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::time::Instant;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection, MemArg, MemorySection,
    MemoryType, Module as Written, TypeSection,
};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, InstancePre, Linker, Module, PoolingAllocationConfig, Store,
};

/// At once.
const MOST: usize = 4;
const WARM_UP: u64 = 50;
/// Of its memory the instance writes so many, 64 KiB apart.
const PAGES_TOUCHED: i32 = 8;
/// As workers have it.
const KEEP_RESIDENT_BYTES: usize = 4 << 20;

/// 1, 2 and 4 threads and processes, in turn; each makes so many instances.
pub(crate) fn threads_and_processes(times: u64) {
    for count in [1, 2, MOST] {
        for (peer, seconds) in [("threads", by_threads(count, times)), ("processes", by_processes(count, times))] {
            let instances = times * count as u64;
            line(peer, "W14", count as u64, "instances_per_s", instances as f64 / seconds, "1/s");
        }
    }
}

fn by_threads(count: usize, times: u64) -> f64 {
    let prepared = prepared();
    let begin = Barrier::new(count + 1);
    let run = || {
        make(&prepared, WARM_UP);
        begin.wait();
        make(&prepared, times);
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(run)).collect();
        begin.wait();
        let start = Instant::now();
        threads.into_iter().for_each(|thread| thread.join().expect("instances are made"));
        start.elapsed().as_secs_f64()
    })
}

fn by_processes(count: usize, times: u64) -> f64 {
    let program = std::env::current_exe().expect("the path of a program that runs is known");
    let one = || {
        let mut command = Command::new(&program);
        command.args(["W14process", &times.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program starts again");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        output.read_line(&mut String::new()).expect("it says that it is ready");
        (child, output)
    };
    let mut processes: Vec<_> = (0..count).map(|_| one()).collect();
    let start = Instant::now();
    // Closed: go.
    processes.iter_mut().for_each(|(child, _)| drop(child.stdin.take()));
    for (_, output) in &mut processes {
        output.read_line(&mut String::new()).expect("it says that it is done");
    }
    let seconds = start.elapsed().as_secs_f64();
    processes.iter_mut().for_each(|(child, _)| assert!(child.wait().expect("it is ours").success()));
    seconds
}

/// One of the processes: says that it is ready, waits until it may begin, and says that it is done.
pub(crate) fn process(times: u64) {
    let prepared = prepared();
    make(&prepared, WARM_UP);
    let say = |text: &str| {
        let mut output = std::io::stdout();
        writeln!(output, "{text}").and_then(|()| output.flush()).expect("who has started it listens");
    };
    say("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("it is closed in the end");
    make(&prepared, times);
    say("done");
}

fn make(prepared: &InstancePre<()>, times: u64) {
    for _ in 0..times {
        let mut store = Store::new(prepared.module().engine(), ());
        let instance = prepared.instantiate(&mut store).expect("there is a free slot");
        let touch = instance.get_typed_func::<(), ()>(&mut store, "touch").expect("it is exported");
        touch.call(&mut store, ()).expect("it does not trap");
    }
}

fn prepared() -> InstancePre<()> {
    let slots = u32::try_from(MOST).expect("few");
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(slots).total_memories(slots).total_tables(slots).total_stacks(slots);
    pool.linear_memory_keep_resident(KEEP_RESIDENT_BYTES);
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config).expect("the machine has room");
    let module = Module::new(&engine, module()).expect("it is valid");
    Linker::new(&engine).instantiate_pre(&module).expect("it imports nothing")
}

/// A module with a memory of 2 MiB, some data, and a function that writes to a few pages.
fn module() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut memories = MemorySection::new();
    let (minimum, page_size_log2) = (32, None);
    memories.memory(MemoryType { minimum, maximum: None, memory64: false, shared: false, page_size_log2 });
    let mut exports = ExportSection::new();
    exports.export("touch", ExportKind::Func, 0);
    let mut body = Function::new([]);
    for page in 0..PAGES_TOUCHED {
        let place = MemArg { offset: 0, align: 2, memory_index: 0 };
        body.instructions().i32_const(page << 16).i32_const(1).i32_store(place);
    }
    body.instructions().end();
    let mut code = CodeSection::new();
    code.function(&body);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(1024), [7; 4096]);
    let mut module = Written::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code).section(&data);
    module.finish()
}
