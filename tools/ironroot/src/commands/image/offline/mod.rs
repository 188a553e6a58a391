//! Signing in two steps, where the key is elsewhere: `image payload` writes what is to be signed, `image attach` puts the
//! signature in.
//!
//! 1. What goes out is checked: an image whose content does not match its own hash is not sent to be signed.
//! 2. What comes back is verified before a file of the output's name exists.

mod attach;
mod payload;

use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_codes::image as codes;
use ironroot_codes::input;
use ironroot_crypto::{Digest, HashAlgorithm, Hasher, PublicKey, SignatureAlgorithm, Software};
use ironroot_image::{Image, Plain, ReadAt, digest, open_key, stated_hash, walk};
use ironroot_keys::{DecryptionKey, KeyArgument};

pub use attach::{Attach, run as attach};
pub use payload::{Payload, run as payload};

use super::file::ImageFile;
use super::options::DialectName;
use crate::error::{Context, Failure, Result};
use crate::keyarg::{self, KeyOptions};
use crate::report::Reporter;

/// What both steps are told.
#[derive(Args, Debug)]
pub struct Common {
    /// Image to sign: binary or Intel HEX, from `image create --unsigned` or imgtool without a key; a signature that it has
    /// does not count
    #[arg(value_name = "IMG")]
    image: PathBuf,
    /// Sign the content instead of its digest: Ed25519 only
    #[arg(long)]
    pure: bool,
    /// The device's private key, for an encrypted image: hash and signature are over its plain content
    #[arg(long, value_name = "KEY")]
    decryption_key: Option<KeyArgument>,
    #[command(flatten)]
    keys: KeyOptions,
    /// Whose reading of flags and TLVs applies
    #[arg(long, value_enum, default_value = "mcuboot")]
    dialect: DialectName,
}

/// The image, ready to be read in plain.
struct Subject {
    file: ImageFile,
    image: Image,
    holder: Option<DecryptionKey>,
    path: PathBuf,
}

impl Subject {
    fn open(args: &Common, report: &mut Reporter<'_>) -> Result<Self> {
        let holder = match &args.decryption_key {
            None => None,
            Some(argument) => {
                let loaded = ironroot_keys::load_decryption(argument, &args.keys.secrets())?;
                keyarg::warn(report, &loaded.warnings);
                Some(loaded.key)
            }
        };
        let file = ImageFile::open(&args.image)?;
        let image = Image::parse(&file, super::limits(u32::MAX, args.dialect))
            .map_err(super::refused)
            .about(args.image.display())?;
        if holder.is_some() && image.encryption().is_none() {
            let failure = Failure::new(input::IMAGE_NOT_ENCRYPTED, "its flags say that the payload is plain");
            return Err(failure.about(args.image.display()));
        }
        let subject = Subject { file, image, holder, path: args.image.clone() };
        subject.check_content().about(args.image.display())?;
        Ok(subject)
    }

    /// The same image as it was written to another place.
    fn reopen(&self, path: &Path, dialect: DialectName) -> Result<Reopened<'_>> {
        let file = ImageFile::open(path)?;
        let image = Image::parse(&file, super::limits(u32::MAX, dialect)).map_err(super::refused)?;
        Ok(Reopened { file, image, holder: self.holder.as_ref() })
    }

    /// Hands the image's plain view to `then`.
    fn plain<T>(&self, then: impl FnOnce(&dyn ReadAt) -> Result<T>) -> Result<T> {
        plain(&self.file, &self.image, self.holder.as_ref(), then)
    }

    /// The content must be what the image's own hash says: damage, and an encrypted payload without its key, end here.
    fn check_content(&self) -> Result {
        self.plain(|source| {
            let stated = stated_hash(&self.image, source).map_err(super::refused)?;
            let actual = digest(&self.image, source, &mut Software).map_err(super::refused)?;
            if stated == actual {
                return Ok(());
            }
            let failure = Failure::new(
                codes::HASH_MISMATCH,
                "the content does not have the hash that the image states",
            );
            Err(match (self.image.encryption(), &self.holder) {
                (Some(_), None) => failure
                    .fix("The payload is encrypted: pass the device's private key with --decryption-key."),
                _ => failure.fix("The image is damaged: make it again."),
            })
        })
    }

    /// Every byte that hash and signature cover.
    fn content(&self, mut take: impl FnMut(&[u8])) -> Result {
        self.plain(|source| walk(&self.image, source, &mut take).map_err(super::refused))
            .about(self.path.display())
    }

    fn digest(&self, algorithm: HashAlgorithm) -> Result<Digest> {
        let mut software = Software;
        let mut hasher = Hasher::new(algorithm, &mut software)
            .ok_or_else(|| Failure::internal("this build does not have the hash"))?;
        self.content(|piece| hasher.update(piece))?;
        Ok(hasher.finish())
    }

    /// The hash for a signature of this kind: the image's own if the algorithm takes it.
    fn hash(&self, algorithm: SignatureAlgorithm, pure: bool) -> Result<HashAlgorithm> {
        if pure && algorithm != SignatureAlgorithm::Ed25519 {
            let cause = format!("--pure needs an Ed25519 key; this one is {}", algorithm.name());
            return Err(Failure::new(input::OPTIONS_CONTRADICT, cause));
        }
        let own = self.image.hash_algorithm().filter(|hash| algorithm.accepts(*hash, pure));
        Ok(own.unwrap_or(algorithm.default_hash(pure)))
    }
}

/// What was written, ready to be verified.
struct Reopened<'h> {
    file: ImageFile,
    image: Image,
    holder: Option<&'h DecryptionKey>,
}

impl Reopened<'_> {
    fn plain<T>(&self, then: impl FnOnce(&dyn ReadAt) -> Result<T>) -> Result<T> {
        plain(&self.file, &self.image, self.holder, then)
    }
}

fn plain<T>(
    file: &ImageFile,
    image: &Image,
    holder: Option<&DecryptionKey>,
    then: impl FnOnce(&dyn ReadAt) -> Result<T>,
) -> Result<T> {
    let Some(holder) = holder else { return then(file) };
    let key = open_key(image, file, holder).map_err(super::refused)?;
    then(&Plain::new(file, image, &key, holder))
}

/// The public key whose private half signs.
fn trusted(
    argument: &KeyArgument,
    keys: &KeyOptions,
    report: &mut Reporter<'_>,
) -> Result<(PublicKey, bool)> {
    let loaded = ironroot_keys::load_trusted(argument, &keys.secrets())?;
    keyarg::warn(report, &loaded.warnings);
    Ok((loaded.key, loaded.demo))
}

/// The inputs that an output must not be.
fn inputs<'a>(args: &'a Common, others: &[Option<&'a Path>]) -> Vec<&'a Path> {
    let key = args.decryption_key.as_ref().and_then(KeyArgument::path);
    [Some(args.image.as_path()), key].iter().chain(others).flatten().copied().collect()
}

fn hash_name(hash: HashAlgorithm) -> &'static str {
    match hash {
        HashAlgorithm::Sha256 => "sha256",
        HashAlgorithm::Sha384 => "sha384",
        HashAlgorithm::Sha512 => "sha512",
    }
}
