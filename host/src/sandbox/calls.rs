//! The system calls that a process of each kind may make, and why: everything else ends it.
//!
//! Numbers are those of x86_64 and of aarch64 (which has the generic ones), so that both filters can be built anywhere.

use super::policy::{Policy, Profile};
use crate::task::Access;
use libc::{ENOSYS, EPERM};
use seccompiler::{SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition, TargetArch};

/// One system call, with its numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) name: &'static str,
    x86_64: i64,
    aarch64: i64,
}

/// A call that this machine does not have.
const NONE: i64 = -1;

impl Call {
    pub(super) fn number(&self, arch: TargetArch) -> Option<i64> {
        let number = if arch == TargetArch::x86_64 { self.x86_64 } else { self.aarch64 };
        (number != NONE).then_some(number)
    }
}

/// Who may make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Everyone,
    /// The compiler.
    Threads,
    /// The fork server.
    Forks,
    /// Who was granted a directory.
    Directories,
    /// Who was granted a directory to write to.
    Writing,
    /// Who was granted addresses.
    Addresses,
}

/// What an argument must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Must {
    Be(u64),
    NotBe(u64),
    /// These bits, the first, must be as in the second.
    Have(u64, u64),
    /// The id of this process.
    BeThisProcess,
}

impl Must {
    fn condition(self, argument: u8) -> SeccompCondition {
        let (operator, value) = match self {
            Self::Be(value) => (Op::Eq, value),
            Self::NotBe(value) => (Op::Ne, value),
            Self::Have(mask, value) => (Op::MaskedEq(mask), value),
            Self::BeThisProcess => (Op::Eq, u64::from(std::process::id())),
        };
        SeccompCondition::new(argument, Len::Dword, operator, value).expect("no call has more than six arguments")
    }
}

/// What must hold of the arguments together: `(0-based position, what)`.
type Arguments = &'static [(u8, Must)];

/// A line of the policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) call: Call,
    pub(super) who: Who,
    /// One of these must fit; empty: all do.
    pub(super) arguments: &'static [Arguments],
    /// Read by people.
    #[allow(dead_code)]
    why: &'static str,
}

impl Line {
    pub(super) fn conditions(&self) -> impl Iterator<Item = Vec<SeccompCondition>> {
        self.arguments.iter().map(|all| all.iter().map(|(argument, must)| must.condition(*argument)).collect())
    }
}

const fn call(name: &'static str, x86_64: i64, aarch64: i64, who: Who, why: &'static str) -> Line {
    only(name, x86_64, aarch64, who, &[], why)
}

const fn only(
    name: &'static str,
    x86_64: i64,
    aarch64: i64,
    who: Who,
    arguments: &'static [Arguments],
    why: &'static str,
) -> Line {
    Line { call: Call { name, x86_64, aarch64 }, who, arguments, why }
}

use Must::{Be, BeThisProcess, Have, NotBe};
use Who::{Addresses, Directories, Everyone, Forks, Threads, Writing};

const EXEC: u64 = libc::PROT_EXEC as u64;
const WRITE: u64 = libc::PROT_WRITE as u64;
const SHARED: u64 = libc::MAP_SHARED as u64;
const PRIVATE: u64 = libc::MAP_PRIVATE as u64;
const ANONYMOUS: u64 = libc::MAP_ANONYMOUS as u64;
/// The kernel does not count such memory against `RLIMIT_DATA`.
const GROWS_DOWN: u64 = libc::MAP_GROWSDOWN as u64;
const CREATES: u64 = (libc::O_CREAT | libc::O_TRUNC) as u64;
const WRITES: u64 = (libc::O_WRONLY | libc::O_RDWR) as u64;
/// `CLONE_NEW*` but the one for time, which `clone` cannot ask for.
const NAMESPACES: u64 = 0x7E02_0000;
const THREAD: u64 = libc::CLONE_THREAD as u64;
const STREAM: u64 = libc::SOCK_STREAM as u64;
/// The bits of a socket's type that are no flags.
const TYPE: u64 = 0xf;

