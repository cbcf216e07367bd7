use isopool_guest::task;

static MODULE: isopool_guest::EmbeddedModule = isopool_guest::EmbeddedModule { name: "tasks", wasm: b"" };

pub struct Plain;

#[task(module = MODULE)]
pub fn plain(_value: Plain) {}

#[task(module = MODULE)]
pub fn give() -> Result<Vec<Plain>, String> {
    Err(String::new())
}

fn main() {}
