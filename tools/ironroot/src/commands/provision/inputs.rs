//! Everything that a provisioning is made of, read and checked before a device is looked at.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ironroot_codes::{input as input_codes, project as codes};
use ironroot_image::Dialect;
use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::product::{BootPath, OptionField, Place, Product as Wanted, UpdateMode};
use ironroot_layout::stm32h7rs::state::ProductState;
use ironroot_layout::stm32h7rs::{ERASED, FLASH};
use serde_json::Value;

use super::Inputs;
use super::bench::Options;
use super::contents::{self, Given, Source};
use super::steps::{self, Action, Code, Image, Step};
use crate::commands::image::verify_by_words;
use crate::error::{Context, Failure, Result};
use crate::product::download::Download;
use crate::product::{self, Product};
use crate::report::Reporter;
use crate::st::obk::sha256;
use crate::{files, hex, input};

/// Bits of a thumb address.
const THUMB: u32 = 1;

/// A provisioning.
pub struct Recipe {
    /// The product.
    pub product: Product,
    /// The file of the boot code.
    pub boot_code: PathBuf,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// The digest of all inputs.
    pub digest: String,
    /// What is left out because it was not given, and what of the device calls for attention.
    pub notes: Vec<String>,
}

impl Recipe {
    /// Reads everything.
    pub fn read(args: &Inputs) -> Result<Self> {
        let product = product::read(&args.product.product)?;
        nothing_ignored(args, &product)?;
        let secrets = args.keys.secrets();
        let contents = contents::all(&product, Given::read(&args.obk)?, &secrets)?;
        let boot_code = match &args.boot_code {
            Some(path) => path.clone(),
            None => args.firmware.join(boot_code_file(&product.plan.product)),
        };
        let code = read_boot_code(&product, &boot_code, args.boot_code.is_some())?;
        let mut notes = Vec::new();
        let mut images = Vec::new();
        for wanted in slots_of(&product) {
            let given = if wanted.is_stage { &args.stage_image } else { &args.image };
            match given {
                Some(path) => {
                    images.push(image(&product, &wanted, path, args.keys.passphrase_file.as_deref())?);
                }
                None => {
                    let name = wanted.download.name;
                    notes.push(format!("no image of the {name}: {} is left out", wanted.option));
                }
            }
        }
        if product.plan.data.is_some() {
            notes.push("the slots of the data image are left as they are".to_owned());
        }
        let digest = digest(args, &contents, &code, &images)?;
        let steps = steps::all(&product, contents, code, images);
        Ok(Self { product, boot_code, steps, digest, notes })
    }

    /// Notes what the device's own options mean for the product, with what the steps make of them.
    pub fn note_options(&mut self, options: &Options) {
        let field = OptionField::IwdgHw;
        let now = options.get(field.register());
        let then = self.steps.iter().fold(now, |word, step| match &step.action {
            Action::Option(step) if step.register == field.register() => {
                word & !step.mask | step.value & step.mask
            }
            _ => word,
        });
        if then & field.mask() == 0 {
            let what = "warning: IWDG_HW is 0: the hardware starts the watchdog, and it resets a boot stage that takes longer than \
                        half a second, as an installation does. options.IWDG_HW = 1 in the description sets it";
            self.notes.push(what.to_owned());
        }
    }

    /// The loader of the external flash.
    pub fn loader(&self) -> &'static str {
        let board = self.product.board;
        board.map_or("that of the board, which the description does not name", |board| board.loader)
    }
}

/// Refuses what would have no effect on this product or this device: who gave it believes that it has.
fn nothing_ignored(args: &Inputs, product: &Product) -> Result {
    let boot = product.plan.product.boot;
    let is_virtual = args.board_file().is_some();
    let ignored = [
        (
            args.stage_image.is_some() && boot != BootPath::StirotOemurot,
            "--stage-image",
            format!("the boot path {} has no second stage", boot.name()),
        ),
        (
            args.external_programmed && is_virtual,
            "--external-programmed",
            "the external flash of a virtual device is written by this command".to_owned(),
        ),
        (args.baud.is_some() && is_virtual, "--baud", "a virtual device has no rate".to_owned()),
    ];
    match ignored.into_iter().find(|(is, ..)| *is) {
        None => Ok(()),
        Some((_, option, why)) => {
            let failure = Failure::new(input_codes::USAGE, format!("{option} has no effect: {why}"));
            Err(failure.about(product.path.display()).fix(format!("Leave {option} out.")))
        }
    }
}

