//! From entries to the typed description.

use std::format;

use ironroot_codes::product as codes;

use super::problem::Problem;
use super::read::Document;
use crate::stm32h7rs::chip::Part;
use crate::stm32h7rs::product::{
    BootPath, Entry, Extent, ExternalMemory, Open, OptionField, Place, Product, SlotPair, UpdateMode, Version,
};
use crate::stm32h7rs::state::{DebugAuthentication, ProductState};

/// What a size is written like.
pub(super) const SIZE: &str = "a number of bytes below 2^32, like 0x2000, or a text like \"64K\" or \"2M\"";

/// `64K`, `2M`, `0x2000`, `8192`; `_` may separate digits.
pub(super) fn size(text: &str) -> Option<u32> {
    let (digits, unit) = match (text.strip_suffix(['K', 'k']), text.strip_suffix(['M', 'm'])) {
        (Some(digits), _) => (digits, 1024),
        (_, Some(digits)) => (digits, 1024 * 1024),
        _ => (text, 1),
    };
    let plain = digits.replace('_', "");
    let value = match plain.strip_prefix("0x") {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
        None if plain.bytes().all(|b| b.is_ascii_digit()) => plain.parse(),
        _ => return None,
    };
    value.ok()?.checked_mul(unit)
}

/// `1.2.3` or `1.2.3+4`.
pub(super) fn version(text: &str) -> Option<Version> {
    let (version, build) = text.split_once('+').unwrap_or((text, "0"));
    let mut parts = version.split('.');
    let (major, minor, revision) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if parts.next().is_some() || ![major, minor, revision, build].iter().all(|part| digits(part)) {
        return None;
    }
    Some(Version {
        major: major.parse().ok()?,
        minor: minor.parse().ok()?,
        revision: revision.parse().ok()?,
        build: build.parse().ok()?,
    })
}

