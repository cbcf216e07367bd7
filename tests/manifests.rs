//! Modules that say what they ask for: they are given that, as far as it is granted, and nothing else.

use crate::patience::{end_of, only_worker};
use crate::support::{house, logs};
use guest_basic::environment;
use guest_hostile::start;
use isopool::{
    Access, Decision, ErrorKind, Executor, ExecutorBuilder, Function, Module, ModuleErrorKind, Reuse, StartMethod,
    Task, TaskError, get_context, limits,
};
use isopool_build::with_manifest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// The guest of most tests, with a manifest.
fn asking(json: &str) -> Vec<u8> {
    with_manifest(environment::env::task(String::new()).module.wasm, json).expect("a module")
}

/// A plugin in an executor.
struct Plugin {
    executor: Executor,
    module: Module,
}

fn plugin(builder: ExecutorBuilder, json: &str) -> Plugin {
    Plugin::of(builder.build().expect("builds"), asking(json))
}

impl Plugin {
    fn of(executor: Executor, wasm: Vec<u8>) -> Self {
        let module = executor.load("plugin", wasm).expect("loads");
        Self { executor, module }
    }

    fn function(&self, name: &str) -> Function {
        self.module.function(name).expect("it is there")
    }

    fn env(&self, name: &str) -> Task<(String,), Option<String>> {
        self.function("environment::env").call((name.to_owned(),))
    }

    fn run<A: Serialize, R: DeserializeOwned>(&self, task: Task<A, R>) -> Result<R, TaskError> {
        end_of(&self.executor.submit(task).expect("submits"))
    }

    fn call<R: DeserializeOwned>(&self, name: &str, arguments: impl Serialize) -> Result<R, TaskError> {
        self.run(self.function(name).call(arguments))
    }

    /// Each decision in one line.
    fn decisions(&self) -> Vec<String> {
        self.executor.decisions(&self.module).iter().map(told).collect()
    }
}

fn told(decision: &Decision) -> String {
    let Decision { kind, name, granted, why, .. } = decision;
    format!("{} {kind} {name}: {why}", if *granted { "granted" } else { "denied" })
}

fn one_worker() -> ExecutorBuilder {
    Executor::builder().max_workers(1)
}

/// Whether a process has a text in its memory, mapped files and what is only reserved left aside; `None` if it cannot be read.
fn holds(pid: u32, text: &str) -> Option<bool> {
    const LARGEST_BYTES: u64 = 64 << 20;
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut found = false;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split_once(' ')?.0.split_once('-')?;
        let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        if to - from <= LARGEST_BYTES {
            let mut bytes = vec![0; (to - from) as usize];
            memory.read_exact_at(&mut bytes, from).ok()?;
            found |= bytes.windows(text.len()).any(|window| window == text.as_bytes());
        }
    }
    Some(found)
}

/// Two directories with a file each.
fn ground() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().canonicalize().expect("is there");
    let (one, other) = (root.join("one"), root.join("other"));
    for path in [&one, &other] {
        std::fs::create_dir(path).expect("made");
        std::fs::write(path.join("file"), "text").expect("written");
    }
    (directory, one, other)
}

#[test]
fn a_variable_is_there_when_it_is_granted_and_asked_for() {
    let _house = house();
    let asks = r#"{ "variables": [{ "name": "BOTH" }, { "name": "ASKED" }] }"#;
    for method in [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork] {
        for reuse in [Reuse::Never, Reuse::Worker] {
            let builder = get_context(method).executor().max_workers(1).reuse(reuse);
            let plugin = plugin(builder.env("BOTH", "1").env("GRANTED", "2"), asks);
            assert_eq!(plugin.run(plugin.env("BOTH")), Ok(Some("1".into())));
            assert_eq!(plugin.run(plugin.env("GRANTED")), Ok(None), "not asked for");
            assert_eq!(plugin.run(plugin.env("ASKED")), Ok(None), "not granted");
            let own = |name: &str| plugin.env(name).env("ASKED", "3").env("OWN", "4").env("BOTH", "5");
            assert_eq!(plugin.run(own("ASKED")), Ok(Some("3".into())), "the task grants it");
            assert_eq!(plugin.run(own("BOTH")), Ok(Some("5".into())));
            assert_eq!(plugin.run(own("OWN")), Ok(None));
            assert_eq!(plugin.run(own("GRANTED")), Ok(None));
            // Another module, which asks for nothing in particular, has what there is.
            let all = |name: &str| plugin.executor.submit(environment::env::task(name.into())).expect("submits");
            assert_eq!(end_of(&all("GRANTED")), Ok(Some("2".into())));
            assert_eq!(plugin.run(plugin.env("GRANTED")), Ok(None));
        }
    }
}

