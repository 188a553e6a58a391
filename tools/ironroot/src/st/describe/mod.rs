//! From project files to a product description (`ironroot.toml`).
//!
//! 1. An entry is what the files say, or it has the remark "not in the XML" and what was taken instead. Nothing is invented
//!    in silence.
//! 2. What the files say and no entry takes is found by comparison: image options and STiRoT's configuration are made from the
//!    description, and every difference to the files is told.
//! 3. What is returned passes the reader and the rules, those of `ironroot boot plan`.
//!
//! Source of the defaults: the STM32H7S78-DK projects of STM32CubeH7RS v1.3.0.

mod compare;
mod facts;
mod write;

use std::path::{Path, PathBuf};

use ironroot_layout::Region;
use ironroot_layout::description::Description;
use ironroot_layout::stm32h7rs::chip::{Part, XSPI1, XSPI2};
use ironroot_layout::stm32h7rs::product::{BootPath, Entry as E, Extent, Place, Product, UpdateMode};
use ironroot_layout::stm32h7rs::state::ProductState;

use super::xml::brief;
use super::{Config, Image};
use crate::error::Result;
use crate::product;
use facts::{Debug, Facts};
use write::Toml;

/// Project files that were read.
#[derive(Debug, Default)]
pub struct Files {
    /// Configurations, those that image descriptions link to among them.
    pub configs: Vec<(PathBuf, Config)>,
    /// Image descriptions, with the index of the configuration that each links to.
    pub images: Vec<(PathBuf, Image, Option<usize>)>,
}

/// What is given beside the files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// The part.
    pub device: Option<Part>,
    /// Where the application runs.
    pub place: Option<Place>,
}

/// A product description.
#[derive(Debug)]
pub struct Described {
    /// The file.
    pub text: String,
    /// What the project files do not say: entries, with the reason for what was taken.
    pub defaults: Vec<String>,
    /// What the project files say and the description does not.
    pub lost: Vec<String>,
}

/// The external flash of ST's board.
const BOARD_FLASH: u32 = 128 * 1024 * 1024;
/// The external RAM of ST's board.
const BOARD_RAM: u32 = 32 * 1024 * 1024;
/// Where the root key of debug authentication is looked for if nothing names one.
const DEBUG_KEY: &str = "keys/debug-root.pem";
/// Where the password of debug authentication is looked for: project files have it in them, descriptions never.
const DEBUG_PASSWORD: &str = "keys/debug-password.txt";

/// The description of the product that the files belong to, to be written to `folder` as `name`. All paths are absolute, or all
/// begin at the same folder.
pub fn describe(files: &Files, wanted: &Wanted, name: &str, folder: &Path) -> Result<Described> {
    let facts = Facts::of(files, wanted.device)?;
    let (toml, mut lost) = write(&facts, wanted, folder)?;
    let read = Description::read(name, &toml.text);
    let plan = read.and_then(|description| description.plan()).map_err(|problem| {
        let failure = product::refuse(&problem);
        let fix = format!("{} Nothing was written; --dry-run shows the text.", failure.remedy());
        failure.fix(fix)
    })?;
    compare::all(&facts, &plan, &mut lost);
    let mut text = toml.text;
    if !lost.is_empty() {
        text.push_str("\n# In the XML, and not here:\n");
        for line in &lost {
            text.push_str(&format!("# - {}\n", write::remark(line)));
        }
    }
    Ok(Described { text, defaults: toml.defaults, lost })
}

/// The text that [`describe`] judges, judged or not.
pub fn draft(files: &Files, wanted: &Wanted, folder: &Path) -> Result<String> {
    let facts = Facts::of(files, wanted.device)?;
    write(&facts, wanted, folder).map(|(toml, _)| toml.text)
}

/// Two slots of the same size, from the start of the external flash.
struct Pair {
    installed: u32,
    /// The files say where the installed image is.
    installed_said: bool,
    download: u32,
    size: u32,
    /// The files say where the download is, and how large it is.
    said: bool,
}

