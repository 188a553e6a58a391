//! `ironroot image verify`.

use std::path::PathBuf;

use clap::Args;
use ironroot_codes::input;
use ironroot_crypto::{PublicKey, Software};
use ironroot_image::trailer::SavedKeys;
use ironroot_image::{
    Dependencies, Dialect, Image, Limits, Plain, Policy, VerifiedImage, check_tail, open_key, verify,
};
use ironroot_keys::KeyArgument;
use serde_json::json;

use super::file::{ImageFile, Windowed};
use super::options::{DialectName, Erased, TrailerOptions};
use super::{refused, trailer};
use crate::device::Device;
use crate::error::{Context, Failure, Result};
use crate::keyarg::{self, KeyOptions};
use crate::report::{BOLD, DIM, GOOD, Reporter, printable};
use crate::{hex, number};

/// Verify hash and signature of an image, with the device's own verifier
#[derive(Args, Debug)]
#[command(after_help = "\
Without a key nothing is verified, so --key is required. Several keys may be given: the image names the one it was \
signed with. With --device the image must also be one that this device would take, with --slot-size it must leave room for the \
trailer. An encrypted image is verified over its plain content, so it needs --decryption-key.

Examples:
  ironroot image verify app.bin -k pub.pem
  ironroot image verify app.bin -k old.pem -k new.pem --device stm32h735
  ironroot image verify app.bin -k pub.pem --decryption-key device.pem --slot-size 0x60000 --align 32
  ironroot image verify app.bin -k pub.pem --min-security-counter 7 --json")]
pub struct Verify {
    /// Image: binary or Intel HEX
    #[arg(value_name = "IMG")]
    image: PathBuf,
    /// Key that is trusted, public or private: a file or a pkcs11: URI; may be repeated
    #[arg(short, long, value_name = "KEY")]
    key: Vec<KeyArgument>,
    /// The device's private key, for an encrypted image
    #[arg(long, value_name = "KEY")]
    decryption_key: Option<KeyArgument>,
    #[command(flatten)]
    keys: KeyOptions,
    /// Device that the image must be for
    #[arg(long, value_enum)]
    device: Option<Device>,
    /// Least security counter that is accepted
    #[arg(long, value_name = "N", value_parser = number::parse)]
    min_security_counter: Option<u32>,
    #[command(flatten)]
    trailer: TrailerOptions,
    /// What erased flash reads as
    #[arg(short = 'R', long, value_enum, default_value = "0xff")]
    erased_val: Erased,
    /// Whose reading of flags and TLVs applies
    #[arg(long, value_enum, default_value = "mcuboot")]
    dialect: DialectName,
}

/// The command's words alone.
#[derive(clap::Parser)]
#[command(no_binary_name = true)]
struct Words {
    #[command(flatten)]
    verify: Verify,
}

/// Runs `image verify` with words that this program made.
pub fn verify_by_words(words: &[std::ffi::OsString], report: &mut Reporter<'_>) -> Result {
    use clap::Parser as _;
    let words = Words::try_parse_from(words).map_err(|error| Failure::internal(error.to_string()))?;
    run(&words.verify, report)
}

