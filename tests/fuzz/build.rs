//! What it does: links libFuzzer, when the build is for it. Takes from: clang, which brings libFuzzer along.
//! Hands to: the fuzz targets. Never: anything in an ordinary build, which needs no clang.

use std::path::Path;
use std::process::Command;

/// Set by `run`; cargo-fuzz says `--cfg fuzzing` instead.
const FUZZING: &str = "ISOPOOL_FUZZING";

fn main() {
    println!("cargo::rerun-if-env-changed={FUZZING}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(fuzzing)");
    if std::env::var_os(FUZZING).is_none() && std::env::var_os("CARGO_CFG_FUZZING").is_none() {
        return;
    }
    let machine = std::env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets it for build scripts");
    let name = format!("libclang_rt.fuzzer_no_main-{machine}.a");
    let said = Command::new("clang").arg(format!("--print-file-name={name}")).output();
    let path = said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match path {
        // Without the file, clang answers with the bare name.
        Ok(path) if Path::new(&path).is_absolute() => {
            println!("cargo::rustc-link-arg-bins={path}");
            println!("cargo::rustc-link-arg-bins=-lstdc++");
        }
        _ => panic!("clang with its runtime libraries is needed for {name}: `apt install clang`"),
    }
}
