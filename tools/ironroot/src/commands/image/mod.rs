//! `ironroot image`: sign an application, verify an image, look into one.

mod info;
mod sign;
mod verify;

use std::path::Path;

use clap::{Args, Subcommand};
use ironroot_codes::input;
use ironroot_image::{Dialect, Image as ParsedImage, Limits};

use crate::error::{Failure, Result};
use crate::files;
use crate::input::{Format, hex};
use crate::report::Reporter;

/// Sign, verify and inspect MCUboot images
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot image sign -k key.pem -v 1.0.0 app.elf -o app.bin
  ironroot image verify app.bin -k pub.pem
  ironroot image info app.bin --json")]
pub struct Image {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Sign(sign::Sign),
    Verify(verify::Verify),
    Info(info::Info),
}

pub use sign::{Recipe, Signed, sign_application};

/// Runs the command.
pub fn run(args: &Image, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Sign(args) => sign::run(args, report),
        Command::Verify(args) => verify::run(args, report),
        Command::Info(args) => info::run(args, report),
    }
}

/// The bytes of an image file: binary, or Intel HEX that holds one stretch.
fn read_image(path: &Path) -> Result<Vec<u8>> {
    let bytes = files::read(path)?;
    if bytes.is_empty() {
        return Err(Failure::new(input::FILE_EMPTY, "the file has no bytes").about(path.display()));
    }
    if Format::of(path, &bytes) != Format::Hex {
        return Ok(bytes);
    }
    let parsed = hex::parse(&bytes).map_err(|f| f.about(path.display()))?;
    match <[_; 1]>::try_from(parsed.pieces) {
        Ok([piece]) => Ok(piece.bytes),
        Err(pieces) => {
            let cause = format!("the HEX file holds {} separate stretches, an image is one", pieces.len());
            Err(Failure::new(input::WRONG_FILE_KIND, cause).about(path.display()))
        }
    }
}

/// Parses the structure of an image of at most `max_size` bytes.
fn parse(bytes: &[u8], max_size: u32) -> Result<ParsedImage> {
    ParsedImage::parse(bytes, Limits { max_size, dialect: Dialect::Mcuboot }).map_err(refused)
}

/// A refusal of the verifier, with the place.
fn refused(error: ironroot_image::Error) -> Failure {
    let cause = error.code().entry().map_or("", |entry| entry.cause);
    Failure::new(error.code(), format!("At offset {:#x} of the image: {cause}", error.offset()))
}
