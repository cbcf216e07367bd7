//! The plugin that is built in: it shouts. It misbehaves for some texts, so that one can see what that comes to.

use isopool_guest::task;

/// What this plugin does, for people.
#[task]
pub fn describe() -> String {
    "writes everything in capitals".to_owned()
}

/// The text in capitals. It never ends for `loop`, and panics for `panic`.
///
/// # Errors
/// The text is empty.
#[task]
pub fn transform(text: String) -> Result<String, String> {
    match text.as_str() {
        "" => Err("there is nothing to shout".to_owned()),
        "loop" => loop {
            std::hint::spin_loop();
        },
        "panic" => panic!("asked to"),
        text => Ok(text.to_uppercase()),
    }
}
