//! What it does: one of two modules with a task of the same name. Never: knows the other.

use isopool_guest::task;

/// Says which module it is in.
#[task]
pub fn which() -> String {
    "right".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_named_with_its_module() {
        assert_eq!(which(), "right");
        assert_eq!(which::task().function, "right::which");
    }
}
