//! `ironroot image info`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use ironroot_crypto::Software;
use ironroot_image::{Area, Flags, Image, Tlv, TlvType, digest};
use serde_json::{Value, json};

use crate::error::{Context, Result};
use crate::hex;
use crate::report::{BAD, BOLD, DIM, GOOD, Reporter, printable};

/// Show header and TLVs of an image. This verifies no signature
#[derive(Args, Debug)]
#[command(after_help = "\
The hash is recomputed and compared. Whether the image is authentic is what `ironroot image verify` says.

Examples:
  ironroot image info app.bin
  ironroot image info app.bin --json")]
pub struct Info {
    /// Image: binary or Intel HEX
    #[arg(value_name = "IMG")]
    image: PathBuf,
}

/// The flags with MCUboot's names.
const FLAGS: &[(Flags, &str)] = &[
    (Flags::POSITION_INDEPENDENT, "PIC"),
    (Flags::ENCRYPTED_AES128, "ENCRYPTED_AES128"),
    (Flags::ENCRYPTED_AES256, "ENCRYPTED_AES256"),
    (Flags::NON_BOOTABLE, "NON_BOOTABLE"),
    (Flags::RAM_LOAD, "RAM_LOAD"),
    (Flags::ROM_FIXED, "ROM_FIXED"),
    (Flags::COMPRESSED, "COMPRESSED"),
];

/// Runs the command.
pub fn run(args: &Info, report: &mut Reporter<'_>) -> Result {
    let bytes = super::read_image(&args.image)?;
    let (image, tlvs, actual) = read(&bytes).about(args.image.display())?;
    let header = image.header();
    let flags: Vec<&str> =
        FLAGS.iter().filter(|(f, _)| header.flags.intersects(*f)).map(|(_, name)| *name).collect();
    let matches = image.sha256().map(|stated| *stated == actual);
    let data = json!({
        "image": args.image.display().to_string(),
        "version": header.version.to_string(),
        "header_size": header.header_size,
        "payload_bytes": header.payload_size,
        "protected_bytes": header.protected_size,
        "image_bytes": image.unprotected().end,
        "file_bytes": bytes.len(),
        "flags": flags,
        "load_address": header.load_address,
        "security_counter": image.security_counter(),
        "sha256": hex::encode(&actual),
        "sha256_matches": matches,
        "tlvs": tlvs.iter().map(|tlv| tlv_fields(tlv, &bytes)).collect::<Vec<_>>(),
    });
    let mut text = format!("{BOLD}{}{BOLD:#}  MCUboot image\n", printable(&args.image.display().to_string()));
    let _ = writeln!(text, "  version     {}", header.version);
    let _ = writeln!(
        text,
        "  size        {} bytes: header {:#x}, payload {}, the rest TLVs",
        image.unprotected().end,
        header.header_size,
        header.payload_size
    );
    let _ = writeln!(
        text,
        "  flags       {}",
        if flags.is_empty() { "none".to_owned() } else { flags.join(" ") }
    );
    let verdict = match matches {
        Some(true) => format!("{GOOD}matches the content{GOOD:#}"),
        Some(false) => format!("{BAD}the content differs{BAD:#}"),
        None => "no SHA-256 in the image".to_owned(),
    };
    let _ = writeln!(text, "  sha256      {} ({verdict})", hex::encode(&actual));
    for tlv in &tlvs {
        let area = if tlv.ty.area == Area::Protected { "protected" } else { "" };
        let _ = writeln!(
            text,
            "  {:#06x} {:<16} {:>4} bytes {DIM}{:<9}{DIM:#} {}",
            tlv.ty.number,
            tlv.ty.name,
            tlv.len,
            area,
            shorten(value(tlv, &bytes))
        );
    }
    let _ = write!(text, "  {DIM}The signature was not verified: `ironroot image verify` does that.{DIM:#}");
    report.result("image info", data, text);
    Ok(())
}

fn read(bytes: &[u8]) -> Result<(Image, Vec<Tlv>, [u8; 32])> {
    let image = super::parse(bytes, u32::MAX)?;
    let tlvs = image.tlvs(bytes).collect::<std::result::Result<Vec<Tlv>, _>>().map_err(super::refused)?;
    let actual = digest(&image, bytes, &mut Software).map_err(super::refused)?;
    Ok((image, tlvs, actual))
}

fn tlv_fields(tlv: &Tlv, bytes: &[u8]) -> Value {
    json!({
        "type": tlv.ty.number,
        "name": tlv.ty.name,
        "protected": tlv.ty.area == Area::Protected,
        "length": tlv.len,
        "value": hex::encode(value(tlv, bytes)),
    })
}

fn value<'b>(tlv: &Tlv, bytes: &'b [u8]) -> &'b [u8] {
    let start = tlv.offset as usize;
    bytes.get(start..start.saturating_add(usize::from(tlv.len))).unwrap_or_default()
}

/// Enough of a value to recognise it; a SHA-256 is shown whole.
fn shorten(value: &[u8]) -> String {
    const SHOWN: usize = TlvType::SHA256.max as usize;
    match value.get(..SHOWN) {
        Some(start) if value.len() > SHOWN => format!("{}…", hex::encode(start)),
        _ => hex::encode(value),
    }
}
