pub(super) fn add(x: u8) -> u8 {
    x + 1
}
