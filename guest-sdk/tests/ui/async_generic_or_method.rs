use isopool_guest::task;

#[task]
pub async fn later() {}

#[task]
pub unsafe fn trust_me() {}

#[task]
pub fn any<T>(value: T) -> T {
    value
}

#[task]
pub fn iterate(values: impl Iterator<Item = u32>) -> Box<dyn std::any::Any> {
    Box::new(values.count())
}

pub struct Counter;

impl Counter {
    #[task]
    pub fn count(&self) {}
}

#[task]
pub struct NotAFunction;

fn main() {}
