//! `ironroot sfi create`: two passes over the inputs, one to hash, one to encrypt, both on every core; no more of the inputs
//! in memory than an area a thread.

use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Args;
use ironroot_boot::keystore::{self, StoredKey};
use ironroot_chip::reach::Entry;
use ironroot_codes::{input, install as codes};
use ironroot_crypto::{Crypto, Software};
use ironroot_layout::stm32h735::rss::{INSTALL_NOTE, INSTALLER_TABLE};
use ironroot_layout::stm32h735::{FLASH, KEY_STORE, STACK_MEMORIES};
use ironroot_sfi::build::{BuildError, Plan, Sealer};
use ironroot_sfi::package::{AreaKind, DESCRIPTOR_LEN};
use ironroot_sfi::{FirmwareKey, KeyPlace, Nonce, OptionValue, Product};
use serde_json::json;
use zeroize::Zeroizing;

use super::content::{Area, Content, Placed};
use super::effect::{self, Consent, Effect};
use super::{keys, options};
use crate::atomic::{Access, Existing, Pending};
use crate::error::{Context, Failure, Result};
use crate::input::{self as application, Piece};
use crate::report::{BOLD, Reporter, printable};
use crate::{files, firmware, identity, interrupt, keyfile, number, vdev};

/// Areas that the device has a table for.
pub const DEVICE_AREAS: u32 = INSTALLER_TABLE.size().bytes() / DESCRIPTOR_LEN as u32;

/// Pack and encrypt firmware, modules and option bytes for one product
#[derive(Args, Debug)]
#[command(after_help = "\
Raw files need an address, on a flash word (32 bytes). The package must contain what the chip starts from (0x08000000). Its \
option bytes must close the device (SECURITY with SEC_AREA, or RDP), or everybody who has one reads the firmware: that is \
refused without --readable. RDP=level2 can never be undone: that wants --yes-i-mean RDP=level2. Keep the key file: it goes into \
the licence server, nowhere else.

Examples:
  ironroot sfi create --boot-key release.pub.pem -f app.bin@0x08020000 --option SECURITY=1 \\
      --option SEC_AREA=0x08000000..0x08020000 --new-key fw.key -v 3 -o app.sfi
  ironroot sfi create -f app.hex --module stack.irm --options product.toml --key fw.key -v 4 -o app.sfi
  ironroot sfi create -f app.elf --option SECURITY=0 --readable --key fw.key -v 4 -o open.sfi
  ironroot sfi create -f boot.bin@0x08000000 --device-key 16@0x08010000 --option SEC_AREA=0x08000000..0x08020000 \\
      --external assets.bin@0x90000000 --key fw.key -v 5 -o app.sfi
  ironroot sfi create -f boot.elf --options-csv st.csv --key fw.key --nonce nonce.bin -v 1 -o app.sfi --json")]
