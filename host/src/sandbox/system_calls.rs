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

#[cfg(test)]
mod tests {
    use super::super::calls::Call;
    use super::*;
    use crate::sandbox::{Hardening, ProcessLimits, Profile};
    use crate::task::{Access, DirectoryGrant, Grants};

    const PROFILES: [Profile; 3] = [Profile::Worker, Profile::Compiler, Profile::ForkServer];

    fn policy(profile: Profile, grants: &Grants, no_machine_code: bool) -> Policy<'_> {
        let limits = ProcessLimits { memory_bytes: 1 << 30, cpu_time: None, open_files: 64 };
        Policy { profile, hardening: Hardening::BestEffort, grants, no_machine_code, limits, group: None }
    }

    fn everything() -> Grants {
        let directory = DirectoryGrant { host: "/tmp".into(), guest: "/".into(), access: Access::ReadWrite };
        let address = "127.0.0.1:1-9".parse().expect("it names addresses");
        Grants { directories: vec![directory], addresses: vec![address] }
    }

    #[test]
    fn filters_of_every_profile_can_be_built_for_both_architectures() {
        for grants in [Grants::default(), everything()] {
            for arch in [TargetArch::x86_64, TargetArch::aarch64] {
                for profile in PROFILES {
                    for no_machine_code in [false, true] {
                        let programs = programs(&policy(profile, &grants, no_machine_code), arch).expect("sound");
                        // The kernel takes no longer ones (BPF_MAXINSNS).
                        assert!(programs.iter().all(|program| (1..4096).contains(&program.len())));
                    }
                }
            }
        }
    }

    /// The numbers of the policy are typed by hand; those of this machine's architecture are checked here.
    #[test]
    fn numbers_of_the_policy_are_those_of_the_system() {
        let arch = TargetArch::try_from(std::env::consts::ARCH).expect("it is one of the two");
        let lines = ALLOWED.iter().chain(WITH_MACHINE_CODE).chain(REFUSED.iter().map(|(line, _)| line));
        for Call { name, .. } in lines.clone().map(|line| &line.call) {
            let call = lines.clone().find(|line| line.call.name == *name).map(|line| line.call).expect("it is there");
            let Some(number) = call.number(arch) else { continue };
            let number = u32::try_from(number).expect("they are small");
            assert_eq!(crate::task::SystemCall::of_number(number).name(), Some(*name), "{number}");
        }
    }

    #[test]
    fn nothing_is_allowed_that_a_worker_could_get_out_by() {
        let grants = everything();
        let policy = policy(Profile::Worker, &grants, false);
        let never = [
            "execve",
            "execveat",
            "ptrace",
            "fork",
            "vfork",
            "clone",
            "clone3",
            "kill",
            "mount",
            "unshare",
            "setns",
            "bpf",
            "io_uring_setup",
            "process_vm_readv",
            "process_vm_writev",
            "pidfd_getfd",
            "pidfd_send_signal",
            "seccomp",
            "setuid",
            "memfd_create",
            "userfaultfd",
            "perf_event_open",
            "keyctl",
            "shmget",
            "socketpair",
            "chmod",
            "fchmodat",
            "mknodat",
        ];
        let allowed: Vec<&str> = allowed(&policy).map(|line| line.call.name).collect();
        assert!(never.iter().all(|name| !allowed.contains(name)), "{allowed:?}");
    }

    #[test]
    fn a_call_that_is_listed_twice_has_one_number() {
        for line in ALLOWED {
            let others = ALLOWED.iter().filter(|other| other.call.name == line.call.name);
            for arch in [TargetArch::x86_64, TargetArch::aarch64] {
                assert!(others.clone().all(|other| other.call.number(arch) == line.call.number(arch)), "{line:?}");
            }
        }
    }
}
