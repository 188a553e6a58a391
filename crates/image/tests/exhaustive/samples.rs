//! Small images of every algorithm and every kind of encryption, with every TLV.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::OnceLock;

use ironroot_codes::Code;
use ironroot_crypto::seal::{EncryptionKey, Entropy, SealError};
use ironroot_crypto::{
    ContentKey, ContentKeys, Ed25519SigningKey, HashAlgorithm, KeyBits, KeyWrapKey, OpenError,
    P256ContentKeys, P384SigningKey, PublicKey, RsaContentKeys, RsaSigningKey, Sealing, Signer, SigningKey,
    Software, X25519ContentKeys, X25519PublicKey,
};
use ironroot_image::build::{Builder, KeyFormat, KeySource, Seal};
use ironroot_image::{
    Dependencies, Dialect, Image, Limits, Plain, Policy, ReadAt, VerifiedImage, open_key, verify,
};
use rsa::pkcs8::DecodePrivateKey;

/// No limit but that of the format.
pub const LIMITS: Limits = Limits { max_size: u32::MAX, dialect: Dialect::Mcuboot };

/// Takes everything that is authentic and can run in place.
pub const POLICY: Policy =
    Policy { dependencies: Dependencies::LeaveToDevice, encrypted: true, ..Policy::NONE };

/// An image, and how it is judged.
pub struct Sample {
    pub name: String,
    pub bytes: Vec<u8>,
    pub signer: &'static dyn Signer,
    pub sealing: Option<Sealing>,
    holder: Holder,
}

impl Sample {
    /// The verdict on `source` with the keys of this image: the code of the check that refused it.
    pub fn judge(&self, source: &(impl ReadAt + ?Sized)) -> Result<VerifiedImage, Code> {
        self.judge_with(source, &POLICY)
    }

    pub fn judge_with(
        &self,
        source: &(impl ReadAt + ?Sized),
        policy: &Policy,
    ) -> Result<VerifiedImage, Code> {
        let code = |error: ironroot_image::Error| error.code();
        let image = Image::parse(source, LIMITS).map_err(code)?;
        let keys = [self.signer.public_key()];
        if image.encryption().is_none() {
            return verify(&image, source, &keys, policy, &mut Software).map_err(code);
        }
        let key = open_key(&image, source, &self.holder).map_err(code)?;
        let plain = Plain::new(source, &image, &key, &self.holder);
        verify(&image, &plain, &keys, policy, &mut Software).map_err(code)
    }

    pub fn image(&self) -> Image {
        Image::parse(&self.bytes[..], LIMITS).expect("a good image")
    }
}

type Opened = Result<ContentKey, OpenError>;

/// What opens image keys, remembering what came of each: an RSA operation for every flipped bit would take minutes.
struct Holder {
    keys: Vec<Box<dyn ContentKeys>>,
    known: RefCell<HashMap<(Sealing, Vec<u8>), Opened>>,
}

impl ContentKeys for Holder {
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError> {
        let open = || {
            let answers = self.keys.iter().map(|key| key.open(sealing, sealed));
            answers
                .into_iter()
                .find(|a| !matches!(a, Err(OpenError::Unsupported)))
                .unwrap_or(Err(OpenError::Unsupported))
        };
        self.known.borrow_mut().entry((sealing, sealed.to_vec())).or_insert_with(open).clone()
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        ironroot_crypto::aes_ctr(key, offset, data);
    }
}

/// Numbers from a seed, so that every run has the same images.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

impl Entropy for Random {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), SealError> {
        for byte in bytes {
            *byte = self.next() as u8;
        }
        Ok(())
    }
}

/// The private keys of this test.
struct Keys {
    p256: SigningKey,
    p384: P384SigningKey,
    ed25519: Ed25519SigningKey,
    rsa2048: RsaSigningKey,
    rsa3072: RsaSigningKey,
    rsa_device: rsa::RsaPrivateKey,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let rsa = |der: &[u8]| rsa::RsaPrivateKey::from_pkcs8_der(der).expect("an RSA key");
        let rsa2048 = rsa(include_bytes!("data/rsa-2048.der"));
        let rsa3072 = rsa(include_bytes!("data/rsa-3072.der"));
        Keys {
            p256: SigningKey::from_scalar(&[0x11; 32]).expect("below the order"),
            p384: p384::ecdsa::SigningKey::from_slice(&[0x11; 48]).expect("below the order").into(),
            ed25519: Ed25519SigningKey::from_seed(&[0x22; 32]),
            rsa_device: rsa2048.clone(),
            rsa2048: rsa2048.try_into().expect("2048 bits"),
            rsa3072: rsa3072.try_into().expect("3072 bits"),
        }
    })
}

const DEVICE: [u8; 32] = [0x33; 32];

fn holder() -> Holder {
    let keys: Vec<Box<dyn ContentKeys>> = vec![
        Box::new(P256ContentKeys::from_scalar(&DEVICE).expect("below the order")),
        Box::new(X25519ContentKeys::from_bytes(&DEVICE)),
        Box::new(RsaContentKeys::from(keys().rsa_device.clone())),
    ];
    Holder { keys, known: RefCell::default() }
}