fn write(facts: &Facts<'_>, wanted: &Wanted, folder: &Path) -> Result<(Toml, Vec<String>)> {
    let mut lost = Vec::new();
    let boot = facts.boot;
    let place = match boot {
        BootPath::Stirot => wanted.place.unwrap_or(Place::InternalRam),
        _ => wanted.place.unwrap_or(Place::ExternalRam),
    };
    let application = if boot == BootPath::Stirot { &facts.first } else { &facts.own };
    let update = match application {
        Some(made) if boot != BootPath::Stirot && !made.has("--overwrite-only") => UpdateMode::Swap,
        _ => UpdateMode::Overwrite,
    };
    let defaults = Product::new(facts.part, boot, place, update);
    let window = facts.window()?;

    let mut toml = Toml::new(&facts.titles);
    toml.table("product");
    toml.name(E::Device, facts.part.name());
    toml.name(E::Boot, boot.name());
    match (wanted.place, boot) {
        (Some(_), _) => toml.said(E::Execute, write::quoted(place.name())),
        (None, BootPath::Stirot) => toml.name(E::Execute, place.name()),
        _ => toml.missing(
            E::Execute,
            write::quoted(place.name()),
            "where the application runs; ST's projects copy it to external RAM",
        ),
    }
    // STiRoT does nothing but overwrite.
    if application.is_some() || boot == BootPath::Stirot {
        toml.name(E::Update, update.name());
    } else {
        let why = "how an update gets in; the image's XML would say it";
        toml.missing(E::Update, write::quoted(update.name()), why);
    }

    toml.table("memories");
    memories(&mut toml, facts, place, window);
    let window = window.unwrap_or(facts.part.external_flash());
    slots(&mut toml, facts, &defaults, window, update)?;
    image(&mut toml, facts)?;
    keys(&mut toml, facts, folder, &mut lost);
    protections(&mut toml, facts, &mut lost);
    if boot.has_own_stage() {
        toml.table("application");
        let why = "what of the internal RAM is open at the start; ST's projects open all since v1.3.0";
        toml.missing(E::ApplicationOpen, write::quoted("sram"), why);
    }
    Ok((toml, lost))
}

fn memories(toml: &mut Toml, facts: &Facts<'_>, place: Place, window: Option<Region>) {
    match facts.ram_ecc() {
        Some(on) => toml.said(E::RamEcc, on),
        None => toml.missing(E::RamEcc, true, "ECC on the internal RAM; ST's projects have it on"),
    }
    match window {
        Some(window) => toml.said(E::FlashWindow, write::hex(window.start().value())),
        None => {
            let start = facts.part.external_flash().start().value();
            toml.missing(
                E::FlashWindow,
                write::hex(start),
                "the window of the external flash; that of ST's projects",
            );
        }
    }
    let window = window.unwrap_or(facts.part.external_flash());
    match facts.flash_size().filter(|size| *size != window.size().bytes()) {
        Some(size) => toml.said(E::FlashSize, write::hex(size)),
        None => {
            let why = "the size of the flash that is mounted; 128 MB on the STM32H7S78-DK";
            toml.missing(E::FlashSize, write::hex(BOARD_FLASH), why);
        }
    }
    if place == Place::ExternalRam {
        let other = if window == XSPI1 { XSPI2 } else { XSPI1 };
        let why = "the external RAM; 32 MB on the other XSPI on the STM32H7S78-DK";
        toml.missing(E::RamWindow, write::hex(other.start().value()), why);
        toml.also(E::RamSize, write::hex(BOARD_RAM));
    }
}

fn slots(
    toml: &mut Toml,
    facts: &Facts<'_>,
    defaults: &Product,
    window: Region,
    update: UpdateMode,
) -> Result {
    let second = facts.boot == BootPath::StirotOemurot;
    let application = match facts.boot {
        BootPath::Stirot => facts.stirot_pair(defaults.slots, window)?,
        _ => facts.own_pair(defaults.slots, window)?,
    };
    toml.table("slots");
    let names = [E::InstalledOffset, E::InstalledSize, E::DownloadOffset, E::DownloadSize];
    pair(toml, &application, names);
    if update == UpdateMode::Swap {
        let size = facts.scratch_size(application.size).unwrap_or(defaults.default_scratch().size);
        let end = |start: u32| start.saturating_add(application.size);
        let scratch = Extent::new(end(application.download).max(end(application.installed)), size);
        let why = "the scratch area of the swap; behind the slots, as large as -M and -S make it";
        toml.missing(E::ScratchOffset, write::hex(scratch.offset), why);
        toml.also(E::ScratchSize, write::hex(scratch.size));
    }
    if second {
        toml.table("stage");
        let stage = facts.stirot_pair(Product::default_stage_slots(), window)?;
        let names =
            [E::StageInstalledOffset, E::StageInstalledSize, E::StageDownloadOffset, E::StageDownloadSize];
        pair(toml, &stage, names);
    }
    if let Some(loader) = facts.iloader() {
        toml.table("iloader");
        toml.said(E::LoaderOffset, write::hex(loader.offset));
        toml.said(E::LoaderSize, write::hex(loader.size));
    }
    Ok(())
}

