use super::show;
mod deep;

#[cfg(unix)]
pub mod unix_only {
    pub fn go() {
        super::show(pool::task!(|x: u8| -> u8 { super::deep::add(x) })(1));
    }
}

pub fn go() {
    unix_only::go();
}
