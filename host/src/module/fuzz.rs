//! What the fuzz target of this room does with bytes: see `tests/fuzz`.

use super::cache_entry::{EntryKey, FORMAT, MAGIC, read_entry};

/// Where the hash, and what it covers, begin: see [`cache_entry`](super::cache_entry).
const HASH: usize = 12;
const COVERED: usize = 44;

/// Reads bytes as an entry of the cache: as they are, and with a beginning that fits them, as malice would write it.
pub fn cache_entry(data: &[u8]) {
    let key = EntryKey([7; 32]);
    let mut fitted = data.to_vec();
    if data.len() >= COVERED + 32 {
        fitted[..8].copy_from_slice(&MAGIC);
        fitted[8..HASH].copy_from_slice(&FORMAT.to_le_bytes());
        fitted[COVERED..COVERED + 32].copy_from_slice(&key.0);
        let hash = blake3::hash(&fitted[COVERED..]);
        fitted[HASH..COVERED].copy_from_slice(hash.as_bytes());
    }
    for mut entry in [data, &fitted[..]] {
        let length = entry.len() as u64;
        if let Ok((_, code)) = read_entry(&mut entry, length, key) {
            assert!(entry.is_empty(), "every byte of an entry means something");
            assert!(code.len().expect("it can be asked") < length);
        }
    }
}
