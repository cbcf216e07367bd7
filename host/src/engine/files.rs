//! The streams of files. wasmtime-wasi's own start a thread as soon as a guest reads or writes one without waiting, or polls
//! it, whatever it was told about blocking; a worker has one thread. These read and write where they are asked.

use super::guest::Guest;
use crate::sys;
use bytes::Bytes;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};

/// The interface, in the version of wasmtime-wasi: guests of an earlier 0.2 find it too.
const INTERFACE: &str = "wasi:filesystem/types@0.2.12";

/// What one read or write takes at most, in bytes. As in wasmtime-wasi.
const CHUNK_BYTES: usize = 64 * 1024;

type FileHandle = Resource<Descriptor>;

/// Puts these streams in the place of wasmtime-wasi's.
pub(super) fn replace_streams(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(INTERFACE)?;
    types.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut store: StoreContextMut<'_, Guest>, (file, position): (FileHandle, u64)| {
            let resources = store.data_mut().called().resources();
            let file = match resources.get(&file)? {
                Descriptor::File(file) => Arc::clone(&file.file),
                Descriptor::Dir(_) => return Ok((Err(ErrorCode::IsDirectory),)),
            };
            let reader: DynInputStream = Box::new(Reader { file, position });
            Ok((Ok::<_, ErrorCode>(resources.push(reader)?),))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |mut store: StoreContextMut<'_, Guest>, (file, position): (FileHandle, u64)| {
            write_stream(store.data_mut().called(), &file, Some(position))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.append-via-stream",
        |mut store: StoreContextMut<'_, Guest>, (file,): (FileHandle,)| {
            write_stream(store.data_mut().called(), &file, None)
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

type WriteStream = (Result<Resource<DynOutputStream>, ErrorCode>,);

fn write_stream(guest: &mut Guest, file: &FileHandle, position: Option<u64>) -> wasmtime::Result<WriteStream> {
    let resources = guest.resources();
    let file = match resources.get(file)? {
        Descriptor::Dir(_) => return Ok((Err(ErrorCode::BadDescriptor),)),
        Descriptor::File(file) if file.perms.write_not_permitted() => return Ok((Err(ErrorCode::NotPermitted),)),
        Descriptor::File(file) => Arc::clone(&file.file),
    };
    let writer: DynOutputStream = Box::new(Writer { file, position });
    Ok((Ok(resources.push(writer)?),))
}

/// Reads a file from a position on.
struct Reader {
    file: Arc<File>,
    position: u64,
}

/// Writes a file from a position on, or at its end (`None`).
struct Writer {
    file: Arc<File>,
    position: Option<u64>,
}

fn failed(error: io::Error) -> StreamError {
    StreamError::LastOperationFailed(error.into())
}

#[async_trait]
impl Pollable for Reader {
    /// A file always has something to say, if only its end.
    async fn ready(&mut self) {}
}

impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let mut buffer = vec![0; size.min(CHUNK_BYTES)];
        let count = loop {
            match self.file.read_at(&mut buffer, self.position) {
                Ok(0) => return Err(StreamError::Closed),
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        };
        buffer.truncate(count);
        self.position += count as u64;
        Ok(buffer.into())
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        match &mut self.position {
            Some(position) => {
                self.file.write_all_at(&bytes, *position).map_err(failed)?;
                *position += bytes.len() as u64;
            }
            None => sys::append(self.file.as_fd(), &bytes).map_err(failed)?,
        }
        Ok(())
    }

    /// Nothing is held back here.
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_BYTES)
    }
}
