fn main() {
    let call = pool::task!(|x: u64| -> u64 { demo_app::library_side(x) })(1);
    println!("{}", call.function);
}
