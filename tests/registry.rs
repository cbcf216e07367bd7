//! Plugins by name: versions are swapped while tasks run, and each task is of the version that it was made of.

use crate::patience::end_of;
use crate::support::{executor, house, memory};
use guest_basic::value;
use isopool::{ErrorKind, Function, Registry, TaskFuture, limits};
use std::collections::HashSet;
use std::fs;
use std::sync::mpsc::{Receiver, channel};

/// A module whose `value::build` says this number.
fn build(number: usize) -> Vec<u8> {
    let mut wasm = value::add::task(0, 0).module.wasm.to_vec();
    let (marker, with) = (b"build-number-1", format!("build-number-{number}"));
    assert_eq!(marker.len(), with.len(), "lengths in the module stay true");
    let found = wasm.windows(marker.len()).position(|bytes| bytes == marker).expect("it is in its data");
    wasm[found..found + with.len()].copy_from_slice(with.as_bytes());
    wasm
}

fn says(function: &Function) -> isopool::Task<(), String> {
    function.call(())
}

#[test]
fn tasks_end_on_the_version_that_was_current_when_they_were_made() {
    let _house = house();
    let executor = executor(2);
    let plugins = Registry::new(&executor).require(["value::build"]);
    let mut tasks: Vec<(usize, TaskFuture<String>)> = Vec::new();
    for number in [1, 2, 3, 2, 4] {
        let version = plugins.publish("which", build(number)).expect("it is sound");
        let function = plugins.function("which", "value::build").expect("it is required");
        for _ in 0..200 {
            let task = executor.submit(says(&function)).expect("open");
            assert_eq!(task.task().module_hash(), version.hash());
            tasks.push((number, task));
        }
    }
    for (number, task) in &tasks {
        assert_eq!(end_of(task), Ok(format!("build-number-{number}")));
    }
    let stats = executor.stats();
    assert_eq!((stats.finished, stats.failed, stats.workers_started), (1000, 0, stats.workers.len() as u64));
    let numbers: Vec<u64> = plugins.versions("which").expect("known").iter().map(|version| version.number()).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "the same bytes are the same version");
}

#[test]
fn a_version_that_cannot_be_used_changes_nothing() {
    let _house = house();
    let plugins = Registry::new(&executor(1)).require(["value::build"]);
    let first = plugins.publish("which", build(1)).expect("it is sound");
    let lacks = include_bytes!("../host/src/engine/testdata/task_module.wasm");
    for (wasm, kind) in [(&b"nothing"[..], ErrorKind::Module), (&lacks[..], ErrorKind::UnknownFunction)] {
        assert_eq!(plugins.publish("which", wasm).expect_err("refused").kind(), kind);
        assert_eq!(plugins.current("which").expect("still there").hash(), first.hash());
    }
    let missing = plugins.publish_file("which", "/nonexistent/which.wasm").expect_err("no file");
    assert_eq!(missing.kind(), ErrorKind::System);
    assert_eq!(plugins.versions("which").expect("known").len(), 1);
}

// limit: DEFAULT_PLUGIN_VERSIONS
#[test]
fn the_oldest_versions_are_forgotten_and_never_the_one_in_use() {
    let _house = house();
    let executor = executor(1);
    let plugins = Registry::new(&executor);
    plugins.publish("which", build(1)).expect("it is sound");
    let kept = plugins.function("which", "value::build").expect("it has it");
    for number in 2..=9 {
        plugins.publish("which", build(number)).expect("it is sound");
    }
    let numbers = |plugins: &Registry| -> Vec<u64> {
        plugins.versions("which").expect("known").iter().map(|version| version.number()).collect()
    };
    assert_eq!(numbers(&plugins), (2..=limits::DEFAULT_PLUGIN_VERSIONS as u64 + 1).collect::<Vec<_>>());
    assert_eq!(end_of(&executor.submit(says(&kept)).expect("open")), Ok("build-number-1".into()), "who has it, has it");
    let gone = plugins.use_version("which", 1).expect_err("forgotten");
    assert_eq!(gone.to_string(), "plugin `which` has no version 1; it has 2, 3, 4, 5, 6, 7, 8, 9");

    let open = memory::descriptors();
    for number in 0..40 {
        plugins.publish("which", [&build(1)[..], &[0, 2, 1, number]].concat()).expect("it is sound");
    }
    assert!(memory::descriptors() < open + 20, "machine code that nobody can get any more is let go");

    let two = Registry::new(&executor).keep_versions(2);
    (1..=2).for_each(|number| _ = two.publish("which", build(number)).expect("it is sound"));
    two.use_version("which", 1).expect("it is kept");
    two.publish("which", build(3)).expect("it is sound");
    assert_eq!(numbers(&two), [2, 3], "what is in use changes first, then the oldest goes");
    two.use_version("which", 2).expect("it is kept");
    let current = two.current("which").expect("it is there");
    assert_eq!((current.number(), numbers(&two)), (2, vec![2, 3]));
}