fn pair(toml: &mut Toml, pair: &Pair, [a, b, c, d]: [E; 4]) {
    let (installed, size) = (write::hex(pair.installed), write::hex(pair.size));
    match (pair.installed_said, pair.said) {
        (true, _) => toml.said(a, installed),
        (false, true) => toml.missing(a, installed, "where the installed image is; beside the download"),
        (false, false) => toml.missing(a, installed, "the slots; those of ST's projects"),
    }
    for (entry, value) in [(b, &size), (c, &write::hex(pair.download)), (d, &size)] {
        if pair.said { toml.said(entry, value) } else { toml.also(entry, value) }
    }
}

fn image(toml: &mut Toml, facts: &Facts<'_>) -> Result {
    let made = if facts.boot == BootPath::Stirot { &facts.first } else { &facts.own };
    toml.table("image");
    let version = made.as_ref().and_then(|made| made.value("-v"));
    match version {
        Some(version) => toml.said(E::Version, write::quoted(version)),
        None => toml.missing(E::Version, write::quoted("1.0.0"), "the version of the application"),
    }
    let Some(made) = made else { return Ok(()) };
    match (made.value("-s"), made.value("-s").and_then(super::number)) {
        (_, Some(number)) => toml.said(E::Counter, number),
        (Some(text), None) => toml.said(E::Counter, write::quoted(text)),
        (None, None) => {
            toml.missing(E::Counter, write::quoted("auto"), "the security counter; from the version")
        }
    }
    toml.said(E::Encrypt, made.has("-E"));
    for (entry, switch) in [(E::Align, "--align"), (E::Header, "-H")] {
        if let Some(number) = made.number(switch)? {
            let text = if entry == E::Align { number.to_string() } else { write::hex(number) };
            toml.said(entry, text);
        }
    }
    Ok(())
}

fn keys(toml: &mut Toml, facts: &Facts<'_>, folder: &Path, lost: &mut Vec<String>) {
    toml.table("keys");
    let mut key = |entry: E, path: &Option<PathBuf>| {
        if let Some(path) = path {
            toml.said(entry, write::quoted(&write::relative(folder, path)));
        }
    };
    if facts.boot == BootPath::StirotOemurot {
        key(E::KeyStageSign, &facts.first_keys.sign);
        key(E::KeyStageEncrypt, &facts.first_keys.encrypt);
    }
    let (own, made) = match facts.boot {
        BootPath::Stirot => (&facts.first_keys, &facts.first),
        _ => (&facts.own_keys, &facts.own),
    };
    key(E::KeySign, &own.sign);
    // A key that encrypts nothing would be believed to.
    let plain = made.as_ref().is_some_and(|made| !made.has("-E"));
    match &own.encrypt {
        Some(path) if plain => {
            lost.push(format!(
                "an encryption key ({}), and images that are not encrypted",
                write::file_name(path)
            ));
        }
        path => key(E::KeyEncrypt, path),
    }
    if facts.state() == Some(ProductState::Locked) {
        return;
    }
    match &facts.debug {
        Some(Debug::Certificate { key: path, .. }) => key(E::KeyDebug, &Some(path.clone())),
        Some(Debug::Password) => {
            let file = facts.debug_config.as_ref().map_or("", |stage| stage.file.as_str());
            let why =
                format!("a text file with the password of {file}; descriptions have no secrets in them");
            toml.missing(E::KeyDebug, write::quoted(DEBUG_PASSWORD), &why);
        }
        None => {
            let why = "the root key of debug authentication, as DA_Config.xml names it";
            toml.missing(E::KeyDebug, write::quoted(DEBUG_KEY), why);
        }
    }
}

fn protections(toml: &mut Toml, facts: &Facts<'_>, lost: &mut Vec<String>) {
    toml.table("protections");
    match facts.state() {
        Some(ProductState::Locked) => {
            toml.name(E::State, "locked");
            toml.missing(
                E::Debug,
                write::quoted("locked"),
                "follows from the state: nothing opens the device again",
            );
            if facts.debug.is_some() {
                lost.push(
                    "debug authentication, and a least product state that allows none (Locked)".to_owned(),
                );
            }
            return;
        }
        Some(_) => toml.name(E::State, "closed"),
        None => toml.missing(E::State, write::quoted("closed"), "the product state to reach"),
    }
    match &facts.debug {
        Some(Debug::Certificate { .. }) => toml.name(E::Debug, "certificate"),
        Some(Debug::Password) => toml.name(E::Debug, "password"),
        None => toml.missing(E::Debug, write::quoted("certificate"), "how a closed device is opened again"),
    }
}

/// The window of the external flash that an address lies in.
fn window_of(address: u32) -> Option<Region> {
    [XSPI1, XSPI2].into_iter().find(|window| window.contains(ironroot_layout::Address::new(address)))
}

/// A file as remarks call it.
fn name(path: &Path) -> String {
    brief(&write::file_name(path))
}
