//! What a panic said.

use std::any::Any;

/// The text of what a thread panicked with; `None`: a value that is no text.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_both_kinds_are_found_and_nothing_else() {
        let text = |panic: Box<dyn Any + Send>| panic_text(&*panic).map(str::to_owned);
        assert_eq!(text(Box::new("plain")).as_deref(), Some("plain"));
        assert_eq!(text(Box::new("made".to_owned())).as_deref(), Some("made"));
        assert_eq!(text(Box::new(7)), None);
    }
}
