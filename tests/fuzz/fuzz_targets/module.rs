//! A module, before it is compiled.

fn main() {
    isopool_fuzz::run(isopool::__fuzz::module);
}
