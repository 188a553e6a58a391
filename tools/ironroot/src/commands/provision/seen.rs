//! How a step is seen on a device: what it holds against what is wanted, and whether anybody can tell.

use ironroot_boot::HandOff;
use ironroot_image::Version;
use ironroot_layout::stm32h7rs::ERASED;
use ironroot_layout::stm32h7rs::product::{KeyContent, KeyFormat, OptionStep};
use ironroot_layout::stm32h7rs::state::ProductState;
use zeroize::Zeroizing;

use super::bench::{Bench, Keys, Options};
use super::contents::{self, Source};
use super::journal::Journal;
use super::steps::{Action, Image, Step, bits, digest_of, digest_of_keys, short};
use super::{is_closed, start};
use crate::error::Result;
use crate::hex;

/// What of a step is seen on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is as wanted.
    Done,
    /// It is not.
    Open,
    /// It was as wanted, and the product has gone on from there: a stage has installed this image, or recorded a version.
    Used,
    /// The closed product has had an update since: a newer image that its stage has verified.
    Updated,
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
            Status::Updated => "updated since",
            Status::Hidden => "cannot be read back",
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
    /// Version and digest of the image that starts, where a start was looked at.
    pub running: Option<(String, String)>,
}

impl Seen {
    fn new(status: Status, current: impl Into<String>, digest: Option<String>) -> Self {
        Self { status, current: current.into(), digest, running: None }
    }

    /// What is hidden, and why.
    pub fn hidden(why: &str) -> Self {
        Self::new(Status::Hidden, why, None)
    }
}

/// Whether an option word holds what a step wants.
fn holds(step: &OptionStep, options: &Options) -> bool {
    options.get(step.register) & step.mask == step.value & step.mask
}

const fn state_of(done: bool) -> Status {
    if done { Status::Done } else { Status::Open }
}

