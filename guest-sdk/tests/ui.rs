//! What it does: checks what the compiler says when a task is written wrongly. Takes from: `ui/`.

#[test]
fn mistakes_are_told_where_they_are_with_the_remedy() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
