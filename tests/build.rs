//! Compiles the guests that are no packages of tasks.

fn main() {
    isopool_build::guest_at("guests/plain");
}
