//! `ironroot keys public`, `hash` and `private`: keys in the forms that others want.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ironroot_codes::input;
use ironroot_crypto::{HashAlgorithm, Hasher, Software};
use ironroot_keys::{
    KeyArgument, KeyFile, PublicKey, SecretBytes, encode_public, load_private_file, load_public,
};
use serde_json::json;
use zeroize::Zeroizing;

use super::info::Description;
use super::write;
use crate::atomic::Access;
use crate::error::{Failure, Result};
use crate::keyarg::{self, KeyOptions};
use crate::report::{BAD, BOLD, Reporter, printable};
use crate::{files, hex};

/// Write the public half of a key
#[derive(Args, Debug)]
#[command(after_help = "\
Formats: pem and der are SubjectPublicKeyInfo; raw, c and rust hold what a bootloader embeds, as imgtool's getpub has it \
(PKCS#1 for RSA, SubjectPublicKeyInfo for all others); point is the bare key (SEC1 point, or 32 bytes).

Examples:
  ironroot keys public key.pem -o pub.pem
  ironroot keys public key.pem -o keys.c --format c --name-suffix _release
  ironroot keys public 'pkcs11:token=release;object=fw-key?module-path=/usr/lib/softhsm/libsofthsm2.so' -o pub.pem")]
pub struct Public {
    /// Key: file or pkcs11: URI, private or public
    #[arg(value_name = "KEY")]
    key: KeyArgument,
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Form of the file
    #[arg(short, long, value_enum, default_value = "pem")]
    format: PublicFormat,
    /// Appended to the name of the C or Rust array
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = identifier_suffix)]
    name_suffix: String,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: KeyOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PublicFormat {
    /// PEM, `PUBLIC KEY`
    Pem,
    /// DER SubjectPublicKeyInfo
    Der,
    /// The bytes that a bootloader embeds
    Raw,
    /// The bare key
    Point,
    /// A C array of what a bootloader embeds
    #[value(alias = "lang-c")]
    C,
    /// A Rust slice of the same
    #[value(alias = "lang-rust")]
    Rust,
}

/// Show the hash of a key, or write it
#[derive(Args, Debug)]
#[command(after_help = "\
The hash is over the bytes that a bootloader embeds, as imgtool's getpubhash has it.

Examples:
  ironroot keys hash key.pem
  ironroot keys hash key.pem -o hash.bin
  ironroot keys hash p384.pem --algorithm sha384 -o hash.c --format c")]
