//! What a key file holds, as text and as bytes.

use std::fmt;

use ironroot_codes::input;
use pkcs8::pkcs5::pbes2::{Kdf, Parameters};
use pkcs8::pkcs5::{EncryptionScheme, scrypt};
use pkcs8::{Document, EncryptedPrivateKeyInfoRef, LineEnding, SecretDocument};
use rsa::pkcs1::DecodeRsaPublicKey as _;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::private::{PrivateKey, SecretBytes};
use crate::public::PublicKey;
use crate::secrets::Secret;

/// The line that marks a demo key.
const DEMO_MARK: &str = "ironroot-demo-key: for virtual devices only, a real chip refuses it";

/// Most memory that a scrypt file may ask for, bytes: a hostile file must not exhaust the machine.
const MAX_SCRYPT_MEMORY: u64 = 256 * 1024 * 1024;
/// Most rounds of PBKDF2, and of scrypt's parallelisation times its cost: some seconds.
const MAX_ROUNDS: u64 = 20_000_000;

/// scrypt's work factors for files of ours: OWASP's equivalent of 64 MB within the memory that OpenSSL allows by default.
const SCRYPT: (u8, u32, u32) = (14, 8, 5);

/// What one key file holds.
pub enum Content {
    /// The private half.
    Private(PrivateKey),
    /// The public half only.
    Public(PublicKey),
}

/// A parsed key file.
pub struct Parsed {
    /// The key.
    pub content: Content,
    /// Marked as a demo key.
    pub demo: bool,
    /// The private half was protected by a passphrase.
    pub encrypted: bool,
}

/// The kinds of PEM block that are a key.
const LABELS: &[(&str, Form)] = &[
    ("PRIVATE KEY", Form::Pkcs8),
    ("ENCRYPTED PRIVATE KEY", Form::Encrypted),
    ("EC PRIVATE KEY", Form::Sec1),
    ("RSA PRIVATE KEY", Form::Pkcs1),
    ("PUBLIC KEY", Form::Spki),
    ("RSA PUBLIC KEY", Form::Pkcs1Public),
    ("CERTIFICATE", Form::Certificate),
];

#[derive(Clone, Copy)]
enum Form {
    Pkcs8,
    Encrypted,
    Sec1,
    Pkcs1,
    Spki,
    Pkcs1Public,
    Certificate,
}

impl Form {
    fn is_private(self) -> bool {
        matches!(self, Form::Pkcs8 | Form::Encrypted | Form::Sec1 | Form::Pkcs1)
    }

    fn decode(self, der: &[u8], passphrase: &dyn Fn() -> Result<Option<Secret>>) -> Result<Content> {
        match self {
            Form::Pkcs8 => PrivateKey::from_pkcs8_der(der).map(Content::Private),
            Form::Encrypted => decrypt(der, passphrase).map(Content::Private),
            Form::Sec1 => PrivateKey::from_sec1_der(der).map(Content::Private),
            Form::Pkcs1 => PrivateKey::from_pkcs1_der(der).map(Content::Private),
            Form::Spki => PublicKey::from_spki_der(der).map(Content::Public),
            Form::Pkcs1Public => {
                let key = rsa::RsaPublicKey::from_pkcs1_der(der)
                    .map_err(|e| unreadable(format!("the RSA public key cannot be decoded: {e}")))?;
                PublicKey::rsa(&key).map(Content::Public)
            }
            Form::Certificate => PublicKey::from_certificate_der(der).map(Content::Public),
        }
    }
}

fn unreadable(cause: impl Into<String>) -> Error {
    Error::new(input::KEY_UNREADABLE, cause)
}

