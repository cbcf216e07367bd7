//! What a caller says, as its worker reads it.

fn main() {
    isopool_fuzz::run(isopool::__fuzz::requests);
}
