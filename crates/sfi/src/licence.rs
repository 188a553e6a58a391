//! The licence: 136 bytes that carry the firmware key of one package to one device.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | kind: 1 firmware, 2 module |
//! | 4 | 4 | session id, 0: valid for every session |
//! | 8 | 4 | least version that it may install |
//! | 12 | 4 | least version of the root security services |
//! | 16 | 8 | fingerprint: first bytes of the SHA-256 of the device's public key (X, Y) |
//! | 24 | 64 | encapsulated key: X then Y of a P-256 point |
//! | 88 | 32 | sealed: package id (16), firmware key (16) |
//! | 120 | 16 | tag |
//!
//! Offsets and sizes are those of ST's public licence structure. Sealed by HPKE (RFC 9180), base mode,
//! DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM; `info` is [`INFO`] and bytes 0 to 23, the associated data product id
//! and public key of the device. So nobody can change a field, or move the sealed part under another device's name.

use core::fmt;

use hpke::aead::{AeadTag, AesGcm128};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, setup_receiver};
use ironroot_codes::{Code, install as codes};
use ironroot_crypto::{Crypto, P256PublicKey};
use zeroize::{Zeroize, Zeroizing};

use crate::bytes::{array, put, u32_at};
use crate::certificate::coordinates;
use crate::{FirmwareKey, PRODUCT_LEN, Product, TAG_LEN};

/// Length of a licence.
pub const LICENCE_LEN: usize = 136;
/// Separates this use of HPKE from any other.
pub const INFO: &[u8; 23] = b"ironroot sfi licence v1";

const AT_VERSION: usize = 8;
const AT_SERVICES: usize = 12;
const AT_FINGERPRINT: usize = 16;
const TERMS_LEN: usize = 24;
const AT_ENCAPSULATED: usize = TERMS_LEN;
const AT_SEALED: usize = 88;
const SEALED_LEN: usize = 32;
const AT_TAG: usize = 120;
const _: () = assert!(AT_ENCAPSULATED + 64 == AT_SEALED && AT_SEALED + SEALED_LEN == AT_TAG);
const _: () = assert!(AT_TAG + TAG_LEN == LICENCE_LEN);

const INFO_LEN: usize = INFO.len() + TERMS_LEN;
const ASSOCIATED_LEN: usize = PRODUCT_LEN + 64;

type Kdf = HkdfSha256;
type Scheme = DhP256HkdfSha256;

/// Names a package: the first 16 bytes of the SHA-256 of its header, which covers every area.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PackageId(pub [u8; 16]);

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a licence is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum LicenceKind {
    /// A package.
    Firmware = 1,
    /// A module of a third party inside a package.
    Module = 2,
}

/// What a licence says in the open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What it is for.
    pub kind: LicenceKind,
    /// The least version that it may install.
    pub least_version: u32,
    /// The least version of the root security services that it trusts.
    pub least_services: u32,
    /// The first bytes of the SHA-256 of the device's public key: tells "for another device" from "damaged".
    pub fingerprint: [u8; 8],
}

impl Terms {
    fn parse(bytes: &[u8; TERMS_LEN]) -> Option<Self> {
        let kind = match u32_at(bytes, 0) {
            1 => LicenceKind::Firmware,
            2 => LicenceKind::Module,
            _ => return None,
        };
        // Sessions are not used: a licence that asks for one asks for something that would not be checked.
        if u32_at(bytes, 4) != 0 {
            return None;
        }
        Some(Self {
            kind,
            least_version: u32_at(bytes, AT_VERSION),
            least_services: u32_at(bytes, AT_SERVICES),
            fingerprint: array(bytes, AT_FINGERPRINT),
        })
    }

    #[cfg_attr(not(feature = "build"), expect(dead_code, reason = "only a host seals"))]
    fn encode(&self) -> [u8; TERMS_LEN] {
        let mut bytes = [0; TERMS_LEN];
        put(&mut bytes, 0, &(self.kind as u32).to_le_bytes());
        put(&mut bytes, AT_VERSION, &self.least_version.to_le_bytes());
        put(&mut bytes, AT_SERVICES, &self.least_services.to_le_bytes());
        put(&mut bytes, AT_FINGERPRINT, &self.fingerprint);
        bytes
    }

    /// The fingerprint of a device's public key.
    pub fn fingerprint(key: &P256PublicKey, crypto: &mut impl Crypto) -> [u8; 8] {
        array(&crypto.sha256_of(&coordinates(key)), 0)
    }
}

/// A licence of the right form. What is sealed in it only its device can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Licence {
    bytes: [u8; LICENCE_LEN],
    terms: Terms,
}

impl Licence {
    /// Reads the form.
    ///
    /// # Errors
    /// `LICENCE_MALFORMED`: another length, an unknown kind, or a session.
    pub fn parse(bytes: &[u8]) -> Result<Self, Code> {
        let bytes: [u8; LICENCE_LEN] = bytes.try_into().map_err(|_| codes::LICENCE_MALFORMED)?;
        let terms = Terms::parse(&array(&bytes, 0)).ok_or(codes::LICENCE_MALFORMED)?;
        Ok(Self { bytes, terms })
    }

    /// What it says in the open; authentic once it was opened.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The 136 bytes.
    pub fn bytes(&self) -> &[u8; LICENCE_LEN] {
        &self.bytes
    }

