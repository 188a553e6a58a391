//! `ironroot image decrypt`: the payload of an encrypted image in plain, for debugging and for programming without a swap.

use std::path::PathBuf;

use clap::Args;
use ironroot_codes::image as codes;
use ironroot_crypto::{ContentKeys, Software};
use ironroot_image::{Image, Plain, ReadAt, digest, open_key, stated_hash};
use ironroot_keys::KeyArgument;
use serde_json::json;

use super::convert::{Part, convert};
use super::file::{ImageFile, Windowed};
use super::options::DialectName;
use crate::error::{Context, Failure, Result};
use crate::files;
use crate::keyarg::{self, KeyOptions};
use crate::report::{BOLD, Reporter, printable};

/// Decrypt the payload of an encrypted image with the device's private key
#[derive(Args, Debug)]
#[command(after_help = "\
The output is what imgtool's --clear makes: payload plain, header, TLVs and signature as they were, so it still verifies, and \
`ironroot image encrypt --decryption-key` gives the input back, byte for byte. What is behind the image (padding, trailer) \
is left out. With --payload only the payload is written. The content is checked against the hash of the image before the \
output gets its name; the signature is not.

Examples:
  ironroot image decrypt app-encrypted.bin --decryption-key device.pem -o app.bin
  ironroot image decrypt app-encrypted.bin --decryption-key device.pem --payload -o code.bin")]
pub struct Decrypt {
    /// Encrypted image: binary or Intel HEX
    #[arg(value_name = "IMG")]
    image: PathBuf,
    /// The device's private key
    #[arg(long, value_name = "KEY")]
    decryption_key: KeyArgument,
    #[command(flatten)]
    keys: KeyOptions,
    /// File to write; Intel HEX if the name ends in .hex
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Write the payload alone
    #[arg(long)]
    payload: bool,
    /// Address of the first byte in a HEX output
    #[arg(short = 'x', long, value_name = "ADDRESS", value_parser = crate::number::parse)]
    hex_addr: Option<u32>,
    /// Whose reading of flags and TLVs applies
    #[arg(long, value_enum, default_value = "mcuboot")]
    dialect: DialectName,
}

/// Runs the command.
pub fn run(args: &Decrypt, report: &mut Reporter<'_>) -> Result {
    files::not_an_input(
        &args.output,
        [Some(args.image.as_path()), args.decryption_key.path()].into_iter().flatten(),
    )?;
    super::plan::warn_address(&args.output, args.hex_addr, report);
    let loaded = ironroot_keys::load_decryption(&args.decryption_key, &args.keys.secrets())?;
    keyarg::warn(report, &loaded.warnings);
    let file = ImageFile::open(&args.image)?;
    let image = super::encrypted_image(&file, args.dialect).about(args.image.display())?;
    let key = open_key(&image, &file, &loaded.key).map_err(super::refused).about(args.image.display())?;
    let address = args.hex_addr.or(file.address());
    let apply = |offset: u32, data: &mut [u8]| loaded.key.apply(&key, offset, data);
    // Before anything is written: what does not match was changed, or is plain already.
    let plain = Windowed::new(Plain::new(&file, &image, &key, &loaded.key));
    content_matches(&image, &plain).about(args.image.display())?;
    let part = if args.payload { Part::Payload } else { Part::Image };
    let written = convert(&image, &file, part, &apply, &args.output, address, report)?;
    let data = json!({
        "image": args.image.display().to_string(),
        "output": args.output.display().to_string(),
        "payload_bytes": image.header().payload_size,
        "output_bytes": written,
        "payload_only": args.payload,
    });
    let text = format!(
        "{BOLD}{}{BOLD:#}  {written} bytes in plain; its content matches the hash of the image",
        printable(&args.output.display().to_string())
    );
    report.result("image decrypt", data, text);
    Ok(())
}

/// Refuses content that is not what the image's hash is of.
fn content_matches(image: &Image, plain: &dyn ReadAt) -> Result {
    let actual = digest(image, plain, &mut Software).map_err(super::refused)?;
    if stated_hash(image, plain).map_err(super::refused)? == actual {
        return Ok(());
    }
    let cause =
        "the decrypted payload does not match the hash in the image: it was changed, or is plain already";
    Err(Failure::new(codes::HASH_MISMATCH, cause))
}