pub struct Hash {
    /// Key: file or pkcs11: URI, private or public
    #[arg(value_name = "KEY")]
    key: KeyArgument,
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Form of the file
    #[arg(short, long, value_enum, default_value = "raw")]
    format: HashFormat,
    /// Hash algorithm: the one that the images are hashed with
    #[arg(short, long, value_enum, default_value = "sha256")]
    algorithm: Algorithm,
    /// Appended to the name of the C or Rust array
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = identifier_suffix)]
    name_suffix: String,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: KeyOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HashFormat {
    /// The bytes
    Raw,
    /// Hex digits and a line end
    Hex,
    /// A C array
    #[value(alias = "lang-c")]
    C,
    /// A Rust slice
    #[value(alias = "lang-rust")]
    Rust,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Algorithm {
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
}

/// Write a private decryption key in the minimal form that a bootloader embeds
#[derive(Args, Debug)]
#[command(after_help = "\
DANGEROUS. The file holds a private key in the clear, to be compiled into the firmware of every device: whoever reads one \
device's flash can decrypt the images of all of them. Use it for decryption keys only, never for a key that signs; a key \
that images are signed with AND encrypted for makes each device able to sign. Prefer the device's key store \
(`ironroot device`), where each device can have a key of its own.

Forms: ecdsa-p256 and x25519 are PKCS#8 without the public half (67 and 48 bytes), rsa-2048 is PKCS#1 without its last \
three numbers, an AES key is its bytes; as imgtool's `getpriv --minimal` has them.

Examples:
  ironroot keys private enc.pem -o enc_key.c --format c --i-know-this-is-secret
  ironroot keys private enc.pem -o enc_key.der --i-know-this-is-secret")]
pub struct Private {
    /// Private key file
    #[arg(value_name = "KEY")]
    key: KeyArgument,
    /// File to write, mode 0600
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Form of the file
    #[arg(short, long, value_enum, default_value = "der")]
    format: PrivateFormat,
    /// Required: the output is the private key in the clear
    #[arg(long)]
    i_know_this_is_secret: bool,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: KeyOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PrivateFormat {
    /// The bytes
    Der,
    /// A C array, named as imgtool names it
    #[value(alias = "lang-c")]
    C,
}

/// `keys public`.
pub fn public(args: &Public, report: &mut Reporter<'_>) -> Result {
    files::not_an_input(&args.output, args.key.path())?;
    let loaded = load_public(&args.key, &args.options.secrets())?;
    keyarg::warn(report, &loaded.warnings);
    let key = &loaded.key;
    let name = format!("{}_pub_key", key.kind().c_name());
    let content = match args.format {
        PublicFormat::Pem => encode_public(key, loaded.demo)?.into_bytes(),
        PublicFormat::Der => key.spki_der().to_vec(),
        PublicFormat::Raw => key.image_der().to_vec(),
        PublicFormat::Point => key.raw().to_vec(),
        PublicFormat::C => c_array(&name, &args.name_suffix, key.image_der()).as_bytes().to_vec(),
        PublicFormat::Rust => rust_array(&name, &args.name_suffix, key.image_der()).into_bytes(),
    };
    // What can be parsed is parsed back before it takes its name: success is a file that holds this key.
    if matches!(args.format, PublicFormat::Pem | PublicFormat::Der) {
        let written = KeyFile::parse(&content, &|| Ok(None))?;
        if written.public.as_ref() != Some(key) {
            return Err(
                Failure::internal("the public half is read back as another key").about(args.output.display())
            );
        }
    }
    write(&args.output, &content, Access::Public, args.force)?;
    let output = KeyArgument::from(args.output.clone());
    let mut description = Description::of_public(&output, key);
    if loaded.demo {
        description = description.with_demo();
    }
    description.show("keys public", report);
    Ok(())
}

/// `keys hash`.
pub fn hash(args: &Hash, report: &mut Reporter<'_>) -> Result {
    if let Some(output) = &args.output {
        files::not_an_input(output, args.key.path())?;
    }
    let loaded = load_public(&args.key, &args.options.secrets())?;
    keyarg::warn(report, &loaded.warnings);
    let (algorithm, name) = match args.algorithm {
        Algorithm::Sha256 => (HashAlgorithm::Sha256, "sha256"),
        Algorithm::Sha384 => (HashAlgorithm::Sha384, "sha384"),
        Algorithm::Sha512 => (HashAlgorithm::Sha512, "sha512"),
    };
    let hash = hash_of(&loaded.key, algorithm)?;
    if let Some(output) = &args.output {
        let array = format!("{}_pub_key_hash", loaded.key.kind().c_name());
        let content = match args.format {
            HashFormat::Raw => hash.clone(),
            HashFormat::Hex => format!("{}\n", hex::encode(&hash)).into_bytes(),
            HashFormat::C => c_array(&array, &args.name_suffix, &hash).as_bytes().to_vec(),
            HashFormat::Rust => rust_array(&array, &args.name_suffix, &hash).into_bytes(),
        };
        write(output, &content, Access::Public, args.force)?;
    }
    let hash = hex::encode(&hash);
    let data = json!({
        "key": args.key.to_string(),
        "algorithm": name,
        "hash": hash,
        "output": args.output.as_ref().map(|path| path.display().to_string()),
    });
    report.result("keys hash", data, format!("{hash}  {}", printable(&args.key.to_string())));
    Ok(())
}

fn hash_of(key: &PublicKey, algorithm: HashAlgorithm) -> Result<Vec<u8>> {
    let mut software = Software;
    let mut hasher = Hasher::new(algorithm, &mut software)
        .ok_or_else(|| Failure::internal("this build does not have the hash"))?;
    hasher.update(key.image_der());
    Ok(hasher.finish().as_bytes().to_vec())
}

/// `keys private`.
pub fn private(args: &Private, report: &mut Reporter<'_>) -> Result {
    let Some(path) = args.key.path() else {
        let cause = "a token does not give private keys away";
        return Err(Failure::new(input::KEY_IN_TOKEN, cause).about(&args.key));
    };
    if !args.i_know_this_is_secret {
        let cause =
            "the output would be the private key in the clear, and --i-know-this-is-secret is missing";
        return Err(Failure::new(input::KEY_EXPORT, cause).about(path.display()));
    }
    files::not_an_input(&args.output, [path])?;
    let loaded = load_private_file(path, &args.options.secrets())?;
    keyarg::warn(report, &loaded.warnings);
    let der = loaded.key.to_minimal_der().map_err(|e| e.about(path.display()))?;
    let content: SecretBytes = match args.format {
        PrivateFormat::Der => der.clone(),
        PrivateFormat::C => Zeroizing::new(c_array("enc_priv_key", "", &der).as_bytes().to_vec()),
    };
    write(&args.output, &content, Access::Secret, args.force)?;
    if loaded.kind.signs() {
        report.warning("keys of this kind also sign images: if images are signed with this one, every device can sign too");
    }
    let data = json!({
        "key": path.display().to_string(),
        "output": args.output.display().to_string(),
        "type": loaded.kind.name(),
        "bytes": der.len(),
        "demo": loaded.demo,
    });
    let text = format!(
        "{BOLD}{}{BOLD:#}  {BAD}private key in the clear{BAD:#}, {}, {} bytes; mode 0600",
        printable(&args.output.display().to_string()),
        loaded.kind,
        der.len(),
    );
    report.result("keys private", data, text);
    Ok(())
}

/// A C array and its length, as imgtool writes them.
fn c_array(name: &str, suffix: &str, bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 6 + 256));
    // Writing to a String cannot fail.
    let _ = write!(text, "const unsigned char {name}{suffix}[] = {{");
    rows(&mut text, bytes);
    let _ = write!(text, "}};\nconst unsigned int {name}{suffix}_len = {};\n", bytes.len());
    text
}

/// A Rust slice, as imgtool writes it.
fn rust_array(name: &str, suffix: &str, bytes: &[u8]) -> String {
    let mut text = format!("static {}{}: &[u8] = &[", name.to_uppercase(), suffix.to_uppercase());
    rows(&mut text, bytes);
    text + "];\n"
}

/// Eight bytes a line.
fn rows(text: &mut String, bytes: &[u8]) {
    for row in bytes.chunks(8) {
        text.push_str("\n    ");
        for (i, byte) in row.iter().enumerate() {
            let _ = write!(text, "{}0x{byte:02x},", if i == 0 { "" } else { " " });
        }
    }
    text.push('\n');
}

/// A suffix must leave the name an identifier: it goes into source code.
fn identifier_suffix(text: &str) -> std::result::Result<String, String> {
    if text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        Ok(text.to_owned())
    } else {
        Err("only letters, digits and `_` can be part of a name".to_owned())
    }
}
