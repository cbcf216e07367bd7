//! What attempts to get out need to be able to succeed: someone who listens, something to inherit.

use crate::limits::MIN_WORKER_MEMORY_BYTES;
use crate::sandbox::{Bait, ProcessLimits};
use crate::sys::{self, MemoryFile};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Kept for as long as probes try.
pub(super) struct Baits {
    _tcp: TcpListener,
    _unix: UnixListener,
    _file: MemoryFile,
    /// As probes are told.
    pub(super) told: Bait,
}

impl Baits {
    pub(super) fn lay(limits: &ProcessLimits) -> io::Result<Self> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let name = Bait::socket_name(std::process::id());
        let unix = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
        let file = MemoryFile::create("isopool-bait")?;
        // The one descriptor of this house that children inherit, on purpose; it is empty.
        sys::make_inheritable(file.as_fd())?;
        let told = Bait {
            port: tcp.local_addr()?.port(),
            inode: nix::sys::stat::fstat(file.as_fd())?.st_ino,
            // More than the limit, whatever it has given back since.
            memory_bytes: limits.memory_bytes.saturating_add(MIN_WORKER_MEMORY_BYTES),
            open_files: limits.open_files,
        };
        Ok(Self { _tcp: tcp, _unix: unix, _file: file, told })
    }
}
