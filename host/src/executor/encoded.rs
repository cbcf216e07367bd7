//! The arguments of one task, encoded and within their bounds.

use super::builder::Options;
use crate::error::{TaskError, TaskRef};
use crate::limits::MAX_TASK_OBJECTS;
use crate::module::Encoding;
use crate::sync::{self, Collected};
use crate::task::{CodecFailure, Side};
use serde::Serialize;

/// What travels of the arguments.
pub(super) struct Encoded {
    pub(super) argument: Vec<u8>,
    /// The shared objects whose handles are among them.
    pub(super) shared: Collected,
}

/// Encodes them, and checks what came of it.
pub(super) fn encode<A: Serialize>(
    options: &Options,
    encoding: &Encoding,
    arguments: &A,
    task: &TaskRef,
) -> Result<Encoded, TaskError> {
    let codec_error = |message| {
        let failure = CodecFailure { side: Side::Argument, message };
        TaskError::Codec { task: task.clone(), failure }
    };
    let (encoded, shared) = sync::collect(|| encoding.encode(arguments));
    let argument = encoded.map_err(codec_error)?;
    let (size, limit) = (argument.len() as u64, options.max_argument_bytes as u64);
    if size > limit {
        return Err(TaskError::ArgumentTooLarge { task: task.clone(), size, limit });
    }
    let count = shared.objects.len();
    if count > MAX_TASK_OBJECTS {
        return Err(codec_error(format!("{count} shared objects are over the limit of {MAX_TASK_OBJECTS}")));
    }
    Ok(Encoded { argument, shared })
}
