//! The arguments of one task, encoded and within their bounds.

use super::builder::Options;
use crate::error::{TaskError, TaskRef};
use crate::limits::MAX_TASK_OBJECTS;
use crate::module::Encoding;
use crate::sync::{self, SharedObject};
use crate::task::{CodecFailure, Side};
use serde::Serialize;
use std::sync::Arc;

/// What travels of the arguments.
pub(super) struct Encoded {
    pub(super) argument: Vec<u8>,
    /// The shared objects whose handles are among them.
    pub(super) objects: Vec<Arc<SharedObject>>,
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
    let (encoded, objects) = sync::collect(|| encoding.encode(arguments));
    let argument = encoded.map_err(codec_error)?;
    let (size, limit) = (argument.len() as u64, options.max_argument_bytes as u64);
    if size > limit {
        return Err(TaskError::ArgumentTooLarge { task: task.clone(), size, limit });
    }
    if objects.len() > MAX_TASK_OBJECTS {
        let count = objects.len();
        return Err(codec_error(format!("{count} shared objects are over the limit of {MAX_TASK_OBJECTS}")));
    }
    Ok(Encoded { argument, objects })
}
