//! `ironroot image sign`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ironroot_codes::input;
use ironroot_crypto::{Signer, Software};
use ironroot_image::build::{Builder, KeyFormat, pad_to_slot};
use ironroot_image::{Policy, PublicKey, Version, verify};
use ironroot_layout::Slot;
use serde_json::json;
use uuid::Uuid;

use crate::atomic::{self, Access, Existing};
use crate::device::Device;
use crate::error::{Context, Failure, Result};
use crate::input as application;
use crate::keyfile;
use crate::report::{BOLD, Reporter, printable};
use crate::{files, hex, number};

/// Make a signed MCUboot image of an application
#[derive(Args, Debug)]
#[command(after_help = "\
The application is checked before it is signed: it must be linked for the slot, begin with its vector table, and fit \
with signature and trailer. The image is verified before it is written. Options have imgtool's names.

Examples:
  ironroot image sign -k key.pem -v 1.0.0 app.elf -o app.bin
  ironroot image sign -k key.pem -v 1.2.3+4 -s auto app.hex -o app-signed.hex
  ironroot image sign -k key.pem -v 1.0.0 -H 0x400 -S 0xE0000 --align 32 --pad app.bin -o slot.bin")]
pub struct Sign {
    /// Application: ELF, Intel HEX, or raw binary that begins with the vector table
    #[arg(value_name = "IN")]
    infile: PathBuf,
    /// Image to write; Intel HEX if the name ends in .hex
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Private key (PEM)
    #[arg(short, long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Version: major.minor.revision+build
    #[arg(short, long, value_name = "VERSION")]
    version: String,
    /// Device that the image is for; its identifiers go into the image
    #[arg(long, value_enum, default_value = "stm32h735")]
    device: Device,
    /// Size of the header; the vector table comes right behind it [default: the device's, 0x400]
    #[arg(short = 'H', long, value_name = "BYTES", value_parser = number::parse)]
    header_size: Option<u32>,
    /// Size of the slot [default: the device's, 0xE0000]
    #[arg(short = 'S', long, value_name = "BYTES", value_parser = number::parse)]
    slot_size: Option<u32>,
    /// Write size of the flash [default: the device's, 32]
    #[arg(long, value_name = "BYTES", value_parser = number::parse)]
    align: Option<u32>,
    /// Security counter for rollback protection, or `auto` to take it from the version
    #[arg(short, long, value_name = "N|auto")]
    security_counter: Option<String>,
    /// Fill up to the end of the slot and write the trailer's magic there
    #[arg(long)]
    pad: bool,
    /// How the image names the key
    #[arg(long, value_enum, default_value = "hash")]
    public_key_format: PublicKeyFormat,
    /// Vendor identifier, UUID or domain name [default: the device's]
    #[arg(long, value_name = "UUID|NAME")]
    vid: Option<String>,
    /// Class identifier, UUID or name under the vendor's [default: the device's]
    #[arg(long, value_name = "UUID|NAME")]
    cid: Option<String>,
    /// Add a protected TLV of your own: a type like 0x00a0, and a value as 0x… bytes or text
    #[arg(long, num_args = 2, value_names = ["TAG", "VALUE"], action = clap::ArgAction::Append)]
    custom_tlv: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PublicKeyFormat {
    /// SHA-256 of the public key
    Hash,
    /// The whole public key
    Full,
}

/// How an image is made of an application.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The device it is for.
    pub device: Device,
    /// Its slot.
    pub slot: Slot,
    /// The image's version.
    pub version: Version,
    /// The security counter, if there is to be one.
    pub security_counter: Option<u32>,
    /// Vendor and class identifier.
    pub identifiers: ([u8; 16], [u8; 16]),
    /// How the image names its key.
    pub key_format: KeyFormat,
    /// Vendor TLVs.
    pub custom_tlvs: Vec<(u16, Vec<u8>)>,
}

impl Recipe {
    /// The device's own slot and identifiers, and nothing optional.
    pub fn new(device: Device, version: Version) -> Result<Self> {
        Ok(Recipe {
            device,
            slot: device.slot(None, None)?,
            version,
            security_counter: None,
            identifiers: device.identifiers(),
            key_format: KeyFormat::Hash,
            custom_tlvs: Vec::new(),
        })
    }
}

/// A signed image, and what was found in the application.
#[derive(Debug)]
pub struct Signed {
    /// The image without padding: header, payload, TLVs.
    pub image: Vec<u8>,
    /// The format of the application file.
    pub format: application::Format,
    /// The application as it lies in flash.
    pub placed: application::Placed,
    /// SHA-256 over header, payload and protected TLVs.
    pub digest: [u8; 32],
}

