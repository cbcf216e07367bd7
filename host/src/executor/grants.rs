//! What tasks may reach outside of their sandbox, and whose they are: asked for here, checked at the door.

use super::builder::ExecutorBuilder;
use super::task::Task;
use crate::error::Error;
use crate::limits::{MAX_ADDRESS_GRANTS, MAX_ARGUMENTS_BYTES, MAX_DIRECTORY_GRANTS, MAX_TENANT_BYTES};
use crate::task::{Access, AddressGrant, Class, DirectoryGrant, Grants, check_guest_path};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What an executor or a task asks for, not checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    tenant: Option<String>,
    directories: Vec<(PathBuf, String, Access)>,
    addresses: Vec<AddressGrant>,
}

impl ExecutorBuilder {
    /// Whose the tasks of this executor are, unless they [say otherwise](Task::tenant): any name of 1 to
    /// [`MAX_TENANT_BYTES`] bytes. Default: nobody's, which is a tenant like another.
    pub fn tenant(mut self, name: impl Into<String>) -> Self {
        self.options.asked.tenant = Some(name.into());
        self
    }

    /// Gives every guest a directory of this machine, with all that is below it. By default guests have no files at all.
    /// `host` must be a directory when the executor is built; symbolic links in it are resolved then. `guest` is the
    /// path under which guests find it: absolute, at most [`MAX_GUEST_PATH_BYTES`](crate::limits::MAX_GUEST_PATH_BYTES)
    /// bytes, each only once. At most [`MAX_DIRECTORY_GRANTS`]. A module with a [manifest](crate::Manifest) has it if it asks
    /// for it, and may write if it asks for that.
    ///
    /// Held twice: by the guest's file system, which resolves every path below the directory and follows no link out of
    /// it, and by the kernel where it can (see [`Hardening`](crate::Hardening)). What others change in the directory
    /// meanwhile, guests see.
    ///
    /// ```
    /// use guest_basic::files::read; // `std::fs::read_to_string(path)`
    /// use isopool::{Access, Executor};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// std::fs::write(directory.path().join("greeting"), "hello")?;
    /// let executor = Executor::builder().max_workers(1).preopen(directory.path(), "/in", Access::ReadOnly).build()?;
    /// assert_eq!(executor.submit(read::task("/in/greeting".into()))?.result()?, "hello");
    /// assert!(executor.submit(read::task("/etc/passwd".into()))?.result().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn preopen(mut self, host: impl Into<PathBuf>, guest: impl Into<String>, access: Access) -> Self {
        self.options.asked.directories.push((host.into(), guest.into(), access));
        self
    }

    /// Lets every guest open TCP connections to these addresses. By default guests have no network. A guest can neither
    /// wait for connections nor send datagrams nor look up names: it is given addresses. At most
    /// [`MAX_ADDRESS_GRANTS`].
    ///
    /// ```
    /// use isopool::Executor;
    ///
    /// let addresses = "10.1.0.0/16:8000-8099".parse::<isopool::AddressGrant>()?;
    /// let local = std::net::SocketAddr::from(([127, 0, 0, 1], 8080));
    /// let executor = Executor::builder().max_workers(1).allow_address(addresses).allow_address(local).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_address(mut self, addresses: impl Into<AddressGrant>) -> Self {
        self.options.asked.addresses.push(addresses.into());
        self
    }

    /// Gives every guest one more argument, `std::env::args()` of a Rust guest: none by default, and no program's name before
    /// them. All of one task together, with its [own](Task::argument), have at most [`MAX_ARGUMENTS_BYTES`].
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.options.arguments.push(argument.into());
        self
    }

    /// As [`argument`](Self::argument), for each.
    pub fn arguments<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.options.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }
}