/// The digest of all inputs. Random keys count for nothing, they are each device's own. The hash of a password could be tried out,
/// so it counts only together with a private key that nobody can guess.
fn digest(
    args: &Inputs,
    contents: &[(ironroot_layout::stm32h7rs::product::KeyContent, Source)],
    code: &Code,
    images: &[Image],
) -> Result<String> {
    use ironroot_layout::stm32h7rs::product::KeyFormat::{DebugPassword, StageKeys, StirotConfig};
    let mut all = zeroize::Zeroizing::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        all.extend_from_slice(&(name.len() as u64).to_le_bytes());
        all.extend_from_slice(name.as_bytes());
        all.extend_from_slice(&sha256(bytes));
    };
    add("description", &files::read(&args.product.product)?);
    let private = contents.iter().any(|(content, _)| matches!(content.format, StageKeys | StirotConfig));
    for (content, source) in contents {
        match source {
            Source::Bytes(bytes) if private || content.format != DebugPassword => add(content.name, bytes),
            Source::Bytes(_) | Source::Random => add(content.name, &[]),
        }
    }
    add("boot code", &code.bytes);
    for image in images {
        for (area, bytes) in &image.areas {
            add(image.name, &area.start().value().to_le_bytes());
            add(image.name, bytes);
        }
    }
    Ok(hex::encode(&sha256(&all)))
}

/// The name of the boot code's file as the firmware build leaves it.
fn boot_code_file(wanted: &Wanted) -> String {
    if wanted.boot.begins_with_stirot() {
        return "iloader.elf".to_owned();
    }
    let place = match wanted.place {
        Place::ExternalFlash => "external-flash",
        Place::ExternalRam => "external-ram",
        Place::InternalRam => "internal-ram",
    };
    let update = match wanted.update {
        UpdateMode::Overwrite => "overwrite",
        UpdateMode::Swap => "swap",
    };
    let crypto = if wanted.part.has_crypto() { "hardware" } else { "software" };
    format!("oemirot-{place}-{update}-{crypto}.elf")
}

/// Where the boot code may lie.
fn boot_code_room(product: &Product) -> Result<Region> {
    let plan = &product.plan;
    let room = match plan.product.boot {
        BootPath::Oemirot => plan.stage.map(|stage| stage.room),
        BootPath::Stirot | BootPath::StirotOemurot => plan.iloader,
    };
    room.ok_or_else(|| Failure::internal("a boot path without boot code in user flash"))
}

