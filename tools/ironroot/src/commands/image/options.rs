//! The options of `image create` and `image sign`: imgtool's, by imgtool's names.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ironroot_image::Dialect;
use ironroot_keys::KeyArgument;

use crate::keyarg::KeyOptions;
use crate::number;

/// What an image is to be.
#[derive(Args, Debug, Default)]
pub struct Options {
    /// Application: ELF, Intel HEX, or raw binary
    #[arg(value_name = "IN")]
    pub infile: PathBuf,
    /// Image to write; Intel HEX if the name ends in .hex
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Private key that signs: a file (PEM, DER) or a pkcs11: URI
    #[arg(short, long, value_name = "KEY")]
    pub key: Option<KeyArgument>,
    #[command(flatten)]
    pub keys: KeyOptions,
    /// Version: major.minor.revision+build
    #[arg(short, long, value_name = "VERSION")]
    pub version: String,
    #[command(flatten)]
    pub slot: SlotOptions,
    /// Fill up to the end of the slot and write the trailer's magic there
    #[arg(long, help_heading = "Slot")]
    pub pad: bool,
    /// Like --pad: the update is tried once, and reverted if the application does not confirm it
    #[arg(long, help_heading = "Slot")]
    pub test: bool,
    /// Like --pad, and marked as confirmed: the update is permanent
    #[arg(long, help_heading = "Slot")]
    pub confirm: bool,
    /// Address of the first byte in a HEX output
    #[arg(short = 'x', long, value_name = "ADDRESS", value_parser = number::parse, help_heading = "Slot")]
    pub hex_addr: Option<u32>,
    /// What erased flash reads as: fills header, gaps and padding
    #[arg(short = 'R', long, value_enum, default_value = "0xff", help_heading = "Slot")]
    pub erased_val: Erased,
    #[command(flatten)]
    pub content: ContentOptions,
    #[command(flatten)]
    pub signature: SignatureOptions,
    #[command(flatten)]
    pub encryption: EncryptionOptions,
    /// Same inputs, same bytes: what is random otherwise follows from key and content
    ///
    /// Signatures are deterministic anyway (RFC 6979, Ed25519, RSA with a derived salt); an encrypted image draws an AES key and an
    /// ephemeral key besides. With this option both follow from signing key and content: the secret is a signature over
    /// hash("ironroot deterministic image key v1" || 0 || hash of the plain image), which is never published; HKDF-SHA256 of it, with
    /// the hash of the plain image in its info, seeds ChaCha20, which gives first the AES key, then the ephemeral key. What it
    /// costs: who sees two encrypted images learns whether their content is the same, and who gets the signing key can decrypt.
    /// Refused with a token that signs with random numbers.
    #[arg(long, help_heading = "Encryption")]
    pub deterministic: bool,
    /// Whose reading of flags and TLVs applies; nothing in an image tells them apart
    #[arg(long, value_enum, default_value = "mcuboot")]
    pub dialect: DialectName,
    /// ST's dialects: for a loader with one slot, which decrypts in place
    #[arg(short = 'P', long)]
    pub primary_only: bool,
    /// Byte order of the numbers in the image: `big` is refused, no Cortex-M loader reads it
    #[arg(short, long, value_enum, default_value = "little")]
    pub endian: Endian,
}

/// The slot, and from it the trailer.
#[derive(Args, Debug, Default, Clone)]
pub struct SlotOptions {
    /// Size of the header; the vector table comes right behind it [default: the device's]
    #[arg(short = 'H', long, value_name = "BYTES", value_parser = number::parse, help_heading = "Slot")]
    pub header_size: Option<u32>,
    /// Put the header before the input, which has no room for it
    #[arg(long, help_heading = "Slot")]
    pub pad_header: bool,
    #[command(flatten)]
    pub trailer: TrailerOptions,
}

/// What the trailer's layout follows from.
#[derive(Args, Debug, Default, Clone)]
pub struct TrailerOptions {
    /// Size of the slot [default: the device's]
    #[arg(short = 'S', long, value_name = "BYTES", value_parser = number::parse, help_heading = "Slot")]
    pub slot_size: Option<u32>,
    /// Write size of the slot's flash [default: the device's, else 1]
    #[arg(long, value_name = "BYTES", value_parser = number::parse, help_heading = "Slot")]
    pub align: Option<u32>,
    /// Largest write size of all flashes of the system: 8, 16 or 32 [default: --align, at least 8]
    #[arg(long, value_name = "BYTES", value_parser = number::parse, help_heading = "Slot")]
    pub max_align: Option<u32>,
    /// Most sectors of a slot: room for the status of a swap [default: the device's, else 128]
    #[arg(short = 'M', long, value_name = "N", value_parser = number::parse, help_heading = "Slot")]
    pub max_sectors: Option<u32>,
    /// The loader overwrites instead of swapping: a short trailer
    #[arg(long, help_heading = "Slot")]
    pub overwrite_only: bool,
}

