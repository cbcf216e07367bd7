//! What a function gets: one input after another, read when its turn comes.

use super::call::Argument;
use super::config::{Form, text_argument};
use isopool::Bytes;
use isopool::limits::MAX_PAYLOAD_BYTES;
use serde_json::value::RawValue;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// One input of a map.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: InputName,
    pub(super) argument: Argument,
}

/// What a user calls an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum InputName {
    /// A line of a file, from 1.
    Line(PathBuf, u64),
    /// A whole file.
    File(PathBuf),
}

impl fmt::Display for InputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InputName::Line(path, line) if is_standard_input(path) => write!(f, "line {line}"),
            InputName::Line(path, line) => write!(f, "{}:{line}", path.display()),
            InputName::File(path) if is_standard_input(path) => f.write_str("standard input"),
            InputName::File(path) => path.display().fmt(f),
        }
    }
}

/// Why there is no further input.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("{name} could not be read: {source}")]
    Read { name: InputName, source: io::Error },
    #[error("{name} is not JSON: {source}; give --text to take every line as a string")]
    NotJson { name: InputName, source: serde_json::Error },
    #[error("{name} is not text (UTF-8){remedy}")]
    NotText { name: InputName, remedy: &'static str },
    #[error("{name} has more than {MAX_PAYLOAD_BYTES} bytes, the limit for one task (limits::MAX_PAYLOAD_BYTES)")]
    TooLarge { name: InputName },
}

impl InputError {
    /// Standard input as a whole could not be read.
    pub(super) fn standard_input(source: io::Error) -> Self {
        Self::Read { name: InputName::File("-".into()), source }
    }

    /// Which input, or file.
    pub(super) fn name(&self) -> &InputName {
        match self {
            Self::Read { name, .. } | Self::NotJson { name, .. } => name,
            Self::NotText { name, .. } | Self::TooLarge { name } => name,
        }
    }
}

/// The inputs that these files hold; without any, those of standard input.
pub(super) fn inputs(form: Form, files: Vec<PathBuf>) -> Box<dyn Iterator<Item = Result<Input, InputError>> + Send> {
    let files = if files.is_empty() { vec![PathBuf::from("-")] } else { files };
    match form {
        Form::FileText | Form::FileBytes => Box::new(files.into_iter().map(move |path| whole_file(form, path))),
        Form::JsonLine | Form::TextLine => {
            Box::new(files.into_iter().flat_map(move |path| Lines { form, path, number: 0, reader: None, over: false }))
        }
    }
}

/// Whether standard input is among these files, or stands for all of them.
pub(super) fn reads_standard_input(files: &[PathBuf]) -> bool {
    files.is_empty() || files.iter().any(|path| is_standard_input(path))
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    if is_standard_input(path) {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    Ok(Box::new(BufReader::new(File::open(path)?)))
}

/// The bytes of standard input.
pub(super) fn standard_input() -> Result<Bytes, InputError> {
    let path = Path::new("-");
    Ok(read_all(path, &InputName::File(path.to_owned()))?.into())
}

fn whole_file(form: Form, path: PathBuf) -> Result<Input, InputError> {
    let name = InputName::File(path.clone());
    let bytes = read_all(&path, &name)?;
    if form == Form::FileBytes {
        return Ok(Input { name, argument: Argument::Bytes(bytes.into()) });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Input { name, argument: Argument::Json(vec![text_argument(&text)]) }),
        Err(_) => Err(InputError::NotText { name, remedy: "; give --bytes to hand it over as it is" }),
    }
}

fn read_all(path: &Path, name: &InputName) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    open(path)
        .and_then(|file| file.take(MAX_PAYLOAD_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|source| InputError::Read { name: name.clone(), source })?;
    if bytes.len() > MAX_PAYLOAD_BYTES {
        return Err(InputError::TooLarge { name: name.clone() });
    }
    Ok(bytes)
}

/// The lines of one file; one that cannot be read to its end is the last.
struct Lines {
    form: Form,
    path: PathBuf,
    number: u64,
    reader: Option<Box<dyn BufRead + Send>>,
    over: bool,
}

impl Iterator for Lines {
    type Item = Result<Input, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            match self.read_line() {
                Ok(Some(line)) if self.form == Form::JsonLine && line.iter().all(u8::is_ascii_whitespace) => {}
                Ok(Some(line)) => return Some(self.input(line)),
                Ok(None) => self.over = true,
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl Lines {
    fn name(&self) -> InputName {
        InputName::Line(self.path.clone(), self.number)
    }

    /// The next line without its end; `None` after the last one.
    fn read_line(&mut self) -> Result<Option<Vec<u8>>, InputError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            empty => {
                let opened = open(&self.path)
                    .map_err(|source| InputError::Read { name: InputName::File(self.path.clone()), source })?;
                empty.insert(opened)
            }
        };
        self.number += 1;
        let mut line = Vec::new();
        let read = reader.take(MAX_PAYLOAD_BYTES as u64 + 1).read_until(b'\n', &mut line);
        match read {
            // Nothing at all can be read, of a folder say.
            Err(source) if self.number == 1 => {
                Err(InputError::Read { name: InputName::File(self.path.clone()), source })
            }
            Err(source) => Err(InputError::Read { name: self.name(), source }),
            Ok(0) => Ok(None),
            Ok(_) if line.len() > MAX_PAYLOAD_BYTES => Err(InputError::TooLarge { name: self.name() }),
            Ok(_) => {
                if line.ends_with(b"\n") {
                    line.pop();
                    line.truncate(line.len() - usize::from(line.ends_with(b"\r")));
                }
                Ok(Some(line))
            }
        }
    }

