//! `ironroot sfi create`: two passes over the inputs, one to hash, one to encrypt, both on every core; no more of the inputs
//! in memory than an area a thread.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Args;
use ironroot_boot::keystore::{self, StoredKey};
use ironroot_codes::{input, install as codes};
use ironroot_crypto::{Crypto, Software};
use ironroot_layout::stm32h735::rss::{INSTALL_NOTE, INSTALLER_TABLE};
use ironroot_layout::stm32h735::{FLASH, KEY_STORE};
use ironroot_sfi::build::{BuildError, Plan, Sealer};
use ironroot_sfi::package::{AreaKind, DESCRIPTOR_LEN};
use ironroot_sfi::{FirmwareKey, KeyPlace, Nonce, Product};
use serde_json::json;
use zeroize::Zeroizing;

use super::content::{Area, Content, Placed};
use super::{keys, options};
use crate::atomic::{self, Access, Existing, Pending};
use crate::error::{Failure, Result};
use crate::input::Piece;
use crate::report::{BOLD, Reporter, printable};
use crate::{files, firmware, identity, interrupt, keyfile, number, vdev};

/// Areas that the device has a table for.
pub const DEVICE_AREAS: u32 = INSTALLER_TABLE.size().bytes() / DESCRIPTOR_LEN as u32;

/// Pack and encrypt firmware, modules and option bytes for one product
#[derive(Args, Debug)]
#[command(after_help = "\
Raw files need an address. The package must contain what the chip starts from (0x08000000). Keep the key file: it goes into \
the licence server, nowhere else.

Examples:
  ironroot sfi create --boot-key release.pub.pem -f app.bin@0x08020000 --option SECURITY=1 \\
      --option SEC_AREA=0x08000000..0x08020000 --new-key fw.key -v 3 -o app.sfi
  ironroot sfi create -f app.hex --module stack.irm --options product.toml --key fw.key -v 4 -o app.sfi
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

/// The `N` bytes of a key or nonce file.
pub fn exact<const N: usize>(path: &Path) -> Result<Zeroizing<[u8; N]>> {
    let bytes = Zeroizing::new(files::read(path)?);
    match <[u8; N]>::try_from(bytes.as_slice()) {
        Ok(bytes) => Ok(Zeroizing::new(bytes)),
        Err(_) => {
            let cause = format!("it has {} bytes, {N} are wanted", bytes.len());
            Err(Failure::new(input::SFI_KEY_FILE, cause).about(path.display()))
        }
    }
}

/// A firmware key from a file.
pub fn read_key(path: &Path) -> Result<FirmwareKey> {
    exact(path).map(|bytes| FirmwareKey::new(*bytes))
}

/// A new firmware key in a file of its own.
pub fn new_key(path: &Path) -> Result<FirmwareKey> {
    let bytes = Zeroizing::new(identity::random::<16>()?);
    atomic::write(path, bytes.as_slice(), Access::Secret, Existing::Keep)
        .map_err(|e| Failure::write(path, &e))?;
    Ok(FirmwareKey::new(*bytes))
}

/// A nonce from a file, or a random one.
pub fn nonce(path: Option<&Path>) -> Result<Nonce> {
    match path {
        Some(path) => exact(path).map(|bytes| Nonce(*bytes)),
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

/// Everything that goes in, arranged and checked as far as that needs no key.
fn content(args: &Create) -> Result<Content> {
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
    let configuration: Vec<u8> = values.iter().flat_map(|value| value.encode()).collect();
    let keys = keys::area(&args.device_key, &content.areas, &configuration)?;
    content.areas.extend(keys);
    content.areas.push(Area::configuration(configuration));
    if content.areas.len() > args.max_areas as usize {
        let cause = format!("{} areas, the device lists {}", content.areas.len(), args.max_areas);
        return Err(Failure::new(input::SFI_TOO_MANY_AREAS, cause));
    }
    Ok(content)
}

/// Encrypts every area into the file behind the head, and then writes the head.
fn write(content: &Content, mut sealer: Sealer, output: &Path) -> Result {
    let failed = |e: std::io::Error| Failure::write(output, &e);
    let mut pending = Pending::create(output, Access::Public, Existing::Replace).map_err(failed)?;
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
    pending.file().write_all_at(&sealer.head(), 0).map_err(failed)?;
    pending.commit().map_err(failed)
}

/// Runs the command.
pub fn run(args: &Create, report: &mut Reporter<'_>) -> Result {
    let inputs = args.firmware.iter().chain(&args.external).map(|placed| placed.path.as_path());
    let inputs = inputs.chain(args.module.iter().map(PathBuf::as_path)).chain(args.options.files());
    let inputs = inputs.chain(args.boot_key.iter().map(PathBuf::as_path));
    let inputs = inputs.chain(args.key.as_deref()).chain(args.nonce.as_deref());
    files::not_an_input(&args.output, inputs)?;
    let content = content(args)?;
    let nonce = nonce(args.nonce.as_deref())?;
    if args.nonce.is_some() {
        report.warning("a nonce must never serve two packages of one key: whoever has both could read them");
    }
    let key = match (&args.key, &args.new_key) {
        (Some(path), _) => read_key(path)?,
        (None, Some(path)) => new_key(path)?,
        (None, None) => return Err(Failure::new(input::USAGE, "neither --key nor --new-key was given")),
    };

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
    write(&content, sealer, &args.output)?;
    let seconds = started.elapsed().as_secs_f64();

    let data = json!({
        "file": args.output.display().to_string(),
        "package": id.to_string(),
        "product": header.product.to_string(),
        "version": header.version,
        "areas": header.areas,
        "bytes": header.total,
        "key_file": args.new_key.as_ref().map(|path| path.display().to_string()),
        "seconds": seconds,
    });
    let text = format!(
        "{BOLD}{}{BOLD:#}  version {}, {} areas, {} bytes, package {id}{}",
        printable(&args.output.display().to_string()),
        header.version,
        header.areas,
        header.total,
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
    fn versions_of_the_services() {
        assert_eq!(parse_services("0.2.0"), Ok(0x0200));
        assert_eq!(parse_services("1.2.3"), Ok(0x01_0203));
        for bad in ["", "1.2", "256.0.0", "a.b.c", "1.2.3.4"] {
            assert!(parse_services(bad).is_err(), "{bad}");
        }
    }
}
