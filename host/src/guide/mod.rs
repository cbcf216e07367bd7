//! What it does: holds the pages of the guide; their examples run as tests.
//! Takes from: the public interface. Hands to: readers of the documentation.
//! Never: holds code of the library.

#[doc = include_str!("components.md")]
pub mod components {}

#[doc = include_str!("coming_from_loky.md")]
pub mod coming_from_loky {}
