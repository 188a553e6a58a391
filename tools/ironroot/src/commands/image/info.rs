//! `ironroot image info`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ironroot_image::{Area, Flags, Image, Tlv, TlvType};
use serde_json::json;

use super::contents::{Contents, flag_names};
use super::file::ImageFile;
use super::options::{DialectName, Erased, TrailerOptions};
use super::picture;
use super::trailer::Trailer;
use crate::atomic::{self, Access, Existing};
use crate::error::{Context, Failure, Result};
use crate::report::{BAD, BOLD, DIM, GOOD, Reporter, printable};
use crate::{files, hex};

/// Show header, TLVs and trailer of an image or a dump of a slot. This verifies no signature
#[derive(Args, Debug)]
#[command(after_help = "\
The hash is recomputed and compared, unless the payload is encrypted. Whether the image is authentic is what `ironroot \
image verify` says. With --svg a picture of the slot is written, to scale: header, payload, TLVs, free room, trailer.

Examples:
  ironroot image info app.bin
  ironroot image info slot.bin --slot-size 0x60000 --align 32
  ironroot image info app.bin --svg app.svg
  ironroot image info app.bin --json")]
pub struct Info {
    /// Image: binary or Intel HEX
    #[arg(value_name = "IMG")]
    image: PathBuf,
    /// Picture to write (SVG)
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    trailer: TrailerOptions,
    /// What erased flash reads as
    #[arg(short = 'R', long, value_enum, default_value = "0xff")]
    erased_val: Erased,
    /// Whose reading of flags and TLVs applies
    #[arg(long, value_enum, default_value = "mcuboot")]
    dialect: DialectName,
}

/// Runs the command.
pub fn run(args: &Info, report: &mut Reporter<'_>) -> Result {
    if let Some(svg) = &args.svg {
        files::not_an_input(svg, [args.image.as_path()])?;
    }
    let file = ImageFile::open(&args.image)?;
    let limits = super::limits(u32::MAX, args.dialect);
    let contents = Contents::of(file, limits, &args.trailer, args.erased_val)?;
    let (image, tlvs) = match &contents.image {
        Ok((image, tlvs)) => (image, tlvs.as_slice()),
        Err(error) => {
            let failure = super::refused(*error);
            let failure = match other_dialect(&contents.file, args.dialect) {
                Some(name) => {
                    failure.fix(format!("It is an image of another dialect: repeat with --dialect {name}."))
                }
                None => failure,
            };
            return Err(failure).about(args.image.display());
        }
    };
    let digest = super::stated_and_actual(image, &contents.file).about(args.image.display())?;
    if let Some(path) = &args.svg {
        let name = args.image.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
        let title = format!("{name}, version {}", image.header().version);
        let svg = picture::svg(&title, &contents.columns());
        atomic::write(path, svg.as_bytes(), Access::Public, Existing::Replace)
            .map_err(|e| Failure::write(path, &e))?;
    }
    let header = image.header();
    let flags = flag_names(header.flags);
    let data = json!({
        "image": args.image.display().to_string(),
        "version": header.version.to_string(),
        "header_size": header.header_size,
        "payload_bytes": header.payload_size,
        "protected_bytes": header.protected_size,
        "image_bytes": image.size(),
        "file_bytes": ironroot_image::ReadAt::len(&contents.file),
        "address": contents.file.address(),
        "flags": flags,
        "load_address": header.load_address,
        "security_counter": image.security_counter(),
        "sha256": digest.actual.as_ref().map(|d| hex::encode(d)),
        "sha256_matches": digest.matches,
        "encrypted": header.flags.intersects(Flags::ENCRYPTED),
        "tlvs": tlvs.iter().map(|tlv| contents.tlv_json(tlv)).collect::<Vec<_>>(),
        "trailer": contents.trailer.as_ref().map(Trailer::json),
        "svg": args.svg.as_ref().map(|p| p.display().to_string()),
    });
    let text = text(&contents, image, tlvs, &digest, &flags);
    report.result("image info", data, text);
    Ok(())
}

/// The name of the dialect whose magic the file begins with, if it is another one.
fn other_dialect(file: &ImageFile, dialect: DialectName) -> Option<String> {
    let word = u32::from_le_bytes(file.bytes(0, 4)?.try_into().ok()?);
    let named = |name: &&DialectName| name.dialect().magic() == word;
    if named(&&dialect) {
        return None;
    }
    let name = DialectName::value_variants().iter().find(named)?;
    Some(name.to_possible_value()?.get_name().to_owned())
}

fn text(contents: &Contents, image: &Image, tlvs: &[Tlv], digest: &super::Digests, flags: &[&str]) -> String {
    let header = image.header();
    let name = contents.file.path().display().to_string();
    let mut text = format!("{BOLD}{}{BOLD:#}  MCUboot image\n", printable(&name));
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(text, "  version     {}", header.version);
    let _ = writeln!(
        text,
        "  size        {} bytes: header {:#x}, payload {}, the rest TLVs",
        image.size(),
        header.header_size,
        header.payload_size
    );
    let flags = if flags.is_empty() { "none".to_owned() } else { flags.join(" ") };
    let _ = writeln!(text, "  flags       {flags}");
    if header.load_address != 0 {
        let _ = writeln!(text, "  address     {:#010x}", header.load_address);
    }
    let verdict = match digest.matches {
        Some(true) => format!("{GOOD}matches the content{GOOD:#}"),
        Some(false) => format!("{BAD}the content differs{BAD:#}"),
        None if header.flags.intersects(Flags::ENCRYPTED) => {
            "of the plain content, which is encrypted".to_owned()
        }
        None => "no hash in the image".to_owned(),
    };
    let shown = digest.actual.as_deref().or(digest.stated.as_deref()).unwrap_or_default();
    let _ = writeln!(text, "  {:<11} {} ({verdict})", digest.name, hex::encode(shown));
    for tlv in tlvs {
        let area = if tlv.ty.area == Area::Protected { "protected" } else { "" };
        let _ = writeln!(
            text,
            "  {:#06x} {:<16} {:>4} bytes {DIM}{:<9}{DIM:#} {}",
            tlv.ty.number,
            tlv.ty.name(),
            tlv.len,
            area,
            shorten(&contents.value(tlv))
        );
    }
    if let Some(trailer) = &contents.trailer {
        let _ = write!(
            text,
            "  trailer     {:#x}..{:#x}: {}\n{trailer}",
            trailer.range().start,
            trailer.range().end,
            trailer.words()
        );
    }
    let _ = write!(text, "  {DIM}The signature was not verified: `ironroot image verify` does that.{DIM:#}");
    text
}

/// Enough of a value to recognise it; a SHA-256 is shown whole.
fn shorten(value: &[u8]) -> String {
    const SHOWN: usize = TlvType::SHA256.max as usize;
    match value.get(..SHOWN) {
        Some(start) if value.len() > SHOWN => format!("{}…", hex::encode(start)),
        _ => hex::encode(value),
    }
}
