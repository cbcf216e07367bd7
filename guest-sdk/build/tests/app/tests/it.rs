#[test]
fn a_test_has_closures_too() {
    let call = pool::task!(|x: u64| -> u64 { demo_app::library_side(x) })(1);
    assert_eq!(call.function, concat!("tests/it.rs:", 3, ":", 16));
    assert!(!call.module.wasm.is_empty());
}
