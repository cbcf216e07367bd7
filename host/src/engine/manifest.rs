//! The custom section in which a module says what it asks for.

use super::trap::cut;
use crate::task::{Manifest, Refusal};
use wasm_encoder::{CustomSection, Section};
use wasmparser::{Parser, Payload};

/// Its name; its content is JSON.
const SECTION: &str = "isopool:manifest";

/// The manifest of a module, if it has one.
pub(super) fn manifest(wasm: &[u8]) -> Result<Option<Manifest>, Refusal> {
    let Some(json) = section(wasm)? else { return Ok(None) };
    let json = str::from_utf8(json).map_err(|error| refused(format!("it is no text: {error}")))?;
    json.parse().map(Some).map_err(|error| refused(format!("{error}")))
}

/// A component that was made of another module asks for the same.
pub(super) fn with_manifest_of(wasm: &[u8], mut made: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if let (Some(json), None) = (section(wasm)?, section(&made)?) {
        CustomSection { name: SECTION.into(), data: json.into() }.append_to(&mut made);
    }
    Ok(made)
}

fn refused(message: String) -> Refusal {
    Refusal::Manifest { message: cut(message) }
}

/// The section at the outermost level, because what is inside of it are its parts.
fn section(wasm: &[u8]) -> Result<Option<&[u8]>, Refusal> {
    let (mut found, mut depth) = (None, 0_u32);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::CustomSection(section)) if depth == 0 && section.name() == SECTION => {
                if found.replace(section.data()).is_some() {
                    return Err(refused("it has two".to_owned()));
                }
            }
            Ok(_) => {}
            // The engine refuses it too, and in its own words.
            Err(_) => return Ok(None),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::TASK_MODULE;
    use std::borrow::Cow;
    use wasm_encoder::Component;

    const ASKS: &str = r#"{ "arguments": true }"#;

    fn section(json: &str) -> CustomSection<'_> {
        CustomSection { name: SECTION.into(), data: Cow::Borrowed(json.as_bytes()) }
    }

    fn with(mut wasm: Vec<u8>, json: &str) -> Vec<u8> {
        section(json).append_to(&mut wasm);
        wasm
    }

    #[test]
    fn a_manifest_is_found_at_the_outermost_level_and_nowhere_else() {
        let asks = Some(Manifest { arguments: true, ..Manifest::default() });
        assert_eq!(manifest(TASK_MODULE), Ok(None));
        let core = with(TASK_MODULE.to_vec(), ASKS);
        assert_eq!(manifest(&core), Ok(asks.clone()));
        let mut component = Component::new();
        component.section(&ModuleSectionOf(&core));
        let component = component.finish();
        assert_eq!(manifest(&component), Ok(None), "a part of it asks");
        assert_eq!(manifest(&with(component.clone(), ASKS)), Ok(asks.clone()));
        // What is made of one that asks asks too, and is not given a second manifest.
        let made = with_manifest_of(&core, component).expect("it asks once");
        assert_eq!(manifest(&made), Ok(asks));
        assert_eq!(with_manifest_of(&core, made.clone()), Ok(made));
    }

    struct ModuleSectionOf<'a>(&'a [u8]);

    impl wasm_encoder::ComponentSection for ModuleSectionOf<'_> {
        fn id(&self) -> u8 {
            wasm_encoder::ComponentSectionId::CoreModule.into()
        }
    }

    impl wasm_encoder::Encode for ModuleSectionOf<'_> {
        fn encode(&self, sink: &mut Vec<u8>) {
            self.0.encode(sink);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let refused = |wasm: &[u8]| match manifest(wasm) {
            Err(Refusal::Manifest { message }) => message,
            other => panic!("{other:?}"),
        };
        let twice = with(with(TASK_MODULE.to_vec(), ASKS), ASKS);
        assert_eq!(refused(&twice), "it has two");
        assert!(
            refused(&with(TASK_MODULE.to_vec(), r#"{ "argument": true }"#)).starts_with("unknown field `argument`")
        );
        let mut no_text = TASK_MODULE.to_vec();
        CustomSection { name: SECTION.into(), data: Cow::Borrowed(b"\xff") }.append_to(&mut no_text);
        assert!(refused(&no_text).starts_with("it is no text"));
        let cut = with(TASK_MODULE.to_vec(), ASKS);
        assert_eq!(manifest(&cut[..cut.len() - 1]), Ok(None), "the engine says what is wrong");
    }
}
