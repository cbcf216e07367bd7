//! What it does: holds the pages of the guide; their examples run as tests.
//! Takes from: the public interface. Hands to: readers of the documentation.
//! Never: holds code of the library.
//!
//! Begin with [five minutes](five_minutes). Coming from elsewhere: [loky](coming_from_loky),
//! [concurrent.futures](coming_from_concurrent_futures), [Extism](coming_from_extism). For a purpose: [plugin hosts](plugin_hosts),
//! [plain components and programs](components), [limits](limits_cookbook), [the threat model](threat_model), [other languages](other_languages), [operations].

#[doc = include_str!("five_minutes.md")]
pub mod five_minutes {}

#[doc = include_str!("components.md")]
pub mod components {}

#[doc = include_str!("coming_from_loky.md")]
pub mod coming_from_loky {}

#[doc = include_str!("coming_from_concurrent_futures.md")]
pub mod coming_from_concurrent_futures {}

#[doc = include_str!("coming_from_extism.md")]
pub mod coming_from_extism {}

#[doc = include_str!("plugin_hosts.md")]
pub mod plugin_hosts {}

#[doc = include_str!("limits_cookbook.md")]
pub mod limits_cookbook {}

#[doc = include_str!("threat_model.md")]
pub mod threat_model {}

#[doc = include_str!("other_languages.md")]
pub mod other_languages {}

#[doc = include_str!("operations.md")]
pub mod operations {}