    fn info(&self) -> [u8; INFO_LEN] {
        info(&array(&self.bytes, 0))
    }

    /// Seals a firmware key for one device.
    ///
    /// # Errors
    /// `CERTIFICATE_KEY`: the device's key is not a point of the curve.
    #[cfg(feature = "build")]
    pub fn seal(
        terms: Terms,
        product: Product,
        device: &P256PublicKey,
        package: PackageId,
        key: &FirmwareKey,
        random: &mut impl hpke::rand_core::CryptoRng,
    ) -> Result<Self, Code> {
        use hpke::{OpModeS, Serializable, setup_sender_with_rng};

        let terms_bytes = terms.encode();
        let recipient =
            <Scheme as Kem>::PublicKey::from_bytes(device.sec1()).map_err(|_| codes::CERTIFICATE_KEY)?;
        let (encapsulated, mut context) = setup_sender_with_rng::<AesGcm128, Kdf, Scheme>(
            &OpModeS::Base,
            &recipient,
            &info(&terms_bytes),
            random,
        )
        .map_err(|_| codes::CERTIFICATE_KEY)?;
        let mut sealed = Zeroizing::new([0; SEALED_LEN]);
        put(sealed.as_mut_slice(), 0, &package.0);
        put(sealed.as_mut_slice(), 16, key.bytes());
        let tag = context
            .seal_inout_detached(InOutBuf::from(sealed.as_mut_slice()), &associated(product, device))
            .map_err(|_| codes::CERTIFICATE_KEY)?;

        let mut bytes = [0; LICENCE_LEN];
        put(&mut bytes, 0, &terms_bytes);
        put(&mut bytes, AT_ENCAPSULATED, encapsulated.to_bytes().get(1..).unwrap_or_default());
        put(&mut bytes, AT_SEALED, sealed.as_slice());
        put(&mut bytes, AT_TAG, &tag.to_bytes());
        Ok(Self { bytes, terms })
    }
}

/// The private key of a device. On a chip it lies where only the root security services read. Wiped when dropped.
pub struct DeviceKey {
    product: Product,
    public: P256PublicKey,
    private: <Scheme as Kem>::PrivateKey,
}

impl DeviceKey {
    /// From the 32 bytes of the private number, big-endian; `public` is its point, from the certificate.
    ///
    /// # Errors
    /// `NO_IDENTITY`: the number is zero or not below the order of the curve.
    pub fn new(product: Product, public: P256PublicKey, private: &[u8; 32]) -> Result<Self, Code> {
        let private = <Scheme as Kem>::PrivateKey::from_bytes(private).map_err(|_| codes::NO_IDENTITY)?;
        Ok(Self { product, public, private })
    }

    /// The kind of chip.
    pub fn product(&self) -> Product {
        self.product
    }

    /// Opens a licence: the id of the package that it is for, and the key.
    ///
    /// # Errors
    /// `LICENCE_FOR_OTHER_DEVICE`: it names another device. `LICENCE_NOT_AUTHENTIC`: it names this one, but was not sealed for it
    /// or was changed.
    pub fn open(
        &self,
        licence: &Licence,
        crypto: &mut impl Crypto,
    ) -> Result<(PackageId, FirmwareKey), Code> {
        if licence.terms.fingerprint != Terms::fingerprint(&self.public, crypto) {
            return Err(codes::LICENCE_FOR_OTHER_DEVICE);
        }
        let refused = codes::LICENCE_NOT_AUTHENTIC;
        let mut point = [4; 65];
        put(&mut point, 1, &array::<64>(&licence.bytes, AT_ENCAPSULATED));
        let encapsulated = <Scheme as Kem>::EncappedKey::from_bytes(&point).map_err(|_| refused)?;
        let mut context = setup_receiver::<AesGcm128, Kdf, Scheme>(
            &OpModeR::Base,
            &self.private,
            &encapsulated,
            &licence.info(),
        )
        .map_err(|_| refused)?;
        let tag: [u8; TAG_LEN] = array(&licence.bytes, AT_TAG);
        let tag = AeadTag::<AesGcm128>::from_bytes(&tag).map_err(|_| refused)?;
        let mut sealed = Zeroizing::new(array::<SEALED_LEN>(&licence.bytes, AT_SEALED));
        context
            .open_inout_detached(
                InOutBuf::from(sealed.as_mut_slice()),
                &associated(self.product, &self.public),
                &tag,
            )
            .map_err(|_| refused)?;
        let mut key: [u8; 16] = array(sealed.as_slice(), 16);
        let opened = (PackageId(array(sealed.as_slice(), 0)), FirmwareKey::new(key));
        key.zeroize();
        Ok(opened)
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({}, {:?})", self.product, self.public)
    }
}

fn info(terms: &[u8; TERMS_LEN]) -> [u8; INFO_LEN] {
    let mut bytes = [0; INFO_LEN];
    put(&mut bytes, 0, INFO);
    put(&mut bytes, INFO.len(), terms);
    bytes
}

fn associated(product: Product, device: &P256PublicKey) -> [u8; ASSOCIATED_LEN] {
    let mut bytes = [0; ASSOCIATED_LEN];
    put(&mut bytes, 0, product.ascii());
    put(&mut bytes, PRODUCT_LEN, &coordinates(device));
    bytes
}
