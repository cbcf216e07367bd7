//! A queue in shared memory.

fn main() {
    isopool_fuzz::run(isopool::__fuzz::queue);
}
