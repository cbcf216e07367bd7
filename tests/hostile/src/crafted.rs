//! Task modules byte by byte: what no compiler writes. Each is a core module with the types of the world `task-module`;
//! by default its one function `f` gives back what it gets.

use std::fmt::Write;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, InstructionSink, MemArg, MemorySection, MemoryType, Module, StartSection, TableSection, TableType,
    TypeSection, ValType,
};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const CONTRACT: &str = include_str!("../../../wit/isopool.wit");
const RUNNER: &str = "isopool:task/runner@0.1.0";

/// Where results are written.
pub(crate) const ANSWER: i32 = 16;
/// Where the list of functions lies: one entry, eight words of four bytes.
pub(crate) const LIST: i32 = 2048;
/// What `cabi_realloc` gives.
const ARGUMENTS: i32 = 65_536;

/// Writes a function's code; the end is written for it.
pub(crate) type Body = Box<dyn Fn(&mut InstructionSink<'_>)>;

/// A module's parts, to be replaced one by one.
pub(crate) struct Parts {
    pub(crate) realloc: Body,
    pub(crate) functions: Body,
    pub(crate) run: Body,
    pub(crate) after_run: Body,
    pub(crate) start: Option<Body>,
    pub(crate) memory_pages: u64,
    pub(crate) more_memories: u32,
    pub(crate) tables: Vec<TableType>,
    pub(crate) data: Vec<(i32, Vec<u8>)>,
    /// Functions of no arguments that nobody calls.
    pub(crate) more: Vec<Function>,
    pub(crate) imports: Vec<(String, String)>,
    /// More types, each of so many parameters.
    pub(crate) types: Vec<usize>,
    pub(crate) exports: Vec<String>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            realloc: Box::new(|code| _ = code.i32_const(ARGUMENTS)),
            functions: Box::new(|code| answer(code, &[LIST, 1])),
            run: Box::new(|code| {
                code.i32_const(ANSWER).i32_const(0).i32_store(at(0));
                code.i32_const(ANSWER).local_get(4).i32_store(at(4));
                code.i32_const(ANSWER).local_get(5).i32_store(at(8));
                code.i32_const(ANSWER);
            }),
            after_run: Box::new(|_| {}),
            start: None,
            memory_pages: 2,
            more_memories: 0,
            tables: Vec::new(),
            data: list_of_one(),
            more: Vec::new(),
            imports: Vec::new(),
            types: Vec::new(),
            exports: Vec::new(),
        }
    }
}

/// A word of memory.
pub(crate) fn at(offset: u64) -> MemArg {
    MemArg { offset, align: 2, memory_index: 0 }
}

/// Writes words to [`ANSWER`], and returns its address.
pub(crate) fn answer(code: &mut InstructionSink<'_>, words: &[i32]) {
    for (index, word) in words.iter().enumerate() {
        code.i32_const(ANSWER).i32_const(*word).i32_store(at(index as u64 * 4));
    }
    code.i32_const(ANSWER);
}

/// Memory that holds one entry: the name `f`, no signature, no docs, the codec `bincode`.
fn list_of_one() -> Vec<(i32, Vec<u8>)> {
    let words = |words: &[i32]| words.iter().flat_map(|word| word.to_le_bytes()).collect();
    vec![(1024, b"fbincode".to_vec()), (LIST, words(&[1024, 1, 0, 0, 0, 0, 2112, 1])), (2112, words(&[1025, 7]))]
}

/// A module with some of its parts replaced.
pub(crate) fn module(change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let mut parts = Parts::default();
    change(&mut parts);
    with_world(assemble(&parts))
}

/// Adds the types of the world, as `wit-component` and every SDK do.
fn with_world(mut wasm: Vec<u8>) -> Vec<u8> {
    let mut contract = Resolve::default();
    let package = contract.push_str("isopool.wit", CONTRACT).expect("the contract of this repository");
    let world = contract.select_world(&[package], None).expect("it has one world");
    embed_component_metadata(&mut wasm, &contract, world, StringEncoding::UTF8).expect("it can be encoded");
    wasm
}

fn assemble(parts: &Parts) -> Vec<u8> {
    let mut module = Module::new();
    let i32s = |count: usize| std::iter::repeat_n(ValType::I32, count);
    let mut types = TypeSection::new();
    for (parameters, results) in [(4, 1), (0, 1), (6, 1), (1, 0), (0, 0)] {
        types.ty().function(i32s(parameters), i32s(results));
    }
    parts.types.iter().for_each(|&parameters| types.ty().function(i32s(parameters), i32s(0)));
    module.section(&types);

    let mut imports = ImportSection::new();
    parts.imports.iter().for_each(|(from, name)| _ = imports.import(from, name, EntityType::Function(4)));
    module.section(&imports);

    let mut functions = FunctionSection::new();
    (0..5).chain(parts.more.iter().map(|_| 4)).for_each(|ty| _ = functions.function(ty));
    module.section(&functions);

    let mut tables = TableSection::new();
    parts.tables.iter().for_each(|table| _ = tables.table(*table));
    module.section(&tables);

    let mut memories = MemorySection::new();
    let pages = std::iter::once(parts.memory_pages).chain((0..parts.more_memories).map(|_| 1));
    for minimum in pages {
        memories.memory(MemoryType { minimum, maximum: None, memory64: false, shared: false, page_size_log2: None });
    }
    module.section(&memories);
    module.section(&exports(parts));
    if parts.start.is_some() {
        module.section(&StartSection { function_index: parts.imports.len() as u32 + 4 });
    }
    module.section(&code(parts));

    let mut data = DataSection::new();
    parts
        .data
        .iter()
        .for_each(|(offset, bytes)| _ = data.active(0, &ConstExpr::i32_const(*offset), bytes.iter().copied()));
    module.section(&data);
    module.finish()
}

fn exports(parts: &Parts) -> ExportSection {
    let first = parts.imports.len() as u32;
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("cabi_realloc", ExportKind::Func, first);
    exports.export(&format!("{RUNNER}#functions"), ExportKind::Func, first + 1);
    exports.export(&format!("{RUNNER}#run"), ExportKind::Func, first + 2);
    exports.export(&format!("cabi_post_{RUNNER}#run"), ExportKind::Func, first + 3);
    parts.exports.iter().for_each(|name| _ = exports.export(name, ExportKind::Func, first + 4));
    exports
}

fn code(parts: &Parts) -> CodeSection {
    let nothing: Body = Box::new(|_| {});
    let mut code = CodeSection::new();
    for body in
        [&parts.realloc, &parts.functions, &parts.run, &parts.after_run, parts.start.as_ref().unwrap_or(&nothing)]
    {
        code.function(&function(body));
    }
    parts.more.iter().for_each(|function| _ = code.function(function));
    code
}

/// A function without locals of its own.
pub(crate) fn function(body: impl Fn(&mut InstructionSink<'_>)) -> Function {
    let mut function = Function::new([]);
    body(&mut function.instructions());
    function.instructions().end();
    function
}

/// A name of so many bytes.
pub(crate) fn long_name(bytes: usize) -> String {
    let mut name = String::with_capacity(bytes + 8);
    while name.len() < bytes {
        write!(name, "n{}", name.len()).expect("a text takes all");
    }
    name.truncate(bytes);
    name
}