/// Runs the command.
pub fn run(args: &Verify, report: &mut Reporter<'_>) -> Result {
    if args.key.is_empty() {
        let cause = "verifying needs the key that the image must be signed with";
        return Err(Failure::new(input::KEY_MISSING, cause).about(args.image.display()));
    }
    let secrets = args.keys.secrets();
    let mut keys: Vec<PublicKey> = Vec::with_capacity(args.key.len());
    for key in &args.key {
        let loaded = ironroot_keys::load_trusted(key, &secrets)?;
        keyarg::warn(report, &loaded.warnings);
        keys.push(loaded.key);
    }
    let file = ImageFile::open(&args.image)?;
    let (verified, encrypted) = check(args, &file, &keys, &secrets).about(args.image.display())?;
    let header = verified.header();
    let key = args.key.get(verified.key_index()).map(ToString::to_string);
    let algorithm = keys.get(verified.key_index()).map(|key| key.algorithm().name());
    let data = json!({
        "image": args.image.display().to_string(),
        "verified": true,
        "version": header.version.to_string(),
        "security_counter": verified.security_counter(),
        "sha256": hex::encode(verified.hash().as_bytes()),
        "key_hash": hex::encode(verified.key_hash()),
        "key": key,
        "algorithm": algorithm,
        "encrypted": encrypted,
        "device": args.device.map(Device::name),
    });
    let text = format!(
        "{GOOD}verified{GOOD:#} {BOLD}{}{BOLD:#}  version {}, {} bytes of payload{}\n  hash      {}\n  key hash  {} \
         {DIM}{}{DIM:#}",
        printable(&args.image.display().to_string()),
        header.version,
        header.payload_size,
        if encrypted { ", encrypted" } else { "" },
        hex::encode(verified.hash().as_bytes()),
        hex::encode(verified.key_hash()),
        algorithm.unwrap_or_default(),
    );
    report.result("image verify", data, text);
    Ok(())
}

fn check(
    args: &Verify,
    file: &ImageFile,
    keys: &[PublicKey],
    secrets: &ironroot_keys::Secrets,
) -> Result<(VerifiedImage, bool)> {
    let mut policy = Policy {
        min_security_counter: args.min_security_counter,
        // One image alone: only a device knows the others.
        dependencies: Dependencies::LeaveToDevice,
        encrypted: true,
        non_bootable: true,
        ..Policy::NONE
    };
    let mut max_size = u32::MAX;
    if let Some(device) = args.device {
        let slot = device.slot(None, args.trailer.slot_size)?;
        let (vendor, class) = device.identifiers();
        policy.vendor_id = Some(vendor);
        policy.class_id = Some(class);
        policy.slot_address = Some(slot.region.start().value());
        policy.dependencies = Dependencies::Refuse;
        policy.non_bootable = false;
        max_size = slot.max_image().bytes();
    }
    let dialect = args.dialect.dialect();
    let parse = |max_size: u32| Image::parse(file, Limits { max_size, dialect }).map_err(refused);
    let mut image = parse(max_size)?;
    let encryption = image.encryption();
    if args.device.is_none() {
        policy.ram_load = super::any_ram(&image);
    }
    if let (Some(slot_size), None) = (args.trailer.slot_size, args.device) {
        let sealed = encryption.map(|e| e.tlv.len);
        let layout = trailer::layout(&args.trailer, None, None, SavedKeys::None)?;
        let layout = match sealed {
            // The larger of what loaders keep of the encryption: the image must fit in either case.
            Some(_) => trailer::layout(&args.trailer, None, None, trailer::saved_keys(true, true, sealed))?,
            None => layout,
        };
        image = parse(slot_size.saturating_sub(layout.size()))?;
        if dialect != Dialect::Mcuboot {
            check_tail(&image, file, slot_size.saturating_sub(layout.size()), args.erased_val.byte())
                .map_err(refused)?;
        }
    }
    let Some(argument) = &args.decryption_key else {
        // What --clear leaves is plain, and verifies as it is; a payload that is encrypted does not match its hash.
        let verified = verify(&image, file, keys, &policy, &mut Software).map_err(|e| match encryption {
            Some(_) => refused(e).fix(
                "The flags say that the payload is encrypted: pass the device's private key with --decryption-key.",
            ),
            None => refused(e),
        })?;
        return Ok((verified, encryption.is_some()));
    };
    if encryption.is_none() {
        return Err(Failure::new(input::IMAGE_NOT_ENCRYPTED, "its flags say that the payload is plain"));
    }
    let holder = ironroot_keys::load_decryption(argument, secrets)?.key;
    let key = open_key(&image, file, &holder).map_err(refused)?;
    let plain = Windowed::new(Plain::new(file, &image, &key, &holder));
    let verified = verify(&image, &plain, keys, &policy, &mut Software).map_err(refused)?;
    Ok((verified, true))
}
