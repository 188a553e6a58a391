//! The steps of a provisioning: what each wants, how it is done, and what leads back. How it is seen on a device: [`super::seen`].
//!
//! The order is that of ST's scripts: options that anybody may change, product state Provisioning, keys, boot code, images,
//! protections of the boot code, and the product state at the end. Every step is done again or recognised as done by what the
//! device holds; only what nobody can read is taken from the journal.

use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::product::{
    Actor, KeyContent, KeyFormat, OptionField, OptionStep, Phase, Undo,
};
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, ProductState};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::bench::Bench;
use super::contents::{self, Source};
use super::is_closed;
use super::seen::{Seen, Status};
use super::stops::Stops;
use crate::error::Result;
use crate::hex;
use crate::product::Product;
use crate::st::obk::sha256;

/// Boot code for user flash.
pub struct Code {
    /// Its first address.
    pub start: u32,
    /// The bytes, whole flash words.
    pub bytes: Vec<u8>,
}

/// An image for external flash.
pub struct Image {
    /// What it is of.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// The digest that its signature is over.
    pub sha256: String,
    /// It is the second stage, which the first one verifies.
    pub is_stage: bool,
    /// The product is not to be closed.
    pub stays_open: bool,
    /// Where the application runs.
    pub run: Region,
    /// What each area holds when it is in place.
    pub areas: Vec<(Region, Vec<u8>)>,
}

/// What a step does.
pub enum Action {
    /// Changes bits of an option word.
    Option(OptionStep),
    /// Changes the product state; these option steps come with it.
    State(ProductState, Vec<OptionStep>),
    /// Writes option-byte keys; these option steps come with them.
    Keys(KeyContent, Source, Vec<OptionStep>),
    /// Writes boot code.
    Code(Code),
    /// Writes an image.
    Image(Image),
}

/// A step.
pub struct Step {
    /// Its name, in the journal too.
    pub name: String,
    /// What it does.
    pub action: Action,
    /// The way back.
    pub undo: Undo,
}

/// All steps of a product.
pub fn all(product: &Product, keys: Vec<(KeyContent, Source)>, code: Code, images: Vec<Image>) -> Vec<Step> {
    let plan = &product.plan;
    let state = plan.product.protections.state;
    let of = |phase: Phase| plan.option_steps().filter(move |step| step.phase == phase).copied();
    let option = |step: OptionStep| Step {
        name: format!("option {}{}", step.register.name(), suffix(&step)),
        undo: step.undo,
        action: Action::Option(step),
    };
    let mut steps: Vec<Step> = of(Phase::First).map(option).collect();
    if state != ProductState::Open {
        steps.push(Step {
            name: format!("state {}", ProductState::Provisioning.name()),
            action: Action::State(ProductState::Provisioning, Vec::new()),
            undo: Undo::Regression,
        });
    }
    for (content, source) in keys {
        let with: Vec<OptionStep> = match content.destination.debug_authentication {
            Some(_) => of(Phase::Keys).collect(),
            None => Vec::new(),
        };
        let undo = with.iter().map(|step| step.undo).next().unwrap_or(Undo::Regression);
        steps.push(Step {
            name: format!("keys {}", content.name),
            action: Action::Keys(content, source, with),
            undo,
        });
    }
    steps.push(Step { name: "boot code".to_owned(), action: Action::Code(code), undo: Undo::Freely });
    for image in images {
        let name = format!("image {}", image.name);
        steps.push(Step { name, action: Action::Image(image), undo: Undo::Freely });
    }
    steps.extend(of(Phase::Images).map(option));
    let closing: Vec<OptionStep> =
        of(Phase::Closing).filter(|step| step.actor == Actor::RootServices).collect();
    if matches!(state, ProductState::Closed | ProductState::Locked) {
        let undo = if state == ProductState::Locked { Undo::Never } else { Undo::Regression };
        steps.push(Step {
            name: format!("state {}", state.name()),
            action: Action::State(state, closing),
            undo,
        });
    }
    steps
}

/// Registers that several steps change are told apart by the field.
fn suffix(step: &OptionStep) -> String {
    let fields: Vec<&str> = OptionField::ALL
        .into_iter()
        .filter(|field| field.register() == step.register && step.mask & field.mask() != 0)
        .map(OptionField::name)
        .collect();
    if fields.is_empty() { String::new() } else { format!(" {}", fields.join(",")) }
}

pub(super) fn bits(step: &OptionStep, value: u32) -> String {
    format!("{:#x}", value & step.mask)
}

pub(super) fn digest_of(bytes: &[u8]) -> String {
    hex::encode(&sha256(bytes))
}

/// The digest of content, unless it could be guessed from it: that of a password.
pub(super) fn digest_of_keys(content: &KeyContent, bytes: &[u8]) -> Option<String> {
    (content.format != KeyFormat::DebugPassword).then(|| digest_of(bytes))
}

impl Step {
    /// Whether the product is closed by it.
    pub fn closes(&self) -> bool {
        matches!(&self.action, Action::State(state, _) if is_closed(*state))
    }

    /// Whether it writes an image.
    pub fn is_image(&self) -> bool {
        matches!(self.action, Action::Image(_))
    }

    /// Whether it writes keys.
    pub fn is_keys(&self) -> bool {
        matches!(self.action, Action::Keys(..))
    }

