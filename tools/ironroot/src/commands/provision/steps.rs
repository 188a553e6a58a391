//! The steps of a provisioning: what each wants, how it is seen on a device, and how it is done.
//!
//! The order is that of ST's scripts: options that anybody may change, product state Provisioning, keys, boot code, images,
//! protections of the boot code, and the product state at the end. Every step is done again or recognised as done by what the
//! device holds; only what nobody can read is taken from the journal.

use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::ERASED;
use ironroot_layout::stm32h7rs::product::{
    Actor, KeyContent, KeyFormat, OptionField, OptionStep, Phase, Undo,
};
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, ProductState};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::bench::{Bench, Keys, Options};
use super::contents::{self, Source};
use super::journal::Journal;
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

/// What of a step is seen on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is as wanted.
    Done,
    /// It is not.
    Open,
    /// It was as wanted, and the product has gone on from there: a stage has installed the image, or recorded a version.
    Used,
    /// Nobody can read it.
    Hidden,
}

impl Status {
    /// For tables.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Done => "as wanted",
            Status::Open => "differs",
            Status::Used => "in use since",
            Status::Hidden => "cannot be read",
        }
    }
}

/// A step as a device has it.
pub struct Seen {
    /// Whether it is done.
    pub status: Status,
    /// What is there, for people.
    pub current: String,
    /// A digest of what is there, where that tells nothing that is secret.
    pub digest: Option<String>,
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

fn holds(step: &OptionStep, options: &Options) -> bool {
    options.get(step.register) & step.mask == step.value & step.mask
}

fn bits(step: &OptionStep, value: u32) -> String {
    format!("{:#x}", value & step.mask)
}

fn digest_of(bytes: &[u8]) -> String {
    hex::encode(&sha256(bytes))
}

/// The digest of content, unless it could be guessed from it: that of a password.
fn digest_of_keys(content: &KeyContent, bytes: &[u8]) -> Option<String> {
    (content.format != KeyFormat::DebugPassword).then(|| digest_of(bytes))
}

fn is_settled(state: ProductState) -> bool {
    matches!(state, ProductState::Closed | ProductState::Locked)
}

impl Step {
    /// Whether the product is closed by it.
    pub fn closes(&self) -> bool {
        matches!(&self.action, Action::State(state, _) if is_settled(*state))
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

    /// Looks at a device.
    pub fn see(&self, bench: &mut Bench, options: &Options, journal: &Journal) -> Result<Seen> {
        let was_done = journal.last("done", &self.name).is_some();
        let seen = |status, current: String, digest| Ok(Seen { status, current, digest });
        let state_of = |done: bool| if done { Status::Done } else { Status::Open };
        match &self.action {
            Action::Option(step) => {
                let current = bits(step, options.get(step.register));
                seen(state_of(holds(step, options)), current.clone(), Some(current))
            }
            Action::State(wanted, with) => {
                let now = options.state();
                let passed = *wanted == ProductState::Provisioning && is_settled(now);
                let done = (now == *wanted || passed) && with.iter().all(|step| holds(step, options));
                seen(state_of(done), now.name().to_owned(), Some(now.name().to_owned()))
            }
            Action::Keys(content, source, with) => {
                let method = with.iter().all(|step| holds(step, options));
                match bench.keys(content.destination, content.size) {
                    // An open device has been brought back since, or never had any.
                    Keys::Hidden if was_done && method && options.state() != ProductState::Open => {
                        seen(Status::Hidden, "written".to_owned(), None)
                    }
                    Keys::Hidden => seen(Status::Open, "not known".to_owned(), None),
                    Keys::Absent => seen(Status::Open, "absent".to_owned(), None),
                    Keys::Present(found) => {
                        let status =
                            self.keys_are(content, source, &found, journal, is_settled(options.state()));
                        let status = if method { status } else { Status::Open };
                        let current = match status {
                            Status::Done | Status::Hidden => "written",
                            Status::Used => "written, and changed by the stage",
                            Status::Open => "others",
                        };
                        seen(status, current.to_owned(), digest_of_keys(content, &found))
                    }
                }
            }
            Action::Code(code) => {
                let found = bench.flash(code.start, code.bytes.len())?;
                let current = match found.iter().all(|byte| *byte == ERASED) {
                    true => "erased".to_owned(),
                    false => format!("{} bytes ({})", found.len(), short(&digest_of(&found))),
                };
                seen(state_of(found == code.bytes), current, Some(digest_of(&found)))
            }
            Action::Image(image) => {
                let mut all = Some(true);
                for (area, bytes) in &image.areas {
                    all = match (all, bench.external_is(*area, bytes)) {
                        (None, _) | (_, None) => None,
                        (Some(so_far), Some(this)) => Some(so_far && this),
                    };
                }
                match all {
                    None if was_done => seen(Status::Hidden, "written by the loader".to_owned(), None),
                    None => seen(Status::Open, "not known".to_owned(), None),
                    Some(true) => seen(Status::Done, "in its slot".to_owned(), self.wanted_digest()),
                    // Before that it is simply written again.
                    Some(false) if was_done && is_settled(options.state()) => {
                        seen(Status::Used, "taken by the boot stage".to_owned(), None)
                    }
                    Some(false) => {
                        let blank = image.areas.iter().all(|(area, bytes)| {
                            let erased = vec![ERASED; bytes.len()];
                            bench.external_is(*area, &erased) == Some(true)
                        });
                        let current = if blank { "erased" } else { "other content" };
                        seen(Status::Open, current.to_owned(), None)
                    }
                }
            }
        }
    }

    fn keys_are(
        &self,
        content: &KeyContent,
        source: &Source,
        found: &Zeroizing<Vec<u8>>,
        journal: &Journal,
        closed: bool,
    ) -> Status {
        let was_done = journal.last("done", &self.name).is_some();
        if closed && journal.digest(&self.name).is_none() && matches!(source, Source::Random) {
            // Nobody has kept what they were, and nobody can change them.
            return Status::Hidden;
        }
        let same = match source {
            Source::Bytes(bytes) => bytes == found,
            Source::Random => {
                journal.attempted(&self.name).or(journal.digest(&self.name)) == Some(&digest_of(found))
            }
        };
        if same {
            return Status::Done;
        }
        // What a stage has recorded since stays: writing it anew would let old images in.
        if content.format == KeyFormat::StageData && was_done && contents::is_stage_data(found) {
            return Status::Used;
        }
        Status::Open
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

    /// Members of an event.
    pub fn value(&self, seen: &Seen, done_before: bool) -> Value {
        json!({
            "step": self.name,
            "status": seen.status.name(),
            "done": matches!(seen.status, Status::Done | Status::Used | Status::Hidden),
            "current": seen.current,
            "wanted": self.wanted(),
            "digest": seen.digest,
            "undo": self.undo.name(),
            "irreversible": self.undo == Undo::Never,
            "closes": self.closes(),
            "in_journal": done_before,
        })
    }

    /// The way back, for people; with the credential if one is needed.
    pub fn way_back(&self, debug: DebugAuthentication) -> String {
        match (self.undo, debug) {
            (Undo::Freely, _) => "freely".to_owned(),
            (Undo::Never, _) => "none: irreversible".to_owned(),
            (Undo::Regression, DebugAuthentication::Password) => "regression with the password".to_owned(),
            (Undo::Regression, DebugAuthentication::Ecdsa) => {
                "regression with the debug certificate".to_owned()
            }
            (Undo::Regression, _) => "none: no credential is provisioned".to_owned(),
        }
    }
}

/// The beginning of a digest.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