    fn input(&self, line: Vec<u8>) -> Result<Input, InputError> {
        let name = self.name();
        let Ok(line) = String::from_utf8(line) else { return Err(InputError::NotText { name, remedy: "" }) };
        if self.form == Form::TextLine {
            return Ok(Input { name, argument: Argument::Json(vec![text_argument(&line)]) });
        }
        match serde_json::from_str::<Box<RawValue>>(&line) {
            Ok(value) => Ok(Input { name, argument: Argument::Json(vec![value]) }),
            Err(source) => Err(InputError::NotJson { name, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        fs::write(&file, content).expect("a file can be written");
        file
    }

    fn read(form: Form, content: &[u8]) -> Vec<Result<String, String>> {
        let file = file(content);
        inputs(form, vec![file.path().to_owned()])
            .map(|input| match input {
                Ok(Input { argument: Argument::Json(values), .. }) => Ok(serde_json::to_string(&values).expect("JSON")),
                Ok(Input { argument: Argument::Bytes(bytes), .. }) => Ok(format!("{bytes:?}")),
                Err(error) => Err(error.to_string().replace(&file.path().display().to_string(), "FILE")),
            })
            .collect()
    }

    #[test]
    fn each_line_is_a_json_value_as_it_was_written() {
        let lines = b"1\n  {\"a\": 1e400}\r\n\n \t\n123456789012345678901234567890\n[1, 2]";
        let expected = ["[1]", "[{\"a\": 1e400}]", "[123456789012345678901234567890]", "[[1, 2]]"];
        assert_eq!(read(Form::JsonLine, lines), expected.map(|text| Ok(text.to_owned())));
        assert_eq!(read(Form::JsonLine, b""), []);
    }

    #[test]
    fn line_that_is_no_json_is_named_and_the_next_one_is_read() {
        for line in ["hello", "1 2", "1] , [2", "{"] {
            let found = read(Form::JsonLine, format!("1\n\n{line}\n2\n").as_bytes());
            assert_eq!(found[2], Ok("[2]".to_owned()), "{found:?}");
            let error = found[1].as_ref().expect_err("it is no JSON");
            assert!(error.starts_with("FILE:3 is not JSON: ") && error.ends_with("as a string"), "{error}");
        }
    }

    #[test]
    fn lines_of_text_are_strings_and_empty_ones_count() {
        let expected = ["[\"a \\\"b\\\"\"]", "[\"\"]", "[\" c\"]"];
        assert_eq!(read(Form::TextLine, b"a \"b\"\n\n c"), expected.map(|text| Ok(text.to_owned())));
        assert_eq!(read(Form::TextLine, b"a\n\xff\n")[1], Err("FILE:2 is not text (UTF-8)".to_owned()));
    }

    #[test]
    fn whole_files_are_strings_or_bytes() {
        assert_eq!(read(Form::FileText, b"a\nb\n"), [Ok("[\"a\\nb\\n\"]".to_owned())]);
        let error = "FILE is not text (UTF-8); give --bytes to hand it over as it is";
        assert_eq!(read(Form::FileText, b"\xff"), [Err(error.to_owned())]);
        assert_eq!(read(Form::FileBytes, b"\xff\0"), [Ok("[255, 0]".to_owned())]);
    }

    #[test]
    fn file_that_cannot_be_read_is_named() {
        for form in [Form::JsonLine, Form::TextLine, Form::FileText, Form::FileBytes] {
            let mut found = inputs(form, vec!["/nonexistent/file".into()]);
            let error = found.next().expect("an error").expect_err("there is no such file").to_string();
            assert!(error.starts_with("/nonexistent/file could not be read: "), "{error}");
            assert!(found.next().is_none());
        }
    }

    #[test]
    fn names_are_what_a_user_would_look_for() {
        assert_eq!(InputName::Line("-".into(), 3).to_string(), "line 3");
        assert_eq!(InputName::Line("a.txt".into(), 3).to_string(), "a.txt:3");
        assert_eq!(InputName::File("a.txt".into()).to_string(), "a.txt");
        assert_eq!(InputName::File("-".into()).to_string(), "standard input");
    }
}
