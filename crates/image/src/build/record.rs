//! The boot record: what an image contributes to the attestation of a device, as CBOR (RFC 8949).

use alloc::vec::Vec;

use ironroot_crypto::HashAlgorithm;

use crate::Version;

/// A CBOR map of PSA attestation's software component: type, version, signer, name of the hash, and the measurement, which
/// is last and zero. Whoever boots the image puts its hash there, so it must be at the end, and it cannot be covered by
/// itself.
pub(super) fn encode(software_type: &str, version: Version, signer: &[u8], hash: HashAlgorithm) -> Vec<u8> {
    let version = alloc::format!("{}.{}.{}", version.major, version.minor, version.revision);
    let description = match hash {
        HashAlgorithm::Sha256 => "SHA256",
        HashAlgorithm::Sha384 => "SHA384",
        HashAlgorithm::Sha512 => "SHA512",
    };
    let mut cbor = Cbor::default();
    cbor.head(MAP, 5);
    cbor.text(1, software_type);
    cbor.text(4, &version);
    cbor.bytes(5, signer);
    cbor.text(6, description);
    cbor.bytes(2, &alloc::vec![0; hash.digest_len()]);
    cbor.0
}

const UNSIGNED: u8 = 0;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const MAP: u8 = 5;

#[derive(Default)]
struct Cbor(Vec<u8>);

impl Cbor {
    /// Type and number in the shortest form. No length here exceeds a byte.
    fn head(&mut self, major: u8, number: usize) {
        let number = u8::try_from(number).unwrap_or(u8::MAX);
        if number < 24 {
            self.0.push(major << 5 | number);
        } else {
            self.0.extend([major << 5 | 24, number]);
        }
    }

    fn text(&mut self, key: usize, value: &str) {
        self.head(UNSIGNED, key);
        self.head(TEXT, value.len());
        self.0.extend(value.as_bytes());
    }

    fn bytes(&mut self, key: usize, value: &[u8]) {
        self.head(UNSIGNED, key);
        self.head(BYTES, value.len());
        self.0.extend(value);
    }
}
