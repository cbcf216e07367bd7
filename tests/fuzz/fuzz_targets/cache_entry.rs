//! An entry of the cache of compiled modules.

fn main() {
    isopool_fuzz::run(isopool::__fuzz::cache_entry);
}