#[test]
fn plugins_that_are_not_there_are_named_with_those_that_are() {
    let _house = house();
    let plugins = Registry::new(&executor(1));
    let unknown = plugins.current("which").expect_err("there is none");
    assert_eq!(unknown.kind(), ErrorKind::UnknownPlugin);
    assert_eq!(unknown.to_string(), "no plugin has the name `which`; there are none");
    plugins.publish("here", build(1)).expect("it is sound");
    let unknown = plugins.function("which", "value::build").expect_err("there is none");
    assert_eq!(unknown.to_string(), "no plugin has the name `which`; there are `here`");
    assert!(plugins.remove("here") && !plugins.remove("here"));
    assert_eq!(plugins.names(), Vec::<String>::new());
}

/// What a watch has told, in short.
fn watched() -> (impl FnMut(Result<&isopool::Version, &isopool::Error>) + Send + 'static, Receiver<String>) {
    let (tell, told) = channel();
    let say = move |what: Result<&isopool::Version, &isopool::Error>| {
        let text = match what {
            Ok(version) => format!("version {}", version.number()),
            Err(error) => format!("{:?}", error.kind()),
        };
        // The test may be over.
        let _ = tell.send(text);
    };
    (say, told)
}

#[test]
fn a_file_that_is_watched_is_published_when_it_changes_and_a_broken_one_is_only_told() {
    let _house = house();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("which.wasm");
    let plugins = Registry::new(&executor(1));
    let (say, _) = watched();
    assert_eq!(plugins.watch("which", &path, say).expect_err("no file yet").kind(), ErrorKind::System);
    // As a build does: whole, under another name, and then in its place.
    let write = |wasm: &[u8]| {
        fs::write(folder.path().join("new"), wasm).expect("written");
        fs::rename(folder.path().join("new"), &path).expect("renamed");
    };
    write(&build(1));
    let (say, told) = watched();
    let watch = plugins.watch("which", &path, say).expect("it is sound");
    let next = || told.recv_timeout(crate::patience::PATIENCE).expect("it is told");
    assert_eq!(next(), "version 1");
    write(b"half a module");
    assert_eq!(next(), "Module");
    assert_eq!(plugins.current("which").expect("still there").number(), 1);
    fs::remove_file(&path).expect("removed");
    write(&build(2));
    assert_eq!(next(), "version 2");
    drop(watch);
    write(&build(3));
    assert!(told.recv().is_err(), "nobody is left to tell");
    assert_eq!(plugins.current("which").expect("there").number(), 2);
}

#[test]
fn threads_that_publish_and_submit_at_once_see_whole_versions() {
    let _house = house();
    let executor = executor(2);
    let plugins = Registry::new(&executor);
    plugins.publish("which", build(1)).expect("it is sound");
    let seen = std::thread::scope(|scope| {
        let publishing = scope
            .spawn(|| (1..=9).cycle().take(40).for_each(|n| _ = plugins.publish("which", build(n)).expect("sound")));
        let mut seen = HashSet::new();
        while !publishing.is_finished() {
            let version = plugins.current("which").expect("there is always one");
            let function = version.module().function("value::build").expect("it has it");
            let said = end_of(&executor.submit(says(&function)).expect("open")).expect("no task is lost");
            seen.insert((version.hash(), said));
        }
        seen
    });
    let hashes: HashSet<_> = seen.iter().map(|(hash, _)| hash).collect();
    assert_eq!(hashes.len(), seen.len(), "one version says one thing");
}
