//! What a worker says, as its caller reads it.

fn main() {
    isopool_fuzz::run(isopool::__fuzz::replies);
}
