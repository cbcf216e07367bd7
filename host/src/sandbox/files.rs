//! Files, TCP and scopes: what Landlock restricts, in one step for the kernel.

use super::Layer;
use super::policy::{Policy, Put};
use crate::limits::MAX_GRANTED_PORTS;
use crate::sys;
use crate::task::Access as Granted;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort, PathBeneath,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

/// The newest version whose rights were tried here.
const TRIED: ABI = ABI::V7;

/// What became of the three layers.
pub(super) struct Restricted {
    abi: Result<ABI, String>,
    /// Why the ports are not restricted, though they could be.
    any_port: Option<&'static str>,
}

/// Restricts this process, and every thread that it may start.
pub(super) fn restrict(policy: &Policy<'_>) -> Restricted {
    let (ports, any_port) = match granted_ports(policy) {
        Some(ports) => (ports, None),
        None => (Vec::new(), Some("more ports are granted than are worth a rule each")),
    };
    let wants = |layer| policy.off(layer).is_none();
    let abi = try_restrict(policy, &wants, &ports, any_port.is_some()).map_err(|error| error.to_string());
    let abi = abi.and_then(|status| match status {
        RestrictionStatus { ruleset: RulesetStatus::NotEnforced, landlock, .. } => Err(why_not(&landlock).to_owned()),
        RestrictionStatus { landlock: LandlockStatus::Available { effective_abi, .. }, .. } => Ok(effective_abi),
        RestrictionStatus { landlock, .. } => Err(why_not(&landlock).to_owned()),
    });
    Restricted { abi, any_port }
}

fn why_not(status: &LandlockStatus) -> &'static str {
    match status {
        LandlockStatus::NotEnabled => "Landlock is switched off in this system (add `landlock` to the kernel's lsm=)",
        LandlockStatus::NotImplemented => "this kernel has no Landlock (Linux 5.13)",
        _ => "Landlock enforces nothing",
    }
}

fn try_restrict(
    policy: &Policy<'_>,
    wants: &dyn Fn(Layer) -> bool,
    ports: &[u16],
    any_port: bool,
) -> Result<RestrictionStatus, Box<dyn std::error::Error>> {
    let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
    if wants(Layer::Files) {
        ruleset = ruleset.handle_access(AccessFs::from_all(TRIED))?;
    }
    if wants(Layer::Network) {
        let bind_too = if any_port { AccessNet::BindTcp.into() } else { AccessNet::from_all(TRIED) };
        ruleset = ruleset.handle_access(bind_too)?;
    }
    if wants(Layer::Scopes) {
        ruleset = ruleset.scope(Scope::from_all(TRIED))?;
    }
    let mut ruleset = ruleset.create()?;
    if wants(Layer::Files) {
        ruleset = grant_directories(ruleset, policy)?;
    }
    if wants(Layer::Network) {
        ruleset = ruleset.add_rules(
            ports.iter().map(|&port| Ok::<_, landlock::RulesetError>(NetPort::new(port, AccessNet::ConnectTcp))),
        )?;
    }
    Ok(ruleset.restrict_self()?)
}

fn grant_directories(
    mut ruleset: RulesetCreated,
    policy: &Policy<'_>,
) -> Result<RulesetCreated, Box<dyn std::error::Error>> {
    for directory in &policy.grants.directories {
        let access = match directory.access {
            Granted::ReadOnly => AccessFs::ReadFile | AccessFs::ReadDir,
            Granted::ReadWrite => writable(),
        };
        // One that is gone, or is a link by now, nobody reaches: the tasks that need it are told.
        let Ok(opened) = sys::open_directory(&directory.host) else { continue };
        ruleset = ruleset.add_rule(PathBeneath::new(opened, access))?;
    }
    Ok(ruleset)
}

/// Everything but to execute, to make what is no file or directory, and to speak to devices.
fn writable() -> BitFlags<AccessFs> {
    AccessFs::from_all(TRIED)
        & !(AccessFs::Execute
            | AccessFs::MakeChar
            | AccessFs::MakeBlock
            | AccessFs::MakeSock
            | AccessFs::MakeFifo
            | AccessFs::IoctlDev)
}

/// `None`: too many for a rule each.
fn granted_ports(policy: &Policy<'_>) -> Option<Vec<u16>> {
    let ranges = policy.grants.addresses.iter().map(|address| address.ports());
    let count: usize = ranges.clone().map(|(first, last)| usize::from(last - first) + 1).sum();
    (count <= MAX_GRANTED_PORTS).then(|| ranges.flat_map(|(first, last)| first..=last).collect())
}