/// What is allowed.
pub(super) const ALLOWED: &[Line] = &[
    // ── The channel, the output of guests ──
    call("read", 0, 63, Everyone, "the machine code of a module, bells of the runtime"),
    call("write", 1, 64, Everyone, "standard output and error, the artifact of the compiler"),
    call("readv", 19, 65, Everyone, "as read"),
    call("writev", 20, 66, Everyone, "as write"),
    call("pread64", 17, 67, Everyone, "as read"),
    call("pwrite64", 18, 68, Everyone, "as write"),
    call("lseek", 8, 62, Everyone, "as read"),
    call("close", 3, 57, Everyone, "descriptors that came over the channel"),
    call("recvmsg", 47, 212, Everyone, "requests, with descriptors; a socket that is there"),
    call("recvfrom", 45, 207, Everyone, "large arguments; a socket that is there"),
    call("sendmsg", 46, 211, Everyone, "replies; a socket that is there"),
    call("sendto", 44, 206, Everyone, "tells of a denied call; a socket that is there"),
    call("poll", 7, NONE, Everyone, "waits for the channel"),
    call("ppoll", 271, 73, Everyone, "as poll"),
    only(
        "fcntl",
        72,
        25,
        Everyone,
        // No owner and no signal for a descriptor: those reach other processes.
        &[
            &[(1, Be(libc::F_DUPFD_CLOEXEC as u64))],
            &[(1, Be(libc::F_GETFD as u64))],
            &[(1, Be(libc::F_SETFD as u64))],
            &[(1, Be(libc::F_GETFL as u64))],
            &[(1, Be(libc::F_SETFL as u64))],
            &[(1, Be(libc::F_GET_SEALS as u64))],
        ],
        "whether a memory file is sealed",
    ),
    only("ioctl", 16, 29, Everyone, &[&[(1, Be(libc::TCGETS))], &[(1, Be(libc::FIONBIO))]], "is it a terminal"),
    // ── Machine code: a memory file, opened again by its descriptor ──
    only(
        "openat",
        257,
        56,
        Everyone,
        &[&[(2, Have(WRITES | CREATES, 0))]],
        "/proc/self/fd/N, and what is below granted directories; which files, Landlock says",
    ),
    call("openat", 257, 56, Writing, "as above, to write"),
    call("fstat", 5, 80, Everyone, "the size of a memory file"),
    call("newfstatat", 262, 79, Everyone, "as fstat; Landlock does not cover it"),
    call("statx", 332, 291, Everyone, "as fstat; Landlock does not cover it"),
    // ── Memory ──
    only(
        "mmap",
        9,
        222,
        Everyone,
        // Never executable; and only such memory as is counted.
        &[
            &[(2, Have(EXEC, 0)), (3, Have(ANONYMOUS | GROWS_DOWN, 0))],
            &[(2, Have(EXEC, 0)), (3, Have(SHARED | PRIVATE | GROWS_DOWN, PRIVATE))],
        ],
        "memory of guests and of the allocator, machine code, shared objects",
    ),
    call("munmap", 11, 215, Everyone, "as mmap"),
    call("mremap", 25, 216, Everyone, "large blocks of the allocator"),
    call("brk", 12, 214, Everyone, "the allocator"),
    call("madvise", 28, 233, Everyone, "gives memory back, asks for large pages"),
    call("membarrier", 324, 283, Everyone, "new machine code, on aarch64"),
    // ── Threads and time ──
    call("futex", 202, 98, Everyone, "locks, shared objects"),
    call("sched_yield", 24, 124, Everyone, "locks"),
    call("sched_getaffinity", 204, 123, Everyone, "how many processors there are"),
    call("getcpu", 309, 168, Everyone, "where the vDSO has none"),
    call("clock_gettime", 228, 113, Everyone, "where the vDSO has none; processor time"),
    call("clock_getres", 229, 114, Everyone, "clocks of guests"),
    call("gettimeofday", 96, 169, Everyone, "where the vDSO has none"),
    call("clock_nanosleep", 230, 115, Everyone, "guests that sleep"),
    call("nanosleep", 35, 101, Everyone, "as clock_nanosleep"),
    call("epoll_wait", 232, NONE, Everyone, "the runtime of guests that wait"),
    call("epoll_pwait", 281, 22, Everyone, "as epoll_wait"),
    call("epoll_pwait2", 441, 441, Everyone, "as epoll_wait"),
    call("epoll_ctl", 233, 21, Everyone, "as epoll_wait"),
    call("restart_syscall", 219, 128, Everyone, "the kernel's own, after a stop"),
    // ── Signals: traps of guests ──
    call("rt_sigreturn", 15, 139, Everyone, "the end of a handler"),
    call("rt_sigprocmask", 14, 135, Everyone, "around threads and forks"),
    only(
        "rt_sigaction",
        13,
        134,
        Everyone,
        &[&[(0, NotBe(libc::SIGSYS as u64))]],
        "a fault that is none of a guest's gets its own end; but not the handler of denied calls",
    ),
    call("sigaltstack", 131, 132, Everyone, "the stack that traps are handled on"),
    only("tgkill", 234, 131, Everyone, &[&[(0, BeThisProcess)]], "abort, of this process only"),
    // ── This process ──
    call("getpid", 39, 172, Everyone, "abort"),
    call("gettid", 186, 178, Everyone, "abort"),
    call("getppid", 110, 173, Everyone, "whether the parent lives"),
    call("getrusage", 98, 165, Everyone, "what a task has cost"),
    only("prlimit64", 302, 261, Everyone, &[&[(0, Be(0)), (2, Be(0))]], "reads limits, and sets none"),
    only("prctl", 157, 167, Everyone, &[&[(0, Be(libc::PR_SET_NAME as u64))]], "names of threads"),
    call("getrandom", 318, 278, Everyone, "hash tables, random numbers of guests"),
    call("pidfd_open", 434, 434, Everyone, "whether the holder of a lock lives"),
    call("set_robust_list", 273, 99, Everyone, "a new thread, or a copy, of libc's"),
    call("rseq", 334, 293, Everyone, "as set_robust_list"),
    call("exit", 60, 93, Everyone, "the end of a thread"),
    call("exit_group", 231, 94, Everyone, "the end"),
    // ── The compiler ──
    only("clone", 56, 220, Threads, &[&[(0, Have(THREAD, THREAD))]], "threads, and no processes"),
    // ── The fork server, and its copies before they lock themselves in ──
    only("clone", 56, 220, Forks, &[&[(0, Have(NAMESPACES, 0))]], "workers, without namespaces of their own"),
    call("tgkill", 234, 131, Forks, "abort, of a copy"),
    call("kill", 62, 129, Forks, "a worker that cannot be watched; asks for the parent"),
    call("wait4", 61, 260, Forks, "a worker that cannot be watched"),
    call("waitid", 247, 95, Forks, "how a worker ended"),
    call("prctl", 157, 167, Forks, "copies die with their parent, and lock themselves in"),
    call("setsid", 112, 157, Forks, "copies have a session of their own"),
    call("prlimit64", 302, 261, Forks, "copies limit themselves"),
    call("capget", 125, 90, Forks, "copies lock themselves in"),
    call("capset", 126, 91, Forks, "copies lock themselves in"),
    call("getuid", 102, 174, Forks, "copies lock themselves in"),
    call("landlock_create_ruleset", 444, 444, Forks, "copies lock themselves in"),
    call("landlock_add_rule", 445, 445, Forks, "copies lock themselves in"),
    call("landlock_restrict_self", 446, 446, Forks, "copies lock themselves in"),
    call("seccomp", 317, 277, Forks, "copies lock themselves in"),
    call("epoll_create1", 291, 20, Forks, "copies make a runtime"),
    call("eventfd2", 290, 19, Forks, "copies make a runtime"),
    call("pipe2", 293, 59, Forks, "copies make a bell for interruptions"),
    call("getdents64", 217, 61, Forks, "copies count their threads"),
    call("socket", 41, 198, Forks, "what copies try; those that were granted addresses"),
    // ── Granted directories: which, Landlock and the engine say ──
    call("getdents64", 217, 61, Directories, "lists a directory"),
    call("readlinkat", 267, 78, Directories, "reads a link"),
    call("openat2", 437, 437, Directories, "opens below a directory"),
    call("fadvise64", 221, 223, Directories, "advice on a file"),
    call("preadv", 295, 69, Directories, "as pread64"),
    call("fstatfs", 138, 44, Directories, "whether links can be resolved safely"),
    call("faccessat2", 439, 439, Directories, "whether a file can be reached"),
    call("pwritev", 296, 70, Writing, "as pwrite64"),
    call("pwritev2", 328, 287, Writing, "writes at the end of a file"),
    call("mkdirat", 258, 34, Writing, "makes a directory"),
    call("unlinkat", 263, 35, Writing, "removes"),
    call("renameat", 264, 38, Writing, "renames"),
    call("renameat2", 316, 276, Writing, "renames"),
    call("linkat", 265, 37, Writing, "makes a link"),
    call("symlinkat", 266, 36, Writing, "makes a link"),
    call("ftruncate", 77, 46, Writing, "sets a size"),
    call("fallocate", 285, 47, Writing, "makes room"),
    call("fsync", 74, 82, Writing, "to the disk"),
    call("fdatasync", 75, 83, Writing, "to the disk"),
    call("utimensat", 280, 88, Writing, "sets times"),
    // ── Granted addresses: which ports, Landlock says; which addresses, the engine ──
    only(
        "socket",
        41,
        198,
        Addresses,
        &[
            &[(0, Be(libc::AF_INET as u64)), (1, Have(TYPE, STREAM))],
            &[(0, Be(libc::AF_INET6 as u64)), (1, Have(TYPE, STREAM))],
        ],
        "TCP and nothing else",
    ),
    call("connect", 42, 203, Addresses, "opens a connection"),
    call("getsockname", 51, 204, Addresses, "which address a connection has"),
    call("getpeername", 52, 205, Addresses, "which address a connection has"),
    call("getsockopt", 55, 209, Addresses, "whether a connection is open"),
    call("setsockopt", 54, 208, Addresses, "options of a connection"),
    call("shutdown", 48, 210, Addresses, "ends a connection"),
];