/// Checks the application `file` (named `path`) and makes a signed image of it.
pub fn sign_application(path: &Path, file: &[u8], recipe: &Recipe, signer: &dyn Signer) -> Result<Signed> {
    let app = application::parse(path, file)?;
    let placed = application::place(&app, &recipe.device.target(recipe.slot), file)?;
    // Bounded by Device::slot() where the user gave it.
    let header_size = u16::try_from(recipe.slot.header.bytes())
        .map_err(|_| Failure::new(input::BAD_HEADER_SIZE, "the header size does not fit its field"))?;
    let mut builder = Builder::new(recipe.version)
        .header_size(header_size)
        .header_padding(if placed.brought_header { 0 } else { 0xff })
        .vendor_id(recipe.identifiers.0)
        .class_id(recipe.identifiers.1)
        .key_format(recipe.key_format);
    if let Some(counter) = recipe.security_counter {
        builder = builder.security_counter(counter);
    }
    for (number, value) in &recipe.custom_tlvs {
        builder = builder.custom_tlv(*number, value);
    }
    let image = builder
        .build(&placed.payload, Some(signer), &mut Software)
        .map_err(|e| Failure::new(e.code(), e.to_string()))?;
    let max = recipe.slot.max_image().bytes();
    if image.len() as u64 > u64::from(max) {
        let cause = format!("the image has {} bytes, the slot without its trailer {max}", image.len());
        return Err(Failure::new(input::IMAGE_TOO_LARGE, cause));
    }
    let digest = check(&image, recipe, signer)?;
    Ok(Signed { image, format: app.format, placed, digest })
}

/// Verifies the new image as the device will: what it would refuse must not leave this tool.
fn check(image: &[u8], recipe: &Recipe, signer: &dyn Signer) -> Result<[u8; 32]> {
    let parsed = super::parse(image, recipe.slot.max_image().bytes())?;
    let policy = Policy {
        min_security_counter: recipe.security_counter,
        vendor_id: Some(recipe.identifiers.0),
        class_id: Some(recipe.identifiers.1),
        slot_address: Some(recipe.slot.region.start().value()),
        ..Policy::default()
    };
    let keys = [PublicKey::P256(signer.public_key())];
    verify(&parsed, image, &keys, &policy, &mut Software).map(|v| *v.digest()).map_err(super::refused)
}

/// Runs the command.
pub fn run(args: &Sign, report: &mut Reporter<'_>) -> Result {
    let recipe = recipe(args)?;
    let align = align(args)?;
    let key_file =
        args.key.as_deref().ok_or_else(|| Failure::new(input::KEY_MISSING, "signing needs a private key"))?;
    files::not_an_input(&args.output, [key_file, &args.infile])?;
    let key = keyfile::read(key_file)?;
    let signer = key.signer(key_file)?;
    let file = files::read(&args.infile)?;
    report.task_begin("sign", "checking and signing the application");
    let signed = sign_application(&args.infile, &file, &recipe, signer).about(args.infile.display())?;
    let mut bytes = signed.image.clone();
    let slot_size = recipe.slot.region.size().bytes();
    if args.pad {
        pad_to_slot(&mut bytes, slot_size, recipe.slot.trailer.bytes(), align.max(8))
            .map_err(|e| Failure::new(e.code(), e.to_string()))?;
    }
    let start = recipe.slot.region.start().value();
    let is_hex = args.output.extension().is_some_and(|e| e.eq_ignore_ascii_case("hex"));
    let content = if is_hex { application::hex::write(start, &bytes) } else { bytes };
    write(&args.output, &content)?;
    let data = json!({
        "input": args.infile.display().to_string(),
        "format": signed.format.name(),
        "output": args.output.display().to_string(),
        "device": recipe.device.name(),
        "version": recipe.version.to_string(),
        "security_counter": recipe.security_counter,
        "payload_bytes": signed.placed.payload.len(),
        "image_bytes": signed.image.len(),
        "slot_address": start,
        "slot_bytes": slot_size,
        "vector_table": start.saturating_add(recipe.slot.header.bytes()),
        "stack_pointer": signed.placed.stack,
        "reset_vector": signed.placed.reset,
        "sha256": hex::encode(&signed.digest),
        "key_hash": hex::encode(&key.hash()),
        "demo_key": key.demo,
        "padded": args.pad,
    });
    report.task_end("sign", json!({ "image_bytes": signed.image.len() }));
    let text = format!(
        "{BOLD}{}{BOLD:#}  version {} for {}, {} bytes of {} in the slot at {start:#010x}\n  \
         vectors   {:#010x}, stack {:#010x}, reset {:#010x}\n  sha256    {}\n  key hash  {}{}",
        printable(&args.output.display().to_string()),
        recipe.version,
        recipe.device.name(),
        signed.image.len(),
        recipe.slot.max_image().bytes(),
        start.saturating_add(recipe.slot.header.bytes()),
        signed.placed.stack,
        signed.placed.reset,
        hex::encode(&signed.digest),
        hex::encode(&key.hash()),
        if key.demo { " (demo key: real chips refuse it)" } else { "" },
    );
    report.result("image sign", data, text);
    Ok(())
}

