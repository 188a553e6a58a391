//! `ironroot image encrypt`: an image that exists becomes an encrypted one.
//!
//! The hash is over the plain payload, but over the flags too, and the flags say that the payload is encrypted. So a plain image
//! cannot be encrypted under its old signature: it is signed anew. Only what `--clear` made has the flags already, and the
//! sealed key, and can be encrypted by whoever can open that.

use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_codes::input;
use ironroot_crypto::{ContentKeys, Software};
use ironroot_image::build::{Builder, KeyFormat};
use ironroot_image::{
    Dependencies, Flags, Header, Image, Limits, Plain, Policy, TlvType, digest, open_key, stated_hash,
};
use ironroot_keys::KeyArgument;
use serde_json::json;

use super::assemble::{Parts, Target, assemble};
use super::convert::{Part, convert};
use super::create;
use super::file::{ImageFile, Windowed};
use super::options::{DialectName, EncryptionOptions};
use crate::error::{Context, Failure, Result};
use crate::keyarg::{self, KeyOptions};
use crate::report::{BOLD, Reporter, printable};
use crate::{files, hex, number};

/// Encrypt an existing image for a device, signing it anew
#[derive(Args, Debug)]
#[command(after_help = "\
The signature covers the flag that says \"encrypted\", so a plain image is signed again: --key must be the signing key. Header, \
payload and protected TLVs stay; zeros may be added to the payload, up to a multiple of 16 bytes. To make an encrypted image from \
an application in one step, use --encrypt of `ironroot image create`.

An image that was made with --clear has flag, signature and sealed key already. With --decryption-key, the device's private key, \
its payload is encrypted and nothing else changes: this undoes `ironroot image decrypt`.

Examples:
  ironroot image encrypt app.bin --encrypt device-pub.pem -k key.pem -o app-encrypted.bin
  ironroot image encrypt clear.bin --decryption-key device.pem -o app-encrypted.bin")]
pub struct Encrypt {
    /// Image: binary or Intel HEX
    #[arg(value_name = "IMG")]
    image: PathBuf,
    /// Image to write; Intel HEX if the name ends in .hex
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    #[command(flatten)]
    encryption: EncryptionOptions,
    /// Private key that signs
    #[arg(short, long, value_name = "KEY")]
    key: Option<KeyArgument>,
    /// The device's private key, for an image that was made with --clear
    #[arg(long, value_name = "KEY")]
    decryption_key: Option<KeyArgument>,
    #[command(flatten)]
    keys: KeyOptions,
    /// The image key follows from signing key and content: see `ironroot image create --help`
    #[arg(long)]
    deterministic: bool,
    /// Largest image that is accepted: the slot without its trailer
    #[arg(long, value_name = "BYTES", value_parser = number::parse)]
    max_size: Option<u32>,
    /// Address of the first byte in a HEX output [default: the input's]
    #[arg(short = 'x', long, value_name = "ADDRESS", value_parser = number::parse)]
    hex_addr: Option<u32>,
    /// Whose reading of flags and TLVs applies
    #[arg(long, value_enum, default_value = "mcuboot")]
    dialect: DialectName,
}

/// Runs the command.
pub fn run(args: &Encrypt, report: &mut Reporter<'_>) -> Result {
    let keys = [args.key.as_ref(), args.encryption.encrypt.as_ref(), args.decryption_key.as_ref()];
    let inputs = keys.into_iter().flatten().filter_map(KeyArgument::path);
    files::not_an_input(&args.output, inputs.chain([args.image.as_path()]))?;
    super::plan::warn_address(&args.output, args.hex_addr, report);
    let contradict = |cause: &str| Err(Failure::new(input::OPTIONS_CONTRADICT, cause));
    match (&args.encryption.encrypt, &args.decryption_key) {
        (Some(_), Some(_)) => {
            contradict("--encrypt and --decryption-key: the image key is either new or the one it carries")
        }
        (None, Some(_)) if args.key.is_some() => {
            contradict("--key and --decryption-key: the image keeps its signature")
        }
        (None, Some(argument)) => again(args, argument, report),
        (Some(_), None) => anew(args, report),
        (None, None) => Err(Failure::new(input::KEY_MISSING, "encrypting needs the device's public key")
            .fix("Pass --encrypt PUBLIC-KEY and --key SIGNING-KEY.")),
    }
}

/// Encrypts what `--clear` or `decrypt` left plain.
fn again(args: &Encrypt, argument: &KeyArgument, report: &mut Reporter<'_>) -> Result {
    let loaded = ironroot_keys::load_decryption(argument, &args.keys.secrets())?;
    keyarg::warn(report, &loaded.warnings);
    let file = ImageFile::open(&args.image)?;
    let image = super::encrypted_image(&file, args.dialect).about(args.image.display())?;
    let key = open_key(&image, &file, &loaded.key).map_err(super::refused).about(args.image.display())?;
    let stated = stated_hash(&image, &file).map_err(super::refused)?;
    if digest(&image, &file, &mut Software).map_err(super::refused)? != stated {
        let plain = Windowed::new(Plain::new(&file, &image, &key, &loaded.key));
        let cause = if digest(&image, &plain, &mut Software).map_err(super::refused)? == stated {
            "its payload is encrypted: decrypted, it matches the hash"
        } else {
            return Err(Failure::new(
                ironroot_codes::image::HASH_MISMATCH,
                "the payload matches the hash neither as it is nor decrypted: the image was changed",
            )
            .about(args.image.display()));
        };
        return Err(Failure::new(input::IMAGE_ENCRYPTED, cause).about(args.image.display()));
    }
    let apply = |offset: u32, data: &mut [u8]| loaded.key.apply(&key, offset, data);
    let address = args.hex_addr.or(file.address());
    let written = convert(&image, &file, Part::Image, &apply, &args.output, address, report)?;
    tell(args, written, "the signature is the one it had", report);
    Ok(())
}

