//! How many processors this process may use.

use super::{cgroup, topology};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Bounds the count from outside of the program.
const MAXIMUM_VARIABLE: &str = "ISOPOOL_MAX_CPU_COUNT";

/// The environment variable `ISOPOOL_MAX_CPU_COUNT` holds something else than a whole number of at least 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the environment variable {MAXIMUM_VARIABLE} is {value:?}, and must be a whole number of at least 1; set it to the \
     most processors that may be used, or unset it"
)]
#[non_exhaustive]
pub struct CpuCountError {
    /// What it holds.
    pub value: OsString,
}

/// How many processors this process may use: the default for an executor's `max_workers`.
///
/// It is the least of
/// - the processors of the system that the calling thread may run on (its affinity, see `taskset(1)`),
/// - the CPU time that control groups (version 1 or 2, all levels) grant, in processors, rounded up: what `docker run
///   --cpus` sets,
/// - the environment variable `ISOPOOL_MAX_CPU_COUNT`.
///
/// It is never below 1, and is found out anew with each call. Two threads of one core count as two; see
/// [`physical_cpu_count`].
///
/// # Errors
/// `ISOPOOL_MAX_CPU_COUNT` is set, and not to a whole number of at least 1.
///
/// # Source
/// `cpu_count` of loky, which looks at the outermost control group only.
///
/// ```
/// let workers = isopool::cpu_count()?;
/// assert!(workers >= isopool::physical_cpu_count()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn cpu_count() -> Result<usize, CpuCountError> {
    let maximum = maximum(std::env::var_os(MAXIMUM_VARIABLE).as_deref())?;
    let allowed = allowed_cpus().map_or_else(num_cpus::get, |cpus| cpus.len());
    Ok(least(allowed, Path::new("/"), maximum))
}

/// How many physical cores this process may use: as [`cpu_count`], but hardware threads of one core count once.
///
/// Better than [`cpu_count`] for tasks that keep a core's arithmetic units busy on their own.
///
/// # Errors
/// As for [`cpu_count`].
///
/// # Source
/// `cpu_count(only_physical_cores=True)` of loky.
pub fn physical_cpu_count() -> Result<usize, CpuCountError> {
    let maximum = maximum(std::env::var_os(MAXIMUM_VARIABLE).as_deref())?;
    let root = Path::new("/");
    let cores = match allowed_cpus() {
        Some(cpus) => topology::physical_cores(root, &cpus).unwrap_or_else(|| cpus.len().min(num_cpus::get_physical())),
        None => num_cpus::get_physical(),
    };
    Ok(least(cores, root, maximum))
}

fn least(allowed: usize, root: &Path, maximum: Option<usize>) -> usize {
    let bounds = [cgroup::cpu_quota(root), maximum];
    bounds.into_iter().flatten().fold(allowed, usize::min).max(1)
}

/// The numbers of the processors that this thread may run on; `None` when the system does not say, or has more than
/// nix's set can hold.
fn allowed_cpus() -> Option<BTreeSet<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0)).ok()?;
    Some((0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect())
}

fn maximum(value: Option<&OsStr>) -> Result<Option<usize>, CpuCountError> {
    let Some(value) = value else { return Ok(None) };
    let number = value.to_str().and_then(|text| text.trim().parse().ok()).filter(|number| *number >= 1);
    number.map(Some).ok_or_else(|| CpuCountError { value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sched::sched_setaffinity;
    use std::os::unix::ffi::OsStrExt;

    // behaviour: B49
    #[test]
    fn maximum_must_be_a_whole_number_of_at_least_one() {
        assert_eq!(maximum(None), Ok(None));
        for (text, number) in [("1", 1), ("3", 3), (" 64\n", 64)] {
            assert_eq!(maximum(Some(OsStr::new(text))), Ok(Some(number)));
        }
        let not_text = OsStr::from_bytes(b"\xff");
        for value in ["", " ", "0", "-1", "1.5", "two", "0x10", "99999999999999999999999"].map(OsStr::new) {
            assert_eq!(maximum(Some(value)), Err(CpuCountError { value: value.to_owned() }));
        }
        assert!(maximum(Some(not_text)).is_err());
    }

    // behaviour: B49
    #[test]
    fn error_names_variable_value_and_remedy() {
        let error = maximum(Some(OsStr::new("two"))).expect_err("no number").to_string();
        assert_eq!(
            error,
            "the environment variable ISOPOOL_MAX_CPU_COUNT is \"two\", and must be a whole number of at least 1; set it \
             to the most processors that may be used, or unset it"
        );
    }

    // behaviour: B49
    #[test]
    fn least_bound_wins_and_none_goes_below_one() {
        let nothing = tempfile::tempdir().expect("a temporary directory can be made");
        let quota = cgroup::tests::tree_with_quota("150000 100000");
        assert_eq!(least(8, nothing.path(), None), 8);
        assert_eq!(least(8, nothing.path(), Some(3)), 3);
        assert_eq!(least(8, quota.path(), Some(3)), 2);
        assert_eq!(least(1, quota.path(), Some(3)), 1);
        assert_eq!(least(0, nothing.path(), None), 1);
    }

    // behaviour: B49
    #[test]
    fn thread_bound_to_one_processor_counts_one() {
        let first = *allowed_cpus().expect("the affinity can be read").first().expect("it runs somewhere");
        let thread = std::thread::spawn(move || {
            let mut only = CpuSet::new();
            only.set(first).expect("the number is below the count");
            sched_setaffinity(Pid::from_raw(0), &only).expect("an allowed processor can be chosen");
            (cpu_count(), physical_cpu_count())
        });
        assert_eq!(thread.join().expect("the thread does not panic"), (Ok(1), Ok(1)));
    }

    // behaviour: B49
    #[test]
    fn physical_cores_are_never_more_than_logical_processors() {
        let (logical, physical) = (cpu_count().expect("not set"), physical_cpu_count().expect("not set"));
        assert!(1 <= physical && physical <= logical, "{physical} of {logical}");
    }
}