/// Parses the content of a key file. `passphrase` is asked only if there is something to decrypt.
pub fn parse(bytes: &[u8], passphrase: &dyn Fn() -> Result<Option<Secret>>) -> Result<Parsed> {
    if bytes.is_empty() {
        return Err(Error::new(input::FILE_EMPTY, "the file has no bytes"));
    }
    // DER begins with SEQUENCE in its long or short form, which is no PEM file: `0` is no line of one.
    if let [0x30, second, ..] = bytes
        && (*second >= 0x80 || std::str::from_utf8(bytes).is_err())
    {
        return parse_der(bytes, passphrase);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| unreadable("the file is neither text (PEM) nor DER of a key"))?;
    if let Some(key) = aes(text)? {
        return Ok(key);
    }
    let mut labels = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .filter(|label| label.ends_with(" KEY") || *label == "CERTIFICATE");
    let label = labels
        .next()
        .ok_or_else(|| unreadable("the file has no PEM block of a key (-----BEGIN … KEY-----)"))?;
    if labels.next().is_some() {
        return Err(Error::new(input::KEY_FILE_MULTIPLE, "the file has more than one PEM block of a key"));
    }
    let Some(form) = LABELS.iter().find(|(l, _)| *l == label).map(|(_, form)| *form) else {
        return Err(Error::new(input::KEY_ALGORITHM, format!("the PEM block is a `{label}`")));
    };
    let block = block(text, label)?;
    if block.lines().any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED")) {
        let cause = "it has OpenSSL's traditional encryption, which derives the key with one round of MD5";
        return Err(Error::new(input::KEY_ENCRYPTION, cause));
    }
    let bad = |e: pkcs8::der::Error| unreadable(format!("the PEM block cannot be decoded: {e}"));
    let content = if form.is_private() {
        let (_, document): (&str, SecretDocument) = SecretDocument::from_pem(block).map_err(bad)?;
        form.decode(document.as_bytes(), passphrase)?
    } else {
        let (_, document): (&str, Document) = Document::from_pem(block).map_err(bad)?;
        form.decode(document.as_bytes(), passphrase)?
    };
    let demo = is_marked(text);
    Ok(Parsed { content, demo, encrypted: matches!(form, Form::Encrypted) })
}

/// True if the mark stands before the key.
fn is_marked(text: &str) -> bool {
    text.lines().take_while(|line| !line.starts_with("-----BEGIN")).any(|line| line.trim() == DEMO_MARK)
}

/// A file of bytes: the forms in the order in which they cannot be taken for one another.
fn parse_der(der: &[u8], passphrase: &dyn Fn() -> Result<Option<Secret>>) -> Result<Parsed> {
    const FORMS: [Form; 6] =
        [Form::Pkcs8, Form::Spki, Form::Sec1, Form::Pkcs1, Form::Pkcs1Public, Form::Certificate];
    if EncryptedPrivateKeyInfoRef::try_from(der).is_ok() {
        let content = Form::Encrypted.decode(der, passphrase)?;
        return Ok(Parsed { content, demo: false, encrypted: true });
    }
    for form in FORMS {
        match form.decode(der, passphrase) {
            Ok(content) => return Ok(Parsed { content, demo: false, encrypted: false }),
            // The form is this one, and its key is not: more than "cannot be parsed" can be said.
            Err(error) if error.code != input::KEY_UNREADABLE => return Err(error),
            Err(_) => {}
        }
    }
    Err(unreadable(
        "the file begins like DER, but is no key (PKCS#8, SEC1, PKCS#1, SubjectPublicKeyInfo or certificate)",
    ))
}

/// An AES key as MCUboot's tools have it: base64 of 16 or 32 bytes on one line.
fn aes(text: &str) -> Result<Option<Parsed>> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && *line != DEMO_MARK);
    let (Some(line), None) = (lines.next(), lines.next()) else { return Ok(None) };
    if !matches!(line.len(), 24 | 44) {
        return Ok(None);
    }
    let Some(bytes) = base64_decode(line) else { return Ok(None) };
    let content = Content::Private(PrivateKey::from_aes_bytes(&bytes)?);
    Ok(Some(Parsed { content, demo: is_marked(text), encrypted: false }))
}

/// Standard base64 with padding.
pub fn base64_decode(text: &str) -> Option<SecretBytes> {
    use base64ct::Encoding as _;
    base64ct::Base64::decode_vec(text).ok().map(Zeroizing::new)
}

/// The one PEM block, without what stands before and after it.
fn block<'t>(text: &'t str, label: &str) -> Result<&'t str> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let cut_off = || unreadable(format!("the line `{end}` is missing: the file is cut off"));
    let start = text.find(&begin).ok_or_else(cut_off)?;
    let rest = text.get(start..).ok_or_else(cut_off)?;
    let stop = rest.find(&end).ok_or_else(cut_off)?;
    rest.get(..stop + end.len()).ok_or_else(cut_off)
}

/// PKCS#8's EncryptedPrivateKeyInfo, opened.
fn decrypt(der: &[u8], passphrase: &dyn Fn() -> Result<Option<Secret>>) -> Result<PrivateKey> {
    let info = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|e| {
        // The structure is right and the scheme is none of the library's: that has a remedy of its own.
        match SequenceOfTwo::is(der) {
            true => unsupported(format!("the encryption scheme is not known: {e}")),
            false => unreadable(format!("the encrypted private key cannot be decoded: {e}")),
        }
    })?;
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
        return Err(unsupported("it is encrypted with PBES1, whose ciphers are broken"));
    };
    affordable(parameters)?;
    let Some(passphrase) = passphrase()? else {
        return Err(Error::new(input::KEY_ENCRYPTED, "the private key is encrypted"));
    };
    let document = info.decrypt(passphrase.as_bytes()).map_err(|e| match e {
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::UnsupportedAlgorithm { oid }) => {
            unsupported(format!("the algorithm {oid} is not supported"))
        }
        // Wrong padding, or what comes out is no key: with another passphrase it is random.
        _ => Error::new(input::KEY_PASSPHRASE, "what it decrypts to is no private key"),
    })?;
    PrivateKey::from_pkcs8_der(document.as_bytes())
}

