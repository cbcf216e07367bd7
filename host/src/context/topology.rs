//! Which hardware threads share a core.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The number of distinct cores among these processors; `None` if the system does not say. A core is named by package,
/// die and number, because numbers repeat in another package or die. A processor of which nothing is known counts as a
/// core of its own.
pub(super) fn physical_cores(root: &Path, cpus: &BTreeSet<usize>) -> Option<usize> {
    let mut cores = BTreeSet::new();
    let mut unknown = 0;
    for cpu in cpus {
        let topology = root.join(format!("sys/devices/system/cpu/cpu{cpu}/topology"));
        let number = |name| fs::read_to_string(topology.join(name)).ok()?.trim().parse::<i64>().ok();
        match (number("physical_package_id"), number("core_id")) {
            // Only some processors have dies, and a kernel before 5.2 does not name them.
            (Some(package), Some(core)) => drop(cores.insert((package, number("die_id"), core))),
            _ => unknown += 1,
        }
    }
    if cores.is_empty() { None } else { Some(cores.len() + unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A tree of processors, each with package, die and core.
    fn tree(cpus: &[(usize, &[(&str, &str)])]) -> TempDir {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        for (cpu, files) in cpus {
            let topology = root.path().join(format!("sys/devices/system/cpu/cpu{cpu}/topology"));
            fs::create_dir_all(&topology).expect("a directory can be made");
            for (name, text) in *files {
                fs::write(topology.join(name), text).expect("a file can be written");
            }
        }
        root
    }

    fn cores(root: &TempDir, cpus: impl IntoIterator<Item = usize>) -> Option<usize> {
        physical_cores(root.path(), &cpus.into_iter().collect())
    }

    // behaviour: B49
    #[test]
    fn threads_of_one_core_count_once_and_equal_numbers_in_other_packages_do_not() {
        let root = tree(&[
            (0, &[("physical_package_id", "0\n"), ("core_id", "0\n")]),
            (1, &[("physical_package_id", "0\n"), ("core_id", "1\n")]),
            (2, &[("physical_package_id", "0\n"), ("core_id", "0\n")]),
            (3, &[("physical_package_id", "1\n"), ("core_id", "0\n")]),
        ]);
        assert_eq!(cores(&root, 0..4), Some(3));
        assert_eq!(cores(&root, [0, 2]), Some(1), "only processors of the mask count");
        assert_eq!(cores(&root, [3]), Some(1));
    }

    #[test]
    fn equal_numbers_in_other_dies_of_one_package_are_other_cores() {
        let die = |die| [("physical_package_id", "0"), ("die_id", die), ("core_id", "0")];
        let root = tree(&[(0, &die("0")), (1, &die("1")), (2, &die("1"))]);
        assert_eq!(cores(&root, 0..3), Some(2));
    }

    #[test]
    fn virtual_machine_without_packages_says_minus_one() {
        let core = |core| [("physical_package_id", "-1"), ("core_id", core)];
        let root = tree(&[(0, &core("0")), (1, &core("1"))]);
        assert_eq!(cores(&root, 0..2), Some(2));
    }

    #[test]
    fn what_is_not_known_is_no_reason_to_count_less() {
        let root = tree(&[
            (0, &[("physical_package_id", "0"), ("core_id", "0")]),
            (1, &[]),
            (2, &[("physical_package_id", "0"), ("core_id", "nonsense")]),
        ]);
        assert_eq!(cores(&root, 0..3), Some(3));
        assert_eq!(cores(&root, [1, 7]), None);
        assert_eq!(cores(&tree(&[]), 0..2), None);
    }
}
