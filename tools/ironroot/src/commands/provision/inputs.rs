//! Everything that a provisioning is made of, read and checked before a device is looked at.

use std::ffi::OsString;
use std::path::Path;

use ironroot_codes::{input as input_codes, project as codes};
use ironroot_image::Dialect;
use ironroot_image::trailer::{Mode, SavedKeys, TrailerLayout};
use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::product::{
    BootPath, ImageFor, ImageOptions, ImageSlots, Place, Product as Wanted, UpdateMode,
};
use ironroot_layout::stm32h7rs::{ERASED, FLASH};
use serde_json::Value;

use super::Inputs;
use super::boards::{self, Board};
use super::contents::{self, Given, Source};
use super::steps::{self, Code, Image, Step};
use crate::commands::image::verify_by_words;
use crate::error::{Context, Failure, Result};
use crate::product::{self, Product};
use crate::report::Reporter;
use crate::st::obk::sha256;
use crate::{files, hex, input};

/// The write size and the largest alignment of the trailers of our boot stages.
const TRAILER_ALIGN: u32 = 8;
/// Room of an encrypted content key in a trailer.
const SEALED_KEY: u16 = 113;
/// Bits of a thumb address.
const THUMB: u32 = 1;

/// A provisioning.
pub struct Recipe {
    /// The product.
    pub product: Product,
    /// Its board, if the description names one.
    pub board: Option<Board>,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// The digest of all inputs.
    pub digest: String,
    /// What is left out because it was not given.
    pub notes: Vec<String>,
}

impl Recipe {
    /// Reads everything.
    pub fn read(args: &Inputs) -> Result<Self> {
        let product = product::read(&args.product.product)?;
        let board = boards::of(&product)?;
        let secrets = args.keys.secrets();
        let contents = contents::all(&product, Given::read(&args.obk)?, &secrets)?;
        let code = boot_code(&product, args)?;
        let mut notes = Vec::new();
        let mut images = Vec::new();
        for wanted in slots_of(&product) {
            let given = if wanted.is_stage { &args.stage_image } else { &args.image };
            match given {
                Some(path) => images.push(image(&wanted, path, args.keys.passphrase_file.as_deref())?),
                None => notes.push(format!("no image of the {}: {} is left out", wanted.name, wanted.option)),
            }
        }
        if product.plan.data.is_some() {
            notes.push("the slots of the data image are left as they are".to_owned());
        }
        let digest = digest(args, &contents, &code, &images)?;
        let steps = steps::all(&product, contents, code, images);
        Ok(Self { product, board, steps, digest, notes })
    }

