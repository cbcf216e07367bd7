//! A function of a module file, ready to be called with what a shell has: JSON text, or bytes.

use super::config::{Pool, Target};
use super::exit::Stop;
use isopool::{
    Bytes, Codec, Error, ErrorKind, Executor, ExecutorBuilder, Function, FunctionInfo, FunctionKind, TaskError,
    TaskFuture,
};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// What a function is called with.
#[derive(Debug)]
pub(super) enum Argument {
    /// All arguments, each in the words of the user: reading numbers and writing them again could change them.
    Json(Vec<Box<RawValue>>),
    /// The one argument, as it is.
    Bytes(Bytes),
}

/// What a function returned.
#[derive(Debug)]
pub(super) enum Answer {
    Json(Box<RawValue>),
    Bytes(Bytes),
}

/// An executor, and the function that it is for.
#[derive(Debug)]
pub(super) struct Callee {
    pub(super) executor: Executor,
    function: Function,
}

/// A task that was submitted.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    Json(TaskFuture<Box<RawValue>>),
    /// Of a function that is called by its own types, and knows no text.
    Value(TaskFuture<Value>),
    Bytes(TaskFuture<Bytes>),
}

impl Callee {
    /// Compiles the module; no worker is started yet. `arguments` is how many the function is to be called with, if they are JSON.
    pub(super) fn open(target: &Target, pool: &Pool, codec: Codec, arguments: Option<usize>) -> Result<Self, Stop> {
        let executor = executor(pool, codec)?;
        let module = executor.load_file(&target.module).map_err(module_error)?;
        let function = module.function(&target.function).map_err(|error| match error.kind() {
            ErrorKind::UnknownFunction if module.command().is_ok() => Stop::IsProgram(error),
            _ => error.into(),
        })?;
        if let (Some(given), Some(taken)) = (arguments, parameters(function.info()))
            && given != taken
        {
            let FunctionInfo { name, signature, .. } = function.info();
            let plural = if taken == 1 { "" } else { "s" };
            let message = format!("`{name}` takes {taken} argument{plural}, and is given {given}: {signature}");
            return Err(Stop::Usage(message));
        }
        Ok(Self { executor, function })
    }

    pub(super) fn submit(&self, argument: Argument) -> Result<Pending, Error> {
        let is_export = matches!(self.function.info().kind, FunctionKind::Export { .. });
        match argument {
            Argument::Json(arguments) if is_export => {
                // Each is JSON already.
                let read = |text: &RawValue| serde_json::from_str(text.get()).unwrap_or_default();
                let values: Vec<Value> = arguments.iter().map(|text| read(text)).collect();
                self.executor.submit(self.function.call(values)).map(Pending::Value)
            }
            Argument::Json(arguments) => self.executor.submit(self.function.call(arguments)).map(Pending::Json),
            Argument::Bytes(bytes) => self.executor.submit(self.function.call((bytes,))).map(Pending::Bytes),
        }
    }
}

/// How many arguments a function takes; `None`: it does not say.
fn parameters(info: &FunctionInfo) -> Option<usize> {
    match &info.kind {
        FunctionKind::Export { ty, .. } => Some(ty.params.len()),
        FunctionKind::Program => None,
        _ => parameters_of(&info.signature),
    }
}

/// Of a function in Rust: those between the first bracket and the one that closes it. Other languages may say what they like.
fn parameters_of(signature: &str) -> Option<usize> {
    let text = signature.strip_prefix("fn(")?;
    let (mut depth, mut count, mut is_empty, mut last) = (0_usize, 0, true, ' ');
    for letter in text.chars() {
        match letter {
            ')' if depth == 0 => return Some(count + usize::from(!is_empty)),
            '(' | '[' | '<' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            '>' if last != '-' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if letter == ',' && depth == 0 {
            (count, is_empty) = (count + 1, true);
        } else if !letter.is_whitespace() {
            is_empty = false;
        }
        last = letter;
    }
    None
}

/// An executor with what holds for every task.
pub(super) fn executor(pool: &Pool, codec: Codec) -> Result<Executor, Stop> {
    Ok(builder(pool).codec(codec).build()?)
}

/// The options that hold for every task.
pub(super) fn builder(pool: &Pool) -> ExecutorBuilder {
    let mut builder = Executor::builder();
    if let Some(max_workers) = pool.max_workers {
        builder = builder.max_workers(max_workers);
    }
    if let Some(timeout) = pool.timeout {
        builder = builder.task_time_limit(timeout);
    }
    for (name, value) in &pool.environment {
        builder = builder.env(name, value);
    }
    for directory in &pool.directories {
        builder = builder.preopen(&directory.host, &directory.guest, directory.access);
    }
    for &addresses in &pool.addresses {
        builder = builder.allow_address(addresses);
    }
    builder.arguments(&pool.program_arguments)
}

/// A file that is not there is another matter than a module that is refused.
pub(super) fn module_error(error: Error) -> Stop {
    if error.kind() == ErrorKind::System { Stop::ModuleFile(error) } else { error.into() }
}

impl Pending {
    pub(super) fn result(&self) -> Result<Answer, TaskError> {
        match self {
            Pending::Json(future) => future.result().map(Answer::Json),
            Pending::Value(future) => future.result().map(|value| Answer::Json(raw(&value))),
            Pending::Bytes(future) => future.result().map(Answer::Bytes),
        }
    }

    pub(super) fn done(&self) -> bool {
        match self {
            Pending::Json(future) => future.done(),
            Pending::Value(future) => future.done(),
            Pending::Bytes(future) => future.done(),
        }
    }
}

fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).expect("a value of JSON can always be written as JSON")
}

impl Answer {
    /// One line of JSON.
    pub(super) fn to_json(&self) -> String {
        match self {
            // Line breaks are allowed between the values of JSON, and never inside of a string.
            Answer::Json(value) => value.get().replace(['\n', '\r'], " "),
            Answer::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => serde_json::Value::from(text).to_string(),
                Err(_) => serde_json::json!({ "hex": hex(bytes) }).to_string(),
            },
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_where_a_signature_is_one_of_rust() {
        for (signature, expected) in [
            ("fn()", Some(0)),
            ("fn() -> (u8, u8)", Some(0)),
            ("fn(a: u64)", Some(1)),
            ("fn(a: u64, b: u64) -> u64", Some(2)),
            ("fn(a: BTreeMap<String, Vec<(u8, u8)>>, b: [u8; 4],) -> Result<u8, String>", Some(2)),
            ("fn(a: (), b: PhantomData<fn(u8, u8) -> u8>)", Some(2)),
            ("fn(a: u64", None),
            ("fn(a>>)", None),
            ("(a, b) => number", None),
            ("", None),
        ] {
            assert_eq!(parameters_of(signature), expected, "{signature}");
        }
    }

    #[test]
    fn answers_are_one_line_whatever_the_guest_wrote() {
        let json = |text: &str| Answer::Json(RawValue::from_string(text.to_owned()).expect("JSON")).to_json();
        assert_eq!(json("{\r\n  \"a\\n\": 1e400\n}"), "{    \"a\\n\": 1e400 }");
        let bytes = |bytes: &[u8]| Answer::Bytes(Bytes::from(bytes.to_vec())).to_json();
        assert_eq!(bytes(b"two\nlines \"quoted\""), r#""two\nlines \"quoted\"""#);
        assert_eq!(bytes(b"\xff\x00\x1b"), r#"{"hex":"ff001b"}"#);
        assert_eq!(bytes(b""), "\"\"");
    }
}