/// Writes the image and reads it back: success is what is on the disk.
fn write(path: &Path, content: &[u8]) -> Result {
    atomic::write(path, content, Access::Public, Existing::Replace).map_err(|e| Failure::write(path, &e))?;
    if files::read(path)? != content {
        let cause = "the file does not hold what was written to it";
        return Err(Failure::new(input::FILE_UNWRITABLE, cause).about(path.display()));
    }
    Ok(())
}

fn recipe(args: &Sign) -> Result<Recipe> {
    let version: Version = args
        .version
        .parse()
        .map_err(|e| Failure::new(input::BAD_VERSION, format!("`{}`: {e}", args.version)))?;
    let mut recipe = Recipe::new(args.device, version)?;
    recipe.slot = args.device.slot(args.header_size, args.slot_size)?;
    recipe.security_counter =
        args.security_counter.as_deref().map(|text| counter(text, version)).transpose()?;
    recipe.key_format = match args.public_key_format {
        PublicKeyFormat::Hash => KeyFormat::Hash,
        PublicKeyFormat::Full => KeyFormat::Full,
    };
    // imgtool's derivation: the vendor's UUID from its domain name, the class's from its name under the vendor.
    if let Some(vid) = &args.vid {
        recipe.identifiers.0 = identifier(vid, Uuid::NAMESPACE_DNS)?;
    }
    if let Some(cid) = &args.cid {
        recipe.identifiers.1 = identifier(cid, Uuid::from_bytes(recipe.identifiers.0))?;
    }
    for pair in args.custom_tlv.chunks_exact(2) {
        if let [tag, value] = pair {
            recipe.custom_tlvs.push(custom_tlv(tag, value)?);
        }
    }
    Ok(recipe)
}

/// The write size; it selects the trailer's form only, but a wrong one says that the image is meant for another flash.
fn align(args: &Sign) -> Result<u16> {
    let align = args.align.unwrap_or(args.device.write_size());
    match u16::try_from(align) {
        Ok(align @ (1 | 2 | 4 | 8 | 16 | 32)) => Ok(align),
        _ => Err(Failure::new(input::BAD_ALIGN, format!("{align} is none of 1, 2, 4, 8, 16, 32"))),
    }
}

/// `auto` is imgtool's: major, minor and revision in one number.
fn counter(text: &str, version: Version) -> Result<u32> {
    if text == "auto" {
        return Ok(u32::from(version.major) << 24
            | u32::from(version.minor) << 16
            | u32::from(version.revision));
    }
    number::parse(text)
        .map_err(|e| Failure::new(input::USAGE, format!("--security-counter {text}: {e}, or is `auto`")))
}

fn identifier(text: &str, namespace: Uuid) -> Result<[u8; 16]> {
    if text.is_empty() {
        return Err(Failure::new(input::BAD_IDENTIFIER, "the identifier is empty"));
    }
    Ok(Uuid::parse_str(text).unwrap_or_else(|_| Uuid::new_v5(&namespace, text.as_bytes())).into_bytes())
}

fn custom_tlv(tag: &str, value: &str) -> Result<(u16, Vec<u8>)> {
    let refused = |cause: String| Failure::new(input::BAD_CUSTOM_TLV, cause);
    let number = number::parse(tag).ok().and_then(|n| u16::try_from(n).ok());
    let number = number.ok_or_else(|| refused(format!("`{tag}` is no 16-bit number")))?;
    let bytes = match value.strip_prefix("0x") {
        None => value.as_bytes().to_vec(),
        Some(digits) => hex::decode(digits)
            .ok_or_else(|| refused(format!("`{value}` is not an even number of hex digits")))?,
    };
    Ok((number, bytes))
}