pub struct Create {
    /// Firmware for the internal flash: ELF, Intel HEX, or raw with @ADDRESS; may be repeated
    #[arg(short, long, value_name = "FILE[@ADDRESS]", required_unless_present = "boot_key")]
    firmware: Vec<Placed>,
    /// Pack the secure boot of this build too, with a key store that trusts this key (P-256, public or private); may be repeated
    #[arg(long, value_name = "FILE")]
    boot_key: Vec<PathBuf>,
    /// Module of a third party, as its owner delivered it; may be repeated
    #[arg(long, value_name = "FILE")]
    module: Vec<PathBuf>,
    /// Content of the external flash; may be repeated
    #[arg(long, value_name = "FILE@ADDRESS")]
    external: Vec<Placed>,
    /// Key that the device makes itself, in the secure area that the option bytes set; may be repeated
    #[arg(long, value_name = "SIZE@ADDRESS", value_parser = keys::parse)]
    device_key: Vec<KeyPlace>,
    #[command(flatten)]
    options: options::Arguments,
    #[command(flatten)]
    consent: Consent,
    /// Firmware key, 16 bytes
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    key: Option<PathBuf>,
    /// Make a new firmware key and keep it there, readable by its owner only
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    new_key: Option<PathBuf>,
    /// Nonce, 12 bytes; never the same one for two packages of a key [default: random]
    #[arg(long, value_name = "FILE")]
    nonce: Option<PathBuf>,
    /// Version of the package; a device refuses an older one than it has
    #[arg(short = 'v', long = "version", value_name = "N")]
    version: u32,
    /// Product id of the chips that it is for
    #[arg(long, value_name = "ID", default_value = "48302001", value_parser = identity::parse_product)]
    product: Product,
    /// Least version of the root security services, like 0.2.0
    #[arg(long, value_name = "VERSION", default_value = "0.0.0", value_parser = parse_services)]
    least_services: u32,
    /// Areas that the device has room to list
    #[arg(long, value_name = "N", default_value_t = DEVICE_AREAS)]
    max_areas: u32,
    /// Package to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// `major.minor.patch` as the services report it.
fn parse_services(text: &str) -> std::result::Result<u32, String> {
    let how =
        || "a version of the services is written 0.2.0, each part at most 255, or as a number".to_owned();
    let parts: Vec<&str> = text.split('.').collect();
    let [major, minor, patch] = parts.as_slice() else { return number::parse(text).map_err(|_| how()) };
    let part = |text: &str| text.parse::<u8>().map_err(|_| how());
    Ok(u32::from_le_bytes([part(patch)?, part(minor)?, part(major)?, 0]))
}

/// The `N` bytes that a key or nonce file must have.
fn exact<const N: usize>(bytes: &[u8], path: &Path) -> Result<Zeroizing<[u8; N]>> {
    match <[u8; N]>::try_from(bytes) {
        Ok(bytes) => Ok(Zeroizing::new(bytes)),
        Err(_) => {
            let cause = format!("it has {} bytes, {N} are wanted", bytes.len());
            Err(Failure::new(input::SFI_KEY_FILE, cause).about(path.display()))
        }
    }
}

/// A firmware key from a file that only its owner may read.
pub fn read_key(path: &Path) -> Result<FirmwareKey> {
    exact(&files::read_secret(path)?, path).map(|bytes| FirmwareKey::new(*bytes))
}

/// A new firmware key, and the file that has its name when that is committed: with what it encrypts, or not at all.
pub struct NewKey {
    pending: Pending,
    path: PathBuf,
}

impl NewKey {
    /// Makes a key that is to be kept in `path`.
    pub fn create(path: &Path) -> Result<(FirmwareKey, Self)> {
        let failed = |e: std::io::Error| Failure::write(path, &e);
        let bytes = Zeroizing::new(identity::random::<16>()?);
        let mut pending = Pending::create(path, Access::Secret, Existing::Keep).map_err(failed)?;
        pending.file().write_all(bytes.as_slice()).map_err(failed)?;
        Ok((FirmwareKey::new(*bytes), NewKey { pending, path: path.to_owned() }))
    }
}

/// Gives a file its name, and the key that it needs first: a package whose key is nowhere is lost, a key without a package
/// is litter.
pub fn commit(pending: Pending, output: &Path, key: Option<NewKey>) -> Result {
    let key = key
        .map(|key| key.pending.commit().map(|()| key.path.clone()).map_err(|e| Failure::write(&key.path, &e)))
        .transpose()?;
    pending.commit().map_err(|e| {
        if let Some(key) = key {
            let _ = std::fs::remove_file(key);
        }
        Failure::write(output, &e)
    })
}

/// The key of the arguments: read, or made.
pub fn key(read: Option<&Path>, make: Option<&Path>) -> Result<(FirmwareKey, Option<NewKey>)> {
    match (read, make) {
        (Some(path), _) => Ok((read_key(path)?, None)),
        (None, Some(path)) => NewKey::create(path).map(|(key, new)| (key, Some(new))),
        (None, None) => Err(Failure::new(input::USAGE, "neither --key nor --new-key was given")),
    }
}

/// A nonce from a file, or a random one.
pub fn nonce(path: Option<&Path>) -> Result<Nonce> {
    match path {
        Some(path) => exact(&files::read(path)?, path).map(|bytes| Nonce(*bytes)),
        None => identity::random().map(Nonce),
    }
}

/// Does `work` for every index on all cores; each thread has one buffer.
fn parallel<T: Send>(count: usize, work: impl Fn(usize, &mut Vec<u8>) -> Result<T> + Sync) -> Result<Vec<T>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(count).max(1);
    let next = AtomicUsize::new(0);
    let run = || {
        let (mut done, mut buffer) = (Vec::new(), Vec::new());
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return Ok(done);
            }
            interrupt::check()?;
            done.push((index, work(index, &mut buffer)?));
        }
    };
    let parts: Vec<Result<Vec<(usize, T)>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let failed = || Err(Failure::internal("a thread ended"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| failed())).collect()
    });
    let mut all = parts.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect::<Vec<_>>();
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, value)| value).collect())
}

fn refused(error: BuildError) -> Failure {
    match error {
        BuildError::AreaTooLarge => Failure::new(codes::AREA_TOO_LARGE, error.to_string()),
        BuildError::TooMany => Failure::new(input::SFI_TOO_MANY_AREAS, error.to_string()),
        BuildError::NotAsPlanned => Failure::new(input::SFI_INPUT_CHANGED, error.to_string()),
        BuildError::NoConfiguration => Failure::internal(error.to_string()),
    }
}

