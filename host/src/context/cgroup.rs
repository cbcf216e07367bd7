//! How much CPU time control groups grant this process. Both versions may be mounted at once, and every level between
//! the mount and the process's own group may have a quota: the least holds.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The processors' worth of time that this process may use, rounded up; `None` when nothing bounds it, or nothing
/// that can be read. `root` is `/`, or stands for it in a test.
pub(super) fn cpu_quota(root: &Path) -> Option<usize> {
    let memberships = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).ok()?;
    mounts
        .lines()
        .filter_map(Mount::parse)
        .filter_map(|mount| {
            let group = memberships.lines().find_map(|line| mount.version.membership(line))?;
            least_quota(root, &mount, Path::new(group))
        })
        .min()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    /// The group that a line `hierarchy:controllers:group` of `/proc/self/cgroup` names, if it is the one that counts.
    fn membership(self, line: &str) -> Option<&str> {
        let mut fields = line.splitn(3, ':');
        let (hierarchy, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
        let counts = match self {
            Version::One => controllers.split(',').any(|controller| controller == "cpu"),
            Version::Two => hierarchy == "0" && controllers.is_empty(),
        };
        counts.then_some(group)
    }

    /// The quota that one directory sets, in processors, rounded up.
    fn quota(self, directory: &Path) -> Option<usize> {
        let read = |name| fs::read_to_string(directory.join(name)).ok();
        let (quota, period) = match self {
            Version::One => (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?),
            Version::Two => {
                let text = read("cpu.max")?;
                let (quota, period) = text.trim().split_once(' ')?;
                (quota.to_owned(), period.to_owned())
            }
        };
        // `max` and `-1` mean that there is none, and are no such numbers.
        let (quota, period) = (quota.trim().parse::<u64>().ok()?, period.trim().parse::<u64>().ok()?);
        if period == 0 {
            return None;
        }
        usize::try_from(quota.div_ceil(period)).ok().map(|quota| quota.max(1))
    }
}

/// Where a hierarchy of groups is to be seen.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    version: Version,
    /// The group that is mounted.
    group: PathBuf,
    /// Where.
    point: PathBuf,
}

impl Mount {
    /// Reads a line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)); `None` for other file systems, and for
    /// hierarchies of version 1 without the controller of CPU time.
    fn parse(line: &str) -> Option<Self> {
        let (fields, file_system) = line.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        let (group, point) = (fields.next()?, fields.next()?);
        let mut file_system = file_system.split(' ');
        let version = match file_system.next()? {
            "cgroup" if file_system.nth(1)?.split(',').any(|option| option == "cpu") => Version::One,
            "cgroup2" => Version::Two,
            _ => return None,
        };
        Some(Self { version, group: unescape(group).into(), point: unescape(point).into() })
    }
}

/// Undoes the escapes of mountinfo: a space is `\040`.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

