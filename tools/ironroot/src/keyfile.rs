//! Key files: PEM, one P-256 key a file.
//!
//! 1. What OpenSSL and imgtool write is read: PKCS#8 and SEC1 private keys, SubjectPublicKeyInfo public keys.
//! 2. A private key that others can read is not used, and none is ever written so.
//! 3. The private number lives in types that wipe it; no message, log or `Debug` output has it.
//! 4. A demo key says so in the file, in the explanatory text that RFC 7468 allows before the key: tools read it, and
//!    nobody takes it for a product key.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ironroot_codes::input;
use ironroot_crypto::{P256PublicKey, Signer, SigningKey, Software};
use p256::SecretKey;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use zeroize::Zeroizing;

use crate::error::{Context, Failure, Result};

/// The line that marks a demo key.
const DEMO_MARK: &str = "ironroot-demo-key: for virtual devices only, a real chip refuses it";

/// A key file is a few hundred bytes; what is larger is something else, and is not read into memory.
const MAX_FILE: u64 = 64 * 1024;

/// What a key file holds.
#[derive(Debug)]
pub struct Key {
    /// The public half.
    pub public: P256PublicKey,
    /// The private half, if the file has it.
    pub private: Option<SigningKey>,
    /// True if the file is marked as holding a demo key.
    pub demo: bool,
}

impl Key {
    /// SHA-256 of the SubjectPublicKeyInfo: the name of the key in images and key stores.
    pub fn hash(&self) -> [u8; 32] {
        self.public.key_hash(&mut Software)
    }

    /// The signer, or the refusal that names the file.
    pub fn signer(&self, path: &Path) -> Result<&SigningKey> {
        self.private.as_ref().ok_or_else(|| {
            Failure::new(input::KEY_PRIVATE_REQUIRED, "the file holds a public key").about(path.display())
        })
    }
}

/// The kinds of PEM block that are a key, and what is done with each.
const LABELS: &[(&str, Kind)] = &[
    ("PRIVATE KEY", Kind::Pkcs8),
    ("EC PRIVATE KEY", Kind::Sec1),
    ("PUBLIC KEY", Kind::Public),
    ("ENCRYPTED PRIVATE KEY", Kind::Encrypted),
    ("RSA PRIVATE KEY", Kind::Other),
    ("RSA PUBLIC KEY", Kind::Other),
    ("DSA PRIVATE KEY", Kind::Other),
    ("OPENSSH PRIVATE KEY", Kind::Other),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pkcs8,
    Sec1,
    Public,
    Encrypted,
    Other,
}

/// Reads a key file, private or public.
pub fn read(path: &Path) -> Result<Key> {
    let mut file = std::fs::File::open(path).map_err(|e| Failure::read(path, &e))?;
    let metadata = file.metadata().map_err(|e| Failure::read(path, &e))?;
    // The mode is that of the opened file, not of what has the name a moment later.
    let mode = metadata.mode();
    let mut bytes = Zeroizing::new(Vec::new());
    file.by_ref().take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| Failure::read(path, &e))?;
    let key = if bytes.len() as u64 > MAX_FILE {
        Err(Failure::new(input::FILE_TOO_LARGE, format!("a key file has at most {MAX_FILE} bytes")))
    } else {
        parse(&bytes)
    };
    let key = key.about(path.display())?;
    if key.private.is_some() && mode & 0o077 != 0 {
        let cause = format!("the mode of the file is {:03o}", mode & 0o777);
        return Err(Failure::new(input::KEY_PERMISSIONS, cause).about(path.display()));
    }
    Ok(key)
}

/// Parses the content of a key file.
pub fn parse(bytes: &[u8]) -> Result<Key> {
    if bytes.is_empty() {
        return Err(Failure::new(input::FILE_EMPTY, "the file has no bytes"));
    }
    let unreadable = |what: &str| Failure::new(input::KEY_UNREADABLE, what);
    let text =
        std::str::from_utf8(bytes).map_err(|_| unreadable("the file is not text; a PEM file is wanted"))?;
    let mut blocks = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .filter(|label| label.ends_with(" KEY"));
    let label = blocks
        .next()
        .ok_or_else(|| unreadable("the file has no PEM block of a key (-----BEGIN … KEY-----)"))?;
    if blocks.next().is_some() {
        return Err(Failure::new(input::KEY_FILE_MULTIPLE, "the file has more than one PEM block of a key"));
    }
    let kind = LABELS.iter().find(|(l, _)| *l == label).map(|(_, kind)| *kind);
    let private =
        match kind {
            Some(Kind::Pkcs8) => {
                Some(SecretKey::from_pkcs8_pem(block(text, label)?).map_err(|e| private_error(text, &e))?)
            }
            Some(Kind::Sec1) => Some(SecretKey::from_sec1_pem(block(text, label)?).map_err(|_| {
                unreadable("the EC private key cannot be decoded, or is not of the curve P-256")
            })?),
            Some(Kind::Public) => None,
            Some(Kind::Encrypted) => {
                return Err(Failure::new(input::KEY_ENCRYPTED, "the PEM block is encrypted"));
            }
            Some(Kind::Other) | None => {
                let cause = format!("the PEM block is a `{label}`; only ECDSA P-256 keys are supported");
                return Err(Failure::new(input::KEY_ALGORITHM, cause));
            }
        };
    let demo = text.lines().take_while(|l| !l.starts_with("-----BEGIN")).any(|l| l.trim() == DEMO_MARK);
    match private {
        Some(secret) => {
            let private = SigningKey::from(p256::ecdsa::SigningKey::from(&secret));
            Ok(Key { public: private.public_key(), private: Some(private), demo })
        }
        None => Ok(Key { public: public(block(text, label)?)?, private: None, demo }),
    }
}