fn unsupported(cause: impl Into<String>) -> Error {
    Error::new(input::KEY_ENCRYPTION, cause)
}

/// SEQUENCE { SEQUENCE, OCTET STRING }, whatever is inside.
struct SequenceOfTwo;

impl SequenceOfTwo {
    fn is(der: &[u8]) -> bool {
        use pkcs8::der::{AnyRef, Decode as _, SliceReader, Tag};
        let Ok(outer) = AnyRef::from_der(der) else { return false };
        let Ok(mut reader) = SliceReader::new(outer.value()) else { return false };
        let tags: Vec<Tag> = std::iter::from_fn(|| AnyRef::decode(&mut reader).ok())
            .map(|any| pkcs8::der::Tagged::tag(&any))
            .collect();
        tags == [Tag::Sequence, Tag::OctetString]
    }
}

/// Refuses work factors that only a hostile file has.
fn affordable(parameters: &Parameters) -> Result {
    let (memory, rounds) = match &parameters.kdf {
        Kdf::Pbkdf2(params) => (0, u64::from(params.iteration_count)),
        Kdf::Scrypt(params) => {
            let per_lane = u64::from(params.block_size).saturating_mul(128);
            let memory = per_lane.saturating_mul(params.cost_parameter);
            (memory, params.cost_parameter.saturating_mul(params.parallelization.into()))
        }
        _ => return Err(unsupported("its key derivation is not known")),
    };
    if memory > MAX_SCRYPT_MEMORY || rounds > MAX_ROUNDS {
        return Err(unsupported(format!(
            "its key derivation asks for {memory} bytes of memory and {rounds} rounds"
        )));
    }
    Ok(())
}

/// The text of a file with the private key: PEM, or base64 for an AES key. With a passphrase it is encrypted (PBES2, scrypt,
/// AES-256-CBC).
pub fn encode_private(key: &PrivateKey, passphrase: Option<&Secret>, demo: bool) -> Result<Secret> {
    use base64ct::Encoding as _;
    let mark = mark(demo);
    if let PrivateKey::AesKw(bytes) = key {
        if passphrase.is_some() {
            let cause = "an AES key has no encrypted form that other tools read; keep it on an encrypted disk, or in a token";
            return Err(Error::new(input::KEY_ALGORITHM, cause));
        }
        let text = Zeroizing::new(base64ct::Base64::encode_string(bytes));
        return Ok(Zeroizing::new(format!("{mark}{}\n", text.as_str())));
    }
    let der = key.to_pkcs8_der()?;
    let (label, der) = match passphrase {
        None => ("PRIVATE KEY", der),
        Some(passphrase) => ("ENCRYPTED PRIVATE KEY", encrypt(&der, passphrase)?),
    };
    let pem = pkcs8::der::pem::encode_string(label, LineEnding::LF, &der).map(Zeroizing::new);
    Ok(Zeroizing::new(format!("{mark}{}", pem.map_err(Error::internal)?.as_str())))
}

fn encrypt(der: &[u8], passphrase: &Secret) -> Result<SecretBytes> {
    let mut salt_and_iv = [0; 32];
    getrandom::fill(&mut salt_and_iv)
        .map_err(|e| Error::internal(format!("the operating system gave no random numbers: {e}")))?;
    let [salt, iv] = *salt_and_iv.as_chunks::<16>().0 else {
        return Err(Error::internal("32 bytes are two times 16"));
    };
    let (log_n, r, p) = SCRYPT;
    let internal = |e: &dyn fmt::Display| Error::internal(e);
    let factors = scrypt::Params::new(log_n, r, p).map_err(|e| internal(&e))?;
    let parameters = Parameters::generate_scrypt_aes256cbc(factors, &salt, iv).map_err(|e| internal(&e))?;
    let info = pkcs8::PrivateKeyInfoRef::try_from(der).map_err(|e| internal(&e))?;
    let document = info.encrypt_with_params(parameters, passphrase.as_bytes()).map_err(|e| internal(&e))?;
    Ok(document.to_bytes())
}

/// The text of a file with the public key: PEM.
pub fn encode_public(key: &PublicKey, demo: bool) -> Result<String> {
    Ok(format!("{}{}", mark(demo), key.to_pem()?))
}

fn mark(demo: bool) -> String {
    if demo { format!("{DEMO_MARK}\n") } else { String::new() }
}