/// The choices first: everything else has a default that follows from them.
pub(super) fn product(document: &Document) -> Result<Product, Problem> {
    if let Some(entry) =
        Entry::ALL.iter().find(|entry| entry.is_required() && document.text(**entry).is_none())
    {
        let message = format!("{} is missing: {}", entry.path(), entry.help());
        return Err(document.problem(*entry, codes::PRODUCT_ENTRY_MISSING, message));
    }
    let part = match document.text(Entry::Device) {
        Some(name) if name == Part::Stm32h7r7.name() => Part::Stm32h7r7,
        _ => Part::Stm32h7s7,
    };
    let boot = document.text(Entry::Boot).and_then(BootPath::from_name).unwrap_or(BootPath::Oemirot);
    let place = document.text(Entry::Execute).and_then(Place::from_name).unwrap_or(Place::ExternalFlash);
    let update =
        document.text(Entry::Update).and_then(UpdateMode::from_name).unwrap_or(UpdateMode::Overwrite);
    let mut product = Product::new(part, boot, place, update);
    memories(document, &mut product);
    slots(document, &mut product)?;
    image_and_protections(document, &mut product);
    Ok(product)
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn memories(document: &Document, product: &mut Product) {
    let number = |entry| document.number(entry);
    set(&mut product.flash.window, number(Entry::FlashWindow));
    set(&mut product.flash.size, number(Entry::FlashSize));
    if let Some(ram) = &mut product.ram {
        set(&mut ram.window, number(Entry::RamWindow));
        set(&mut ram.size, number(Entry::RamSize));
    }
    // A board has external RAM if the description says so.
    let described = number(Entry::RamWindow).or(number(Entry::RamSize)).is_some();
    product.ram = product.ram.filter(|ram| described && ram.size != 0);
    set(&mut product.ram_ecc, document.bool(Entry::RamEcc));
    set(&mut product.clocks.core_mhz, number(Entry::Core));
    product.clocks.application_mhz = product.clocks.core_mhz;
    set(&mut product.clocks.application_mhz, number(Entry::ApplicationClock));
    set(&mut product.clocks.regulator, document.bool(Entry::Regulator));
}

/// An extent of which nothing, a part or all is given.
fn extent(document: &Document, offset: Entry, size: Entry, default: Extent) -> Option<Extent> {
    let (offset, size) = (document.number(offset), document.number(size));
    if offset.is_none() && size.is_none() {
        return None;
    }
    Some(Extent::new(offset.unwrap_or(default.offset), size.unwrap_or(default.size)))
}

fn pair(document: &Document, [a, b, c, d]: [Entry; 4], default: SlotPair) -> Option<SlotPair> {
    let (installed, download) =
        (extent(document, a, b, default.installed), extent(document, c, d, default.download));
    if installed.is_none() && download.is_none() {
        return None;
    }
    Some(SlotPair {
        installed: installed.unwrap_or(default.installed),
        download: download.unwrap_or(default.download),
    })
}

fn slots(document: &Document, product: &mut Product) -> Result<(), Problem> {
    use Entry as E;
    let application = [E::InstalledOffset, E::InstalledSize, E::DownloadOffset, E::DownloadSize];
    let default = product.slots;
    set(&mut product.slots, pair(document, application, default));
    product.scratch = extent(document, E::ScratchOffset, E::ScratchSize, product.default_scratch());
    product.trailer = document.number(E::Trailer);
    let stage =
        [E::StageInstalledOffset, E::StageInstalledSize, E::StageDownloadOffset, E::StageDownloadSize];
    product.stage_slots = pair(document, stage, Product::default_stage_slots());
    product.code_room = document.number(E::CodeRoom);
    product.iloader = extent(document, E::LoaderOffset, E::LoaderSize, Extent::new(0, 0x6000));
    // Nothing of a data image has a default.
    let data = [E::DataInstalledOffset, E::DataInstalledSize, E::DataDownloadOffset, E::DataDownloadSize];
    let given = data.map(|entry| document.number(entry));
    product.data = match given {
        [None, None, None, None] => None,
        [Some(a), Some(b), Some(c), Some(d)] => {
            Some(SlotPair { installed: Extent::new(a, b), download: Extent::new(c, d) })
        }
        _ => {
            let missing = data.into_iter().find(|entry| document.number(*entry).is_none());
            let entry = missing.unwrap_or(E::DataInstalledSize);
            let message =
                format!("{} is missing: a data image has all four numbers of its slots", entry.path());
            return Err(document.problem(entry, codes::PRODUCT_ENTRY_MISSING, message));
        }
    };
    Ok(())
}

fn image_and_protections(document: &Document, product: &mut Product) {
    use Entry as E;
    product.header = document.number(E::Header);
    product.align = document.number(E::Align);
    set(&mut product.encrypt, document.bool(E::Encrypt));
    set(&mut product.version, document.version());
    set(&mut product.counter, document.counter());
    let protections = &mut product.protections;
    set(&mut protections.write_protect, document.bool(E::WriteProtect));
    protections.hide = document.bool(E::Hide);
    set(
        &mut protections.state,
        document.text(E::State).map(|state| match state {
            "open" => ProductState::Open,
            "provisioning" => ProductState::Provisioning,
            "locked" => ProductState::Locked,
            _ => ProductState::Closed,
        }),
    );
    set(
        &mut protections.debug,
        document.text(E::Debug).map(|debug| match debug {
            "certificate" => DebugAuthentication::Ecdsa,
            "password" => DebugAuthentication::Password,
            "locked" => DebugAuthentication::Locked,
            _ => DebugAuthentication::None,
        }),
    );
    set(&mut product.open, document.text(E::ApplicationOpen).and_then(Open::from_name));
    let start = document.number(E::ApplicationRamStart);
    let size = document.number(E::ApplicationRamSize);
    if start.is_some() || size.is_some() {
        let default = product.open.area();
        product.application_ram = Some(ExternalMemory {
            window: start.unwrap_or(default.start().value()),
            size: size.unwrap_or(default.size().bytes()),
        });
    }
    for (place, field) in product.options.iter_mut().zip(OptionField::ALL) {
        *place = document.number(field.entry());
    }
}
