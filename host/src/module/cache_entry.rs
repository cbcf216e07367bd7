//! One entry of the cache as bytes: a header, what is known of the module, its machine code.
//!
//! ```text
//! magic 8 │ format 4 │ hash 32 │ key 32 │ info length 8 │ code length 8 │ info (bincode) │ code
//!                     └ BLAKE3 of all that follows it
//! ```
//! The hash answers damage, not malice: whoever can write a matching hash could only do so in a directory and a file
//! that are the user's own, which [`cache_directory`](super::cache_directory) has checked before.

use crate::limits::{KIB, MAX_ARTIFACT_BYTES, MAX_CACHED_INFO_BYTES};
use crate::sys::MemoryFile;
use crate::task::ModuleInfo;
use isopool_guest::{Codec, CodecError};
use std::io::{self, Read, Write};

pub(super) const MAGIC: [u8; 8] = *b"isopool\0";
pub(super) const FORMAT: u32 = 1;
/// Magic, format, hash.
const PREAMBLE_BYTES: usize = 8 + 4 + 32;
/// Key and the two lengths.
const HEADER_BYTES: usize = 32 + 8 + 8;
const COPY_BYTES: usize = 256 * KIB;

/// What names an entry: it covers the module and all that its machine code depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryKey(pub(super) [u8; 32]);