/// Encrypts a plain image and signs it.
fn anew(args: &Encrypt, report: &mut Reporter<'_>) -> Result {
    let Some(argument) = &args.key else {
        let cause =
            "the signature covers the flag that says \"encrypted\", so the image must be signed again";
        return Err(Failure::new(input::KEY_MISSING, cause).fix("Pass the signing key with --key."));
    };
    let secrets = args.keys.secrets();
    let signer = ironroot_keys::load_signer(argument, &secrets)?;
    keyarg::warn(report, &signer.warnings);
    let recipient = create::recipient(&args.encryption, args.deterministic, &secrets, report)?
        .ok_or_else(|| Failure::internal("no recipient"))?;
    let file = ImageFile::open(&args.image)?;
    let limits = Limits { max_size: args.max_size.unwrap_or(u32::MAX), dialect: args.dialect.dialect() };
    let image = Image::parse(&file, limits).map_err(super::refused).about(args.image.display())?;
    let rebuilt = Rebuilt::new(&image, &file, &signer.key, &recipient).about(args.image.display())?;
    let payload = file.part(image.payload().start, image.payload().end)?;
    let parts = Parts {
        header: &rebuilt.header,
        hashed_header: &rebuilt.header,
        payload: &payload,
        padding: rebuilt.layout.payload_padding(),
        protected: &rebuilt.protected,
        layout: &rebuilt.layout,
    };
    let target = Target {
        output: Path::new(&args.output),
        address: args.hex_addr.or(file.address()),
        slot: None,
        erased: 0xff,
        limits,
        policy: Policy {
            dependencies: Dependencies::LeaveToDevice,
            encrypted: true,
            non_bootable: true,
            ram_load: super::any_ram(&image),
            ..Policy::NONE
        },
    };
    let made = assemble(&parts, &target, Some(&signer.key), Some(&recipient), report)?;
    tell(
        args,
        made.image_bytes,
        &format!("signed again, hash {}", hex::encode(made.digest.as_bytes())),
        report,
    );
    Ok(())
}

/// What changes of an image around its payload.
struct Rebuilt {
    header: Vec<u8>,
    protected: Vec<u8>,
    layout: ironroot_image::build::Plan,
}

impl Rebuilt {
    fn new(
        image: &Image,
        file: &ImageFile,
        signer: &ironroot_keys::KeySigner,
        recipient: &super::assemble::Recipient,
    ) -> Result<Self> {
        use ironroot_crypto::Signer;
        let old = image.header();
        if old.flags.intersects(Flags::ENCRYPTED) {
            return Err(Failure::new(input::IMAGE_ENCRYPTED, "its flags say so"));
        }
        // A changed payload must not get a new, good signature here.
        let stated = stated_hash(image, file).map_err(super::refused)?;
        if digest(image, file, &mut Software).map_err(super::refused)? != stated {
            let cause =
                "the payload does not match the hash in the image: it would be signed as if it were good";
            return Err(Failure::new(ironroot_codes::image::HASH_MISMATCH, cause));
        }
        let public = signer.public_key();
        let pure = image.has_pure_signature();
        let hash = stated.algorithm();
        if !public.algorithm().accepts(hash, pure) {
            let bits = hash.digest_len() * 8;
            let cause = format!(
                "the image has SHA-{bits}, which does not go with a key of {}",
                public.algorithm().name()
            );
            return Err(Failure::new(input::OPTIONS_CONTRADICT, cause));
        }
        let full = image.key_id().is_some_and(|tlv| tlv.ty == TlvType::PUBKEY);
        // Only for sizes and for the unprotected TLVs: header and protected TLVs are those of the image.
        let layout = Builder::new(old.version)
            .header_size(old.header_size)
            .key_format(if full { KeyFormat::Full } else { KeyFormat::Hash })
            .hash(hash)
            .pure(pure)
            .encrypted(recipient.bits)
            .dialect(image.limits().dialect)
            .plan(old.payload_size, Some(&public), &mut Software)
            .map_err(super::not_built)?;
        // How the dialect says it is the builder's to know.
        let flags = Header::parse(layout.header(), image.limits().dialect).map_err(super::refused)?.flags;
        let gone = || Failure::new(input::FILE_UNREADABLE, "the file became shorter while it was read");
        let mut header = file.bytes(0, image.payload().start).ok_or_else(gone)?;
        let new = Header {
            payload_size: old.payload_size.checked_add(layout.payload_padding() as u32).ok_or_else(|| {
                Failure::new(input::IMAGE_TOO_LARGE, "its payload and 16 bytes more are 4 GB")
            })?,
            flags: old.flags.union(flags),
            ..*old
        };
        for (to, from) in header.iter_mut().zip(new.encode_as(image.limits().dialect)) {
            *to = from;
        }
        let range = image.protected();
        let protected = file.bytes(range.start, range.end - range.start).ok_or_else(gone)?;
        Ok(Rebuilt { header, protected, layout })
    }
}

fn tell(args: &Encrypt, written: u64, how: &str, report: &mut Reporter<'_>) {
    let data = json!({
        "image": args.image.display().to_string(),
        "output": args.output.display().to_string(),
        "image_bytes": written,
        "signed": args.key.is_some(),
    });
    let text = format!(
        "{BOLD}{}{BOLD:#}  {written} bytes, encrypted; {how}",
        printable(&args.output.display().to_string())
    );
    report.result("image encrypt", data, text);
}