/// The public half of what [`holder`] holds.
fn recipient(sealing: Sealing, bits: KeyBits) -> EncryptionKey {
    match sealing {
        Sealing::EciesP256 => {
            EncryptionKey::P256(SigningKey::from_scalar(&DEVICE).expect("below the order").public_key())
        }
        Sealing::EciesX25519 | Sealing::EciesX25519Sha512 => {
            let public = x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(DEVICE));
            EncryptionKey::X25519(X25519PublicKey::from_raw(public.as_bytes()).expect("32 bytes"))
        }
        Sealing::RsaOaep => match Signer::public_key(&keys().rsa2048) {
            PublicKey::Rsa(key) => EncryptionKey::Rsa(key),
            _ => unreachable!("an RSA key"),
        },
        Sealing::AesKeyWrap => EncryptionKey::KeyWrap(wrap_key(bits)),
    }
}

fn wrap_key(bits: KeyBits) -> KeyWrapKey {
    KeyWrapKey::from_bytes(&DEVICE[..bits.bytes()]).expect("16 or 32 bytes")
}

/// How an image is signed: name, key, hash, over the content itself.
type Signing = (&'static str, &'static dyn Signer, HashAlgorithm, bool);

fn signings() -> [Signing; 8] {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    let keys = keys();
    [
        ("p256", &keys.p256, Sha256, false),
        ("p256-sha512", &keys.p256, Sha512, false),
        ("p384", &keys.p384, Sha384, false),
        ("ed25519", &keys.ed25519, Sha256, false),
        ("ed25519-sha512", &keys.ed25519, Sha512, false),
        ("ed25519-pure", &keys.ed25519, Sha512, true),
        ("rsa2048", &keys.rsa2048, Sha256, false),
        ("rsa3072", &keys.rsa3072, Sha256, false),
    ]
}

const SEALINGS: [Sealing; 5] = [
    Sealing::EciesP256,
    Sealing::EciesX25519,
    Sealing::EciesX25519Sha512,
    Sealing::RsaOaep,
    Sealing::AesKeyWrap,
];

/// A recipe with every protected TLV.
fn recipe(hash: HashAlgorithm, pure: bool, format: KeyFormat) -> Builder {
    Builder::new("1.2.3+4".parse().expect("a version"))
        .header_size(40)
        .hash(hash)
        .pure(pure)
        .key_format(format)
        .security_counter(7)
        .boot_record("SPE")
        .dependency(1, "2.0.0".parse().expect("a version"))
        .dependency(2, "0.1.0".parse().expect("a version"))
        .vendor_id([0xA1; 16])
        .class_id([0xB2; 16])
        .custom_tlv(0x03A0, b"vendor")
        .custom_tlv(0x00B1, b"")
}

fn sample(signing: Signing, format: KeyFormat, seal: Option<(Sealing, KeyBits)>) -> Sample {
    let (name, signer, hash, pure) = signing;
    let mut recipe = recipe(hash, pure, format);
    let mut name = format!("{name}{}", if format == KeyFormat::Full { "-full" } else { "" });
    let mut random = Random(1);
    let recipient = seal.map(|(sealing, bits)| recipient(sealing, bits));
    let mut holder = holder();
    if let Some((sealing, bits)) = seal {
        name.push_str(&format!("-{sealing:?}-{bits:?}"));
        recipe = recipe.encrypted(bits);
        if sealing == Sealing::AesKeyWrap {
            holder.keys.push(Box::new(wrap_key(bits)));
        }
    }
    let bytes = {
        let seal = seal.zip(recipient.as_ref()).map(|((sealing, _), to)| Seal {
            to,
            sealing,
            source: KeySource::Random(&mut random),
            clear: false,
        });
        let payload: Vec<u8> = (0..48).map(|i: u8| i.wrapping_mul(37)).collect();
        let mut bytes = Vec::new();
        let mut out = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            Ok(())
        };
        recipe
            .write(&&payload[..], Some(signer), seal, &mut Software, &mut out)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        bytes
    };
    let sample = Sample { name, bytes, signer, sealing: seal.map(|(sealing, _)| sealing), holder };
    let good = sample.judge(&sample.bytes[..]);
    assert!(good.is_ok(), "{}: {good:?}", sample.name);
    sample
}

/// Every signature, plain, with the hash of the key and with the whole key.
pub fn plain() -> Vec<Sample> {
    let formats = [KeyFormat::Hash, KeyFormat::Full];
    signings().into_iter().flat_map(|s| formats.map(|format| sample(s, format, None))).collect()
}

/// Every way to seal an image key and both lengths of it.
pub fn encrypted() -> Vec<Sample> {
    let [_, _, _, ed25519, ..] = signings();
    let bits = [KeyBits::Aes128, KeyBits::Aes256];
    SEALINGS
        .into_iter()
        .flat_map(|sealing| bits.map(|bits| sample(ed25519, KeyFormat::Hash, Some((sealing, bits)))))
        .collect()
}

/// [`plain`] and [`encrypted`].
pub fn all() -> Vec<Sample> {
    plain().into_iter().chain(encrypted()).collect()
}
