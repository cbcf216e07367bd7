//! What it does: a task that looks at all that could come out otherwise the next time. Never: has a state.

use isopool_guest::task;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

/// Mixes random numbers, both clocks, sleeping, floats (NaNs among them) and the order of hash tables, this many times; gives
/// all the bytes that it saw.
#[task]
pub fn draw(times: u32) -> Vec<u8> {
    let mut seen = Vec::new();
    let begin = Instant::now();
    for time in 0..times {
        seen.extend(RandomState::new().hash_one(time).to_le_bytes());
        let table: HashMap<u32, u32> = (0..20).map(|n| (n, n)).collect();
        seen.extend(table.into_keys().map(|key| key as u8));
        let set: HashSet<String> = (0..5).map(|n| n.to_string()).collect();
        set.iter().for_each(|text| seen.extend(text.as_bytes()));
        seen.extend(begin.elapsed().as_nanos().to_le_bytes());
        seen.extend(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos().to_le_bytes());
        std::thread::sleep(Duration::from_secs(3600));
        let float = black_box(f64::from(time)).sqrt().sin() / black_box(0.0);
        let nan = (float - black_box(float)) * black_box(f64::from_bits(0x7ff8_0000_dead_beef));
        seen.extend(nan.to_bits().to_le_bytes());
    }
    seen
}

/// Asks for so many random bytes at once, 256 at most; whether it got them.
#[task]
pub fn entropy(bytes: u32) -> bool {
    let mut buffer = [0_u8; 256];
    let wanted = &mut buffer[..bytes as usize];
    // SAFETY: it writes `len` bytes from the pointer on, which are `wanted`.
    unsafe { getentropy(wanted.as_mut_ptr(), wanted.len()) == 0 }
}

unsafe extern "C" {
    fn getentropy(buffer: *mut u8, len: usize) -> i32;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_seen_in_no_time() {
        assert!(draw(0).is_empty());
        assert!(entropy(256));
    }
}