/// The firmware from `address` on, as far as its area goes.
fn firmware_at(content: &Content, address: u32) -> Result<Option<Vec<u8>>> {
    let mut areas = content.areas.iter().filter(|area| area.kind == AreaKind::Firmware);
    let Some(area) = areas.find(|area| effect::holds(area.address, area.occupied(), address)) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    area.read(&mut bytes)?;
    Ok(Some(bytes.split_off(((address - area.address) as usize).min(bytes.len()))))
}

/// Refuses what the device would start and that cannot run, by the rules of `image sign`.
fn check_start(content: &Content, address: u32) -> Result {
    let Some(bytes) = firmware_at(content, address)? else { return Ok(()) };
    let code = |area: &&Area| matches!(area.kind, AreaKind::Firmware | AreaKind::Module);
    let inside = |address: u32| {
        let mut areas = content.areas.iter().filter(code);
        areas.any(|area| effect::holds(area.address, area.occupied(), address))
    };
    let named = |address: u32| format!("{address:#010x}");
    application::start(&bytes, address.into(), &STACK_MEMORIES, &inside, "what the package has", &named)
        .map_err(|failure| {
            failure.fix("Check that the file begins with its vector table, and the address behind @.")
        })
        .about(named(address))
        .map(|_| ())
}

/// What the option bytes make of the device.
fn effect(content: &Content, values: &[OptionValue]) -> Effect {
    let entry = |address: u32| match firmware_at(content, address) {
        Ok(bytes) if bytes.is_some() => effect::entry(bytes.as_deref()),
        // A module's code is its owner's secret.
        _ if content.areas.iter().any(|area| effect::holds(area.address, area.occupied(), address)) => {
            Entry::Unknown
        }
        _ => Entry::Blank,
    };
    Effect::of(values, &entry)
}

/// Everything that goes in, arranged and checked as far as that needs no key.
fn content(args: &Create) -> Result<(Content, Effect)> {
    let mut content = Content::default();
    args.firmware.iter().try_for_each(|placed| content.firmware(placed))?;
    if !args.boot_key.is_empty() {
        let read =
            |path: &PathBuf| keyfile::read(path).map(|key| StoredKey { key: key.public, demo: key.demo });
        let keys = args.boot_key.iter().map(read).collect::<Result<Vec<_>>>()?;
        let page =
            keystore::build(&keys, &mut Software).map_err(|e| Failure::new(e.code(), "the key store"))?;
        content.pieces(vdev::program(&firmware::SECURE_BOOT)?);
        let (address, bytes) = (KEY_STORE.start().value(), page.to_vec());
        content.pieces([Piece { address, bytes, name: "key store".into() }]);
    }
    args.module.iter().try_for_each(|path| content.module(path))?;
    args.external.iter().try_for_each(|placed| content.external(placed))?;
    content.arrange()?;
    let boot = FLASH.start().value();
    if !content.areas.iter().any(|area| area.kind == AreaKind::Firmware && area.address == boot) {
        return Err(Failure::new(codes::NOTHING_TO_START, format!("no firmware begins at {boot:#010x}")));
    }
    let values = args.options.values()?;
    let effect = effect(&content, &values);
    check_start(&content, effect::start_of(&effect.options))?;
    let configuration: Vec<u8> = values.iter().flat_map(|value| value.encode()).collect();
    let keys = keys::area(&args.device_key, &content.areas, &configuration)?;
    content.areas.extend(keys);
    content.areas.push(Area::configuration(configuration));
    if content.areas.len() > args.max_areas as usize {
        let cause = format!("{} areas, the device lists {}", content.areas.len(), args.max_areas);
        return Err(Failure::new(input::SFI_TOO_MANY_AREAS, cause));
    }
    effect.check(&args.consent)?;
    Ok((content, effect))
}

/// Encrypts every area into the file behind the head, and then writes the head.
fn write(content: &Content, mut sealer: Sealer, pending: &mut Pending, output: &Path) -> Result {
    let failed = |e: std::io::Error| Failure::write(output, &e);
    let file = &*pending.file();
    let plan = &sealer;
    // Offsets once: the plan adds them up anew each time.
    let mut offset = plan.payload_offset(0);
    let offsets: Vec<u64> = content
        .areas
        .iter()
        .map(|area| {
            let here = offset;
            offset += area.len as u64;
            here
        })
        .collect();
    let tags = parallel(content.areas.len(), |index, buffer| {
        let (Some(area), Some(offset)) = (content.areas.get(index), offsets.get(index)) else {
            return Err(Failure::internal("an area without a place"));
        };
        area.read(buffer)?;
        let tag = plan.seal(index, buffer).map_err(refused)?;
        file.write_all_at(buffer, *offset).map_err(failed)?;
        Ok(tag)
    })?;
    content.unchanged()?;
    for (index, tag) in tags.into_iter().enumerate() {
        sealer.set_tag(index, tag);
    }
    pending.file().write_all_at(&sealer.head(), 0).map_err(failed)
}