impl Restricted {
    /// What became of one of the layers, tried.
    pub(super) fn take(&self, layer: Layer) -> Put {
        let abi = match &self.abi {
            Ok(abi) => *abi,
            Err(why) => return Put::missing(why),
        };
        let since = |abi: ABI, linux: &str| Put::missing(format!("Landlock of ABI {abi}; this needs Linux {linux}"));
        match layer {
            Layer::Files => self.files(abi),
            Layer::Network if abi < ABI::V4 => since(abi, "6.7"),
            Layer::Network => self.network(),
            Layer::Scopes if abi < ABI::V6 => since(abi, "6.12"),
            _ => scopes(),
        }
    }

    fn files(&self, abi: ABI) -> Put {
        match File::open("/") {
            Ok(_) => Put::missing("the self-test opened `/`"),
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => {
                Put::missing(format!("the self-test failed for another reason: {error}"))
            }
            Err(_) if abi < ABI::V3 => {
                Put::partly(format!("Landlock of ABI {abi} lets files be truncated (Linux 6.2)"))
            }
            Err(_) => Put::held(format!("nothing but granted directories (Landlock, ABI {abi})")),
        }
    }

    fn network(&self) -> Put {
        if let Some(why) = self.any_port {
            return Put::partly(format!("no TCP socket listens; {why}"));
        }
        // Port 0 is nobody's: the answer is one of the kernel's own, at once.
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        match TcpStream::connect(nobody) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Put::held("no TCP connection but to granted ports, no TCP socket listens (Landlock)")
            }
            Err(error) => Put::missing(format!("the self-test was refused for another reason: {error}")),
            Ok(_) => Put::missing("the self-test was connected"),
        }
    }
}

fn scopes() -> Put {
    // Signal 0 only asks.
    match nix::sys::signal::kill(nix::unistd::getppid(), None) {
        Err(nix::errno::Errno::EPERM) => {
            Put::held("no signals and no abstract sockets to processes outside (Landlock)")
        }
        Err(error) => Put::missing(format!("the self-test was refused for another reason: {error}")),
        Ok(()) => Put::missing("the self-test could signal the parent process"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Hardening, ProcessLimits, Profile};
    use crate::task::{DirectoryGrant, Grants};
    use nix::sys::stat::Mode;
    use std::fs;
    use std::path::Path;

    fn policy(grants: &Grants) -> Policy<'_> {
        let limits = ProcessLimits { memory_bytes: 1 << 30, cpu_time: None, open_files: 64 };
        Policy {
            profile: Profile::Worker,
            hardening: Hardening::BestEffort,
            grants,
            no_machine_code: false,
            limits,
            group: None,
        }
    }

    /// Landlock restricts the thread that asks for it: the one of this test, and no other.
    #[test]
    fn the_kernel_gives_of_a_granted_directory_what_was_granted() {
        let (read, write) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        for folder in [&read, &write] {
            fs::write(folder.path().join("file"), "text").expect("it can be written");
        }
        let grant = |folder: &Path, access| DirectoryGrant { host: folder.into(), guest: "/".into(), access };
        let directories = vec![grant(read.path(), Granted::ReadOnly), grant(write.path(), Granted::ReadWrite)];
        let grants = Grants { directories, addresses: Vec::new() };
        sys::forbid_new_privileges().expect("it can be asked for");
        if restrict(&policy(&grants)).abi.is_err() {
            eprintln!("this kernel has no Landlock: not tested");
            return;
        }
        let in_read = |name: &str| read.path().join(name);
        let in_write = |name: &str| write.path().join(name);
        assert_eq!(fs::read(in_read("file")).expect("it may be read"), b"text");
        assert!(fs::write(in_read("file"), "no").is_err() && fs::write(in_read("new"), "no").is_err());
        assert!(fs::remove_file(in_read("file")).is_err());
        assert!(fs::read_dir(in_read("..")).is_err(), "what is beside it");
        fs::write(in_write("file"), "new text").expect("it may be written");
        fs::create_dir(in_write("folder")).expect("it may be made");
        assert!(nix::unistd::mkfifo(&in_write("pipe"), Mode::S_IRWXU).is_err(), "no file");
        assert!(std::os::unix::net::UnixListener::bind(in_write("socket")).is_err(), "no file");
    }

    // limit: MAX_GRANTED_PORTS
    #[test]
    fn as_many_ports_as_are_worth_a_rule_each_are_restricted_and_more_are_told() {
        let ports = |ranges: &[&str]| {
            let addresses = ranges.iter().map(|range| range.parse().expect("it names addresses")).collect();
            let grants = Grants { directories: Vec::new(), addresses };
            granted_ports(&policy(&grants)).map(|ports| ports.len())
        };
        assert_eq!(ports(&[]), Some(0));
        assert_eq!(ports(&["127.0.0.1:1-4096"]), Some(MAX_GRANTED_PORTS));
        assert_eq!(ports(&["127.0.0.1:1-4096", "127.0.0.2:80"]), None);
    }
}
