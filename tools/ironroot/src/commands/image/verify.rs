//! `ironroot image verify`.

use std::path::PathBuf;

use clap::Args;
use ironroot_codes::input;
use ironroot_crypto::Software;
use ironroot_image::{Dependencies, Policy, PublicKey, verify};
use serde_json::json;

use crate::device::Device;
use crate::error::{Context, Failure, Result};
use crate::report::{BOLD, GOOD, Reporter, printable};
use crate::{hex, keyfile, number};

/// Verify hash and signature of an image, with the device's own verifier
#[derive(Args, Debug)]
#[command(after_help = "\
Without a key nothing is verified, so --key is required. Several keys may be given: the image names the one it was \
signed with. With --device the image must also be one that this device would take.

Examples:
  ironroot image verify app.bin -k pub.pem
  ironroot image verify app.bin -k old.pem -k new.pem --device stm32h735
  ironroot image verify app.bin -k pub.pem --min-security-counter 7 --json")]
pub struct Verify {
    /// Image: binary or Intel HEX
    #[arg(value_name = "IMG")]
    image: PathBuf,
    /// Key that is trusted, public or private (PEM); may be repeated
    #[arg(short, long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Device that the image must be for
    #[arg(long, value_enum)]
    device: Option<Device>,
    /// Least security counter that is accepted
    #[arg(long, value_name = "N", value_parser = number::parse)]
    min_security_counter: Option<u32>,
}

/// Runs the command.
pub fn run(args: &Verify, report: &mut Reporter<'_>) -> Result {
    if args.key.is_empty() {
        let cause = "verifying needs the key that the image must be signed with";
        return Err(Failure::new(input::KEY_MISSING, cause).about(args.image.display()));
    }
    let mut keys = Vec::with_capacity(args.key.len());
    for path in &args.key {
        keys.push(PublicKey::P256(keyfile::read(path)?.public));
    }
    let bytes = super::read_image(&args.image)?;
    let mut policy = Policy {
        min_security_counter: args.min_security_counter,
        // One image alone: only a device knows the others.
        dependencies: Dependencies::LeaveToDevice,
        ..Policy::default()
    };
    let mut max_size = u32::MAX;
    if let Some(device) = args.device {
        let slot = device.slot(None, None)?;
        let (vendor, class) = device.identifiers();
        policy.vendor_id = Some(vendor);
        policy.class_id = Some(class);
        policy.slot_address = Some(slot.region.start().value());
        policy.dependencies = Dependencies::Refuse;
        max_size = slot.max_image().bytes();
    }
    let verified = super::parse(&bytes, max_size)
        .and_then(|image| {
            verify(&image, bytes.as_slice(), &keys, &policy, &mut Software).map_err(super::refused)
        })
        .about(args.image.display())?;
    let header = verified.header();
    let data = json!({
        "image": args.image.display().to_string(),
        "verified": true,
        "version": header.version.to_string(),
        "security_counter": verified.security_counter(),
        "sha256": hex::encode(verified.digest()),
        "key_hash": hex::encode(verified.key_hash()),
        "key": args.key.get(verified.key_index()).map(|p| p.display().to_string()),
        "device": args.device.map(Device::name),
    });
    let text = format!(
        "{GOOD}verified{GOOD:#} {BOLD}{}{BOLD:#}  version {}, {} bytes of payload\n  sha256    {}\n  key hash  {}",
        printable(&args.image.display().to_string()),
        header.version,
        header.payload_size,
        hex::encode(verified.digest()),
        hex::encode(verified.key_hash()),
    );
    report.result("image verify", data, text);
    Ok(())
}
