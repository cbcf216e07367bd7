use isopool_guest::task;

static MODULE: isopool_guest::EmbeddedModule = isopool_guest::EmbeddedModule { name: "tasks", wasm: b"" };

#[task(module = MODULE)]
pub fn add(a: u64, b: u64) -> u64 {
    a + b
}

fn main() {
    let _ = add::task("1", 2);
    let _ = add::task(1);
    let _: isopool_guest::Call<(u64, u64), String> = add::task(1, 2);
}
