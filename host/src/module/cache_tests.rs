//! The cache against damage, other users, links, full disks and itself.

use super::super::cache_directory::{Directory, Unfinished, kept_bytes};
use super::super::cache_entry::{EntryError, EntryKey, read_entry, write_entry};
use super::*;
use crate::limits::{CACHE_UNFINISHED_LIFETIME, MAX_ARTIFACT_BYTES, MAX_CACHED_INFO_BYTES};
use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

fn id(number: u8) -> ArtifactId {
    ArtifactId([number; 32])
}

fn info(text: &str) -> ModuleInfo {
    ModuleInfo { contract: text.to_owned(), exports: vec!["run".to_owned()], ..ModuleInfo::default() }
}

fn artifact(code: &[u8]) -> MemoryFile {
    let mut file = MemoryFile::create("isopool-test").expect("a memory file can be made");
    file.file().write_all(code).expect("memory can be written");
    file
}

fn content(file: &MemoryFile) -> Vec<u8> {
    let mut bytes = vec![0; file.len().expect("the size is known") as usize];
    file.read_exact_at(&mut bytes, 0).expect("all of it can be read");
    bytes
}

/// A directory, a cache in it, and one entry: `id(1)`.
fn with_entry() -> (TempDir, Cache, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let cache = Cache::at(directory.path());
    cache.store(id(1), &info("1.0"), &artifact(b"machine code"));
    let path = entry_path(&cache, id(1));
    assert!(path.is_file());
    (directory, cache, path)
}

fn entry_path(cache: &Cache, id: ArtifactId) -> PathBuf {
    let directory = cache.path.as_deref().expect("this cache keeps entries");
    directory.join(format!("{}.module", cache.key(id).1))
}

fn names(directory: &Path) -> Vec<String> {
    let items = fs::read_dir(directory).expect("the directory can be read");
    items.map(|item| item.expect("an item").file_name().to_string_lossy().into_owned()).collect()
}

/// Whether this process may give files away, as the tests of foreign files need.
fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        println!("skipped: only root can make a file that belongs to another user");
    }
    root
}

#[test]
fn what_was_stored_is_loaded_and_cannot_be_changed() {
    let (_directory, cache, path) = with_entry();
    let (loaded, code) = cache.load(id(1)).expect("it is there");
    assert_eq!(loaded, info("1.0"));
    assert_eq!(content(&code), b"machine code");
    let mut file = File::from(OwnedFd::from(code));
    assert_eq!(file.write(b"x").expect_err("sealed").raw_os_error(), Some(libc::EPERM));
    assert_eq!(file.set_len(0).expect_err("sealed").raw_os_error(), Some(libc::EPERM));
    assert_eq!(fs::metadata(path).expect("it exists").permissions().mode() & 0o777, 0o600);
}

#[test]
fn large_and_empty_modules_come_back_whole() {
    let (_directory, cache, _) = with_entry();
    let large: Vec<u8> = (0..3_000_001_u32).map(|index| (index % 251) as u8).collect();
    for code in [&large[..], &[]] {
        cache.store(id(2), &info(""), &artifact(code));
        assert!(content(&cache.load(id(2)).expect("it is there").1) == code);
    }
}

#[test]
fn entry_of_another_module_or_another_engine_is_not_found() {
    let (directory, cache, _) = with_entry();
    assert!(cache.load(id(2)).is_none());
    let newer = Cache { compatibility: cache.compatibility.clone() + "!", ..Cache::at(directory.path()) };
    assert!(newer.load(id(1)).is_none());
    assert!(cache.load(id(1)).is_some());
}

#[test]
fn entry_under_the_name_of_another_is_ignored_and_removed() {
    let (_directory, cache, path) = with_entry();
    let other = entry_path(&cache, id(2));
    fs::copy(&path, &other).expect("a file can be copied");
    assert!(cache.load(id(2)).is_none());
    assert!(!other.exists() && path.exists());
}

#[test]
fn every_flipped_bit_is_noticed_and_the_entry_removed() {
    let (_directory, cache, path) = with_entry();
    let sound = fs::read(&path).expect("the entry can be read");
    for index in 0..sound.len() {
        let mut damaged = sound.clone();
        damaged[index] ^= 1 << (index % 8);
        write_private(&path, &damaged);
        assert!(cache.load(id(1)).is_none(), "byte {index}");
        assert!(!path.exists(), "byte {index}");
    }
}

