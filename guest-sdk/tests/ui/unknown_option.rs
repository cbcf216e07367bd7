use isopool_guest::task;

#[task(name = "other")]
pub fn noop() {}

fn main() {}
