//! System calls: what `calls.rs` does not allow ends the process (seccomp(2)).

use super::calls::{ALLOWED, Line, REFUSED, WITH_MACHINE_CODE, WITHOUT_MACHINE_CODE, Who, is_for};
use super::policy::{Policy, Put};
use crate::sys;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch};
use std::collections::BTreeMap;
use std::io;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Restricts this process, for good.
pub(super) fn restrict(policy: &Policy<'_>) -> Put {
    let arch = match TargetArch::try_from(std::env::consts::ARCH) {
        Ok(arch) => arch,
        Err(error) => return Put::missing(error.to_string()),
    };
    let programs = match programs(policy, arch) {
        Ok(programs) => programs,
        Err(error) => return Put::missing(format!("the filter cannot be built: {error}")),
    };
    // The strictest last: it does not let another one in.
    for program in &programs {
        if let Err(error) = add(program) {
            return Put::missing(format!("the filter was refused: {error}"));
        }
    }
    self_test(policy)
}

fn add(program: &BpfProgram) -> io::Result<()> {
    let instructions: Vec<libc::sock_filter> =
        program.iter().map(|one| libc::sock_filter { code: one.code, jt: one.jt, jf: one.jf, k: one.k }).collect();
    sys::add_filter(&instructions)
}

/// Calls that fail with an error, tried: others would end the process.
fn self_test(policy: &Policy<'_>) -> Put {
    if let Err(error) = expect_error(sys::MemoryFile::create("isopool-self-test"), libc::ENOSYS) {
        return Put::missing(format!("the self-test made a memory file: {error}"));
    }
    if !is_for(Who::Writing, policy) {
        let written = std::fs::OpenOptions::new().write(true).open("/dev/null");
        if let Err(error) = expect_error(written, libc::EPERM) {
            return Put::missing(format!("the self-test opened a file to write: {error}"));
        }
    }
    Put::held(format!("no call but {} (seccomp)", allowed_count(policy)))
}

fn expect_error<T>(result: io::Result<T>, expected: i32) -> Result<(), String> {
    match result {
        Ok(_) => Err("it was let".to_owned()),
        Err(error) if error.raw_os_error() == Some(expected) => Ok(()),
        Err(error) => Err(format!("it was refused for another reason: {error}")),
    }
}

fn allowed_count(policy: &Policy<'_>) -> String {
    let names: std::collections::BTreeSet<&str> = allowed(policy).map(|line| line.call.name).collect();
    format!("{} that it needs", names.len())
}

fn allowed(policy: &Policy<'_>) -> impl Iterator<Item = &'static Line> {
    let code = if policy.no_machine_code { WITHOUT_MACHINE_CODE } else { WITH_MACHINE_CODE };
    ALLOWED.iter().chain(code).filter(move |line| is_for(line.who, policy))
}

/// What fails with an error in this process: not what it has a use of its own for.
fn refused(policy: &Policy<'_>) -> impl Iterator<Item = &'static (Line, i32)> {
    let is_used =
        |line: &Line| allowed(policy).any(|other| other.who != Who::Everyone && other.call.name == line.call.name);
    REFUSED.iter().filter(move |(line, _)| !is_used(line))
}

/// The filters, in the order in which they are put on. The kernel asks all and takes the strictest answer: to fail is
/// stricter than to allow, and to end stricter than to fail.
fn programs(policy: &Policy<'_>, arch: TargetArch) -> Result<Vec<BpfProgram>, seccompiler::BackendError> {
    let mut programs = Vec::new();
    for error in [libc::ENOSYS, libc::EPERM] {
        let lines = refused(policy).filter(|(_, with)| *with == error).map(|(line, _)| line);
        let rules = rules(lines, arch)?;
        programs.push(program(rules, SeccompAction::Allow, SeccompAction::Errno(error.unsigned_abs()), arch)?);
    }
    // What is refused passes the last filter: an error, and not the end.
    let lines = allowed(policy).chain(refused(policy).map(|(line, _)| line));
    let rules = rules(lines, arch)?;
    programs.push(program(rules, SeccompAction::Trap, SeccompAction::Allow, arch)?);
    Ok(programs)
}

fn rules<'a>(lines: impl Iterator<Item = &'a Line>, arch: TargetArch) -> Result<Rules, seccompiler::BackendError> {
    let mut rules = Rules::new();
    let mut whole = Vec::new();
    for line in lines {
        let Some(number) = line.call.number(arch) else { continue };
        let chain = rules.entry(number).or_default();
        for conditions in line.conditions() {
            chain.push(SeccompRule::new(conditions)?);
        }
        if line.arguments.is_empty() {
            whole.push(number);
        }
    }
    // An empty chain fits all arguments.
    whole.into_iter().for_each(|number| _ = rules.insert(number, Vec::new()));
    Ok(rules)
}

fn program(
    rules: Rules,
    otherwise: SeccompAction,
    then: SeccompAction,
    arch: TargetArch,
) -> Result<BpfProgram, seccompiler::BackendError> {
    SeccompFilter::new(rules, otherwise, then, arch)?.try_into()
}