#[test]
fn every_truncation_and_any_extra_byte_is_noticed() {
    let (_directory, cache, path) = with_entry();
    let sound = fs::read(&path).expect("the entry can be read");
    for length in 0..sound.len() {
        write_private(&path, &sound[..length]);
        assert!(cache.load(id(1)).is_none(), "{length} bytes");
        assert!(!path.exists(), "{length} bytes");
    }
    write_private(&path, &[&sound[..], b"x"].concat());
    assert!(cache.load(id(1)).is_none());
    write_private(&path, &sound);
    assert!(cache.load(id(1)).is_some());
}

fn write_private(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("a file can be written");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("its mode can be set");
}

// limit: MAX_ARTIFACT_BYTES
#[test]
fn no_length_in_a_header_is_believed() {
    let key = EntryKey([7; 32]);
    let mut sound = Vec::new();
    write_entry(&mut sound, key, b"info", &artifact(b"code")).expect("memory can be written");
    let read = |info_bytes: u64, code_bytes: u64| {
        let mut entry = sound.clone();
        entry[76..84].copy_from_slice(&info_bytes.to_le_bytes());
        entry[84..92].copy_from_slice(&code_bytes.to_le_bytes());
        read_entry(&mut &entry[..], entry.len() as u64, key).expect_err("the lengths are wrong")
    };
    for info_bytes in [u64::MAX, 1 << 62, MAX_CACHED_INFO_BYTES as u64 + 1] {
        assert!(matches!(read(info_bytes, 4), EntryError::TooLarge { what: "information", .. }));
    }
    for code_bytes in [u64::MAX, u64::MAX - 100, MAX_ARTIFACT_BYTES as u64 + 1] {
        assert!(matches!(read(4, code_bytes), EntryError::TooLarge { what: "machine code", .. }));
    }
    assert!(matches!(read(4, MAX_ARTIFACT_BYTES as u64), EntryError::Length { .. }));
    assert!(matches!(read(3, 5), EntryError::Hash));
}

#[test]
fn file_that_others_may_write_to_is_ignored_and_removed() {
    for mode in [0o620, 0o602, 0o666] {
        let (_directory, cache, path) = with_entry();
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode can be set");
        assert!(cache.load(id(1)).is_none(), "mode {mode:o}");
        assert!(!path.exists(), "mode {mode:o}");
    }
}

#[test]
fn file_of_another_user_is_ignored_left_alone_and_replaced_by_the_next_store() {
    if !is_root() {
        return;
    }
    let (_directory, cache, path) = with_entry();
    std::os::unix::fs::chown(&path, Some(12_345), None).expect("root gives files away");
    assert!(cache.load(id(1)).is_none());
    assert!(path.exists());
    cache.store(id(1), &info("1.0"), &artifact(b"machine code"));
    assert!(cache.load(id(1)).is_some());
}

#[test]
fn directory_that_others_may_write_to_is_not_used() {
    for mode in [0o770, 0o707, 0o1777] {
        let (directory, cache, path) = with_entry();
        fs::set_permissions(directory.path(), Permissions::from_mode(mode)).expect("its mode can be set");
        assert!(cache.load(id(1)).is_none(), "mode {mode:o}");
        cache.store(id(2), &info(""), &artifact(b"code"));
        assert!(path.exists(), "mode {mode:o}");
        assert_eq!(names(directory.path()).len(), 1, "mode {mode:o}");
    }
}

#[test]
fn directory_of_another_user_is_not_used() {
    if !is_root() {
        return;
    }
    let (directory, cache, _) = with_entry();
    std::os::unix::fs::chown(directory.path(), Some(12_345), None).expect("root gives files away");
    assert!(cache.load(id(1)).is_none());
    cache.store(id(2), &info(""), &artifact(b"code"));
    assert_eq!(names(directory.path()).len(), 1);
}

#[test]
fn link_is_not_followed_even_to_a_sound_entry() {
    let (directory, cache, path) = with_entry();
    let elsewhere = directory.path().join("elsewhere");
    fs::rename(&path, &elsewhere).expect("a file can be moved");
    symlink(&elsewhere, &path).expect("a link can be made");
    assert!(cache.load(id(1)).is_none());
    assert!(path.symlink_metadata().is_err(), "the link is removed");
    assert!(elsewhere.exists(), "what it led to is not");
    // A store over a link replaces the link.
    symlink(&elsewhere, &path).expect("a link can be made");
    fs::write(&elsewhere, "untouched").expect("a file can be written");
    cache.store(id(1), &info("1.0"), &artifact(b"machine code"));
    assert_eq!(fs::read_to_string(&elsewhere).expect("it can be read"), "untouched");
    assert!(cache.load(id(1)).is_some());
}

