fn main() {
    println!("{}", pool::task!(|x: u64| -> u64 { x })(1).function);
}