/// The least quota between the mount and a group below it, both included.
fn least_quota(root: &Path, mount: &Mount, group: &Path) -> Option<usize> {
    let point = root.join(mount.point.strip_prefix("/").unwrap_or(&mount.point));
    // A group outside of what is mounted (seen from another namespace) leaves the mount itself to look at.
    let below = group.strip_prefix(&mount.group).unwrap_or(Path::new(""));
    let below: PathBuf =
        if below.components().all(|part| matches!(part, Component::Normal(_))) { below.into() } else { PathBuf::new() };
    below.ancestors().filter_map(|level| mount.version.quota(&point.join(level))).min()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use tempfile::TempDir;

    const VERSION_TWO: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    const VERSION_ONE: &str = "33 32 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
                               34 32 0:31 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory\n";

    fn tree(memberships: &str, mounts: &str, files: &[(&str, &str)]) -> TempDir {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        let always = [("proc/self/cgroup", memberships), ("proc/self/mountinfo", mounts)];
        for (path, text) in always.iter().chain(files) {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("a directory can be made");
            fs::write(path, text).expect("a file can be written");
        }
        root
    }

    /// A tree of version 2 with this quota.
    pub(crate) fn tree_with_quota(quota: &str) -> TempDir {
        tree("0::/", VERSION_TWO, &[("sys/fs/cgroup/cpu.max", quota)])
    }

    fn quota(tree: &TempDir) -> Option<usize> {
        cpu_quota(tree.path())
    }

    // behaviour: B49
    #[test]
    fn version_two_is_rounded_up_and_never_nothing() {
        let cases = [
            ("200000 100000\n", Some(2)),
            ("200001 100000\n", Some(3)),
            ("1000 100000\n", Some(1)),
            ("0 100000\n", Some(1)),
            ("max 100000\n", None),
            ("100000 0\n", None),
            ("18446744073709551615 1\n", Some(usize::MAX)),
            ("nonsense\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(quota(&tree_with_quota(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn every_level_of_version_two_counts() {
        let levels = |outer, middle, inner| {
            let files = [
                ("sys/fs/cgroup/cpu.max", outer),
                ("sys/fs/cgroup/a.slice/cpu.max", middle),
                ("sys/fs/cgroup/a.slice/b.scope/cpu.max", inner),
                ("sys/fs/cgroup/other/cpu.max", "100000 100000"),
            ];
            quota(&tree("0::/a.slice/b.scope\n", VERSION_TWO, &files))
        };
        assert_eq!(levels("max 100000", "max 100000", "400000 100000"), Some(4));
        assert_eq!(levels("max 100000", "250000 100000", "400000 100000"), Some(3));
        assert_eq!(levels("200000 100000", "250000 100000", "max 100000"), Some(2));
        assert_eq!(levels("max 100000", "max 100000", "max 100000"), None);
    }

    // behaviour: B49
    #[test]
    fn version_one_reads_the_controller_of_cpu_time() {
        let memberships = "5:memory:/elsewhere\n4:cpu,cpuacct:/job\n1:name=systemd:/init.scope\n";
        let with = |text| {
            let files = [
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", text),
                ("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "50000\n"),
            ];
            quota(&tree(memberships, VERSION_ONE, &files))
        };
        assert_eq!(with("120000\n"), Some(3));
        assert_eq!(with("-1\n"), None);
    }

    #[test]
    fn least_of_both_versions_holds_where_both_are_mounted() {
        let mounts = format!("{VERSION_ONE}{}", VERSION_TWO.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified"));
        let files = [
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000"),
            ("sys/fs/cgroup/unified/cpu.max", "200000 100000"),
        ];
        assert_eq!(quota(&tree("4:cpu,cpuacct:/\n0::/\n", &mounts, &files)), Some(2));
    }

    #[test]
    fn container_that_sees_only_its_own_group_finds_it_at_the_mount() {
        let mounts = VERSION_TWO.replace("0:26 / ", "0:26 /docker/abc ");
        let files = [("sys/fs/cgroup/cpu.max", "150000 100000"), ("sys/fs/cgroup/sub/cpu.max", "50000 100000")];
        assert_eq!(quota(&tree("0::/docker/abc", &mounts, &files)), Some(2));
        assert_eq!(quota(&tree("0::/docker/abc/sub", &mounts, &files)), Some(1));
        assert_eq!(quota(&tree("0::/docker/other", &mounts, &files)), Some(2));
    }

    #[test]
    fn group_outside_of_the_namespace_leads_nowhere_else() {
        let files = [("sys/fs/cgroup/cpu.max", "300000 100000"), ("sys/fs/cpu.max", "100000 100000")];
        assert_eq!(quota(&tree("0::/../x", VERSION_TWO, &files)), Some(3));
    }

    #[test]
    fn mount_point_with_a_space_is_found() {
        let mounts = VERSION_TWO.replace("/sys/fs/cgroup", "/my\\040groups");
        assert_eq!(quota(&tree("0::/", &mounts, &[("my groups/cpu.max", "100000 100000")])), Some(1));
    }

    #[test]
    fn nothing_readable_bounds_nothing() {
        assert_eq!(cpu_quota(Path::new("/nonexistent")), None);
        assert_eq!(quota(&tree("", "", &[])), None);
        assert_eq!(quota(&tree("nonsense\n\n:::", "nonsense\n - \n a b c - cgroup\n", &[])), None);
    }
}
