//! What it does: makes the system calls of Linux; the only home of `unsafe`.
//! Takes from: nobody. Hands to: every room, through `sys`.
//! Never: contains policy.

mod cpu_features;
mod descriptor;
mod directory;
mod escape;
mod fork;
mod futex;
mod heap;
mod interrupt;
mod lockdown;
mod memory_file;
mod pidfd;
mod process_start;
mod random;
mod shared_memory;
mod shared_words;
mod socket;
mod this_process;

pub(crate) use cpu_features::cpu_features;
pub(crate) use descriptor::{
    close_all_except, first_readable, is_readable, is_socket, null_standard_input, readable_within,
    replace_standard_input, set_nonblocking,
};
pub(crate) use directory::{append, open_directory};
pub(crate) use escape::{
    BareCall, bare_call, duplicate_standard_error, inode_of, make_executable, make_inheritable, map_executable,
    map_private, map_shared,
};
pub(crate) use fork::{Fork, fork, leave_now};
pub(crate) use futex::{FutexWait, futex_wait, futex_wake};
pub(crate) use heap::{give_back_freed_memory, keep_freed_memory, prefer_huge_pages};
pub(crate) use interrupt::{INTERRUPT, on_interrupt};
pub(crate) use lockdown::{
    add_filter, forbid_new_code, has_no_new_privileges, ignore_file_size_signal, lock_securebits, tell_denied_calls,
};
pub(crate) use memory_file::MemoryFile;
pub(crate) use pidfd::{PidFd, WaitStatus};
pub(crate) use process_start::{ProcessStart, process_start};
pub(crate) use random::random_bits;
pub(crate) use shared_memory::SharedMemory;
pub(crate) use shared_words::SharedWords;
pub(crate) use socket::{receive_all, receive_with_descriptors, send_with_descriptor, socket_pair};
pub(crate) use this_process::{
    clear_environment, data_bytes, die_with_parent, expect_one_thread, forbid_core_dumps, forbid_new_privileges,
    forbid_shared_files, forget_variable, ignore_broken_pipes, parent_pid, reset_signals, start_session, thread_count,
    thread_cpu_time,
};
