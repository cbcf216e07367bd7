//! Modules that lie, and modules that are too much: for the parser, the compiler, the loader.

use crate::crafted::{ANSWER, Body, LIST, Parts, answer, at, function, long_name, module};
use wasm_encoder::{BlockType, ComponentBuilder, Function, HeapType, InstructionSink, RefType, TableType, ValType};

fn spins(code: &mut InstructionSink<'_>) {
    code.loop_(BlockType::Empty).br(0).end();
}

/// Spins where a word must be left.
fn spins_with_result(code: &mut InstructionSink<'_>) {
    spins(code);
    code.unreachable();
}

fn body(write: impl Fn(&mut InstructionSink<'_>) + 'static) -> Body {
    Box::new(write)
}

// ── Spin in every entry point ────────────────────────────────────────────────────────────────────────────────────────

pub(crate) fn spins_in_start() -> Vec<u8> {
    module(|parts| parts.start = Some(body(spins)))
}

pub(crate) fn spins_in_the_list_of_functions() -> Vec<u8> {
    module(|parts| parts.functions = body(spins_with_result))
}

pub(crate) fn spins_in_run() -> Vec<u8> {
    module(|parts| parts.run = body(spins_with_result))
}

pub(crate) fn spins_in_the_allocator() -> Vec<u8> {
    module(|parts| parts.realloc = body(spins_with_result))
}

pub(crate) fn spins_after_the_result() -> Vec<u8> {
    module(|parts| parts.after_run = body(spins))
}

// ── Trap in every entry point, and each kind of trap ─────────────────────────────────────────────────────────────────

pub(crate) fn traps_in_start() -> Vec<u8> {
    module(|parts| parts.start = Some(body(|code| _ = code.unreachable())))
}

pub(crate) fn traps_in_the_allocator() -> Vec<u8> {
    module(|parts| parts.realloc = body(|code| _ = code.unreachable()))
}

pub(crate) fn traps_after_the_result() -> Vec<u8> {
    module(|parts| parts.after_run = body(|code| _ = code.unreachable()))
}

/// `run` does this, and then nothing.
fn run(write: impl Fn(&mut InstructionSink<'_>) + 'static) -> Vec<u8> {
    module(|parts| parts.run = body(write))
}

pub(crate) fn divides_by_zero() -> Vec<u8> {
    run(|code| _ = code.i32_const(1).i32_const(0).i32_div_u())
}

pub(crate) fn overflows_an_integer() -> Vec<u8> {
    run(|code| _ = code.i64_const(i64::MIN).i64_const(-1).i64_div_s().i32_wrap_i64())
}

pub(crate) fn converts_what_no_integer_is() -> Vec<u8> {
    run(|code| _ = code.f32_const(f32::NAN.into()).i32_trunc_f32_s())
}

pub(crate) fn loads_out_of_bounds() -> Vec<u8> {
    run(|code| _ = code.i32_const(-4).i32_load(at(0xffff_fff0)))
}

fn one_table(parts: &mut Parts) {
    parts.tables = vec![table(1)];
}

fn table(minimum: u64) -> TableType {
    TableType { element_type: RefType::FUNCREF, table64: false, minimum, maximum: None, shared: false }
}

pub(crate) fn calls_nothing() -> Vec<u8> {
    module(|parts| {
        one_table(parts);
        parts.run = body(|code| _ = code.i32_const(0).call_indirect(0, 1));
    })
}

pub(crate) fn calls_beyond_the_table() -> Vec<u8> {
    module(|parts| {
        one_table(parts);
        parts.run = body(|code| _ = code.i32_const(7).call_indirect(0, 1));
    })
}

pub(crate) fn calls_itself() -> Vec<u8> {
    run(|code| {
        (0..6).for_each(|parameter| _ = code.local_get(parameter));
        code.call(2).i32_const(1).i32_add();
    })
}

// ── Take without end ─────────────────────────────────────────────────────────────────────────────────────────────────

pub(crate) fn grows_its_memory() -> Vec<u8> {
    run(|code| {
        code.loop_(BlockType::Empty).i32_const(16).memory_grow(0).drop().br(0).end().unreachable();
    })
}

pub(crate) fn grows_its_table() -> Vec<u8> {
    module(|parts| {
        one_table(parts);
        parts.run = body(|code| {
            code.loop_(BlockType::Empty).ref_null(HeapType::FUNC).i32_const(1000).table_grow(0);
            // Until it is refused, and then with the answer.
            code.i32_const(-1).i32_ne().br_if(0).end();
            // One byte of nothing is the number 0.
            answer(code, &[0, 4096, 1]);
        });
    })
}

pub(crate) fn fills_four_gibibytes_again_and_again() -> Vec<u8> {
    run(|code| {
        code.i32_const(65_000).memory_grow(0).drop().loop_(BlockType::Empty);
        code.i32_const(0).i32_const(1).i32_const(i32::MAX).memory_fill(0).br(0).end().unreachable();
    })
}

// ── Lie about results ────────────────────────────────────────────────────────────────────────────────────────────────

/// `run` says that its answer is these words.
fn says(words: &'static [i32]) -> Vec<u8> {
    run(move |code| answer(code, words))
}

pub(crate) fn result_out_of_bounds() -> Vec<u8> {
    says(&[0, -16, 100])
}

pub(crate) fn result_of_four_gibibytes() -> Vec<u8> {
    says(&[0, 0, -1])
}

pub(crate) fn result_without_a_variant() -> Vec<u8> {
    says(&[7, 0, 0])
}

pub(crate) fn answer_misaligned() -> Vec<u8> {
    run(|code| _ = code.i32_const(ANSWER + 1))
}

pub(crate) fn answer_out_of_bounds() -> Vec<u8> {
    run(|code| _ = code.i32_const(-4))
}

pub(crate) fn failure_of_no_kind() -> Vec<u8> {
    says(&[1, 99, 1024, 1, 0, 0])
}

pub(crate) fn failure_that_is_not_utf8() -> Vec<u8> {
    module(|parts| {
        parts.data.push((4096, vec![0xff, 0xfe, 0xc0]));
        parts.run = body(|code| answer(code, &[1, 0, 4096, 3, 0, 0]));
    })
}

/// A trace of so many entries that all lie at the same place.
pub(crate) fn failure_with_a_trace_without_end() -> Vec<u8> {
    says(&[1, 0, 1024, 1, 0, 0x0fff_ffff])
}

pub(crate) fn failure_of_ten_thousand_causes() -> Vec<u8> {
    module(|parts| {
        parts.memory_pages = 4;
        let cause: Vec<u8> = [1024_i32, 8].iter().flat_map(|word| word.to_le_bytes()).collect();
        parts.data.push((131_072, cause.repeat(10_000)));
        parts.run = body(|code| answer(code, &[1, 0, 1024, 1, 131_072, 10_000]));
    })
}

pub(crate) fn allocator_that_points_nowhere() -> Vec<u8> {
    module(|parts| parts.realloc = body(|code| _ = code.i32_const(-16)))
}

pub(crate) fn allocator_that_always_gives_the_same() -> Vec<u8> {
    module(|parts| parts.realloc = body(|code| _ = code.i32_const(0)))
}

// ── Lie about functions ──────────────────────────────────────────────────────────────────────────────────────────────

pub(crate) fn lists_functions_without_end() -> Vec<u8> {
    module(|parts| parts.functions = body(|code| answer(code, &[LIST, 0x07ff_ffff])))
}

pub(crate) fn lists_more_functions_than_anyone_has() -> Vec<u8> {
    module(|parts| {
        parts.memory_pages = 64;
        let entry: Vec<u8> = [1024_i32, 1, 0, 0, 0, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
        parts.data.push((131_072, entry.repeat(70_000)));
        parts.functions = body(|code| answer(code, &[131_072, 70_000]));
    })
}

pub(crate) fn lists_a_function_twice() -> Vec<u8> {
    module(|parts| {
        let entry = parts.data[1].1.clone();
        parts.data.push((LIST, entry.repeat(2)));
        parts.functions = body(|code| answer(code, &[LIST, 2]));
    })
}

/// A name of so many bytes.
pub(crate) fn lists_a_long_name(bytes: usize) -> Vec<u8> {
    module(|parts| {
        parts.memory_pages = 200;
        parts.data.push((131_072, long_name(bytes).into_bytes()));
        let entry = [131_072, bytes as i32, 0, 0, 0, 0, 2112, 1];
        parts.data.push((LIST, entry.iter().flat_map(|word: &i32| word.to_le_bytes()).collect()));
    })
}

pub(crate) fn lists_a_name_that_is_not_utf8() -> Vec<u8> {
    module(|parts| parts.data.push((1024, vec![0xff])))
}

// ── Too much for the parser, the compiler or the loader ──────────────────────────────────────────────────────────────

pub(crate) fn memories(count: u32) -> Vec<u8> {
    module(|parts| parts.more_memories = count)
}

pub(crate) fn memory_of_four_gibibytes() -> Vec<u8> {
    module(|parts| parts.memory_pages = 65_536)
}

pub(crate) fn tables(count: usize) -> Vec<u8> {
    module(|parts| parts.tables = vec![table(1); count])
}

pub(crate) fn table_of(elements: u64) -> Vec<u8> {
    module(|parts| parts.tables = vec![table(elements)])
}

pub(crate) fn data(mebibytes: usize) -> Vec<u8> {
    module(|parts| {
        parts.memory_pages = 16 * mebibytes as u64 + 2;
        parts.data.push((131_072, vec![0xa5; mebibytes << 20]));
    })
}

pub(crate) fn data_outside_of_the_memory() -> Vec<u8> {
    module(|parts| parts.data.push((-8, vec![1; 16])))
}

pub(crate) fn functions(count: usize) -> Vec<u8> {
    module(|parts| parts.more = vec![function(|_| {}); count])
}

pub(crate) fn one_function_of(bytes: usize) -> Vec<u8> {
    module(|parts| parts.more = vec![function(|code| (0..bytes / 3).for_each(|_| _ = code.i32_const(0).drop()))])
}

pub(crate) fn blocks_in_blocks(depth: usize) -> Vec<u8> {
    module(|parts| {
        parts.more = vec![function(|code| {
            (0..depth).for_each(|_| _ = code.block(BlockType::Empty));
            (0..depth).for_each(|_| _ = code.end());
        })];
    })
}

pub(crate) fn jump_table(targets: usize) -> Vec<u8> {
    module(|parts| {
        parts.more = vec![function(|code| _ = code.i32_const(0).br_table(vec![0; targets], 0))];
    })
}

pub(crate) fn locals(count: u32) -> Vec<u8> {
    module(|parts| {
        let mut function = Function::new([(count, ValType::V128)]);
        function.instructions().end();
        parts.more = vec![function];
    })
}

pub(crate) fn parameters(count: usize) -> Vec<u8> {
    module(|parts| parts.types = vec![count])
}

pub(crate) fn types(count: usize) -> Vec<u8> {
    module(|parts| parts.types = vec![3; count])
}

pub(crate) fn imports(count: usize) -> Vec<u8> {
    module(|parts| parts.imports = (0..count).map(|n| ("env".to_owned(), format!("f{n}"))).collect())
}

pub(crate) fn import_with_a_long_name() -> Vec<u8> {
    module(|parts| parts.imports = vec![(long_name(90_000), long_name(90_000))])
}

pub(crate) fn exports(count: usize) -> Vec<u8> {
    module(|parts| parts.exports = (0..count).map(|n| format!("e{n}")).collect())
}

// ── Components ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// A component in a component in a component.
pub(crate) fn components_in_components(depth: usize) -> Vec<u8> {
    let mut inner = ComponentBuilder::default();
    for _ in 0..depth {
        let mut outer = ComponentBuilder::default();
        outer.component(None, inner);
        inner = outer;
    }
    inner.finish()
}

/// One core module, again and again.
pub(crate) fn core_instances(count: usize) -> Vec<u8> {
    let mut component = ComponentBuilder::default();
    let core = component.core_module(None, &wasm_encoder::Module::new());
    (0..count).for_each(|_| _ = component.core_instantiate(None, core, []));
    component.finish()
}

/// A list of lists of lists, as the type of nothing.
pub(crate) fn types_in_types(depth: u32) -> Vec<u8> {
    let mut component = ComponentBuilder::default();
    let (mut ty, encoder) = component.type_defined(None);
    encoder.primitive(wasm_encoder::PrimitiveValType::U8);
    for _ in 0..depth {
        let (next, encoder) = component.type_defined(None);
        encoder.list(wasm_encoder::ComponentValType::Type(ty));
        ty = next;
    }
    component.finish()
}

/// Tuples of two of the tuple before: a type whose size doubles at each step.
pub(crate) fn types_that_double(steps: u32) -> Vec<u8> {
    use wasm_encoder::ComponentValType::Type;
    let mut component = ComponentBuilder::default();
    let (mut ty, encoder) = component.type_defined(None);
    encoder.primitive(wasm_encoder::PrimitiveValType::U64);
    for _ in 0..steps {
        let (next, encoder) = component.type_defined(None);
        encoder.tuple([Type(ty), Type(ty)]);
        ty = next;
    }
    component.finish()
}
