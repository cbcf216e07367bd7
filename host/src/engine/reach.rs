//! What the guests of this process reach outside of it: directories that were opened once, and addresses that are looked up
//! in a list. Nothing else.

use crate::sys;
use crate::task::{Access, AddressGrant, Grants};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsCtx};
use wasmtime_wasi::{FsPerms, WasiCtx};

/// Opened before the process locks itself in, and given to each guest: that costs a copy of the list.
pub(super) struct Reach {
    filesystem: WasiFilesystemCtx,
    sockets: WasiSocketsCtx,
}

impl Reach {
    /// Opens what is granted.
    ///
    /// # Errors
    /// A directory is not there any more, or a part of its path is a link by now. In words, for the tasks that need it.
    pub(super) fn open(grants: &Grants) -> Result<Self, String> {
        let mut wasi = WasiCtx::builder();
        // A blocking call may hold the only thread: nothing else runs in this process. Otherwise wasmtime-wasi would start
        // threads for it. Before the directories: each of them takes it over.
        wasi.allow_blocking_current_thread(true);
        for directory in &grants.directories {
            let refused = |error: &dyn std::fmt::Display| {
                format!("the directory `{}` cannot be opened any more: {error}", directory.host.display())
            };
            let opened = sys::open_directory(&directory.host).map_err(|error| refused(&error))?;
            let permissions = match directory.access {
                Access::ReadOnly => FsPerms::ReadOnly,
                Access::ReadWrite => FsPerms::ReadWrite,
            };
            // The directory that is open here, whatever its path leads to by now.
            let path = format!("/proc/self/fd/{}", opened.as_raw_fd());
            wasi.preopened_dir(path, &directory.guest, permissions).map_err(|error| refused(&error))?;
        }
        let addresses = grants.addresses.clone();
        // TCP connections only: the kernel cannot hold datagrams to their addresses, and nobody calls a task.
        wasi.allow_tcp(!addresses.is_empty()).allow_udp(false).allow_ip_name_lookup(false);
        wasi.socket_addr_check(move |address, usage| {
            let allowed = is_allowed(&addresses, address, usage);
            Box::pin(std::future::ready(allowed))
        });
        let mut wasi = wasi.build();
        Ok(Self { filesystem: wasi.filesystem().clone(), sockets: wasi.sockets().clone() })
    }

    /// Gives a guest what there is.
    pub(super) fn give(&self, wasi: &mut WasiCtx) {
        *wasi.filesystem() = self.filesystem.clone();
        *wasi.sockets() = self.sockets.clone();
    }
}

fn is_allowed(addresses: &[AddressGrant], address: SocketAddr, usage: SocketAddrUse) -> bool {
    match usage {
        SocketAddrUse::TcpConnect => addresses.iter().any(|grant| grant.allows(address)),
        // What comes before each connection: any address of this machine, any port.
        SocketAddrUse::TcpBind => address.ip().is_unspecified() && address.port() == 0,
        _ => false,
    }
}