impl<A, R> Task<A, R> {
    /// Whose the task is: any name of 1 to [`MAX_TENANT_BYTES`] bytes; `submit` refuses others. Default:
    /// [`tenant`](ExecutorBuilder::tenant) of the executor.
    ///
    /// A worker process serves one tenant all its life, so nothing that one tenant's task leaves behind in a process, by
    /// whatever fault, is ever met by another's. When a tenant's turn comes and none of its workers is free, an idle worker of
    /// another tenant leaves and a new process starts in its place, which takes some milliseconds
    /// ([`Stats::workers_replaced`](crate::Stats::workers_replaced)). Tenants that all have work have at least one worker each
    /// in turn, whatever the others submit. Tasks that a task submits are of its tenant.
    ///
    /// ```
    /// use guest_basic::value::add; // a package of tasks
    /// use isopool::{Executor, IntoTask};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// let process_of = |tenant: &str| -> Result<u32, Box<dyn std::error::Error>> {
    ///     let future = executor.submit(add::task(2, 3).into_task().tenant(tenant))?;
    ///     future.result()?;
    ///     Ok(future.report().expect("it has run").pid)
    /// };
    /// let ada = process_of("ada")?;
    /// assert_eq!(process_of("ada")?, ada);
    /// assert_ne!(process_of("grace")?, ada);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn tenant(mut self, name: impl Into<String>) -> Self {
        self.asked.get_or_insert_default().tenant = Some(name.into());
        self
    }

    /// Gives this task a directory, beside those of the executor: see [`ExecutorBuilder::preopen`]. `submit` refuses what
    /// is no directory then. Tasks with other grants run in other processes, as those of other [tenants](Self::tenant) do.
    ///
    /// ```
    /// use guest_basic::files::read; // `std::fs::read_to_string(path)`
    /// use isopool::{Access, Executor, IntoTask};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// std::fs::write(directory.path().join("greeting"), "hello")?;
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// let read = || read::task("/in/greeting".into()).into_task();
    /// let with = read().preopen(directory.path(), "/in", Access::ReadOnly);
    /// assert_eq!(executor.submit(with)?.result()?, "hello");
    /// assert!(executor.submit(read())?.result().is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn preopen(mut self, host: impl Into<PathBuf>, guest: impl Into<String>, access: Access) -> Self {
        self.asked.get_or_insert_default().directories.push((host.into(), guest.into(), access));
        self
    }

    /// Lets this task open TCP connections to these addresses, beside those of the executor: see
    /// [`ExecutorBuilder::allow_address`].
    #[must_use]
    pub fn allow_address(mut self, addresses: impl Into<AddressGrant>) -> Self {
        self.asked.get_or_insert_default().addresses.push(addresses.into());
        self
    }

    /// Gives this task one more argument, after those of the executor: see [`ExecutorBuilder::argument`]. With
    /// [`Reuse::Worker`](crate::Reuse::Worker), a task with arguments of its own has an instance of its own.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.options.get_or_insert_default().arguments.push(argument.into());
        self
    }

    /// As [`argument`](Self::argument), for each.
    #[must_use]
    pub fn arguments<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.options.get_or_insert_default().arguments.extend(arguments.into_iter().map(Into::into));
        self
    }
}

impl Asked {
    /// Checks it, and adds it to what there is.
    pub(super) fn add_to(&self, class: &Class) -> Result<Class, Error> {
        let mut class = class.clone();
        if let Some(tenant) = &self.tenant {
            class.tenant = Some(checked_tenant(tenant)?);
        }
        let Grants { directories, addresses } = &mut class.grants;
        for (host, guest, access) in &self.directories {
            let (host, guest) = (checked_directory(host)?, checked_guest_path(guest)?);
            if directories.iter().any(|other| other.guest == guest) {
                return Err(Error::invalid(format!(
                    "two directories are granted as `{guest}`; give each a path of its own"
                )));
            }
            directories.push(DirectoryGrant { host, guest, access: *access });
        }
        addresses.extend(&self.addresses);
        bounded(
            "directories are granted",
            directories.len(),
            MAX_DIRECTORY_GRANTS,
            "grant one that has all of them below it",
        )?;
        bounded("addresses are granted", addresses.len(), MAX_ADDRESS_GRANTS, "name a network or a range of ports")?;
        Ok(class)
    }

    /// Whether two executors grant the same: the names of the options that differ.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let Self { tenant, directories, addresses } = self;
        let differences = [
            ("tenant", *tenant != other.tenant),
            ("preopen", *directories != other.directories),
            ("allow_address", *addresses != other.addresses),
        ];
        differences.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

/// The arguments of one task: those of its executor and its own.
pub(super) fn check_arguments(executors: &[String], own: &[String]) -> Result<(), Error> {
    let all = || executors.iter().chain(own);
    if let Some(argument) = all().find(|argument| argument.contains('\0')) {
        return Err(Error::invalid(format!("{argument:?} is no argument for a guest: it has NUL in it")));
    }
    let bytes = all().map(String::len).sum();
    bounded(
        "bytes are in the arguments of a task",
        bytes,
        MAX_ARGUMENTS_BYTES,
        "large data goes into what the function is called with",
    )
}

fn bounded(what: &str, count: usize, limit: usize, remedy: &str) -> Result<(), Error> {
    if count > limit {
        return Err(Error::invalid(format!("{count} {what}, the limit is {limit}; {remedy}")));
    }
    Ok(())
}

fn checked_tenant(name: &str) -> Result<Arc<str>, Error> {
    if name.is_empty() || name.len() > MAX_TENANT_BYTES {
        let bytes = name.len();
        return Err(Error::invalid(format!(
            "the name of a tenant has {bytes} bytes; it must have between 1 and {MAX_TENANT_BYTES}"
        )));
    }
    Ok(name.into())
}

/// Where the directory is, whatever links lead to it: the worker that opens it follows none.
fn checked_directory(host: &Path) -> Result<PathBuf, Error> {
    let refused = |why: String| Error::invalid(format!("`{}` cannot be granted as a directory: {why}", host.display()));
    let resolved = host.canonicalize().map_err(|error| refused(error.to_string()).with_source(error))?;
    if !resolved.is_dir() {
        return Err(refused("it is none".to_owned()));
    }
    if resolved.to_str().is_none() {
        return Err(refused("its path is not UTF-8".to_owned()));
    }
    Ok(resolved)
}

fn checked_guest_path(guest: &str) -> Result<String, Error> {
    check_guest_path(guest).map_err(Error::invalid)?;
    Ok(guest.to_owned())
}
