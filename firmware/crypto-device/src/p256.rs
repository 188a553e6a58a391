//! P-256 by the crate `p256-cm4`: verification, and the key agreement of ECIES.
//!
//! Ours is what stands around the library: strict DER, and big-endian bytes as its words. It checks ranges and that a point
//! is on the curve itself, and has no panic that an input reaches: `tests/src/size/unreachable.rs` says which it links, and why.

use ironroot_crypto::{P256PublicKey, Sha256Digest, ecdsa_numbers};

/// 256 bits, least significant word first: what the library takes.
pub type Words = [u32; 8];

/// A big-endian number of at most 32 bytes. Of a longer one the leading bytes are lost.
#[inline(never)]
pub fn words(bytes: &[u8]) -> Words {
    let mut words = [0; 8];
    for (index, byte) in bytes.iter().rev().enumerate() {
        if let Some(word) = words.get_mut(index / 4) {
            *word |= u32::from(*byte) << (8 * (index % 4));
        }
    }
    words
}

/// The coordinates of an uncompressed point. They are checked where they are used.
fn coordinates(point: &[u8; 65]) -> [Words; 2] {
    let [_, coordinates @ ..] = point;
    let (x, y) = coordinates.split_at(32);
    [words(x), words(y)]
}

/// SEC 1, 4.1.4, with the strict form of signature that [`ironroot_crypto::Crypto`] demands. Everything here is public.
pub fn verify(key: &P256PublicKey, digest: &Sha256Digest, signature: &[u8]) -> bool {
    let Some([r, s]) = ecdsa_numbers(signature, 32) else { return false };
    let [x, y] = coordinates(key.sec1());
    p256_cm4::verify(&x, &y, digest, &words(r), &words(s))
}

/// Whether 1 <= scalar < n, the order of the group.
#[cfg(feature = "decrypt")]
pub fn is_scalar(scalar: &Words) -> bool {
    p256_cm4::check_range_n(scalar)
}

/// ECDH (SEC 1, 3.3.1): the x coordinate of `scalar` times the point `04 || X || Y`, big-endian. `None` if that is no point of
/// the curve. The scalar must be one ([`is_scalar`]).
///
/// The same instructions for every scalar but 2 and n - 2, for which one addition is a doubling. The library loads from a
/// table at an index that is part of the scalar: the table is on the stack, which must be in memory whose access time does not
/// depend on the address. That of secure boot is in DTCM, which no cache stands before (`layout` asserts it).
#[cfg(feature = "decrypt")]
pub fn agree(scalar: &Words, public: &[u8; 65]) -> Option<[u8; 32]> {
    let [4, ..] = public else { return None };
    let [x, y] = coordinates(public);
    let mut shared = [0; 32];
    p256_cm4::ecdh_calc_shared_secret(&mut shared, scalar, &x, &y).then_some(shared)
}