/// Runs the command.
pub fn run(args: &Create, report: &mut Reporter<'_>) -> Result {
    let inputs = args.firmware.iter().chain(&args.external).map(|placed| placed.path.as_path());
    let inputs = inputs.chain(args.module.iter().map(PathBuf::as_path)).chain(args.options.files());
    let inputs = inputs.chain(args.boot_key.iter().map(PathBuf::as_path));
    let inputs = inputs.chain(args.key.as_deref()).chain(args.nonce.as_deref());
    files::not_an_input(&args.output, inputs)?;
    let sources = args.firmware.iter().chain(&args.external).map(|placed| placed.path.as_path());
    sources.chain(args.module.iter().map(PathBuf::as_path)).try_for_each(files::not_a_key)?;
    let (content, effect) = content(args)?;
    // Before the key: one that nothing was encrypted with must not stay behind.
    let mut pending = Pending::create(&args.output, Access::Public, Existing::Replace)
        .map_err(|e| Failure::write(&args.output, &e))?;
    let nonce = nonce(args.nonce.as_deref())?;
    if args.nonce.is_some() {
        report.warning("a nonce must never serve two packages of one key: whoever has both could read them");
    }
    effect.warn(report);
    let (key, new_key) = key(args.key.as_deref(), args.new_key.as_deref())?;

    let started = Instant::now();
    let hashes = parallel(content.areas.len(), |index, buffer| {
        let area = content.areas.get(index).ok_or_else(|| Failure::internal("no such area"))?;
        area.read(buffer)?;
        Ok(Software.sha256_of(buffer))
    })?;
    let mut plan = Plan::new(args.product, args.version, args.least_services, INSTALL_NOTE.start().value());
    for (area, hash) in content.areas.iter().zip(hashes) {
        plan.area(area.kind, area.address, area.len, hash).map_err(refused)?;
    }
    let sealer = plan.seal(&key, nonce, &mut Software).map_err(refused)?;
    let (header, id) = (*sealer.header(), sealer.package_id(&mut Software));
    write(&content, sealer, &mut pending, &args.output)?;
    commit(pending, &args.output, new_key)?;
    let seconds = started.elapsed().as_secs_f64();

    let data = json!({
        "file": args.output.display().to_string(),
        "package": id.to_string(),
        "product": header.product.to_string(),
        "version": header.version,
        "areas": header.areas,
        "bytes": header.total,
        "options": effect.value(),
        "key_file": args.new_key.as_ref().map(|path| path.display().to_string()),
        "seconds": seconds,
    });
    let text = format!(
        "{BOLD}{}{BOLD:#}  version {}, {} areas, {} bytes, package {id}\n{}{}",
        printable(&args.output.display().to_string()),
        header.version,
        header.areas,
        header.total,
        effect.text(),
        match &args.new_key {
            Some(path) =>
                format!("\nnew firmware key in {}, mode 0600", printable(&path.display().to_string())),
            None => String::new(),
        }
    );
    report.result("sfi create", data, text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_is_done_once_and_in_order() {
        let all = parallel(1000, |index, _| Ok(index)).unwrap();
        assert!(all.iter().copied().eq(0..1000));
        assert!(parallel(0, |_, _| Ok(())).unwrap().is_empty());
        let failed = parallel(10, |index, _| if index == 7 { Err(Failure::internal("7")) } else { Ok(()) });
        assert_eq!(failed.unwrap_err().cause, "7");
    }

    #[test]
    fn a_new_key_comes_with_what_it_encrypts_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let (key, output) = (dir.path().join("fw.key"), dir.path().join("app.sfi"));
        let make = || NewKey::create(&key).unwrap().1;
        let pending = || Pending::create(&output, Access::Public, Existing::Keep).unwrap();
        drop(make());
        assert!(!key.exists(), "nothing was packed");
        // Somebody takes the output's name in between.
        let late = pending();
        std::fs::write(&output, b"theirs").unwrap();
        let refused = commit(late, &output, Some(make())).unwrap_err();
        assert_eq!((refused.code, key.exists()), (input::OUTPUT_EXISTS, false));
        std::fs::remove_file(&output).unwrap();
        commit(pending(), &output, Some(make())).unwrap();
        assert!(key.exists() && output.exists());
    }

    #[test]
    fn versions_of_the_services() {
        assert_eq!(parse_services("0.2.0"), Ok(0x0200));
        assert_eq!(parse_services("1.2.3"), Ok(0x01_0203));
        for bad in ["", "1.2", "256.0.0", "a.b.c", "1.2.3.4"] {
            assert!(parse_services(bad).is_err(), "{bad}");
        }
    }
}