    /// The loader of the external flash.
    pub fn loader(&self) -> &'static str {
        self.board.map_or("that of the board, which the description does not name", |board| board.loader)
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

fn boot_code(product: &Product, args: &Inputs) -> Result<Code> {
    let path = match &args.boot_code {
        Some(path) => path.clone(),
        None => args.firmware.join(boot_code_file(&product.plan.product)),
    };
    let bytes = files::read(&path).map_err(|failure| match (&args.boot_code, failure.code) {
        (None, input_codes::FILE_NOT_FOUND) => failure.fix(
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
    name: &'static str,
    option: &'static str,
    is_stage: bool,
    options: ImageOptions,
    slots: ImageSlots,
    sign: Option<String>,
    encrypt: Option<String>,
}

fn slots_of(product: &Product) -> Vec<Slot> {
    let (plan, keys) = (&product.plan, &product.description.keys);
    let file = |name: &Option<String>| name.as_deref().map(|name| product.file(name));
    let mut all = Vec::new();
    if plan.product.boot == BootPath::StirotOemurot
        && let (Some(options), Some(slots)) = (plan.stirot_image, plan.stirot_slots)
    {
        let (sign, encrypt) = (file(&keys.stage_sign), file(&keys.stage_encrypt));
        let (name, option) = ("second stage", "--stage-image");
        all.push(Slot { name, option, is_stage: true, options, slots, sign, encrypt });
    }
    let slots = match plan.product.boot {
        BootPath::Stirot => plan.stirot_slots.unwrap_or(plan.slots),
        BootPath::Oemirot | BootPath::StirotOemurot => plan.slots,
    };
    all.push(Slot {
        name: "application",
        option: "--image",
        is_stage: false,
        options: plan.image,
        slots,
        sign: file(&keys.sign),
        encrypt: file(&keys.encrypt),
    });
    all
}

/// Reads an image for its download slot. The boot stage installs it from there: that way it is verified, encrypted for the memory
/// that it runs from, and recorded, like any update after it.
fn image(slot: &Slot, path: &Path, passphrase: Option<&Path>) -> Result<Image> {
    let refuse = |cause: String| Err(Failure::new(codes::PROVISION_IMAGE, cause).about(path.display()));
    let bytes = files::read(path)?;
    let parsed = input::parse(path, &bytes).about(path.display())?;
    let download = slot.slots.download;
    let room = download.size().bytes() as usize;
    let start = match parsed.format {
        input::Format::Raw => 0,
        input::Format::Elf => return refuse("it is an ELF file, not an image".to_owned()),
        input::Format::Hex => {
            let first = parsed.pieces.first().map_or(0, |piece| piece.address);
            if first != download.start().value() {
                return refuse(format!(
                    "it begins at {first:#010x}; the download slot of the {} is at {:#010x}",
                    slot.name,
                    download.start().value()
                ));
            }
            first
        }
    };
    let mut content = Vec::new();
    for piece in &parsed.pieces {
        let offset = piece.address.wrapping_sub(start) as usize;
        let end = offset.saturating_add(piece.bytes.len());
        if end > room {
            return refuse(format!("it has at least {end} bytes, the slot {room}"));
        }
        if content.len() < end {
            content.resize(end, ERASED);
        }
        if let Some(place) = content.get_mut(offset..end) {
            place.copy_from_slice(&piece.bytes);
        }
    }
    let word = |at: usize| content.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let (dialect, name) = match slot.options.verifier {
        ImageFor::Stirot => (Dialect::StirotH7s, "stirot-h7s"),
        ImageFor::OwnStage => (Dialect::St, "st"),
    };
    let magic = slot.options.magic.unwrap_or_else(|| dialect.magic());
    if word(0) != Some(magic) {
        let found = word(0).map_or("nothing".to_owned(), |found| format!("{found:#010x}"));
        return refuse(format!(
            "it begins with {found}; an image for this boot path begins with {magic:#010x}"
        ));
    }
    let header = word(8).unwrap_or(0) & 0xFFFF;
    if header != slot.options.header {
        return refuse(format!("its header has {header:#x} bytes, the product's {:#x}", slot.options.header));
    }
    let verified = verify(slot, path, name, passphrase)?;
    let text = |name: &str| verified.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if slot.options.encrypted && verified.get("encrypted").and_then(Value::as_bool) != Some(true) {
        return refuse("it is not encrypted, and the description says image.encrypt".to_owned());
    }
    let areas = areas(slot, content).about(path.display())?;
    Ok(Image { name: slot.name, version: text("version"), sha256: text("sha256"), areas })
}

/// Verifies signature, hash and content with the keys that the device gets.
fn verify(slot: &Slot, path: &Path, dialect: &str, passphrase: Option<&Path>) -> Result<Value> {
    let mut words: Vec<OsString> = vec![path.into(), "--dialect".into(), dialect.into()];
    if let Some(sign) = &slot.sign {
        words.extend(["-k".into(), sign.into()]);
    }
    if let (Some(encrypt), true) = (&slot.encrypt, slot.options.encrypted) {
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
fn areas(slot: &Slot, mut content: Vec<u8>) -> Result<Vec<(Region, Vec<u8>)>> {
    let download = slot.slots.download;
    let used = content.iter().rposition(|byte| *byte != ERASED).map_or(0, |last| last + 1);
    content.resize(download.size().bytes() as usize, ERASED);
    if slot.options.verifier == ImageFor::OwnStage {
        let (mode, keys) = match slot.options.overwrite_only {
            true => (Mode::OverwriteOnly, SavedKeys::None),
            false => (Mode::SwapScratch, SavedKeys::Sealed(SEALED_KEY)),
        };
        let sectors = slot.options.max_sectors;
        let layout = TrailerLayout::new(mode, TRAILER_ALIGN, TRAILER_ALIGN, sectors, keys)
            .ok_or_else(|| Failure::internal("the trailer of the product's slots cannot be"))?;
        let magic = layout.magic_bytes();
        let end = content.len();
        let room = end.saturating_sub(slot.slots.trailer.bytes() as usize);
        let padded = content.ends_with(&magic);
        if used > room && !padded {
            let cause = format!("it has {used} bytes; with the trailer there is room for {room}");
            return Err(Failure::new(codes::PROVISION_IMAGE, cause));
        }
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
