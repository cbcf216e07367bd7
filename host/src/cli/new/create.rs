//! From a template to a folder.

use super::super::exit::Stop;
use super::{New, Source, name};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// How the name of a file ends that names are put into.
const SUFFIX: &str = ".template";

/// Makes the project, and tells what to do with it.
pub(in super::super) fn create(new: &New) -> Result<(), Stop> {
    let name = name_of(&new.folder)?;
    if let Some(refusal) = name::refusal(&name) {
        return Err(Stop::Usage(refusal));
    }
    let source = Source::find(new.checkout.as_deref())?;
    refuse_occupied(&new.folder)?;
    let words = words(&name, &source);
    for (path, content) in new.template.files() {
        match path.strip_suffix(SUFFIX) {
            None => write(&new.folder.join(path), content)?,
            Some(path) => write(&new.folder.join(path), fill(content, &words).as_bytes())?,
        }
    }
    tell(new, &source)
}

/// The last part of the folder's path; of the current folder, for one, that of where it really is.
fn name_of(folder: &Path) -> Result<String, Stop> {
    let real;
    let name = match folder.file_name() {
        Some(name) => name,
        None => {
            real =
                folder.canonicalize().map_err(|source| Stop::File { what: "find", path: folder.to_owned(), source })?;
            real.file_name().unwrap_or_default()
        }
    };
    Ok(name.to_string_lossy().into_owned())
}

/// A folder with something in it may be somebody's work.
fn refuse_occupied(folder: &Path) -> Result<(), Stop> {
    let occupied = match fs::read_dir(folder) {
        Ok(mut items) => items.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => true,
        Err(source) => return Err(Stop::File { what: "list", path: folder.to_owned(), source }),
    };
    if occupied {
        return Err(Stop::Usage(format!(
            "{} is there already, and is no empty folder; choose another name, or remove it",
            folder.display()
        )));
    }
    Ok(())
}

fn write(path: &Path, content: &[u8]) -> Result<(), Stop> {
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).and_then(|()| fs::write(path, content)).map_err(|source| Stop::File {
        what: "write",
        path: path.to_owned(),
        source,
    })
}

/// What stands between two `@` in a template, and what is written instead.
fn words(name: &str, source: &Source) -> Vec<(String, String)> {
    let note = match source {
        Source::Registry => String::new(),
        Source::Checkout(_) => {
            "\nisopool is not on crates.io yet: `Cargo.toml` names a checkout of it on this machine.".to_owned()
        }
    };
    let mut words = vec![
        ("@name@".to_owned(), name.to_owned()),
        ("@crate@".to_owned(), name.replace('-', "_")),
        // With its own line break, so that there is no empty line at the end without it.
        ("@note@\n".to_owned(), if note.is_empty() { note } else { note + "\n" }),
    ];
    words.extend(source.requirements().map(|(package, requirement)| (format!("@{package}@"), requirement)));
    words
}

fn fill(template: &[u8], words: &[(String, String)]) -> String {
    let text = String::from_utf8_lossy(template);
    words.iter().fold(text.into_owned(), |text, (word, instead)| text.replace(word, instead))
}

fn tell(new: &New, source: &Source) -> Result<(), Stop> {
    let folder = new.folder.display();
    let isopool = match (new.template.is_rust(), source) {
        (false, _) => String::new(),
        (true, Source::Checkout(checkout)) => format!("\nIt takes isopool from {}.", checkout.display()),
        (true, Source::Registry) => format!("\nIt takes isopool {} from crates.io.", env!("CARGO_PKG_VERSION")),
    };
    let told = format!("Made {folder}. Its README.md says what to do with it.{isopool}");
    writeln!(io::stdout(), "{told}").map_err(Stop::Output)
}

#[cfg(test)]
mod tests {
    use super::super::Template;
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn no_word_of_a_template_is_left_over() {
        for template in Template::value_variants() {
            for source in [Source::Registry, Source::Checkout("/a".into())] {
                let words = words("my-name", &source);
                for (path, content) in template.files() {
                    let Some(path) = path.strip_suffix(SUFFIX) else { continue };
                    let text = fill(content, &words);
                    let left = ["@name@", "@crate@", "@note@", "@isopool"].iter().find(|word| text.contains(**word));
                    assert_eq!(left, None, "{template:?}: {path}");
                    assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{template:?}: {path}");
                }
            }
        }
    }

    #[test]
    fn every_template_has_a_page_and_a_test() {
        for template in Template::value_variants() {
            let has = |what: &str| {
                template
                    .files()
                    .any(|(path, content)| path.contains(what) || content.windows(7).any(|part| part == b"#[test]"))
            };
            assert!(template.files().any(|(path, _)| path == "README.md.template"), "{template:?}");
            assert!(has("test.sh"), "{template:?}");
        }
    }

    #[test]
    fn names_of_dependencies_are_no_names_of_projects() {
        for template in Template::value_variants() {
            let manifests = template.files().filter(|(path, _)| path.ends_with("Cargo.toml.template"));
            for (path, content) in manifests {
                let text = fill(content, &words("my-name", &Source::Registry));
                let mut inside = false;
                for line in text.lines() {
                    inside = if line.starts_with('[') { line.ends_with("dependencies]") } else { inside };
                    let Some((dependency, _)) = line.split_once(" = ").filter(|_| inside) else { continue };
                    assert!(name::refusal(dependency).is_some(), "{template:?}: {path}: {dependency}");
                }
            }
        }
    }
}