/// The one PEM block, without what stands before and after it.
fn block<'t>(text: &'t str, label: &str) -> Result<&'t str> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let cut_off =
        || Failure::new(input::KEY_UNREADABLE, format!("the line `{end}` is missing: the file is cut off"));
    let start = text.find(&begin).ok_or_else(cut_off)?;
    let rest = text.get(start..).ok_or_else(cut_off)?;
    let stop = rest.find(&end).ok_or_else(cut_off)?;
    rest.get(..stop + end.len()).ok_or_else(cut_off)
}

/// Tells a key of another algorithm from a damaged one. The texts of the decoder name no key bytes.
fn private_error(text: &str, error: &p256::pkcs8::Error) -> Failure {
    use p256::pkcs8::{PrivateKeyInfoRef, SecretDocument};
    let other = block(text, "PRIVATE KEY")
        .ok()
        .and_then(|block| SecretDocument::from_pem(block).ok())
        .is_some_and(|(_, document): (&str, SecretDocument)| {
            document.decode_msg::<PrivateKeyInfoRef<'_>>().is_ok_and(|info| !is_p256(&info.algorithm))
        });
    if other {
        return Failure::new(input::KEY_ALGORITHM, "the private key is not of the curve P-256");
    }
    Failure::new(input::KEY_UNREADABLE, format!("the private key cannot be decoded: {error}"))
}

fn is_p256(algorithm: &p256::pkcs8::spki::AlgorithmIdentifierRef<'_>) -> bool {
    use p256::pkcs8::AssociatedOid;
    algorithm.oid == p256::elliptic_curve::ALGORITHM_OID
        && algorithm.parameters_oid().is_ok_and(|curve| curve == p256::NistP256::OID)
}

fn public(block: &str) -> Result<P256PublicKey> {
    use p256::pkcs8::spki::{DecodePublicKey, Document, SubjectPublicKeyInfoRef};
    match p256::PublicKey::from_public_key_pem(block) {
        // Decoding checks that the point is on the curve; this gives the one form that all others use.
        Ok(key) => {
            let der = key.to_public_key_der().map_err(|e| Failure::internal(e.to_string()))?;
            P256PublicKey::from_spki_der(der.as_bytes()).map_err(|e| Failure::internal(e.to_string()))
        }
        Err(error) => {
            let document = Document::from_pem(block).ok().map(|(_, document)| document);
            let info = document.as_ref().and_then(|d| d.decode_msg::<SubjectPublicKeyInfoRef<'_>>().ok());
            Err(match info {
                Some(info) if !is_p256(&info.algorithm) => {
                    Failure::new(input::KEY_ALGORITHM, "the public key is not of the curve P-256")
                }
                Some(_) => Failure::new(input::KEY_INVALID, "the point is not on the curve P-256"),
                None => {
                    Failure::new(input::KEY_UNREADABLE, format!("the public key cannot be decoded: {error}"))
                }
            })
        }
    }
}

/// A new private key from the operating system's random numbers, as the text of a PEM file.
pub fn generate(demo: bool) -> Result<Zeroizing<String>> {
    use p256::elliptic_curve::Generate;
    let secret = SecretKey::try_generate()
        .map_err(|e| Failure::internal(format!("the operating system gave no random numbers: {e}")))?;
    let pem = secret.to_pkcs8_pem(LineEnding::LF).map_err(|e| Failure::internal(e.to_string()))?;
    Ok(Zeroizing::new(format!("{}{}", mark(demo), pem.as_str())))
}

/// The public half as the text of a PEM file.
pub fn public_pem(key: &Key) -> Result<String> {
    let public = p256::PublicKey::from_sec1_bytes(key.public.sec1())
        .map_err(|_| Failure::new(input::KEY_INVALID, "the point is not on the curve P-256"))?;
    let pem = public.to_public_key_pem(LineEnding::LF).map_err(|e| Failure::internal(e.to_string()))?;
    Ok(format!("{}{pem}", mark(key.demo)))
}

fn mark(demo: bool) -> String {
    if demo { format!("{DEMO_MARK}\n") } else { String::new() }
}
