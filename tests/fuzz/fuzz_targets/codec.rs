//! Arguments and results.

fn main() {
    isopool_fuzz::run(isopool_fuzz::codec::values);
}
