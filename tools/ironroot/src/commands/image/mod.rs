//! `ironroot image`: make, verify, encrypt and look into MCUboot images.
//!
//! 1. The format's rules are in `ironroot-image`; here are options, files and words.
//! 2. A payload goes through in pieces ([`stream`]): memory does not grow with it.
//! 3. Nothing gets the name of an output before it was read back and verified.

mod application;
mod assemble;
mod conflicts;
mod contents;
mod convert;
mod create;
mod decrypt;
mod diff;
mod encrypt;
mod file;
mod info;
mod offline;
mod options;
mod payload;
pub mod picture;
mod plan;
mod progress;
mod sink;
mod stream;
mod trailer;
mod verify;

use clap::{Args, Subcommand};
use ironroot_codes::input;
use ironroot_crypto::Software;
use ironroot_image::{
    Flags, Image as ParsedImage, Limits, RamWindow, build::BuildError, digest, stated_hash,
};

pub use self::create::create_by_words;
use self::file::ImageFile;
use self::options::DialectName;
pub use self::plan::is_hex;
pub use self::verify::verify_by_words;
use crate::error::{Failure, Result};
use crate::report::Reporter;

/// Behind a key hash, where the image is not made for a device: whether a demo key's image is refused depends on the chip. The
/// STM32H735's key store has the mark; the keys of an STM32H7R/S are in ST's format, which has no place for it.
const DEMO_KEY: &str = " (demo key: only the secure boot of an STM32H735 refuses it)";

/// Make, sign, encrypt, verify, compare and inspect MCUboot images
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot image sign -k key.pem -v 1.0.0 app.elf -o app.bin
  ironroot image create -k key.pem -v 1.0.0 -H 0x400 --pad-header -S 0x60000 data.bin -o data.img
  ironroot image verify app.bin -k pub.pem
  ironroot image info app.bin --svg app.svg
  ironroot image diff v1.bin v2.bin --json")]
pub struct Image {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Create(Box<create::Create>),
    Sign(Box<create::Sign>),
    Encrypt(encrypt::Encrypt),
    Decrypt(decrypt::Decrypt),
    Verify(verify::Verify),
    Info(info::Info),
    Diff(diff::Diff),
    Payload(offline::Payload),
    Attach(offline::Attach),
}

pub use application::{Recipe, Signed, sign_application};

/// Runs the command.
pub fn run(args: &Image, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Create(args) => create::create(args, report),
        Command::Sign(args) => create::sign(args, report),
        Command::Encrypt(args) => encrypt::run(args, report),
        Command::Decrypt(args) => decrypt::run(args, report),
        Command::Verify(args) => verify::run(args, report),
        Command::Info(args) => info::run(args, report),
        Command::Diff(args) => diff::run(args, report),
        Command::Payload(args) => offline::payload(args, report),
        Command::Attach(args) => offline::attach(args, report),
    }
}

/// A tool does not know the memories of every chip: any address will do.
const ANY_RAM: RamWindow = RamWindow { start: 0, size: u32::MAX };

/// The same for an image that asks for RAM.
fn any_ram(image: &ParsedImage) -> Option<RamWindow> {
    image.header().flags.intersects(Flags::RAM_LOAD).then_some(ANY_RAM)
}

/// What bounds an image of a named dialect.
fn limits(max_size: u32, dialect: DialectName) -> Limits {
    Limits { max_size, dialect: dialect.dialect() }
}

/// A refusal of the verifier, with the place.
fn refused(error: ironroot_image::Error) -> Failure {
    let cause = error.code().entry().map_or("", |entry| entry.cause);
    Failure::new(error.code(), format!("At offset {:#x} of the image: {cause}", error.offset()))
}

/// A refusal of the builder.
fn not_built(error: BuildError) -> Failure {
    Failure::new(error.code(), error.to_string())
}

/// An image that says it is encrypted.
fn encrypted_image(file: &ImageFile, dialect: DialectName) -> Result<ParsedImage> {
    let image = ParsedImage::parse(file, limits(u32::MAX, dialect)).map_err(refused)?;
    if image.encryption().is_some() {
        return Ok(image);
    }
    Err(Failure::new(input::IMAGE_NOT_ENCRYPTED, "its flags say that the payload is plain"))
}

/// The hash in an image, and that of its content.
struct Digests {
    /// `sha256` and so on.
    name: &'static str,
    /// What the image states.
    stated: Option<Vec<u8>>,
    /// What its content gives; unknown if the content is encrypted.
    actual: Option<Vec<u8>>,
    /// Whether they are the same.
    matches: Option<bool>,
}

fn stated_and_actual(image: &ParsedImage, file: &ImageFile) -> Result<Digests> {
    use ironroot_crypto::HashAlgorithm::{Sha256, Sha384, Sha512};
    let name = match image.hash_algorithm() {
        Some(Sha384) => "sha384",
        Some(Sha512) => "sha512",
        Some(Sha256) | None => "sha256",
    };
    if image.hash().is_none() {
        return Ok(Digests { name, stated: None, actual: None, matches: None });
    }
    let stated = stated_hash(image, file).map_err(refused)?;
    let actual = digest(image, file, &mut Software).map_err(refused)?;
    let matches = stated == actual;
    let encrypted = image.header().flags.intersects(Flags::ENCRYPTED);
    // An image that is encrypted cannot match; one that was left plain does.
    let known = matches || !encrypted;
    Ok(Digests {
        name,
        stated: Some(stated.as_bytes().to_vec()),
        actual: known.then(|| actual.as_bytes().to_vec()),
        matches: known.then_some(matches),
    })
}
