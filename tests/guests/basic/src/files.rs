//! What it does: tasks that use files and directories, and tell what came of it. Never: anything but what they are told.

use isopool_guest::task;
use std::io::{Error, Write};

/// The text of a file.
///
/// # Errors
/// It is not there for this guest, or is no text.
#[task]
pub fn read(path: String) -> Result<String, Error> {
    std::fs::read_to_string(path)
}

/// Writes a file anew.
///
/// # Errors
/// This guest may not.
#[task]
pub fn write(path: String, text: String) -> Result<(), Error> {
    std::fs::write(path, text)
}

/// Writes at the end of a file, in two parts.
///
/// # Errors
/// This guest may not.
#[task]
pub fn append(path: String, text: String) -> Result<(), Error> {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    let (first, second) = text.as_bytes().split_at(text.len() / 2);
    file.write_all(first)?;
    file.write_all(second)
}

/// Makes a directory.
///
/// # Errors
/// This guest may not.
#[task]
pub fn make_directory(path: String) -> Result<(), Error> {
    std::fs::create_dir(path)
}

/// Removes a file.
///
/// # Errors
/// This guest may not.
#[task]
pub fn remove(path: String) -> Result<(), Error> {
    std::fs::remove_file(path)
}

/// Gives a file another name.
///
/// # Errors
/// This guest may not.
#[task]
pub fn rename(from: String, to: String) -> Result<(), Error> {
    std::fs::rename(from, to)
}

/// Gives a file a second name.
///
/// # Errors
/// This guest may not.
#[task]
pub fn hard_link(from: String, to: String) -> Result<(), Error> {
    std::fs::hard_link(from, to)
}

/// Makes a symbolic link.
///
/// # Errors
/// This guest may not.
#[task]
pub fn symbolic_link(target: String, link: String) -> Result<(), Error> {
    #[allow(deprecated)] // what it was replaced by is not there on every target
    std::fs::soft_link(target, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_do_as_they_are_told() {
        let directory = std::env::temp_dir().join(format!("guest-basic-files-{}", std::process::id()));
        let path = |name: &str| directory.join(name).to_string_lossy().into_owned();
        make_directory(path("")).expect("is not there yet");
        write(path("a"), "one".into()).expect("written");
        append(path("a"), " two".into()).expect("written");
        rename(path("a"), path("b")).expect("renamed");
        hard_link(path("b"), path("c")).expect("linked");
        symbolic_link("c".into(), path("d")).expect("linked");
        assert_eq!(read(path("d")).expect("is text"), "one two");
        for name in ["b", "c", "d"] {
            remove(path(name)).expect("is there");
        }
        std::fs::remove_dir(directory).expect("is empty");
    }
}
