//! What the fuzz target of this room does with bytes: see `tests/fuzz`.

use super::object::SharedObject;
use crate::task::{ObjectSpec, QueueBounds};
use isopool_guest::sync::Object;
use std::time::Duration;

/// Uses a queue in whose memory another process writes. Each step takes ten bytes: what to do, a place, a value.
pub fn queue(data: &[u8]) {
    const NOW: Option<Duration> = Some(Duration::ZERO);
    let bounds = QueueBounds { max_items: 8, max_item_bytes: 64, ring_bytes: 128 };
    let queue = SharedObject::create(ObjectSpec::Queue(bounds)).expect("memory files work here");
    for step in data.chunks_exact(10) {
        let value = u64::from_le_bytes(step[2..].try_into().expect("eight bytes"));
        // The lock's own word is left alone: a holder that lives would be waited for, and the room's tests try that.
        let place = 8 + 8 * usize::from(step[1] % 20);
        match step[0] % 4 {
            0 => queue.memory().scribble(place, value),
            1 => _ = queue.put(&step[1..1 + usize::from(step[1] % 9)], NOW),
            2 => {
                let item = queue.get(NOW);
                assert!(item.is_err() || item.is_ok_and(|item| item.len() <= bounds.max_item_bytes as usize));
            }
            _ => _ = (queue.value(), queue.is_full()),
        }
    }
}