fn read_boot_code(product: &Product, path: &Path, is_named: bool) -> Result<Code> {
    let bytes = files::read(path).map_err(|failure| match (is_named, failure.code) {
        (false, input_codes::FILE_NOT_FOUND) => failure.fix(
            "Run `cargo xtask build`, and name its directory with --firmware; or name the boot stage's ELF file with --boot-code.",
        ),
        _ => failure,
    })?;
    let pieces = input::elf::parse(&bytes).about(path.display())?.pieces;
    let room = boot_code_room(product)?;
    let refuse = |cause: String| Err(Failure::new(codes::PROVISION_BOOT_CODE, cause).about(path.display()));
    let start = room.start().value();
    let mut code = Vec::new();
    for piece in &pieces {
        let end = piece.end();
        if piece.address < start || end > u64::from(room.end().value()) || !FLASH.contains(room.start()) {
            let cause = format!(
                "{} at {:#010x}..{end:#010x} is not all in {:#010x}..{:#010x}",
                piece.name,
                piece.address,
                start,
                room.end().value()
            );
            return refuse(cause);
        }
        let offset = (piece.address - start) as usize;
        let after = offset + piece.bytes.len();
        if code.len() < after {
            code.resize(after, ERASED);
        }
        if let Some(place) = code.get_mut(offset..after) {
            place.copy_from_slice(&piece.bytes);
        }
    }
    code.resize(code.len().next_multiple_of(16), ERASED);
    let entry = code.get(4..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    if entry & THUMB == 0 || !super::bench::is_in(room, entry & !THUMB) {
        return refuse(format!("its reset vector is {entry:#010x}, outside of it"));
    }
    Ok(Code { start, bytes: code })
}

/// An image that the product has.
struct Slot {
    download: Download,
    option: &'static str,
    is_stage: bool,
    sign: Option<String>,
    encrypt: Option<String>,
}

fn slots_of(product: &Product) -> Vec<Slot> {
    let (plan, keys) = (&product.plan, &product.description.keys);
    let file = |name: &Option<String>| name.as_deref().map(|name| product.file(name));
    let mut all = Vec::new();
    if let Some(download) = Download::second_stage(plan) {
        let (sign, encrypt) = (file(&keys.stage_sign), file(&keys.stage_encrypt));
        all.push(Slot { download, option: "--stage-image", is_stage: true, sign, encrypt });
    }
    let download = Download::application(plan);
    let (sign, encrypt) = (file(&keys.sign), file(&keys.encrypt));
    all.push(Slot { download, option: "--image", is_stage: false, sign, encrypt });
    all
}

/// Reads an image for its download slot. The boot stage installs it from there: that way it is verified, encrypted for the memory
/// that it runs from, and recorded, like any update after it.
fn image(product: &Product, slot: &Slot, path: &Path, passphrase: Option<&Path>) -> Result<Image> {
    let content = slot.download.content(path, &files::read(path)?).about(path.display())?.bytes;
    let dialect = match slot.download.dialect() {
        Dialect::StirotH7s => "stirot-h7s",
        _ => "st",
    };
    let verified = verify(slot, path, dialect, passphrase)?;
    let text = |name: &str| verified.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let encrypted = verified.get("encrypted").and_then(Value::as_bool) == Some(true);
    if slot.download.options.encrypted && !encrypted {
        let cause = "it is not encrypted, and the description says image.encrypt";
        return Err(Failure::new(codes::PROVISION_IMAGE, cause).about(path.display()));
    }
    let areas = areas(&slot.download, content).about(path.display())?;
    Ok(Image {
        name: slot.download.name,
        version: text("version"),
        sha256: text("sha256"),
        is_stage: slot.is_stage,
        stays_open: product.plan.product.protections.state == ProductState::Open,
        run: product.plan.application.run,
        areas,
    })
}

/// Verifies signature, hash and content with the keys that the device gets.
fn verify(slot: &Slot, path: &Path, dialect: &str, passphrase: Option<&Path>) -> Result<Value> {
    let mut words: Vec<OsString> = vec![path.into(), "--dialect".into(), dialect.into()];
    if let Some(sign) = &slot.sign {
        words.extend(["-k".into(), sign.into()]);
    }
    if let (Some(encrypt), true) = (&slot.encrypt, slot.download.options.encrypted) {
        words.extend(["--decryption-key".into(), encrypt.into()]);
    }
    if let Some(file) = passphrase {
        words.extend(["--passphrase-file".into(), file.into()]);
    }
    let (mut out, mut err) = (Vec::new(), Vec::new());
    verify_by_words(&words, &mut Reporter::new(true, &mut out, &mut err))?;
    let events = String::from_utf8_lossy(&out);
    let result = events
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .rfind(|event| event.get("event").and_then(Value::as_str) == Some("result"));
    result.ok_or_else(|| Failure::internal("a verified image without a result"))
}

/// What the external flash holds afterwards: the image in the download slot with a request to install it for good, since there is
/// nothing to go back to, and nothing in the other areas: what an earlier life left there must not be taken for a swap half done.
fn areas(slot: &Download, mut content: Vec<u8>) -> Result<Vec<(Region, Vec<u8>)>> {
    let download = slot.slots.download;
    content.resize(download.size().bytes() as usize, ERASED);
    if let Some(layout) = slot.trailer()? {
        let magic = layout.magic_bytes();
        let end = content.len();
        let mut put = |distance: usize, bytes: &[u8]| {
            let at = end.saturating_sub(distance);
            if let Some(place) = content.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        };
        put(magic.len(), &magic);
        put(layout.image_ok() as usize, &[1]);
    }
    let blank = |area: Region| (area, vec![ERASED; area.size().bytes() as usize]);
    let mut areas = vec![blank(slot.slots.installed)];
    areas.extend(slot.slots.scratch.map(blank));
    areas.push((download, content));
    Ok(areas)
}
