use isopool_guest::task;

#[task]
pub fn noop() {}

fn main() {
    let _ = noop::task();
}
