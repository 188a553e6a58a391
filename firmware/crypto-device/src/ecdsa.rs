//! Verification of ECDSA P-256. Everything here is public, so nothing needs constant time.

use ironroot_crypto::{P256PublicKey, Sha256Digest};

use crate::curve::{
    GENERATOR, INFINITY, Words, add, add_affine, double, is_scalar, jacobian, multiply_scalar, point,
    square_scalar, words, x_is,
};

/// The order of the group less two: the exponent of an inversion (Fermat).
const ORDER_LESS_2: Words =
    [0xfc63_254f, 0xf3b9_cac2, 0xa717_9e84, 0xbce6_faad, 0xffff_ffff, 0xffff_ffff, 0, 0xffff_ffff];

/// SEC 1, 4.1.4, with the strict form of signature that [`ironroot_crypto::Crypto`] demands.
pub fn verify(key: &P256PublicKey, digest: &Sha256Digest, signature: &[u8]) -> bool {
    let Some((r, s)) = parse(signature) else { return false };
    if !is_scalar(&r) || !is_scalar(&s) {
        return false;
    }
    let [_, coordinates @ ..] = key.sec1();
    let (x, y) = coordinates.split_at(32);
    let Some(key) = point(words(x), words(y)) else { return false };

    let mut u1 = inverse(&s);
    let mut u2 = u1;
    // The digest may be above the order: the multiplication reduces.
    multiply_scalar(&mut u1, &words(digest));
    multiply_scalar(&mut u2, &r);
    x_is(&combine(&u1, &u2, &jacobian(&key)), &r)
}

/// r and s of a DER `SEQUENCE { r INTEGER, s INTEGER }`, with nothing behind it.
fn parse(signature: &[u8]) -> Option<(Words, Words)> {
    match signature {
        // Two integers of at most 35 bytes: the length has one byte, and is less than 0x80.
        [0x30, length, body @ ..] if usize::from(*length) == body.len() && *length < 0x80 => {
            let (r, rest) = integer(body)?;
            let (s, rest) = integer(rest)?;
            rest.is_empty().then_some((r, s))
        }
        _ => None,
    }
}

/// A positive INTEGER of at most 256 bits in its shortest form, and what follows it.
#[inline(never)]
fn integer(bytes: &[u8]) -> Option<(Words, &[u8])> {
    let [0x02, length, rest @ ..] = bytes else { return None };
    let (value, rest) = rest.split_at_checked(usize::from(*length))?;
    let value = match value {
        // A leading zero is there for the sign only.
        [0x00, value @ ..] if value.first().is_some_and(|first| *first >= 0x80) => value,
        [0x01..0x80, ..] => value,
        // Negative, empty, not the shortest, or zero, which no signature has.
        _ => return None,
    };
    (value.len() <= 32).then(|| (words(value), rest))
}

/// 1 / a modulo the order.
fn inverse(a: &Words) -> Words {
    // The exponent's first bit.
    let mut power = *a;
    let mut first = true;
    for word in ORDER_LESS_2.iter().rev() {
        for bit in (0..32).rev() {
            if first {
                first = false;
                continue;
            }
            square_scalar(&mut power);
            if word >> bit & 1 != 0 {
                multiply_scalar(&mut power, a);
            }
        }
    }
    power
}

/// u1 G + u2 Q, both at once (Straus, Shamir): one doubling a bit, and an addition for three of four.
fn combine(u1: &Words, u2: &Words, key: &[Words; 3]) -> [Words; 3] {
    let mut both = *key;
    add_affine(&mut both, &GENERATOR);
    let mut sum = INFINITY;
    for (a, b) in u1.iter().zip(u2).rev() {
        for bit in (0..32).rev() {
            double(&mut sum);
            match (a >> bit & 1, b >> bit & 1) {
                (0, 0) => {}
                (_, 0) => add_affine(&mut sum, &GENERATOR),
                (0, _) => add(&mut sum, key),
                (_, _) => add(&mut sum, &both),
            }
        }
    }
    sum
}