#[test]
fn pipe_or_directory_in_place_of_an_entry_neither_blocks_nor_breaks() {
    let (_directory, cache, path) = with_entry();
    fs::remove_file(&path).expect("a file can be removed");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe can be made");
    assert!(cache.load(id(1)).is_none());
    assert!(path.symlink_metadata().is_err(), "the pipe is removed");
    fs::create_dir(&path).expect("a directory can be made");
    assert!(cache.load(id(1)).is_none());
    cache.store(id(1), &info(""), &artifact(b"code"));
    assert!(path.is_dir());
}

#[test]
fn directory_is_made_for_this_user_only() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("made/here");
    let cache = Cache::at(&path);
    assert!(cache.load(id(1)).is_none());
    assert!(!path.exists(), "a load makes nothing");
    cache.store(id(1), &info(""), &artifact(b"code"));
    assert!(cache.load(id(1)).is_some());
    assert_eq!(fs::metadata(&path).expect("it exists").permissions().mode() & 0o777, 0o700);
}

#[test]
fn readers_and_writers_at_once_see_whole_entries_only() {
    let (directory, cache, _) = with_entry();
    let codes: Vec<Vec<u8>> = (0..4).map(|writer| vec![writer as u8; 700_000]).collect();
    cache.store(id(1), &info("0"), &artifact(&codes[0]));
    std::thread::scope(|scope| {
        for (writer, code) in codes.iter().enumerate() {
            let cache = &cache;
            scope.spawn(move || (0..20).for_each(|_| cache.store(id(1), &info(&writer.to_string()), &artifact(code))));
        }
        for _ in 0..4 {
            let other = Cache::at(directory.path());
            let codes = &codes;
            scope.spawn(move || {
                for _ in 0..40 {
                    let (info, code) = other.load(id(1)).expect("an entry is always there");
                    let writer: usize = info.contract.parse().expect("the number of a writer");
                    assert!(content(&code) == codes[writer]);
                }
            });
        }
    });
    assert_eq!(names(directory.path()).len(), 1, "nothing unfinished is left");
}

#[test]
fn directory_that_cannot_be_written_to_is_said_once_and_stops_nothing() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    for path in [file.path().join("cache"), "/proc/isopool".into()] {
        let cache = Cache::at(&path);
        let said = said_by(|| {
            for number in 0..3 {
                assert!(cache.load(id(number)).is_none());
                cache.store(id(number), &info(""), &artifact(b"code"));
            }
        });
        assert_eq!(said.matches("WARN").count(), 1, "{said}");
        assert!(said.contains(path.to_str().expect("plain text")) && said.contains("ISOPOOL_CACHE_DIR=off"), "{said}");
    }
}

/// What was logged meanwhile.
fn said_by(action: impl FnOnce()) -> String {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no writer panics").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, action);
    let bytes = log.0.lock().expect("no writer panics");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn disk_that_fills_up_is_an_error_and_leaves_nothing() {
    struct FullDisk<W> {
        disk: W,
        left: usize,
    }
    impl<W: Write> Write for FullDisk<W> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.left == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let taken = self.disk.write(&bytes[..bytes.len().min(self.left)])?;
            self.left -= taken;
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            self.disk.flush()
        }
    }
    let (directory, cache, _) = with_entry();
    let opened = Directory::open_or_create(directory.path()).expect("it is sound");
    for left in [0, 50, 100] {
        let mut out = FullDisk { disk: opened.unfinished().expect("there is room for a file"), left };
        let error = write_entry(&mut out, EntryKey([1; 32]), b"info", &artifact(&[1; 1000])).expect_err("it is full");
        assert!(matches!(error, EntryError::Write(_)));
    }
    assert_eq!(names(directory.path()).len(), 1);
    assert!(cache.load(id(1)).is_some());
}

// behaviour: B52
#[test]
fn file_that_is_not_finished_has_no_name_and_one_with_a_name_serves_as_well() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let opened = Directory::open_or_create(directory.path()).expect("it is sound");
    let files = [
        opened.unfinished().expect("there is room"),
        Unfinished::Named(opened.unfinished_with_name().expect("there is room")),
    ];
    assert!(matches!(files[0], Unfinished::Nameless(_)), "the file systems of tests have nameless files");
    assert_eq!(names(directory.path()).len(), 1, "of the other");
    for (content, mut file) in [b"one", b"two"].into_iter().zip(files) {
        file.write_all(content).expect("there is room");
        opened.keep(file, "entry").expect("it is kept");
        let found = fs::read(directory.path().join("entry.module")).expect("it has a name now");
        assert_eq!(found, content, "the later one replaces the earlier one");
    }
    let mut again = opened.unfinished().expect("there is room");
    again.write_all(b"three").expect("there is room");
    opened.keep(again, "entry").expect("it is kept");
    assert_eq!(fs::read(directory.path().join("entry.module")).expect("it is there"), b"three");
    assert_eq!(names(directory.path()).len(), 1);
}

