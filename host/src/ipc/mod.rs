//! What it does: turns requests and replies into bytes on a worker's channel and back; used by both ends.
//! Takes from: dispatcher, module, worker. Hands to: the socket.
//! Never: trusts a length, tag or id that it has read; blocks on the caller's side.

mod caller_channel;
mod claim;
mod frame;
#[cfg(debug_assertions)]
pub(crate) mod fuzz;
mod look_out;
mod message;
mod worker_channel;

pub(crate) use crate::task::{InitializerCall, LogLevel, LogRecord, Refusal};
pub(crate) use caller_channel::{CallerChannel, ChannelError, Payload, Received};
pub(crate) use claim::{ClaimLedger, ClaimTable, ClaimTicket, ClaimView};
pub(crate) use frame::FrameError;
pub(crate) use look_out::LookOut;
pub(crate) use message::{
    CompileRequest, Compiled, NATIVE_SUFFIX, NativeCall, NativeEnd, PROTOCOL_VERSION, Reply, Request, Role, RunOptions,
    RunRequest, WORKER_VARIABLE, WorkerConfig, last_words,
};
pub(crate) use worker_channel::{
    Before as WorkerBefore, ChannelError as WorkerChannelError, Received as WorkerReceived, WorkerChannel, denied_frame,
};
