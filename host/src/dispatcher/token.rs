//! What epoll says is ready.

use crate::task::WorkerId;

/// Whose descriptor it is. Packed into its 64 bits of user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Mailbox,
    Channel(WorkerId),
    Process(WorkerId),
    ForkServerChannel,
    ForkServerProcess,
}

impl Token {
    pub(super) fn pack(self) -> u64 {
        match self {
            Token::Mailbox => 0,
            Token::ForkServerChannel => 2,
            Token::ForkServerProcess => 3,
            Token::Channel(worker) => (worker.0 + 2) << 1,
            Token::Process(worker) => ((worker.0 + 2) << 1) | 1,
        }
    }

    pub(super) fn unpack(data: u64) -> Self {
        match (data >> 1, data & 1) {
            (0, _) => Token::Mailbox,
            (1, 0) => Token::ForkServerChannel,
            (1, _) => Token::ForkServerProcess,
            (worker, 0) => Token::Channel(WorkerId(worker - 2)),
            (worker, _) => Token::Process(WorkerId(worker - 2)),
        }
    }
}
