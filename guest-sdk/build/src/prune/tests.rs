//! What is kept, on small sources; the exact text of copies, so that lines and columns are seen to stay.

use super::collect::collect_text;
use super::{Program, Reach, copies, is_lifted, reach};

fn prune(text: &str) -> (Program, Reach, String) {
    let program = collect_text(text, &["serde", "tokio", "nix", "itoa", "rand", "isopool"]);
    let reach = reach(&program);
    let copy = copies(&program, &reach).pop().expect("the root is always written").text;
    (program, reach, copy)
}

fn copy_of(text: &str) -> String {
    let (_, _, copy) = prune(text);
    syn::parse_file(&copy).unwrap_or_else(|error| panic!("the copy is not Rust: {error}\n{copy}"));
    assert_eq!(text.lines().count(), copy.lines().count());
    for (line, (original, copied)) in text.lines().zip(copy.lines()).enumerate() {
        for (original, copied) in original.chars().zip(copied.chars()) {
            let same = original == copied || matches!(copied, ' ' | '{' | '}');
            let of_a_skeleton = copied == '(' || copied == ')' || copied.is_ascii_alphanumeric();
            assert!(same || of_a_skeleton, "line {}: `{original}` became `{copied}`", line + 1);
        }
    }
    copy
}

/// The copy without blanks, for tests of what is kept only.
fn kept(text: &str) -> String {
    copy_of(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn dependencies(text: &str) -> Vec<String> {
    prune(text).1.dependencies.into_keys().filter(|name| name != "isopool").collect()
}

#[test]
fn the_copy_keeps_line_and_column() {
    let text = "fn main() {\n    let factor = 3;\n    let call = isopool::task!([factor: u64] |x: u64| -> u64 { x * factor });\n}\n";
    let copy = "fn main() {\n\n               isopool::task!{[factor: u64] |x: u64| -> u64 { x * factor }}\n}\n";
    assert_eq!(copy_of(text), copy);
}

#[test]
fn wide_characters_and_tabs_keep_their_columns() {
    let text = "fn f() {\n\tlet é = \"ü→\"; g(task!(|x: u8| -> String { \"ö  \".into() }), 1); // ß  \n}\n";
    let copy = "fn f() {\n\t                task!{|x: u8| -> String { \"ö  \".into() }}\n}\n";
    assert_eq!(copy_of(text), copy);
    assert_eq!(prune(text).0.tasks[0].id, "src/main.rs:2:18");
}

#[test]
fn spaces_in_kept_strings_over_several_lines_stay() {
    let text = "fn f() { task!(|| -> String { \"a  \n  b \".into() }); }\n";
    assert_eq!(copy_of(text), "fn f() { task!{|| -> String { \"a  \n  b \".into() }}  }\n");
}

#[test]
fn a_shebang_and_windows_line_ends_change_nothing() {
    let text = "#!/usr/bin/env run\r\nfn f() {\r\n    task!(|| -> () {});\r\n}\r\n";
    let (program, _, copy) = prune(text);
    assert_eq!(program.tasks[0].id, "src/main.rs:3:5");
    assert_eq!(copy.lines().nth(2), Some("    task!{|| -> () {}}"));
}

#[test]
fn two_tasks_on_one_line_are_two() {
    let (program, _, _) = prune("fn f() { g(task!(|x: u8| -> u8 { x }), isopool::task!(|x: u8| -> u8 { x })); }");
    let ids: Vec<&str> = program.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["src/main.rs:1:12", "src/main.rs:1:40"]);
}

#[test]
fn only_what_is_named_is_kept() {
    let text = "use nix::unistd::Pid;\nuse serde::{Deserialize, Serialize};\n\
                #[derive(Serialize, Deserialize)] struct P { x: u8 }\nstruct Q(Pid);\n\
                const LIMIT: u8 = 3;\nfn host() { nix::unistd::fork(); }\nfn help(p: P) -> u8 { p.x + LIMIT }\n\
                fn main() { let t = task!(|p: P| -> u8 { help(p) }); host(); }\n";
    let kept = kept(text);
    assert!(kept.contains("use serde::{Deserialize, Serialize};") && kept.contains("struct P"));
    assert!(kept.contains("fn help") && kept.contains("const LIMIT"));
    assert!(!kept.contains("nix") && !kept.contains("struct Q") && !kept.contains("fn host"));
    assert_eq!(dependencies(text), ["serde"]);
}

#[test]
fn leaves_of_one_use_are_kept_apart() {
    let text = "use {tokio::{fs, sync::{Mutex, mpsc}}, isopool::{Executor, task}, itoa::Buffer as B,};\n\
                fn f() { task!(|x: u8| -> String { B::new().format(x).into() }); }\n";
    let copy = copy_of(text);
    assert_eq!(
        copy.lines().next(),
        Some("use {                                  isopool::{          task}, itoa::Buffer as B,};")
    );
    assert_eq!(dependencies(text), ["itoa"]);
}

#[test]
fn a_variable_is_no_mention_of_a_function_with_its_name() {
    let host = "#[test] fn w() { task!([w: u8] |x: u8| -> u8 { let y = x; y + w + y }); }\n\
                fn y() { nix::a(); } fn x() { nix::b(); } fn z() { nix::c(); }\n\
                fn g() { task!(|v: Vec<u8>| -> u8 { for z in v { match z { x if x > 3 => return x, _ => {} } } \
                let f = |y: u8| y; if let Some(z) = Some(1) { println!(\"{z}\"); } f(2) }); }\n";
    let kept = kept(host);
    assert!(!kept.contains("nix"), "{kept}");
    assert_eq!(prune(host).0.tasks.len(), 2);
}

#[test]
fn a_variable_that_is_named_after_the_function_that_makes_it_does_not_hide_it() {
    let kept = kept("fn total(x: u8) -> u8 { x }\nfn f() { task!(|x: u8| -> u8 { let total = total(x); total }); }\n");
    assert!(kept.contains("fn total(x: u8)"), "{kept}");
}

#[test]
fn a_method_call_does_not_name_a_free_function() {
    let text = "fn norm1() { nix::x(); }\nstruct V(f64);\nimpl V { fn norm1(&self) -> f64 { self.0 } fn save(&self) { nix::y(); } }\n\
                fn f() { task!(|x: f64| -> f64 { V(x).norm1() }); }\n";
    let kept = kept(text);
    assert!(kept.contains("impl V { fn norm1(&self)") && !kept.contains("nix") && !kept.contains("save"), "{kept}");
}

#[test]
fn names_in_format_strings_and_macro_arguments_count() {
    let text = "const LIMIT: u8 = 1; const WIDE: usize = 9; fn help() -> u8 { 1 } fn other() {}\n\
                fn f() { task!(|x: u8| -> String { assert_eq!(help(), 1); format!(\"{LIMIT} {x} {:>w$} {{other}}\", x, w = WIDE) }); }\n";
    let kept = kept(text);
    assert!(kept.contains("const LIMIT") && kept.contains("const WIDE") && kept.contains("fn help"));
    assert!(!kept.contains("fn other"));
}

#[test]
fn tasks_in_macro_arguments_are_found() {
    let text = "fn f() { let v = vec![task!(|x: u8| -> u8 { x }), isopool::task!(|x: u8| -> u8 { x + 1 })];\n\
                select! { a = g(task!(|x: u8| -> u8 { x })) => {} }; }\nmacro_rules! m { () => { task!(|| -> u8 { 1 }) } }\n";
    assert_eq!(prune(text).0.tasks.len(), 3);
    copy_of(text);
}

#[test]
fn modules_are_followed_by_path_and_the_rest_of_them_is_blank() {
    let text = "mod a { use super::b::deep::norm; use super::*; pub fn go() { crate::isopool(); task!(|x: f64| -> f64 { norm(x) + top() }); } }\n\
                mod b { pub mod deep { pub fn norm(x: f64) -> f64 { super::half(x) } } fn half(x: f64) -> f64 { x } fn norm() { nix::x(); } }\n\
                fn top() -> f64 { 0.0 }\n";
    let kept = kept(text);
    assert!(kept.contains("use super::b::deep::norm;") && kept.contains("use super::*;"), "{kept}");
    assert!(kept.contains("fn half") && kept.contains("pub fn norm") && kept.contains("fn top"), "{kept}");
    assert!(!kept.contains("nix"));
}

#[test]
fn local_items_stay_in_their_function() {
    let text = "fn f() {\n    const K: u8 = 3;\n    use std::fmt::Write as _;\n    struct P(u8);\n    let t = task!(|x: u8| -> u8 { P(x).0 * K });\n}\n\
                fn g() { const K: u8 = 4; task!(|x: u8| -> u8 { x * K }); }\n";
    let copy = copy_of(text);
    assert_eq!(copy.lines().next(), Some("fn f() {"));
    assert_eq!(copy.lines().nth(1), Some("    const K: u8 = 3;"));
    assert_eq!(copy.lines().nth(4), Some("            task!{|x: u8| -> u8 { P(x).0 * K }}"));
    assert_eq!(copy.lines().nth(6), Some("fn g() { const K: u8 = 4; task!{|x: u8| -> u8 { x * K }}  }"));
}

#[test]
fn methods_with_one_name_become_functions_with_two() {
    let text = "struct A; struct B;\nimpl A {\n    pub async fn run<T>(\n        &self,\n    ) -> u8\n    where\n        T: Copy,\n    {\n        task!(|| -> u8 { 1 })()\n    }\n}\n\
                impl B { fn run(&self) { task!(|| -> u8 { 2 }); } }\n";
    let copy = copy_of(text);
    assert!(copy.contains("\n              fn run   (\n\n    )\n\n\n    {\n        task!{|| -> u8 { 1 }}"), "{copy}");
    assert!(copy.contains("fn run2() "), "{copy}");
}

#[test]
fn a_task_in_a_kept_function_stays_where_it_is() {
    let text = "fn make() -> u8 { task!(|x: u8| -> u8 { x }); 1 }\nfn f() { task!(|| -> u8 { make() }); }\n";
    let (program, reach, copy) = prune(text);
    assert!(!is_lifted(&program, &reach, &program.tasks[0]) && is_lifted(&program, &reach, &program.tasks[1]));
    assert!(copy.starts_with("fn make() -> u8 { task!(|x: u8| -> u8 { x }); 1 }\n"));
}

#[test]
fn methods_of_a_kept_type_are_skeletons_inside_its_impl() {
    let text = "struct S(u8);\nimpl S {\n    fn add(&self, x: u8) -> u8 { self.0 + x }\n    fn run(&self) { task!([s: S] |x: u8| -> u8 { s.add(x) }); }\n}\n";
    let copy = copy_of(text);
    assert_eq!(copy.lines().nth(3), Some("    fn run(     ) { task!{[s: S] |x: u8| -> u8 { s.add(x) }}  }"));
}

#[test]
fn an_impl_is_kept_when_its_header_is_there_anyway() {
    let text = "use std::fmt; struct P; struct HostOnly;\n\
                impl fmt::Display for P { fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result { Ok(()) } }\n\
                impl From<HostOnly> for P { fn from(_: HostOnly) -> P { P } }\n\
                impl From<nix::Error> for P { fn from(_: nix::Error) -> P { P } }\n\
                impl tokio::Stream for P {}\nimpl Default for HostOnly { fn default() -> Self { HostOnly } }\n\
                fn f() { task!(|| -> String { P.to_string() }); }\n";
    let kept = kept(text);
    assert!(kept.contains("impl fmt::Display for P"), "{kept}");
    assert!(!kept.contains("HostOnly") && !kept.contains("nix") && !kept.contains("tokio"), "{kept}");
}

#[test]
fn a_trait_is_kept_for_its_methods_and_imported_where_they_are_called() {
    let text = "mod ext { pub trait Twice { fn twice(&self) -> u8; } impl Twice for u8 { fn twice(&self) -> u8 { self * 2 } } \
                pub trait Other { fn other(&self); } impl Other for u8 { fn other(&self) { nix::x(); } } }\n\
                mod user { use crate::ext::{Other, Twice}; fn f() { task!(|x: u8| -> u8 { x.twice() }); } }\n";
    let kept = kept(text);
    assert!(kept.contains("pub trait Twice") && kept.contains("impl Twice for u8"), "{kept}");
    assert!(kept.contains("use crate::ext::{ Twice};") && !kept.contains("Other"), "{kept}");
}

#[test]
fn a_dependency_s_trait_is_imported_when_the_dependency_is_there() {
    let text = "use rand::Rng; use tokio::io::AsyncReadExt; use rand::rngs::OsRng;\n\
                fn host() { OsRng::new(); }\nfn f() { task!(|| -> u8 { rand::rng().random() }); }\n";
    let kept = kept(text);
    assert!(kept.contains("use rand::Rng;") && !kept.contains("tokio") && !kept.contains("OsRng"), "{kept}");
}

#[test]
fn markers_decide_against_the_names() {
    let text = "#[isopool::host] fn norm() { nix::x(); }\nmacro_rules! items { ($n:ident) => { pub fn $n() -> u8 { 1 } } }\n\
                #[isopool::shared] mod made { items!(one); }\n#[isopool::shared] use itoa as _;\nstruct P;\n\
                impl P { #[isopool::host] fn save(&self) { nix::y(); } fn load(&self) -> u8 { 1 } }\n\
                fn f() { task!(|p: P| -> u8 { norm(); p.save(); p.load() + crate::made::one() }); }\n";
    let kept = kept(text);
    assert!(!kept.contains("nix") && !kept.contains("isopool"), "{kept}");
    assert!(kept.contains("items!(one)") && kept.contains("macro_rules! items"), "{kept}");
    assert!(kept.contains("fn load"), "{kept}");
}

#[test]
fn cfgs_are_those_of_the_host_for_tasks_and_of_the_guest_for_items() {
    let text = "#[cfg(unix)] mod u { pub fn f() { task!(|| -> u8 { super::help() }); } }\n\
                #[cfg(feature = \"off\")] fn g() { task!(|| -> u8 { 1 }); }\n\
                #[cfg(target_family = \"wasm\")] fn help() -> u8 { 1 }\n#[cfg(not(target_family = \"wasm\"))] fn help() -> u8 { nix::x() }\n\
                #[cfg(test)] mod tests { #[test] fn t() { task!(|| -> u8 { 2 }); } }\n#[cfg(maybe)] fn h() { task!(|| -> u8 { 3 }); }\n";
    let (program, _, _) = prune(text);
    // The host of these tests has no `cfg`s at all: `unix` is false there.
    assert_eq!(program.tasks.len(), 2);
    let kept = kept(&text.replace("unix", "not(unix)"));
    assert!(kept.starts_with("mod u { fn f() { task!{|| -> u8 { super::help() }} } }"), "{kept}");
    assert!(kept.contains("fn help() -> u8 { 1 }") && !kept.contains("nix") && !kept.contains("cfg"), "{kept}");
}

#[test]
fn items_of_well_known_macros_are_found_by_their_names() {
    let text = "thread_local! { static DEPTH: u8 = const { 1 }; }\nthread_local! { static HOST: u8 = nix::x(); }\n\
                fn f() { task!(|| -> u8 { DEPTH.with(|d| *d) }); }\n";
    let kept = kept(text);
    assert!(kept.contains("static DEPTH") && !kept.contains("HOST"), "{kept}");
}

#[test]
fn macros_are_found_in_the_order_of_the_text_and_by_their_crate() {
    let text = "macro_rules! sq { ($x:expr) => { help($x) } }\nmod m { pub fn f() { task!(|x: u8| -> u8 { sq!(x) + crate::sq!(x) }); } }\nfn help(x: u8) -> u8 { x }\n";
    let kept = kept(text);
    assert!(kept.contains("macro_rules! sq") && kept.contains("fn help"), "{kept}");
}

#[test]
fn strings_of_serde_attributes_name_functions() {
    let text = "use serde::Serialize; mod hex { pub fn serialize() {} pub fn deserialize() {} pub fn host() { nix::x(); } }\n\
                #[derive(Serialize)] struct P { #[serde(with = \"hex\", rename = \"host\")] x: u8 }\nfn f() { task!(|p: P| -> u8 { p.x }); }\n";
    let kept = kept(text);
    assert!(kept.contains("pub fn serialize() {} pub fn deserialize() {}") && !kept.contains("nix"), "{kept}");
}

#[test]
fn lint_levels_and_documentation_do_not_fail_a_guest() {
    let text = "#![deny(warnings)]\n#![feature(x)]\n#[deny(dead_code)]\nfn help() {}\nfn f() { task!(|| -> () { help() }); }\n";
    assert_eq!(copy_of(text), "\n#![feature(x)]\n\nfn help() {}\nfn f() { task!{|| -> () { help() }}  }\n");
}

#[test]
fn enum_variants_come_through_a_glob() {
    let text = "mod m { pub enum Shape { Round, Flat } }\nuse m::Shape; use Shape::*;\nfn f() { task!(|| -> bool { matches!(Round, Flat) }); }\n";
    let kept = kept(text);
    assert!(kept.contains("pub enum Shape") && kept.contains("use Shape::*;"), "{kept}");
}

#[test]
fn statics_with_tasks_and_traits_with_bodies_hold_tasks_too() {
    let text = "static T: L = L::new(|| task!(|| -> u8 { 1 }));\ntrait Run { fn run(&self) { task!(|| -> u8 { 2 }); } }\n\
                impl Run for u8 { fn run(&self) { task!(|| -> u8 { 3 }); } }\n";
    let (program, reach, _) = prune(text);
    assert_eq!(program.tasks.len(), 3);
    assert!(program.tasks.iter().all(|task| is_lifted(&program, &reach, task)));
    copy_of(text);
}
