//! What the processor can do, as it says itself.

/// Raw words that are equal on two machines, or two boots, exactly when their processors offer programs the same
/// instructions. They are compared, never interpreted, so an instruction set newer than this code counts too.
///
/// All cores of one machine give the same words: what differs between cores (serial numbers, model of the core) is
/// left out.
#[cfg(target_arch = "x86_64")]
pub(crate) fn cpu_features() -> Vec<u64> {
    use std::arch::x86_64::__cpuid_count as cpuid;
    let highest = cpuid(0, 0).eax;
    let highest_extended = cpuid(0x8000_0000, 0).eax;
    let mut words = Vec::new();
    let mut add = |values: &[u32]| words.extend(values.iter().copied().map(u64::from));

    // Not eax (stepping) nor ebx (number of this core).
    let leaf = cpuid(1, 0);
    add(&[leaf.ecx, leaf.edx]);
    if highest >= 7 {
        let leaf = cpuid(7, 0);
        add(&[leaf.ebx, leaf.ecx, leaf.edx]);
        if leaf.eax >= 1 {
            let leaf = cpuid(7, 1);
            add(&[leaf.eax, leaf.ebx, leaf.ecx, leaf.edx]);
        }
    }
    if highest >= 0xd {
        // ebx is the size of the register state that the kernel has switched on: it tells AVX in the processor from
        // AVX that programs may use.
        let leaf = cpuid(0xd, 0);
        add(&[leaf.eax, leaf.ebx, leaf.edx]);
    }
    if highest >= 0x24 {
        add(&[cpuid(0x24, 0).ebx]);
    }
    if highest_extended >= 0x8000_0001 {
        let leaf = cpuid(0x8000_0001, 0);
        add(&[leaf.ecx, leaf.edx]);
    }
    words
}

/// See the other one.
#[cfg(target_arch = "aarch64")]
pub(crate) fn cpu_features() -> Vec<u64> {
    [libc::AT_HWCAP, libc::AT_HWCAP2]
        .into_iter()
        // SAFETY: getauxval takes an integer and reads memory that the kernel filled before `main`.
        .map(|kind| unsafe { libc::getauxval(kind) })
        .collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("isopool runs on x86_64 and aarch64");

#[cfg(test)]
mod tests {
    use super::cpu_features;
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    #[test]
    fn every_core_of_this_machine_gives_the_same_words() {
        let expected = cpu_features();
        assert!(expected.iter().any(|word| *word != 0));
        let here = Pid::from_raw(0);
        let allowed = sched_getaffinity(here).expect("the affinity of this thread can be read");
        for cpu in (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false)) {
            let words = std::thread::spawn(move || {
                let mut only = CpuSet::new();
                only.set(cpu).expect("the number is below the count");
                sched_setaffinity(here, &only).expect("an allowed processor can be chosen");
                cpu_features()
            });
            assert_eq!(words.join().expect("the thread does not panic"), expected, "processor {cpu}");
        }
    }
}
