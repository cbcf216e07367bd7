//! Compiles the plugin that is built in.

fn main() {
    isopool_build::guest_at("plugins/shout");
}