/// Where code must be mapped after the filter is in force. Never writable and executable at once.
pub(super) const WITH_MACHINE_CODE: &[Line] = &[only(
    "mprotect",
    10,
    226,
    Everyone,
    &[&[(2, Have(EXEC, 0))], &[(2, Have(WRITE, 0))]],
    "memory of guests; machine code, after it was read",
)];

/// Where all code is interpreted.
pub(super) const WITHOUT_MACHINE_CODE: &[Line] =
    &[only("mprotect", 10, 226, Everyone, &[&[(2, Have(EXEC, 0))]], "memory of guests")];

/// What fails with an error, because libraries try it and can do without. The second is the error.
pub(super) const REFUSED: &[(Line, i32)] = &[
    (call("memfd_create", 319, 279, Everyone, "wasmtime falls back only when there is no such call"), ENOSYS),
    (
        call("clone3", 435, 435, Everyone, "its flags are in memory that no filter sees; glibc falls back to clone"),
        ENOSYS,
    ),
    (call("openat2", 437, 437, Everyone, "falls back to openat"), ENOSYS),
    (call("sysinfo", 99, 179, Everyone, "only for statistics"), ENOSYS),
    (call("socket", 41, 198, Everyone, "libc asks for its name service"), EPERM),
    (
        only(
            "openat",
            257,
            56,
            Everyone,
            &[
                &[(2, Have(libc::O_WRONLY as u64, libc::O_WRONLY as u64))],
                &[(2, Have(libc::O_RDWR as u64, libc::O_RDWR as u64))],
                &[(2, Have(libc::O_CREAT as u64, libc::O_CREAT as u64))],
                &[(2, Have(libc::O_TRUNC as u64, libc::O_TRUNC as u64))],
            ],
            "libraries that would write a file",
        ),
        EPERM,
    ),
    (only("prctl", 157, 167, Everyone, &[&[(0, NotBe(libc::PR_SET_NAME as u64))]], "names of memory areas"), EPERM),
    (call("readlink", 89, NONE, Everyone, "backtraces"), EPERM),
    (call("readlinkat", 267, 78, Everyone, "backtraces"), EPERM),
    (call("getcwd", 79, 17, Everyone, "backtraces"), EPERM),
    (call("access", 21, NONE, Everyone, "libc's configuration"), EPERM),
    (call("faccessat", 269, 48, Everyone, "libc's configuration"), EPERM),
];

/// Whether a line is for this process.
pub(super) fn is_for(who: Who, policy: &Policy<'_>) -> bool {
    let grants = policy.grants;
    // A fork server's copies are given what they need; what a filter has taken nobody gets back.
    let is_fork_server = policy.profile == Profile::ForkServer;
    match who {
        Everyone => true,
        Threads => policy.profile == Profile::Compiler,
        Forks => is_fork_server,
        Directories => is_fork_server || !grants.directories.is_empty(),
        Writing => is_fork_server || grants.directories.iter().any(|one| one.access == Access::ReadWrite),
        Addresses => is_fork_server || !grants.addresses.is_empty(),
    }
}