// limit: MAX_CACHE_BYTES
#[test]
fn longest_unused_entries_go_first() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let max_bytes = 100_000;
    let cache = Cache { max_bytes, ..Cache::at(directory.path()) };
    for number in 0..9 {
        cache.store(id(number), &info(""), &artifact(&[number; 10_000]));
        // The later, the older: their order on disk must not matter.
        let file = File::open(entry_path(&cache, id(number))).expect("it is there");
        let age = Duration::from_secs(1000 * u64::from(number + 1));
        file.set_modified(SystemTime::now() - age).expect("its time can be set");
    }
    assert_eq!(names(directory.path()).len(), 9, "below the limit all stay");
    assert!(cache.load(id(8)).is_some(), "used just now");
    cache.store(id(100), &info(""), &artifact(&[1; 20_000]));
    let present: Vec<u8> = (0..9).filter(|number| entry_path(&cache, id(*number)).exists()).collect();
    assert_eq!(present, [0, 1, 2, 3, 4, 8]);
    assert!(cache.load(id(100)).is_some());
    let total: u64 = names(directory.path())
        .iter()
        .map(|name| fs::metadata(directory.path().join(name)).expect("it exists").len())
        .sum();
    assert!(total <= kept_bytes(max_bytes), "{total} bytes");
}

#[test]
fn entry_larger_than_the_cache_is_not_kept_and_drives_nothing_out() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let cache = Cache { max_bytes: 10_000, ..Cache::at(directory.path()) };
    cache.store(id(1), &info(""), &artifact(&[1; 1000]));
    cache.store(id(2), &info(""), &artifact(&[1; 9_500]));
    assert!(cache.load(id(1)).is_some() && cache.load(id(2)).is_none());
}

#[test]
fn what_a_dead_process_left_unfinished_is_removed_and_what_a_living_one_writes_is_not() {
    let (directory, cache, _) = with_entry();
    let [old, new] = [".unfinished-old", ".unfinished-new"].map(|name| directory.path().join(name));
    for path in [&old, &new] {
        fs::write(path, "half").expect("a file can be written");
    }
    let before = SystemTime::now() - CACHE_UNFINISHED_LIFETIME - Duration::from_secs(60);
    File::open(&old).and_then(|file| file.set_modified(before)).expect("its time can be set");
    cache.store(id(2), &info(""), &artifact(b"code"));
    assert!(!old.exists() && new.exists());
}

#[test]
fn environment_names_the_directory_or_switches_the_cache_off() {
    let named = |variables: &[(&str, &str)]| {
        let find = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
        directory_from(find).map(|path| path.to_str().expect("plain text").to_owned())
    };
    let all = [("ISOPOOL_CACHE_DIR", "/one"), ("XDG_CACHE_HOME", "/two"), ("HOME", "/three")];
    assert_eq!(named(&all).as_deref(), Some("/one"));
    assert_eq!(named(&all[1..]).as_deref(), Some("/two/isopool"));
    assert_eq!(named(&all[2..]).as_deref(), Some("/three/.cache/isopool"));
    assert_eq!(named(&[]), None);
    assert_eq!(named(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/three")]).as_deref(), Some("/three/.cache/isopool"));
    assert_eq!(named(&[("HOME", "")]), None);
    for off in ["", "off"] {
        assert_eq!(named(&[("ISOPOOL_CACHE_DIR", off), ("HOME", "/three")]), None);
    }
}

#[test]
fn cache_that_is_off_keeps_nothing() {
    let cache = Cache::new(None, MAX_CACHE_BYTES);
    cache.store(id(1), &info(""), &artifact(b"code"));
    assert!(cache.load(id(1)).is_none());
}

#[test]
fn reading_stops_at_the_entry_s_end() {
    let key = EntryKey([7; 32]);
    let mut entry = Vec::new();
    let info = encode_info(&info("1.0")).expect("it encodes");
    write_entry(&mut entry, key, &info, &artifact(b"code")).expect("memory can be written");
    // A file that grows after its size was taken.
    let mut endless = (&entry[..]).chain(std::io::repeat(0));
    assert!(read_entry(&mut endless, entry_bytes(info.len() as u64, 4), key).is_ok());
}
