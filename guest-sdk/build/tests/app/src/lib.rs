pub fn library_side(x: u64) -> u64 {
    private(x)
}

fn private(x: u64) -> u64 {
    x + 1
}

pub fn host_side() -> hostonly::Pid {
    hostonly::pid()
}

pub fn make() -> impl Fn(u64) -> pool::Call<(u64,), u64> {
    pool::task!(|x: u64| -> u64 { private(x) })
}
