//! What guests reach outside of their sandbox: what they are granted, and nothing beside it.

use crate::patience::{end_of, only_worker};
use crate::support::{executor, house};
use guest_basic::{environment, files, nested, network, value};
use isopool::{
    Access, AddressGrant, ErrorKind, Executor, IntoTask, Reuse, StartMethod, TaskError, get_context, limits,
};
use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A directory that may be granted, beside one that is not.
struct Ground {
    _directory: tempfile::TempDir,
    open: PathBuf,
    closed: PathBuf,
}

fn ground() -> Ground {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().canonicalize().expect("is there");
    let (open, closed) = (root.join("open"), root.join("closed"));
    for (path, text) in [(&open, "open"), (&closed, "closed")] {
        std::fs::create_dir(path).expect("made");
        std::fs::write(path.join("file"), text).expect("written");
    }
    Ground { _directory: directory, open, closed }
}

fn granted(host: &Path, access: Access) -> Executor {
    Executor::builder().max_workers(1).preopen(host, "/d", access).build().expect("builds")
}

fn run<T: IntoTask>(executor: &Executor, task: T) -> Result<T::Output, TaskError> {
    end_of(&executor.submit(task).expect("an open executor"))
}

/// The guest was told that it may not: it has neither crashed nor got anything.
fn refused<T: Debug>(what: &str, end: Result<T, TaskError>) {
    match end {
        Err(TaskError::Failed { .. }) => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn a_guest_without_grants_has_no_files_no_network_and_no_arguments() {
    let _house = house();
    let executor = executor(1);
    for path in ["/etc/passwd", "/", ".", "/proc/self/environ", "/dev/null", "file"] {
        refused(path, run(&executor, files::read::task(path.into())));
        refused(path, run(&executor, files::write::task(path.into(), String::new())));
        refused(path, run(&executor, environment::list_folder::task(path.into())));
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has one").to_string();
    refused("connects", run(&executor, network::ask::task(address.clone(), String::new())));
    refused("listens", run(&executor, network::listen::task("127.0.0.1:0".into())));
    refused("sends", run(&executor, network::send_datagram::task(address)));
    refused("looks up", run(&executor, network::look_up::task("localhost".into())));
    assert_eq!(run(&executor, environment::arguments::task()), Ok(vec![]));
    for name in ["PATH", "HOME", "ISOPOOL_WORKER"] {
        assert_eq!(run(&executor, environment::env::task(name.into())), Ok(None), "the caller's environment");
    }
}

#[test]
fn a_directory_that_is_granted_to_be_read_can_be_read_and_not_changed() {
    let _house = house();
    let ground = ground();
    let executor = granted(&ground.open, Access::ReadOnly);
    assert_eq!(run(&executor, files::read::task("/d/file".into())), Ok("open".into()));
    assert_eq!(run(&executor, environment::list_folder::task("/d".into())), Ok(vec!["file".into()]));
    refused("writes", run(&executor, files::write::task("/d/file".into(), "x".into())));
    refused("appends", run(&executor, files::append::task("/d/file".into(), "x".into())));
    refused("makes", run(&executor, files::write::task("/d/new".into(), "x".into())));
    refused("makes", run(&executor, files::make_directory::task("/d/new".into())));
    refused("removes", run(&executor, files::remove::task("/d/file".into())));
    refused("renames", run(&executor, files::rename::task("/d/file".into(), "/d/other".into())));
    refused("links", run(&executor, files::hard_link::task("/d/file".into(), "/d/other".into())));
    refused("links", run(&executor, files::symbolic_link::task("file".into(), "/d/other".into())));
    assert_eq!(std::fs::read_to_string(ground.open.join("file")).expect("is there"), "open");
    assert_eq!(std::fs::read_dir(&ground.open).expect("is there").count(), 1);
}

#[test]
fn a_directory_that_is_granted_to_be_written_can_be_changed() {
    let _house = house();
    let ground = ground();
    for method in [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork] {
        let builder = get_context(method).executor().max_workers(1);
        let executor = builder.preopen(&ground.open, "/d", Access::ReadWrite).build().expect("builds");
        run(&executor, files::write::task("/d/new".into(), "one".into())).expect("written");
        run(&executor, files::append::task("/d/new".into(), " two".into())).expect("written");
        run(&executor, files::rename::task("/d/new".into(), "/d/other".into())).expect("renamed");
        run(&executor, files::hard_link::task("/d/other".into(), "/d/link".into())).expect("linked");
        assert_eq!(run(&executor, files::read::task("/d/link".into())), Ok("one two".into()));
        assert_eq!(std::fs::read_to_string(ground.open.join("other")).expect("is there"), "one two");
        for name in ["/d/other", "/d/link"] {
            run(&executor, files::remove::task(name.into())).expect("removed");
        }
        assert_eq!(std::fs::read_dir(&ground.open).expect("is there").count(), 1);
    }
}

#[test]
fn no_path_and_no_link_leads_out_of_a_directory() {
    let _house = house();
    let ground = ground();
    symlink("../closed", ground.open.join("out")).expect("made");
    symlink(&ground.closed, ground.open.join("absolute")).expect("made");
    symlink("/etc/passwd", ground.open.join("passwd")).expect("made");
    symlink("file", ground.open.join("inside")).expect("made");
    let executor = granted(&ground.open, Access::ReadWrite);
    assert_eq!(run(&executor, files::read::task("/d/inside".into())), Ok("open".into()), "a link that stays is one");
    let closed = ground.closed.join("file").to_string_lossy().into_owned();
    for path in [
        "/d/../closed/file",
        "/d/out/file",
        "/d/absolute/file",
        "/d/passwd",
        "/d/./../../etc/passwd",
        "/d//../closed/file",
        "/closed/file",
        &closed,
    ] {
        refused(path, run(&executor, files::read::task(path.into())));
        refused(path, run(&executor, files::write::task(path.into(), "x".into())));
        refused(path, run(&executor, files::remove::task(format!("{path}/../file"))));
    }
    // Links that a guest makes lead it nowhere either.
    for (link, target) in [("/d/mine", "../closed/file"), ("/d/root", "/etc/passwd")] {
        let made = run(&executor, files::symbolic_link::task(target.into(), link.into()));
        assert!(matches!(made, Ok(()) | Err(TaskError::Failed { .. })), "{made:?}");
        refused(link, run(&executor, files::read::task(link.into())));
        if made.is_ok() {
            refused(link, run(&executor, files::write::task(link.into(), "x".into())));
        }
    }
    refused("links in", run(&executor, files::hard_link::task("/d/../closed/file".into(), "/d/in".into())));
    refused("renames out", run(&executor, files::rename::task("/d/file".into(), "/d/../closed/taken".into())));
    assert_eq!(std::fs::read_to_string(&closed).expect("is there"), "closed");
    assert_eq!(std::fs::read_dir(&ground.closed).expect("is there").count(), 1);
}

#[test]
fn nothing_goes_from_a_directory_to_be_read_into_one_to_be_written_but_copies() {
    let _house = house();
    let ground = ground();
    let builder = Executor::builder().max_workers(1).preopen(&ground.closed, "/read", Access::ReadOnly);
    let executor = builder.preopen(&ground.open, "/write", Access::ReadWrite).build().expect("builds");
    refused("renames", run(&executor, files::rename::task("/read/file".into(), "/write/taken".into())));
    refused("renames", run(&executor, files::rename::task("/write/file".into(), "/read/given".into())));
    // A second name in a directory to be written would make what is behind it writable.
    refused("links", run(&executor, files::hard_link::task("/read/file".into(), "/write/linked".into())));
    refused("links", run(&executor, files::hard_link::task("/write/file".into(), "/read/linked".into())));
    let read = run(&executor, files::read::task("/read/file".into())).expect("may be read");
    run(&executor, files::write::task("/write/copy".into(), read)).expect("may be written");
    assert_eq!(std::fs::read_to_string(ground.closed.join("file")).expect("is there"), "closed");
    assert_eq!(std::fs::read_dir(&ground.closed).expect("is there").count(), 1);
}

#[test]
fn what_one_task_is_granted_no_other_one_has() {
    let _house = house();
    let ground = ground();
    for reuse in [Reuse::Never, Reuse::Worker] {
        let executor = Executor::builder().max_workers(1).reuse(reuse).build().expect("builds");
        let read = || files::read::task("/d/file".into()).into_task();
        let of = |host: &Path| read().preopen(host, "/d", Access::ReadOnly);
        for _ in 0..2 {
            assert_eq!(run(&executor, of(&ground.open)), Ok("open".into()));
            refused("has no grant", run(&executor, read()));
            assert_eq!(run(&executor, of(&ground.closed)), Ok("closed".into()));
            refused(
                "writes",
                run(&executor, {
                    let write = files::write::task("/d/file".into(), "x".into()).into_task();
                    write.preopen(&ground.closed, "/d", Access::ReadOnly)
                }),
            );
        }
        let stats = executor.stats();
        assert_eq!((stats.workers_replaced, stats.failed), (5, 4), "a process for each: {stats:?}");
    }
}

#[test]
fn the_children_of_a_task_have_its_grants_and_those_of_others_do_not() {
    let _house = house();
    let ground = ground();
    let executor = executor(3);
    let parents: Vec<_> = (0..12)
        .map(|n| {
            let host = if n % 2 == 0 { &ground.open } else { &ground.closed };
            let task = nested::read_in_children::task("/d/file".into(), 8).into_task();
            executor.submit(task.preopen(host, "/d", Access::ReadOnly)).expect("submits")
        })
        .collect();
    for (n, parent) in parents.iter().enumerate() {
        let text = if n % 2 == 0 { "open" } else { "closed" };
        assert_eq!(end_of(parent).expect("reads"), vec![text; 8]);
    }
}

#[test]
fn a_worker_whose_guests_use_files_and_connections_has_one_thread() {
    let _house = house();
    let ground = ground();
    let (address, answers) = answering(3);
    let builder = Executor::builder().max_workers(1).preopen(&ground.open, "/d", Access::ReadWrite);
    let executor = builder.allow_address(address).build().expect("builds");
    for n in 0..3 {
        run(&executor, files::append::task("/d/file".into(), "x".repeat(100_000))).expect("written");
        assert_eq!(run(&executor, files::read::task("/d/file".into())).expect("read").len(), 4 + 100_000 * (n + 1));
        assert_eq!(run(&executor, network::ask::task(address.to_string(), "who?".into())), Ok("who? me".into()));
    }
    let tasks = format!("/proc/{}/task", only_worker(&executor).pid);
    assert_eq!(std::fs::read_dir(tasks).expect("it is up").count(), 1);
    answers.join().expect("answered");
}

/// Answers so many questions, one after another.
fn answering(count: usize) -> (SocketAddr, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has one");
    let answers = std::thread::spawn(move || {
        for _ in 0..count {
            let (mut stream, _) = listener.accept().expect("someone connects");
            let mut question = String::new();
            stream.read_to_string(&mut question).expect("is text");
            stream.write_all(format!("{question} me").as_bytes()).expect("someone listens");
        }
    });
    (address, answers)
}

#[test]
fn a_guest_connects_where_it_may_and_nowhere_else() {
    let _house = house();
    let (address, answers) = answering(3);
    let other = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let other_address = other.local_addr().expect("it has one");
    for method in [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork] {
        let executor = get_context(method).executor().max_workers(1).allow_address(address).build().expect("builds");
        let ask = |address: &str| run(&executor, network::ask::task(address.into(), "who?".into()));
        assert_eq!(ask(&address.to_string()), Ok("who? me".into()));
        refused("another port", ask(&other_address.to_string()));
        refused("another host", ask(&format!("127.0.0.2:{}", address.port())));
        refused("another kind of address", ask(&format!("[::1]:{}", address.port())));
        refused("a name", ask(&format!("localhost:{}", address.port())));
        refused("listens", run(&executor, network::listen::task("127.0.0.1:0".into())));
        refused("listens", run(&executor, network::listen::task(other_address.to_string())));
        refused("sends a datagram", run(&executor, network::send_datagram::task(address.to_string())));
    }
    answers.join().expect("answered");
    // A network grants its ports, and only to the task that has it.
    let network: AddressGrant = format!("127.0.0.0/8:{0}-{0}", other_address.port()).parse().expect("is one");
    let executor = executor(1);
    let ask = || network::ask::task(other_address.to_string(), "who?".into()).into_task();
    refused("has no grant", run(&executor, ask()));
    let answered = executor.submit(ask().allow_address(network)).expect("submits");
    let (mut stream, _) = other.accept().expect("it connects");
    let mut question = String::new();
    stream.read_to_string(&mut question).expect("is text");
    stream.write_all(b"I").expect("it listens");
    drop(stream);
    assert_eq!(end_of(&answered), Ok("I".into()));
    refused("has no grant", run(&executor, ask()));
}

#[test]
fn arguments_are_the_executor_s_and_then_the_task_s_own() {
    let _house = house();
    for reuse in [Reuse::Never, Reuse::Worker] {
        let builder = Executor::builder().max_workers(1).reuse(reuse).argument("one").arguments(["two", ""]);
        let executor = builder.build().expect("builds");
        let see = |own: &[&str]| {
            run(&executor, environment::arguments::task().into_task().arguments(own.iter().copied())).expect("sees")
        };
        assert_eq!(see(&[]), ["one", "two", ""]);
        assert_eq!(see(&["--three", "four five"]), ["one", "two", "", "--three", "four five"]);
        assert_eq!(see(&[]), ["one", "two", ""]);
        assert_eq!(executor.stats().workers_started, 1, "arguments open nothing: the process is the same");
        let submit = |argument: String| {
            let task = environment::arguments::task().into_task().argument(argument);
            executor.submit(task).map(|future| end_of(&future).expect("sees").len()).map_err(|error| error.to_string())
        };
        assert_eq!(submit("x".repeat(limits::MAX_ARGUMENTS_BYTES - 6)), Ok(4));
        let error = submit("x".repeat(limits::MAX_ARGUMENTS_BYTES - 5)).expect_err("one byte too many");
        assert!(error.starts_with("65537 bytes are in the arguments of a task, the limit is 65536; "), "{error}");
        assert!(submit("a\0b".into()).expect_err("not an argument").contains("it has NUL in it"));
    }
}

#[test]
fn a_directory_that_is_gone_or_replaced_is_told_to_its_tasks_and_costs_the_others_nothing() {
    let _house = house();
    let ground = ground();
    let executor = executor(1);
    let read = |host: &Path| {
        let task = files::read::task("/d/file".into()).into_task();
        executor.submit(task.preopen(host, "/d", Access::ReadOnly)).expect("is a directory")
    };
    // It waits for its worker, and loses its directory meanwhile.
    let busy = crate::support::begin_waiting(&executor);
    let (first, second) = (read(&ground.open), read(&ground.closed));
    std::fs::rename(&ground.open, ground.open.with_file_name("moved")).expect("moved");
    symlink(&ground.closed, &ground.open).expect("made");
    assert!(busy.cancel());
    let error = end_of(&first).expect_err("its directory is a link to another one by now");
    let TaskError::GrantFailed { message, .. } = &error else { panic!("{error}") };
    assert!(message.contains("open` cannot be opened any more: "), "{message}");
    assert_eq!(end_of(&second), Ok("closed".into()));
    assert_eq!(run(&executor, value::add::task(1, 2)), Ok(3));
    assert_eq!(executor.stats().workers_lost, 0);
}

#[test]
fn grants_that_cannot_be_are_refused_at_the_door() {
    let _house = house();
    let ground = ground();
    let (open, ro) = (ground.open.clone(), Access::ReadOnly);
    let both = |host: &Path, guest: &str| {
        let of_executor = Executor::builder().preopen(host, guest, ro).build().map(drop).expect_err("refused");
        let task = value::add::task(1, 2).into_task().preopen(host, guest, ro);
        let of_task = executor(1).submit(task).map(drop).expect_err("refused");
        assert_eq!((of_task.kind(), of_task.to_string()), (ErrorKind::InvalidOption, of_executor.to_string()));
        of_executor.to_string()
    };
    let missing = both(&open.join("missing"), "/d");
    assert!(
        missing.ends_with("missing` cannot be granted as a directory: No such file or directory (os error 2)"),
        "{missing}"
    );
    assert!(both(&open.join("file"), "/d").ends_with("cannot be granted as a directory: it is none"));
    for (guest, why) in [
        ("", "it must begin with `/`"),
        ("d", "it must begin with `/`"),
        ("/a/../b", "a part of it is empty, `.` or `..`, or has NUL in it"),
        ("/a//b", "a part of it is empty, `.` or `..`, or has NUL in it"),
        ("/a/", "a part of it is empty, `.` or `..`, or has NUL in it"),
        ("/a\0", "a part of it is empty, `.` or `..`, or has NUL in it"),
    ] {
        assert_eq!(both(&open, guest), format!("{guest:?} is no path for a directory in a guest: {why}"));
    }
    let long = format!("/{}", "x".repeat(limits::MAX_GUEST_PATH_BYTES));
    assert!(both(&open, &long).ends_with("it has 4097 bytes, the limit is 4096"));
    let twice = Executor::builder().preopen(&open, "/d", ro).preopen(&ground.closed, "/d", ro).build();
    assert_eq!(
        twice.map(drop).expect_err("refused").to_string(),
        "two directories are granted as `/d`; give each a path of its own"
    );
    let task = value::add::task(1, 2).into_task().preopen(&open, "/d", ro);
    assert!(granted(&open, ro).submit(task).is_err(), "also beside that of the executor");
    let many = (0..=limits::MAX_DIRECTORY_GRANTS)
        .fold(Executor::builder(), |builder, n| builder.preopen(&open, format!("/{n}"), ro));
    let error = many.build().map(drop).expect_err("refused").to_string();
    assert!(error.starts_with("65 directories are granted, the limit is 64; "), "{error}");
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    let many = (0..=limits::MAX_ADDRESS_GRANTS).fold(Executor::builder(), |builder, _| builder.allow_address(address));
    let error = many.build().map(drop).expect_err("refused").to_string();
    assert!(error.starts_with("65 addresses are granted, the limit is 64; "), "{error}");
}