impl Step {
    /// Looks at a device.
    pub fn see(&self, bench: &mut Bench, options: &Options, journal: &Journal) -> Result<Seen> {
        let was_done = journal.last("done", &self.name).is_some();
        match &self.action {
            Action::Option(step) => {
                let current = bits(step, options.get(step.register));
                Ok(Seen::new(state_of(holds(step, options)), current.clone(), Some(current)))
            }
            Action::State(wanted, with) => {
                let now = options.state();
                let passed = *wanted == ProductState::Provisioning && is_closed(now);
                let done = (now == *wanted || passed) && with.iter().all(|step| holds(step, options));
                Ok(Seen::new(state_of(done), now.name(), Some(now.name().to_owned())))
            }
            Action::Keys(content, source, with) => {
                let method = with.iter().all(|step| holds(step, options));
                match bench.keys(content.destination, content.size) {
                    // An open device has been brought back since, or never had any.
                    Keys::Hidden if was_done && method && options.state() != ProductState::Open => {
                        Ok(Seen::hidden("the device took them, and gives no keys out"))
                    }
                    Keys::Hidden => Ok(Seen::new(Status::Open, "not known", None)),
                    Keys::Absent => Ok(Seen::new(Status::Open, "absent", None)),
                    Keys::Present(found) => {
                        let status =
                            self.keys_are(content, source, &found, journal, is_closed(options.state()));
                        let status = if method { status } else { Status::Open };
                        let current = match status {
                            Status::Done => "written",
                            Status::Hidden => "written, and nobody has kept what they were",
                            Status::Used | Status::Updated => "the stage has written it since",
                            Status::Open => "others",
                        };
                        Ok(Seen::new(status, current, digest_of_keys(content, &found)))
                    }
                }
            }
            Action::Code(code) => {
                let found = bench.flash(code.start, code.bytes.len())?;
                let current = match found.iter().all(|byte| *byte == ERASED) {
                    true => "erased".to_owned(),
                    false => format!("{} bytes ({})", found.len(), short(&digest_of(&found))),
                };
                Ok(Seen::new(state_of(found == code.bytes), current, Some(digest_of(&found))))
            }
            Action::Image(image) => self.see_image(image, bench, options.state(), was_done),
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
        let written_since = was_done || closed;
        if content.format == KeyFormat::StageData && written_since && contents::is_stage_data(found) {
            return Status::Used;
        }
        Status::Open
    }

    /// As long as the image is as it was written, it waits for the first start. Then the boot stage has taken it, and what is
    /// installed is told by a start of a copy: no journal knows it, and behind a memory cipher no reader does.
    fn see_image(
        &self,
        image: &Image,
        bench: &mut Bench,
        state: ProductState,
        was_done: bool,
    ) -> Result<Seen> {
        let mut all = Some(true);
        for (area, bytes) in &image.areas {
            all = match (all, bench.external_is(*area, bytes)) {
                (None, _) | (_, None) => None,
                (Some(so_far), Some(this)) => Some(so_far && this),
            };
        }
        // An open device whose product is to be closed has been brought back: whatever is there is written again.
        let boots = is_closed(state) || was_done && (state != ProductState::Open || image.stays_open);
        match all {
            None if was_done => Ok(Seen::hidden("the board's loader wrote it")),
            None => Ok(Seen::new(Status::Open, "not known", None)),
            Some(true) => {
                let current = "it waits in its download slot, and the first start installs it";
                Ok(Seen::new(Status::Done, current, self.wanted_digest()))
            }
            Some(false) if boots => {
                let Some(start) = bench.start(image.run)? else {
                    return Ok(Seen::hidden("this device cannot be started for a look"));
                };
                Ok(match start.of_image(image.is_stage) {
                    Ok(record) => running(image, record, is_closed(state)),
                    Err(cause) => Seen::new(Status::Open, format!("no image that starts: {cause}"), None),
                })
            }
            Some(false) => {
                let blank = image.areas.iter().all(|(area, bytes)| {
                    let erased = vec![ERASED; bytes.len()];
                    bench.external_is(*area, &erased) == Some(true)
                });
                Ok(Seen::new(Status::Open, if blank { "erased" } else { "other content" }, None))
            }
        }
    }
}

/// What a stage has verified and started, against what is wanted. Only a closed product is updated: an open one is written again.
fn running(image: &Image, record: &HandOff, closed: bool) -> Seen {
    let sha256 = hex::encode(&record.digest);
    let version = record.version.unwrap_or_default();
    let wanted = image.version.parse::<Version>().ok();
    let (status, which) = if sha256 == image.sha256 {
        (Status::Used, "")
    } else if closed && wanted.is_some_and(|wanted| version > wanted) {
        (Status::Updated, "")
    } else if wanted == Some(version) {
        (Status::Open, ", another image of this version")
    } else {
        (Status::Open, "")
    };
    let current = match status {
        Status::Used => format!("installed, and it starts{}", start::update(record)),
        _ => format!("version {version} ({}){which}{}", short(&sha256), start::update(record)),
    };
    let running = Some((version.to_string(), sha256.clone()));
    Seen { running, ..Seen::new(status, current, Some(sha256)) }
}

#[cfg(test)]
mod tests {
    use ironroot_boot::Status as Boot;
    use ironroot_boot::{Stage, update::Report};
    use ironroot_codes::image as image_codes;
    use ironroot_layout::{Address, Region, Size};

    use super::*;

    #[test]
    fn what_starts_is_this_image_a_newer_one_or_a_difference() {
        let image = Image {
            name: "application",
            version: "1.2.0".to_owned(),
            sha256: hex::encode(&[7; 32]),
            is_stage: false,
            stays_open: false,
            run: Region::checked(Address::new(0x9000_0000), Size::new(2 << 20)).unwrap(),
            areas: Vec::new(),
        };
        let record = |version: &str, digest: u8| HandOff {
            status: Boot::Booted,
            version: version.parse().ok(),
            digest: [digest; 32],
            updates: Report::NONE,
            ..HandOff::refused(image_codes::BAD_MAGIC, Stage::Launch, Address::new(0))
        };
        for (version, digest, closed, status) in [
            ("1.2.0", 7, true, Status::Used),
            ("1.2.0", 7, false, Status::Used),
            ("1.2.0", 8, true, Status::Open),
            ("1.3.0", 8, true, Status::Updated),
            ("1.2.0+1", 8, true, Status::Updated),
            // An open product is written again; an older image is no update.
            ("1.3.0", 8, false, Status::Open),
            ("1.1.9", 8, true, Status::Open),
        ] {
            let seen = running(&image, &record(version, digest), closed);
            assert_eq!(seen.status, status, "{version} {digest} {closed}");
            assert_eq!(seen.running.map(|(version, _)| version).as_deref(), Some(version));
        }
    }
}