    /// Whether its content is random for each device.
    pub fn is_random(&self) -> bool {
        matches!(self.action, Action::Keys(_, Source::Random, _))
    }

    /// What is wanted, for people.
    pub fn wanted(&self) -> String {
        match &self.action {
            Action::Option(step) => bits(step, step.value),
            Action::State(state, _) => state.name().to_owned(),
            Action::Keys(content, source, _) => {
                let from = content.destination.index;
                let made = if matches!(source, Source::Random) { ", random for this device" } else { "" };
                let level = content.destination.level.number();
                format!("{} bytes from key {from} of level {level}{made}", content.size)
            }
            Action::Code(code) => {
                format!(
                    "{} bytes at {:#010x} ({})",
                    code.bytes.len(),
                    code.start,
                    short(&digest_of(&code.bytes))
                )
            }
            Action::Image(image) => {
                let place = image.areas.last().map_or(0, |(area, _)| area.start().value());
                format!("version {} at {place:#010x} ({})", image.version, short(&image.sha256))
            }
        }
    }

    /// The digest of what is wanted, where that tells nothing; `None` for what is random.
    pub fn wanted_digest(&self) -> Option<String> {
        match &self.action {
            Action::Option(step) => Some(bits(step, step.value)),
            Action::State(state, _) => Some(state.name().to_owned()),
            Action::Keys(_, Source::Random, _) => None,
            Action::Keys(content, Source::Bytes(bytes), _) => digest_of_keys(content, bytes),
            Action::Code(code) => Some(digest_of(&code.bytes)),
            Action::Image(image) => {
                let all: Vec<u8> = image.areas.iter().flat_map(|(_, bytes)| sha256(bytes)).collect();
                Some(digest_of(&all))
            }
        }
    }

    /// Content that is made now, if it is random: to be known before it is written.
    pub fn prepare(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        match &self.action {
            Action::Keys(content, Source::Random, _) => contents::random(content).map(Some),
            _ => Ok(None),
        }
    }

    /// The digest of prepared content.
    pub fn prepared_digest(prepared: &[u8]) -> String {
        digest_of(prepared)
    }

    /// Changes the device.
    pub fn perform(
        &self,
        bench: &mut Bench,
        prepared: Option<&[u8]>,
        loader: &str,
        stops: &mut Stops,
    ) -> Result {
        match &self.action {
            Action::Option(step) => bench.set_option(step.register, step.mask, step.value),
            Action::State(state, _) => bench.set_state(*state),
            Action::Keys(content, source, _) => {
                let bytes = match (source, prepared) {
                    (Source::Bytes(bytes), _) => bytes.as_slice(),
                    (Source::Random, prepared) => prepared.unwrap_or_default(),
                };
                bench.provision(content.destination, content.encrypted, bytes)
            }
            Action::Code(code) => {
                // What was half written by an earlier try cannot be written over.
                bench.erase_flash(code.start, code.bytes.len())?;
                let middle = (code.bytes.len() / 2).next_multiple_of(16).min(code.bytes.len());
                let (first, second) = code.bytes.split_at(middle);
                bench.write_flash(code.start, first)?;
                stops.point()?;
                bench.write_flash(code.start.wrapping_add(middle as u32), second)
            }
            Action::Image(image) => {
                for (area, bytes) in &image.areas {
                    stops.point()?;
                    bench.write_external(area.start().value(), bytes, loader)?;
                }
                Ok(())
            }
        }
    }

    /// Whether no way leads back: never, or by a regression that this product has no credential for.
    pub fn is_irreversible(&self, debug: DebugAuthentication) -> bool {
        let credential = matches!(debug, DebugAuthentication::Password | DebugAuthentication::Ecdsa);
        match self.undo {
            Undo::Freely => false,
            Undo::Regression => !credential,
            Undo::Never => true,
        }
    }

    /// Whether it is to be done, and then is not simply undone: the id of the device must be typed for it.
    pub fn needs_confirm(&self, seen: &Seen) -> bool {
        seen.status == Status::Open && self.undo != Undo::Freely
    }

    /// Members of an event.
    pub fn value(&self, seen: &Seen, debug: DebugAuthentication, done_before: bool) -> Value {
        json!({
            "step": self.name,
            "status": seen.status.name(),
            "done": matches!(seen.status, Status::Done | Status::Used | Status::Updated),
            "current": seen.current,
            "wanted": self.wanted(),
            "digest": seen.digest,
            "undo": self.undo.name(),
            "way_back": self.way_back(debug),
            "irreversible": self.is_irreversible(debug),
            "needs_confirm": self.needs_confirm(seen),
            "closes": self.closes(),
            "in_journal": done_before,
        })
    }

    /// The way back, for people; with the credential if one is needed.
    pub fn way_back(&self, debug: DebugAuthentication) -> &'static str {
        match (self.undo, debug) {
            (Undo::Freely, _) => "freely",
            (Undo::Never, _) => "none: irreversible",
            (Undo::Regression, _) if self.is_irreversible(debug) => "none: no credential is provisioned",
            (Undo::Regression, DebugAuthentication::Password) => "regression with the password",
            (Undo::Regression, _) => "regression with the debug certificate",
        }
    }
}

/// The beginning of a digest.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