/// Why an entry's bytes cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryError {
    #[error("could not read it")]
    Read(#[source] io::Error),
    #[error("could not write it")]
    Write(#[source] io::Error),
    #[error("could not keep its machine code in memory")]
    Memory(#[source] io::Error),
    #[error("it is not an entry of format {FORMAT}")]
    Format,
    #[error("it is the entry of another key")]
    Key,
    #[error("its {what} has {bytes} bytes, more than the limit of {limit} bytes")]
    TooLarge { what: &'static str, bytes: u64, limit: usize },
    #[error("it has {actual} bytes, and its header says {expected}")]
    Length { actual: u64, expected: u64 },
    #[error("its hash does not match its content")]
    Hash,
    #[error("what is known of its module does not decode or encode")]
    Info(#[source] CodecError),
}

impl EntryError {
    /// Whether the entry's bytes are what is wrong, and will be wrong next time.
    pub(super) fn is_fault_of_entry(&self) -> bool {
        match self {
            Self::Read(error) => error.kind() == io::ErrorKind::UnexpectedEof,
            Self::Write(_) | Self::Memory(_) => false,
            Self::Format | Self::Key | Self::TooLarge { .. } | Self::Length { .. } | Self::Hash | Self::Info(_) => true,
        }
    }
}

/// The size of an entry on disk, in bytes.
pub(super) fn entry_bytes(info_bytes: u64, code_bytes: u64) -> u64 {
    (PREAMBLE_BYTES + HEADER_BYTES) as u64 + info_bytes + code_bytes
}

/// The part of the header that the hash covers.
fn header(key: EntryKey, info_bytes: u64, code_bytes: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..32].copy_from_slice(&key.0);
    header[32..40].copy_from_slice(&info_bytes.to_le_bytes());
    header[40..].copy_from_slice(&code_bytes.to_le_bytes());
    header
}

fn check_size(what: &'static str, bytes: u64, limit: usize) -> Result<(), EntryError> {
    if bytes > limit as u64 { Err(EntryError::TooLarge { what, bytes, limit }) } else { Ok(()) }
}

/// What is known of a module, ready to be written.
pub(super) fn encode_info(info: &ModuleInfo) -> Result<Vec<u8>, EntryError> {
    let info = Codec::Bincode.encode(info).map_err(EntryError::Info)?;
    check_size("information", info.len() as u64, MAX_CACHED_INFO_BYTES)?;
    Ok(info)
}

/// Writes an entry. The machine code is read twice: its hash stands before it.
pub(super) fn write_entry(
    out: &mut impl Write,
    key: EntryKey,
    info: &[u8],
    artifact: &MemoryFile,
) -> Result<(), EntryError> {
    let code_bytes = artifact.len().map_err(EntryError::Memory)?;
    check_size("machine code", code_bytes, MAX_ARTIFACT_BYTES)?;
    let header = header(key, info.len() as u64, code_bytes);

    let mut hasher = blake3::Hasher::new();
    hasher.update(&header).update(info);
    for_each_chunk(artifact, code_bytes, |chunk| {
        hasher.update(chunk);
        Ok(())
    })?;
    let hash = hasher.finalize();
    for part in [&MAGIC[..], &FORMAT.to_le_bytes(), hash.as_bytes(), &header, info] {
        out.write_all(part).map_err(EntryError::Write)?;
    }
    for_each_chunk(artifact, code_bytes, |chunk| out.write_all(chunk).map_err(EntryError::Write))
}

fn for_each_chunk(
    artifact: &MemoryFile,
    bytes: u64,
    mut take: impl FnMut(&[u8]) -> Result<(), EntryError>,
) -> Result<(), EntryError> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut offset = 0;
    while offset < bytes {
        let chunk = &mut buffer[..COPY_BYTES.min((bytes - offset) as usize)];
        artifact.read_exact_at(chunk, offset).map_err(EntryError::Memory)?;
        take(chunk)?;
        offset += chunk.len() as u64;
    }
    Ok(())
}

/// Reads an entry from a file of `file_bytes`. What it returns was checked as a copy: a file that changes under the
/// reader changes nothing that was accepted. Nobody can change the machine code any more.
pub(super) fn read_entry(
    file: &mut impl Read,
    file_bytes: u64,
    key: EntryKey,
) -> Result<(ModuleInfo, MemoryFile), EntryError> {
    let preamble: [u8; PREAMBLE_BYTES] = read_array(file)?;
    let (expected_start, hash) = preamble.split_at(PREAMBLE_BYTES - 32);
    if expected_start[..8] != MAGIC || expected_start[8..] != FORMAT.to_le_bytes() {
        return Err(EntryError::Format);
    }
    let header: [u8; HEADER_BYTES] = read_array(file)?;
    if header[..32] != key.0 {
        return Err(EntryError::Key);
    }
    let info_bytes = u64_at(&header, 32);
    let code_bytes = u64_at(&header, 40);
    check_size("information", info_bytes, MAX_CACHED_INFO_BYTES)?;
    check_size("machine code", code_bytes, MAX_ARTIFACT_BYTES)?;
    let expected = entry_bytes(info_bytes, code_bytes);
    if file_bytes != expected {
        return Err(EntryError::Length { actual: file_bytes, expected });
    }

    let mut hasher = blake3::Hasher::new();
    let mut info = vec![0; info_bytes as usize];
    file.read_exact(&mut info).map_err(EntryError::Read)?;
    hasher.update(&header).update(&info);
    let artifact = copy_code(file, code_bytes, &mut hasher)?;
    if hasher.finalize().as_bytes()[..] != *hash {
        return Err(EntryError::Hash);
    }
    artifact.seal_all().map_err(EntryError::Memory)?;
    Ok((Codec::Bincode.decode(&info).map_err(EntryError::Info)?, artifact))
}

fn copy_code(file: &mut impl Read, bytes: u64, hasher: &mut blake3::Hasher) -> Result<MemoryFile, EntryError> {
    let mut artifact = MemoryFile::create("isopool-module").map_err(EntryError::Memory)?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut left = bytes;
    while left > 0 {
        let chunk = &mut buffer[..COPY_BYTES.min(left as usize)];
        file.read_exact(chunk).map_err(EntryError::Read)?;
        hasher.update(chunk);
        artifact.file().write_all(chunk).map_err(EntryError::Memory)?;
        left -= chunk.len() as u64;
    }
    Ok(artifact)
}

fn read_array<const N: usize>(file: &mut impl Read) -> Result<[u8; N], EntryError> {
    let mut array = [0; N];
    file.read_exact(&mut array).map_err(EntryError::Read)?;
    Ok(array)
}

fn u64_at(header: &[u8; HEADER_BYTES], offset: usize) -> u64 {
    u64::from_le_bytes(header[offset..offset + 8].try_into().expect("eight bytes of a longer array"))
}
