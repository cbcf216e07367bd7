//! What holds of the layers, in one process.

use super::Layer;
use crate::limits::MAX_HARDENING_REASON_BYTES;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether a layer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LayerState {
    /// It is in force, and was tried where that can be done unharmed.
    Held,
    /// Some of it is in force.
    Partly,
    /// It was wanted, and the system does not have it or it did not work.
    Missing,
    /// It was not wanted.
    Off,
}

impl fmt::Display for LayerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Held => "held",
            Self::Partly => "partly",
            Self::Missing => "missing",
            Self::Off => "off",
        })
    }
}

/// One layer of one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LayerReport {
    /// Which.
    pub layer: Layer,
    /// Whether it holds.
    pub state: LayerState,
    /// What is in force, or why it is not.
    pub reason: String,
}

/// What locks the workers of an executor in: the word of one of them, given before it ran any guest. Shown as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardeningReport {
    layers: Vec<LayerReport>,
}

impl HardeningReport {
    pub(super) fn new(layers: Vec<LayerReport>) -> Self {
        Self { layers }
    }

    /// The layers, in the order in which they are put on; each is there once.
    pub fn layers(&self) -> &[LayerReport] {
        &self.layers
    }

    /// Whether a layer holds in full.
    pub fn holds(&self, layer: Layer) -> bool {
        self.of(layer).is_some_and(|report| report.state == LayerState::Held)
    }

    /// What is said of one layer.
    pub fn of(&self, layer: Layer) -> Option<&LayerReport> {
        self.layers.iter().find(|report| report.layer == layer)
    }

    /// As another process has sent it: each layer once and no more, no text longer than it may be. `None`: it is no such
    /// report.
    pub(crate) fn checked(mut self) -> Option<Self> {
        if self.layers.iter().map(|report| report.layer).ne(Layer::ALL.iter().copied()) {
            return None;
        }
        for LayerReport { reason, .. } in &mut self.layers {
            reason.truncate(reason.floor_char_boundary(MAX_HARDENING_REASON_BYTES));
        }
        Some(self)
    }
}

impl fmt::Display for HardeningReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, LayerReport { layer, state, reason }) in self.layers.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{layer:<14}  {state:<7}  {reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(layers: &[Layer], reason: &str) -> HardeningReport {
        let one = |layer: &Layer| LayerReport { layer: *layer, state: LayerState::Held, reason: reason.to_owned() };
        HardeningReport::new(layers.iter().map(one).collect())
    }

    #[test]
    fn report_of_another_process_has_each_layer_once_and_short_reasons() {
        let long = "ä".repeat(MAX_HARDENING_REASON_BYTES);
        let checked = report(Layer::ALL, &long).checked().expect("it has all");
        assert!(checked.layers().iter().all(|layer| layer.reason.len() <= MAX_HARDENING_REASON_BYTES));
        assert_eq!(report(&Layer::ALL[1..], "").checked(), None);
        assert_eq!(report(&[Layer::ALL, &[Layer::Files]].concat(), "").checked(), None);
        assert_eq!(report(&vec![Layer::Files; Layer::ALL.len()], "").checked(), None);
    }
}