#[test]
fn a_worker_of_a_plugin_does_not_hold_what_the_plugin_did_not_ask_for() {
    let _house = house();
    const SECRET: &str = "the-secret-that-no-plugin-asks-for";
    for method in [StartMethod::Spawn, StartMethod::ForkServer] {
        let builder = get_context(method).executor().max_workers(1).env("SECRET", SECRET).argument(SECRET);
        let plugin = plugin(builder, "{}");
        assert_eq!(plugin.run(plugin.env("SECRET")), Ok(None));
        let pid = only_worker(&plugin.executor).pid;
        let Some(found) = holds(pid, SECRET) else {
            return eprintln!("skipped: the kernel shows no memory of workers here");
        };
        assert!(!found, "{method:?}: it is in the worker's memory");
        let all = plugin.executor.submit(environment::env::task("SECRET".into())).expect("submits");
        assert_eq!(end_of(&all), Ok(Some(SECRET.into())));
        let pid = only_worker(&plugin.executor).pid;
        assert_eq!(holds(pid, SECRET), Some(true), "{method:?}: so it would have been found");
    }
}

#[test]
fn arguments_are_there_when_they_are_asked_for() {
    let _house = house();
    for (asks, seen) in [(r#"{ "arguments": true }"#, vec!["-v", "own"]), ("{}", vec![])] {
        let plugin = plugin(one_worker().argument("-v"), asks);
        let own = plugin.function("environment::arguments").call::<_, Vec<String>>(()).argument("own");
        assert_eq!(plugin.run(own).expect("sees"), seen, "{asks}");
    }
}

#[test]
fn a_directory_is_there_when_it_is_granted_and_asked_for_and_as_wide_as_both() {
    let _house = house();
    let (_directory, one, other) = ground();
    for hardening in [isopool::Hardening::BestEffort, isopool::Hardening::Off] {
        let grants = || {
            let builder = one_worker().hardening(hardening).preopen(&one, "/in", Access::ReadWrite);
            builder.preopen(&other, "/other", Access::ReadWrite)
        };
        let read = |plugin: &Plugin, path: &str| plugin.call::<String>("files::read", (path,));
        let write = |plugin: &Plugin, path: &str| plugin.call::<()>("files::write", (path, "text"));
        let denied = |end: Result<(), TaskError>| matches!(end, Err(TaskError::Failed { .. }));

        let reads = plugin(grants(), r#"{ "directories": [{ "path": "/in" }, { "path": "/nowhere" }] }"#);
        assert_eq!(read(&reads, "/in/file"), Ok("text".into()));
        assert!(denied(write(&reads, "/in/file")), "it asked to read only");
        assert!(denied(read(&reads, "/other/file").map(drop)), "it did not ask");
        assert!(denied(read(&reads, "/nowhere/file").map(drop)), "nobody has granted it");

        let writes = plugin(grants(), r#"{ "directories": [{ "path": "/other", "access": "read-write" }] }"#);
        assert_eq!(write(&writes, "/other/file"), Ok(()));
        assert!(denied(read(&writes, "/in/file").map(drop)));

        // All below `/`, and of what is granted to a task alone, too.
        let all = plugin(grants(), r#"{ "directories": [{ "path": "/" }] }"#);
        assert_eq!(read(&all, "/other/file"), Ok("text".into()));
        assert!(denied(write(&all, "/other/file")));
        let own = all.function("files::read").call::<_, String>(("/own/file",));
        assert_eq!(all.run(own.preopen(&one, "/own", Access::ReadOnly)), Ok("text".into()));
        let own = writes.function("files::read").call::<_, String>(("/own/file",));
        assert!(denied(writes.run(own.preopen(&one, "/own", Access::ReadOnly)).map(drop)), "it did not ask");
    }
}

#[test]
fn addresses_are_those_that_are_granted_and_asked_for() {
    let _house = house();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has one");
    let network = format!("127.0.0.0/8:1-{}", address.port());
    let grants = || one_worker().allow_address(network.parse::<isopool::AddressGrant>().expect("is one"));
    // That it may is seen by whoever listens; what is answered does not matter.
    let ask = |plugin: &Plugin| {
        let question = plugin.function("network::ask").call::<_, String>((address.to_string(), "who?"));
        plugin.executor.submit(question).expect("submits")
    };
    let asks = plugin(grants(), &format!(r#"{{ "addresses": [{{ "to": "{address}" }}] }}"#));
    let answered = ask(&asks);
    drop(listener.accept().expect("it connects"));
    end_of(&answered).ok();
    assert_eq!(asks.decisions(), [format!("granted address {address}: requested and granted")]);
    let others = plugin(grants(), r#"{ "addresses": [{ "to": "127.0.0.2:1-65535" }, { "to": "10.0.0.1:1" }] }"#);
    assert!(matches!(end_of(&ask(&others)), Err(TaskError::Failed { .. })), "another address");
    let none = plugin(grants(), "{}");
    assert!(matches!(end_of(&ask(&none)), Err(TaskError::Failed { .. })), "it did not ask");
}

// limit: MAX_ADDRESS_GRANTS
#[test]
fn what_is_granted_and_asked_for_has_no_more_ranges_of_addresses_than_may_be_granted() {
    let _house = house();
    let submit = |requests: usize, grants: usize| {
        let to: Vec<_> = (1..=requests).map(|port| format!(r#"{{ "to": "0.0.0.0/0:{port}" }}"#)).collect();
        let grant = |n: usize| format!("10.{n}.0.0/16:1-1000").parse::<isopool::AddressGrant>().expect("is one");
        let builder = (0..grants).fold(one_worker(), |builder, n| builder.allow_address(grant(n)));
        let plugin = plugin(builder, &format!(r#"{{ "addresses": [{}] }}"#, to.join(",")));
        plugin.executor.submit(plugin.env("A")).map(|future| end_of(&future))
    };
    assert_eq!(limits::MAX_ADDRESS_GRANTS, 8 * 8);
    assert_eq!(submit(8, 8).expect("as many as there may be"), Ok(None));
    let error = submit(13, 5).expect_err("one too many");
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
    let told = "have 65 ranges of addresses in common, the limit is 64; grant fewer, that are wider";
    assert!(error.to_string().ends_with(told), "{error}");
}

#[test]
fn what_a_plugin_is_given_can_be_asked_for_before_anything_runs() {
    let _house = house();
    let (_directory, one, other) = ground();
    let asks = r#"{
        "directories": [
            { "path": "/in", "required": true }, { "path": "/out", "access": "read-write" }, { "path": "/cache" }
        ],
        "variables": [{ "name": "LANG" }, { "name": "TOKEN", "required": true }],
        "addresses": [{ "to": "10.1.0.0/16:1-100" }],
        "arguments": true
    }"#;
    let builder = one_worker()
        .preopen(&one, "/in", Access::ReadWrite)
        .preopen(&other, "/out", Access::ReadOnly)
        .preopen(&other, "/more", Access::ReadOnly)
        .env("LANG", "C")
        .env("HOME", "/")
        .allow_address("10.0.0.0/8:80".parse::<isopool::AddressGrant>().expect("is one"))
        .allow_address("11.0.0.0/8:80".parse::<isopool::AddressGrant>().expect("is one"));
    let plugin = plugin(builder, asks);
    assert_eq!(
        plugin.decisions(),
        [
            "granted directory /in: requested to read only",
            "granted directory /out: granted to read only",
            "denied directory /more: not requested",
            "denied directory /cache: requested, not granted",
            "granted variable LANG: requested and granted",
            "denied variable HOME: not requested",
            "denied variable TOKEN: required, not granted",
            "granted address 10.1.0.0/16:80: requested and granted",
            "denied address 11.0.0.0/8:80: not requested",
            "denied arguments : requested, not granted",
        ]
    );
    assert_eq!(plugin.executor.stats().workers_started, 0);
}

#[test]
fn what_is_required_and_not_granted_is_refused_with_its_name_and_how_to_grant_it() {
    let _house = house();
    let (_directory, one, _) = ground();
    let mut said = String::new();
    for (asks, builder) in [
        (r#"{ "variables": [{ "name": "TOKEN", "required": true }] }"#, one_worker()),
        (r#"{ "directories": [{ "path": "/in", "required": true }] }"#, one_worker()),
        (
            r#"{ "directories": [{ "path": "/in", "access": "read-write", "required": true }] }"#,
            one_worker().preopen(&one, "/in", Access::ReadOnly),
        ),
        (
            r#"{ "addresses": [{ "to": "10.0.0.0/8:443", "required": true }] }"#,
            one_worker().allow_address("10.1.0.0/16:443".parse::<isopool::AddressGrant>().expect("is one")),
        ),
    ] {
        let plugin = plugin(builder, asks);
        let error = plugin.executor.submit(plugin.env("TOKEN")).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::NotGranted, "{error}");
        let hash = plugin.module.hash().to_string();
        said.push_str(&format!("{asks}\n    {}\n", error.to_string().replace(&hash[..12], "[hash]")));
        assert_eq!(plugin.executor.stats().workers_started, 0);
        let live = plugin.executor.open(&plugin.module).expect("opens");
        assert_eq!(live.submit(plugin.env("TOKEN")).expect_err("refused").kind(), ErrorKind::NotGranted);
    }
    insta::assert_snapshot!("what_is_required_and_not_granted", said);
    // A task may have of its own what its executor has not.
    let needs = plugin(one_worker(), r#"{ "variables": [{ "name": "TOKEN", "required": true }] }"#);
    assert_eq!(needs.run(needs.env("TOKEN").env("TOKEN", "1")), Ok(Some("1".into())));
    assert_eq!(needs.executor.submit(needs.env("TOKEN")).expect_err("refused").kind(), ErrorKind::NotGranted);
}

// limit: MAX_MANIFEST_BYTES
#[test]
fn each_manifest_that_cannot_be_read_has_an_error_of_its_own() {
    let _house = house();
    let executor = one_worker().build().expect("builds");
    let long = |bytes: usize| {
        let empty = r#"{ "description": "" }"#.len();
        format!(r#"{{ "description": "{}" }}"#, "x".repeat(bytes - empty))
    };
    let mut said = String::new();
    for (name, json) in [
        ("an unknown key", r#"{ "directory": [] }"#.to_owned()),
        ("an unknown key of a request", r#"{ "directories": [{ "path": "/in", "writable": true }] }"#.to_owned()),
        ("no JSON", "arguments = true".to_owned()),
        ("another type", r#"{ "arguments": "yes" }"#.to_owned()),
        ("an access that is none", r#"{ "directories": [{ "path": "/in", "access": "rw" }] }"#.to_owned()),
        ("a path that leads out", r#"{ "directories": [{ "path": "/in/../etc" }] }"#.to_owned()),
        ("a name for an address", r#"{ "addresses": [{ "to": "example.org:443" }] }"#.to_owned()),
        ("a variable twice", r#"{ "variables": [{ "name": "A" }, { "name": "A" }] }"#.to_owned()),
        ("too much", long(limits::MAX_MANIFEST_BYTES + 1)),
    ] {
        let error = executor.load("plugin", asking(&json)).expect_err(name);
        let kind = &error.module_error().expect("it is the module's fault").kind;
        assert!(matches!(kind, ModuleErrorKind::Manifest { .. }), "{name}: {error}");
        said.push_str(&format!("{name}\n    {error}\n"));
    }
    insta::assert_snapshot!("manifests_that_cannot_be_read", said);
    let module = executor.load("plugin", asking(&long(limits::MAX_MANIFEST_BYTES))).expect("as long as it may be");
    assert!(module.manifest().expect("it has one").description.len() > limits::MAX_MANIFEST_BYTES - 100);
}

#[test]
fn tasks_of_a_task_and_calls_of_a_live_instance_have_what_their_plugin_has() {
    let _house = house();
    let (_directory, one, _) = ground();
    let grants = || one_worker().preopen(&one, "/d", Access::ReadOnly).env("A", "1");
    let asks = plugin(grants(), r#"{ "directories": [{ "path": "/d" }] }"#);
    let children = ("/d/file", 3_u64);
    assert_eq!(asks.call("nested::read_in_children", children), Ok(vec!["text".to_owned(); 3]));
    let does_not = plugin(grants(), "{}");
    assert!(does_not.call::<Vec<String>>("nested::read_in_children", children).is_err());
    for (plugin, reads) in [(asks, true), (does_not, false)] {
        let live = plugin.executor.open(&plugin.module).expect("opens");
        let read = || plugin.function("files::read").call::<_, String>(("/d/file",));
        for _ in 0..2 {
            assert_eq!(end_of(&live.submit(read()).expect("submits")).is_ok(), reads);
            assert_eq!(end_of(&live.submit(plugin.env("A")).expect("submits")), Ok(None));
        }
    }
}

#[test]
fn an_initializer_sees_what_its_module_asks_for() {
    let _house = house();
    let both = (Some("1".to_owned()), vec!["-v".to_owned()]);
    for (asks, seen) in [("", (None, vec![])), (r#", "variables": [{ "name": "A" }], "arguments": true"#, both)] {
        // Never seen before, and so not in the cache.
        let wasm = asking(&format!(r#"{{ "description": "{}"{asks} }}"#, now()));
        let module = one_worker().build().expect("builds").load("plugin", wasm.clone()).expect("loads");
        let remember = module.function("environment::remember").expect("it is there").call::<_, ()>(("A",));
        let builder = one_worker().env("A", "1").argument("-v").initializer(remember);
        let plugin = Plugin::of(builder.build().expect("builds"), wasm);
        assert_eq!(plugin.call("environment::remembered", ()), Ok(seen), "{asks}");
    }
}

#[test]
fn a_snapshot_of_a_module_asks_for_what_the_module_asks_for() {
    let _house = house();
    let executor = one_worker().env("A", "1").build().expect("builds");
    for (asks, seen) in [("{}", None), (r#"{ "variables": [{ "name": "A" }] }"#, Some("1".to_owned()))] {
        let kept = executor.snapshot("plugin", asking(asks), "environment::remember", ("A",)).expect("keeps");
        let plugin = Plugin::of(executor.clone(), kept);
        assert_eq!(plugin.module.manifest(), Some(&asks.parse().expect("a manifest")));
        assert_eq!(plugin.call("environment::remembered", ()), Ok((seen.clone(), Vec::<String>::new())), "{asks}");
        assert_eq!(plugin.run(plugin.env("A")), Ok(seen), "{asks}");
    }
}

#[test]
fn a_module_that_is_asked_for_its_functions_sees_no_variable_of_its_executor() {
    let _house = house();
    // Never seen before, and so not in the cache.
    let unique = format!(r#"{{ "description": "{}", "variables": [{{ "name": "{}" }}] }}"#, now(), start::VARIABLE);
    let wasm = with_manifest(guest_hostile::leave::exit::task().module.wasm, &unique).expect("a module");
    let executor = one_worker().env(start::VARIABLE, "1").build().expect("builds");
    let module = executor.load("plugin", wasm).expect("what it does at its start does not happen");
    assert!(!module.info().functions.is_empty());
    let exit = module.function("leave::exit").expect("it is there").call::<_, ()>(());
    let error = end_of(&executor.submit(exit).expect("submits")).expect_err("its task sees the variable");
    assert!(error.to_string().contains("unreachable"), "aborted, before it could exit: {error}");
}

fn now() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos()
}

/// What the audit log says of a module, without hashes; those of tasks with the number of the task, counted from the first.
fn audited(log: &logs::Log, module: &str) -> Vec<String> {
    let events = log.audit(module);
    let first = events.iter().filter_map(|event| event.field("task").parse::<u64>().ok()).min().unwrap_or(0);
    let told = |event: &logs::Logged| {
        let field = |name: &str| event.field(name).to_owned();
        let task = field("task").parse::<u64>().map_or("no task".to_owned(), |task| format!("task {}", task - first));
        assert_eq!(field("hash").len(), 64);
        assert_eq!(field("message"), field("decision"));
        let (level, decision) = (event.level, field("decision"));
        format!("{level} {task} {decision} {} {}: {}", field("kind"), field("name"), field("why"))
    };
    events.iter().map(told).collect()
}

#[test]
fn every_grant_and_every_denial_is_in_the_audit_log() {
    let _house = house();
    let log = logs::listen();
    let (_directory, one, _) = ground();
    let asks = r#"{ "variables": [{ "name": "LANG" }, { "name": "TOKEN" }], "directories": [{ "path": "/in" }] }"#;
    let builder = one_worker().env("LANG", "C").env("HOME", "secret").preopen(&one, "/in", Access::ReadOnly);
    let executor = builder.build().expect("builds");
    let module = executor.load("audited", asking(asks)).expect("loads");
    let env = module.function("environment::env").expect("it is there");
    for task in
        [env.call::<_, Option<String>>(("LANG",)), env.call(("LANG",)).env("TOKEN", "secret").argument("secret")]
    {
        end_of(&executor.submit(task).expect("submits")).expect("it runs");
    }
    let common = |task: u32, token: &str| {
        let mut lines = vec![
            format!("DEBUG task {task} granted directory /in: requested and granted"),
            format!("DEBUG task {task} granted variable LANG: requested and granted"),
            format!("DEBUG task {task} denied variable HOME: not requested"),
            format!("DEBUG task {task} {token}"),
        ];
        if task == 1 {
            lines.push("DEBUG task 1 denied arguments : not requested".to_owned());
        }
        lines
    };
    let expected = [
        common(0, "denied variable TOKEN: requested, not granted"),
        common(1, "granted variable TOKEN: requested and granted"),
    ];
    assert_eq!(audited(&log, "audited"), expected.concat());
    assert!(log.audit("audited").iter().all(|event| event.fields.iter().all(|(_, value)| value != "secret")));

    // Without a manifest.
    let module = executor.load("unasking", environment::env::task(String::new()).module.wasm).expect("loads");
    let task = module.function("environment::env").expect("it is there").call::<_, Option<String>>(("LANG",));
    end_of(&executor.submit(task).expect("submits")).expect("it runs");
    assert_eq!(
        audited(&log, "unasking"),
        [
            "DEBUG task 0 granted directory /in: no manifest",
            "DEBUG task 0 granted variable LANG: no manifest",
            "DEBUG task 0 granted variable HOME: no manifest",
        ]
    );

    // What is refused.
    let requires = r#"{ "variables": [{ "name": "TOKEN", "required": true }] }"#;
    let module = executor.load("requiring", asking(requires)).expect("loads");
    let task = module.function("environment::env").expect("it is there").call::<_, Option<String>>(("LANG",));
    assert_eq!(executor.submit(task).expect_err("refused").kind(), ErrorKind::NotGranted);
    assert_eq!(audited(&log, "requiring"), ["INFO no task denied variable TOKEN: required, not granted"]);
}

#[test]
fn host_functions_that_are_given_and_refused_are_in_the_audit_log() {
    let _house = house();
    let log = logs::listen();
    let wasm = guest_host_calls::lookup::task(String::new()).module.wasm;
    let executor = crate::host_functions::shop().max_host_function_calls(2).build().expect("builds");
    let module = executor.load("calling", wasm).expect("loads");
    let often = module.function("lookup_often").expect("it is there").call::<_, serde::de::IgnoredAny>(("tea", 3_u64));
    assert!(end_of(&executor.submit(often).expect("submits")).is_err(), "it calls too often");
    let said = audited(&log, "calling");
    let name = "test:host/store@0.1.0#lookup";
    assert!(said.contains(&format!("DEBUG task 0 granted host function {name}: imported")), "{said:#?}");
    let refusal = format!("INFO task 0 denied host function {name}: ");
    assert!(said.last().is_some_and(|last| last.starts_with(&refusal) && last.contains("more often")), "{said:#?}");

    let without = one_worker().build().expect("builds");
    assert!(without.load("lacking", wasm).is_err());
    let said = audited(&log, "lacking");
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].starts_with("INFO no task denied host function test:host/store@0.1.0#"), "{said:#?}");
    assert!(said[0].ends_with(": imported, not given"), "{said:#?}");

    assert!(without.load("foreign", crate::commands::core_program("env", "host_log", false)).is_err());
    let said = audited(&log, "foreign");
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].starts_with("INFO no task denied import `env` `host_log`"), "{said:#?}");
}