/// What is said in header and protected TLVs.
#[derive(Args, Debug, Default)]
pub struct ContentOptions {
    /// Security counter for rollback protection, or `auto` to take it from the version
    #[arg(short, long, value_name = "N|auto", help_heading = "Content")]
    pub security_counter: Option<String>,
    /// Other images that must be there, with their least versions: "(1, 1.2.3+0), (2, 4.0.0)"
    #[arg(short, long, value_name = "LIST", help_heading = "Content")]
    pub dependencies: Option<String>,
    /// Boot record for attestation, with this software type (up to 12 bytes)
    #[arg(long, value_name = "TYPE", help_heading = "Content")]
    pub boot_record: Option<String>,
    /// Vendor identifier, UUID or domain name [default: the device's]
    #[arg(long, value_name = "UUID|NAME", help_heading = "Content")]
    pub vid: Option<String>,
    /// Class identifier, UUID or name under the vendor's [default: the device's]
    #[arg(long, value_name = "UUID|NAME", help_heading = "Content")]
    pub cid: Option<String>,
    /// Add a protected TLV of your own: a type like 0x00a0, and a value as 0x… bytes or text
    #[arg(long, num_args = 2, value_names = ["TAG", "VALUE"], action = clap::ArgAction::Append, help_heading = "Content")]
    pub custom_tlv: Vec<String>,
    /// The same with the value from a file
    #[arg(long, num_args = 2, value_names = ["TAG", "FILE"], action = clap::ArgAction::Append, help_heading = "Content")]
    pub custom_tlv_file: Vec<String>,
    /// The image is copied to this address in RAM and runs there
    #[arg(short = 'L', long, value_name = "ADDRESS", value_parser = number::parse, help_heading = "Content")]
    pub load_addr: Option<u32>,
    /// The image runs only in the slot at this address
    #[arg(short = 'F', long, value_name = "ADDRESS", value_parser = number::parse, help_heading = "Content")]
    pub rom_fixed: Option<u32>,
    /// Not to be started: data for another image
    #[arg(long, help_heading = "Content")]
    pub non_bootable: bool,
}

/// How hash and signature are made.
#[derive(Args, Debug, Default)]
pub struct SignatureOptions {
    /// How the image names the key
    #[arg(long, value_enum, default_value = "hash", help_heading = "Signature")]
    pub public_key_format: PublicKeyFormat,
    /// Hash of the image [default: what belongs to the key]
    #[arg(long, value_enum, default_value = "auto", help_heading = "Signature")]
    pub sha: Sha,
    /// Ed25519 over the image itself instead of its digest
    #[arg(long, help_heading = "Signature")]
    pub pure: bool,
    /// Zeros behind the signature, for MCUboot before 1.5: refused, a strict loader takes them for a forgery
    #[arg(long, help_heading = "Signature")]
    pub pad_sig: bool,
}

/// Whether and how the payload is encrypted.
#[derive(Args, Debug, Default)]
pub struct EncryptionOptions {
    /// Encrypt for the device with this public key (P-256, X25519, RSA-2048, or an AES key file)
    #[arg(short = 'E', long, value_name = "KEY", help_heading = "Encryption")]
    pub encrypt: Option<KeyArgument>,
    /// Bits of the AES key of the image [default: 128]
    #[arg(long, value_enum, help_heading = "Encryption")]
    pub encrypt_keylen: Option<KeyLength>,
    /// Hash of HKDF and HMAC in the key agreement; 512 only with X25519 [default: 256]
    #[arg(long, value_enum, default_value = "auto", help_heading = "Encryption")]
    pub hmac_sha: Sha2,
    /// Leave the payload plain, ready to be encrypted when it is swapped out: for the first programming
    #[arg(short, long, help_heading = "Encryption")]
    pub clear: bool,
    /// The loader keeps encryption TLVs in the trailer instead of plain keys: a longer trailer
    #[arg(long, help_heading = "Encryption")]
    pub save_enctlv: bool,
}

/// What erased flash reads as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Erased {
    /// All bits clear
    #[value(name = "0", alias = "0x00")]
    Zeros,
    /// All bits set
    #[default]
    #[value(name = "0xff")]
    Ones,
}

impl Erased {
    /// The byte.
    pub fn byte(self) -> u8 {
        match self {
            Erased::Zeros => 0,
            Erased::Ones => 0xff,
        }
    }
}

/// How the image names its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PublicKeyFormat {
    /// Hash of the public key
    #[default]
    Hash,
    /// The whole public key
    Full,
}

/// The hash of the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sha {
    /// What belongs to the key
    #[default]
    Auto,
    /// SHA-256
    #[value(name = "256")]
    Sha256,
    /// SHA-384
    #[value(name = "384")]
    Sha384,
    /// SHA-512
    #[value(name = "512")]
    Sha512,
}

/// The hash of the key agreement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sha2 {
    /// 256
    #[default]
    Auto,
    /// SHA-256
    #[value(name = "256")]
    Sha256,
    /// SHA-512
    #[value(name = "512")]
    Sha512,
}

/// Bits of the AES key of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyLength {
    /// AES-128
    #[value(name = "128")]
    Aes128,
    /// AES-256
    #[value(name = "256")]
    Aes256,
}

/// Byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Endian {
    /// Least significant byte first
    #[default]
    Little,
    /// Most significant byte first
    Big,
}

/// A dialect of the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DialectName {
    /// MCUboot 2.x and imgtool
    #[default]
    Mcuboot,
    /// ST's fork of MCUboot (OEMiRoT): other flags, stricter TLVs, an erased tail
    St,
    /// ST's immutable root of trust: code of STM32H5
    StirotH5Code,
    /// ST's immutable root of trust: data of STM32H5
    StirotH5Data,
    /// ST's immutable root of trust: STM32H7S
    StirotH7s,
}

impl DialectName {
    /// The dialect of the format's crate.
    pub fn dialect(self) -> Dialect {
        match self {
            DialectName::Mcuboot => Dialect::Mcuboot,
            DialectName::St => Dialect::St,
            DialectName::StirotH5Code => Dialect::StirotH5Code,
            DialectName::StirotH5Data => Dialect::StirotH5Data,
            DialectName::StirotH7s => Dialect::StirotH7s,
        }
    }
}
