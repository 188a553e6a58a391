//! Everything that can be done to the TLVs of an image: lengths, types, order, duplicates, the wrong section, totals. What is
//! done to protected ones is signed again, so that nothing but the structure stands in the way: the fault of a tool, or
//! the trick of somebody who may sign.

use std::collections::BTreeSet;

use ironroot_codes::{Code, image as codes};
use ironroot_crypto::{Hasher, Software};
use ironroot_image::{Area, Kind, TlvType};

use crate::samples::{self, Sample};

/// An image taken apart.
#[derive(Clone)]
struct Parts {
    /// Header and payload.
    head: Vec<u8>,
    protected: Vec<(u16, Vec<u8>)>,
    unprotected: Vec<(u16, Vec<u8>)>,
}

fn area(tlvs: &[(u16, Vec<u8>)], area: Area) -> Vec<u8> {
    if tlvs.is_empty() && area == Area::Protected {
        return Vec::new();
    }
    let mut bytes = area.magic().to_le_bytes().to_vec();
    bytes.extend([0, 0]);
    for (number, value) in tlvs {
        bytes.extend(number.to_le_bytes());
        bytes.extend((value.len() as u16).to_le_bytes());
        bytes.extend(value);
    }
    let total = bytes.len() as u16;
    bytes[2..4].copy_from_slice(&total.to_le_bytes());
    bytes
}

impl Parts {
    fn of(sample: &Sample) -> Self {
        let image = sample.image();
        let (mut protected, mut unprotected) = (Vec::new(), Vec::new());
        for tlv in image.tlvs(&sample.bytes[..]) {
            let tlv = tlv.expect("a good image");
            let value = &sample.bytes[tlv.offset as usize..][..usize::from(tlv.len)];
            let list = if tlv.ty.area == Area::Protected { &mut protected } else { &mut unprotected };
            list.push((tlv.ty.number, value.to_vec()));
        }
        Self { head: sample.bytes[..image.payload().end as usize].to_vec(), protected, unprotected }
    }

    /// What hash and signature cover.
    fn covered(&self) -> Vec<u8> {
        let protected = area(&self.protected, Area::Protected);
        let mut bytes = self.head.clone();
        bytes[10..12].copy_from_slice(&(protected.len() as u16).to_le_bytes());
        bytes.extend(protected);
        bytes
    }

    fn build(&self) -> Vec<u8> {
        let mut bytes = self.covered();
        bytes.extend(area(&self.unprotected, Area::Unprotected));
        // What a slot has behind an image.
        bytes.extend([0xFF; 80]);
        bytes
    }

    /// Hash and signature anew.
    fn sign(mut self, sample: &Sample) -> Self {
        let covered = self.covered();
        let image = sample.image();
        let algorithm = image.hash_algorithm().expect("a good image");
        let mut hasher = Hasher::new(algorithm, &mut Software).expect("all algorithms are here");
        hasher.update(&covered);
        let digest = hasher.finish();
        let signature = match image.has_pure_signature() {
            true => sample.signer.sign_pure(&covered),
            false => sample.signer.sign(&digest),
        };
        for (number, value) in &mut self.unprotected {
            match TlvType::of(*number).map(|ty| ty.kind) {
                Some(Kind::Hash) => *value = digest.as_bytes().to_vec(),
                Some(Kind::Signature) => *value = signature.clone().expect("signs"),
                _ => {}
            }
        }
        self
    }

    fn list(&mut self, protected: bool) -> &mut Vec<(u16, Vec<u8>)> {
        if protected { &mut self.protected } else { &mut self.unprotected }
    }
}

fn kind(number: u16) -> Kind {
    TlvType::of(number).expect("a good image has known types").kind
}

/// One sample for each signature algorithm, with a short key.
fn signed() -> Vec<Sample> {
    let names = ["p256", "p384", "ed25519", "ed25519-pure", "rsa2048", "rsa3072", "p256-full"];
    samples::plain().into_iter().filter(|sample| names.contains(&sample.name.as_str())).collect()
}

#[track_caller]
fn judged(sample: &Sample, parts: &Parts, expected: Option<Code>, what: &str) {
    let code = sample.judge(&parts.build()[..]).err();
    assert_eq!(code, expected, "{}: {what}", sample.name);
}

#[test]
fn an_image_put_together_again_is_the_same() {
    for sample in signed() {
        let parts = Parts::of(&sample);
        assert_eq!(parts.build()[..sample.bytes.len()], sample.bytes);
        // Every signature of ours is deterministic.
        assert_eq!(parts.clone().sign(&sample).build(), parts.build(), "{}", sample.name);
    }
}

#[test]
fn a_tlv_left_out() {
    for sample in samples::all() {
        let parts = Parts::of(&sample);
        for index in 0..parts.unprotected.len() {
            let mut less = parts.clone();
            let (number, _) = less.unprotected.remove(index);
            let expected = match kind(number) {
                Kind::Hash => codes::HASH_MISSING,
                Kind::KeyId => codes::KEY_ID_MISSING,
                Kind::Signature => codes::SIGNATURE_MISSING,
                // Another signature is wanted then.
                Kind::PureSignature => codes::SIGNATURE_INVALID,
                Kind::EncryptedKey => codes::ENCRYPTION_MISMATCH,
                other => panic!("{other:?} is not protected"),
            };
            judged(&sample, &less, Some(expected), "a TLV left out");
        }
        if sample.sealing.is_some() {
            continue;
        }
        for index in 0..parts.protected.len() {
            let mut less = parts.clone();
            less.protected.remove(index);
            judged(&sample, &less, Some(codes::HASH_MISMATCH), "a protected TLV left out");
            // Nothing of it is needed, so signed it is another good image.
            judged(&sample, &less.sign(&sample), None, "a protected TLV less, signed");
        }
    }
}

#[test]
fn a_tlv_twice() {
    for sample in signed() {
        let parts = Parts::of(&sample);
        for protected in [false, true] {
            for index in 0..parts.clone().list(protected).len() {
                for at_end in [false, true] {
                    let mut more = parts.clone();
                    let list = more.list(protected);
                    let tlv = list[index].clone();
                    let number = tlv.0;
                    list.insert(if at_end { list.len() } else { index }, tlv);
                    let more = if protected { more.sign(&sample) } else { more };
                    let repeats = matches!(kind(number), Kind::Dependency | Kind::Custom);
                    let expected = (!repeats).then_some(codes::TLV_DUPLICATE);
                    judged(&sample, &more, expected, &format!("type {number:#x} twice"));
                }
            }
        }
    }
}

#[test]
fn a_tlv_in_the_other_section() {
    for sample in signed() {
        let parts = Parts::of(&sample);
        for protected in [false, true] {
            for index in 0..parts.clone().list(protected).len() {
                let mut moved = parts.clone();
                let tlv = moved.list(protected).remove(index);
                let number = tlv.0;
                for place in [0, moved.list(!protected).len()] {
                    let mut moved = moved.clone();
                    moved.list(!protected).insert(place, tlv.clone());
                    let expected = Some(codes::TLV_WRONG_SECTION);
                    judged(&sample, &moved.sign(&sample), expected, &format!("type {number:#x} moved"));
                }
            }
        }
    }
}

#[test]
fn tlvs_in_another_order() {
    for sample in signed() {
        let parts = Parts::of(&sample);
        let good = sample.judge(&sample.bytes[..]).expect("a good image");
        for a in 0..parts.unprotected.len() {
            for b in a + 1..parts.unprotected.len() {
                let mut swapped = parts.clone();
                swapped.unprotected.swap(a, b);
                let place = |wanted: Kind| swapped.unprotected.iter().position(|(n, _)| kind(*n) == wanted);
                let key_first = place(Kind::KeyId) < place(Kind::Signature);
                // The order of the others means nothing, and no signature covers it.
                judged(&sample, &swapped, (!key_first).then_some(codes::TLV_ORDER), "another order");
                if key_first {
                    let verified = sample.judge(&swapped.build()[..]).expect("accepted");
                    assert_eq!(verified.hash(), good.hash());
                }
            }
        }
        let mut reversed = parts.clone();
        reversed.protected.reverse();
        judged(&sample, &reversed, Some(codes::HASH_MISMATCH), "protected TLVs reversed");
        judged(&sample, &reversed.sign(&sample), None, "protected TLVs reversed, signed");
    }
}

/// Values that are shorter, longer, empty, with lengths that say so.
#[test]
fn values_of_another_length() {
    for sample in signed() {
        let parts = Parts::of(&sample);
        for protected in [false, true] {
            for index in 0..parts.clone().list(protected).len() {
                let (number, value) = parts.clone().list(protected)[index].clone();
                let ty = TlvType::of(number).expect("a good image");
                for len in [0, 1, value.len().saturating_sub(1), value.len() + 1, value.len() + 60] {
                    if len == value.len() {
                        continue;
                    }
                    let mut other = parts.clone();
                    other.list(protected)[index].1.resize(len, 0);
                    let other = match (protected, ty.kind) {
                        (true, _) => other.sign(&sample),
                        _ => other,
                    };
                    let legal = (usize::from(ty.min)..=usize::from(ty.max)).contains(&len);
                    let expected = match ty.kind {
                        _ if !legal => Some(codes::TLV_LENGTH),
                        Kind::Custom | Kind::BootRecord => None,
                        // A hash that belongs to the image's is as long as that.
                        Kind::KeyId if ty == TlvType::KEYHASH => Some(codes::TLV_LENGTH),
                        Kind::KeyId => Some(codes::UNKNOWN_KEY),
                        Kind::Signature => Some(codes::SIGNATURE_MALFORMED),
                        other => panic!("{other:?} has one length only"),
                    };
                    judged(&sample, &other, expected, &format!("type {number:#x} with {len} bytes"));
                }
            }
        }
    }
}

/// A length field that is not the length of the value: what follows is read from the wrong place.
#[test]
fn every_wrong_length_field_is_refused() {
    for sample in signed() {
        let image = sample.image();
        let mut slot = sample.bytes.clone();
        slot.resize(slot.len() + 80, 0xFF);
        for tlv in image.tlvs(&sample.bytes[..]) {
            let tlv = tlv.expect("a good image");
            let at = tlv.offset as usize - 2;
            for len in (0..=2048).chain([0x7FFF, 0x8000, 0xFFFB, 0xFFFC, 0xFFFF]) {
                if len == tlv.len {
                    continue;
                }
                slot[at..at + 2].copy_from_slice(&len.to_le_bytes());
                let verdict = sample.judge(&slot[..]).map(|_| ());
                assert!(verdict.is_err(), "{}: {} with length {len}", sample.name, tlv.ty.name());
                let rest =
                    if tlv.ty.area == Area::Protected { image.protected() } else { image.unprotected() };
                if tlv.offset + u32::from(len) > rest.end {
                    assert_eq!(verdict, Err(codes::TLV_OUT_OF_AREA), "{} {len}", tlv.ty.name());
                }
            }
            slot[at..at + 2].copy_from_slice(&tlv.len.to_le_bytes());
        }
        assert!(sample.judge(&slot[..]).is_ok());
    }
}

/// All 65,536 types in the place of each TLV; protected ones are signed.
#[test]
fn every_other_type_is_refused_or_means_nothing() {
    let mut codes_seen = BTreeSet::new();
    for sample in samples::plain().into_iter().filter(|sample| sample.name == "ed25519") {
        let parts = Parts::of(&sample);
        for index in 0..parts.unprotected.len() {
            let (number, _) = parts.unprotected[index];
            for other in (0..=u16::MAX).filter(|other| *other != number) {
                let mut changed = parts.clone();
                changed.unprotected[index].0 = other;
                let code = sample.judge(&changed.build()[..]).map(|_| ());
                let Err(code) = code else { panic!("{number:#x} became {other:#x} and was accepted") };
                let expected = match TlvType::of(other) {
                    None => codes::TLV_UNKNOWN,
                    Some(ty) if ty.area == Area::Protected => codes::TLV_WRONG_SECTION,
                    Some(_) => code,
                };
                assert_eq!(code, expected, "{number:#x} became {other:#x}");
                codes_seen.insert(code);
            }
        }
        for index in 0..parts.protected.len() {
            let (number, value) = parts.protected[index].clone();
            // Ed25519 signs in 30 µs: the vendor range, all alike, is tried at its edges.
            let edges = [0x009F, 0x00A0, 0x00FE, 0x00FF, 0x01A0, 0xFF9F, 0xFFA0, 0xFFFE, 0xFFFF];
            for other in (0..0x100).chain(edges).filter(|other| *other != number) {
                let mut changed = parts.clone();
                changed.protected[index].0 = other;
                let code = sample.judge(&changed.sign(&sample).build()[..]).err();
                match TlvType::of(other) {
                    None => assert_eq!(code, Some(codes::TLV_UNKNOWN), "{other:#x}"),
                    Some(ty) if ty.area == Area::Unprotected => {
                        assert_eq!(code, Some(codes::TLV_WRONG_SECTION), "{other:#x}");
                    }
                    Some(ty) if !(usize::from(ty.min)..=usize::from(ty.max)).contains(&value.len()) => {
                        assert_eq!(code, Some(codes::TLV_LENGTH), "{other:#x}");
                    }
                    Some(ty) => {
                        let there = parts
                            .protected
                            .iter()
                            .enumerate()
                            .any(|(i, (n, _))| i != index && kind(*n) == ty.kind);
                        let repeats = matches!(ty.kind, Kind::Dependency | Kind::Custom | Kind::Compression);
                        let expected = (there && !repeats).then_some(codes::TLV_DUPLICATE);
                        assert_eq!(code, expected, "{other:#x}");
                    }
                }
            }
        }
    }
    let expected = [
        codes::TLV_UNKNOWN,
        codes::TLV_WRONG_SECTION,
        codes::TLV_LENGTH,
        codes::TLV_DUPLICATE,
        codes::UNKNOWN_KEY,
    ];
    for code in expected {
        assert!(codes_seen.contains(&code), "{code} never occurred: {codes_seen:?}");
    }
}

/// Every total of both areas, and every size of the protected area in the header, signed.
#[test]
fn every_wrong_total_is_refused() {
    for sample in signed() {
        let parts = Parts::of(&sample);
        let image = sample.image();
        let mut slot = parts.build();
        let (protected, unprotected) = (image.protected(), image.unprotected());
        for (start, real, expected) in [
            (protected.start, protected.len(), Some(codes::PROTECTED_SIZE)),
            (unprotected.start, unprotected.len(), None),
        ] {
            let at = start as usize + 2;
            for total in (0..=1500_u16).chain([0x7FFF, 0xFFFC, 0xFFFF]) {
                if usize::from(total) == real {
                    continue;
                }
                slot[at..at + 2].copy_from_slice(&total.to_le_bytes());
                let verdict = sample.judge(&slot[..]).map(|_| ());
                let code = verdict.expect_err("a wrong total was accepted");
                let end = usize::from(total) + start as usize;
                match (expected, total) {
                    (Some(expected), _) => assert_eq!(code, expected, "{total}"),
                    (None, 0..4) => assert_eq!(code, codes::TLV_SIZE, "{total}"),
                    (None, _) if end > slot.len() => assert_eq!(code, codes::TRUNCATED, "{total}"),
                    (None, _) => {}
                }
            }
            slot[at..at + 2].copy_from_slice(&(real as u16).to_le_bytes());
        }
        for size in (0..=1500_u16).chain([0x7FFF, 0xFFFC, 0xFFFF]) {
            if usize::from(size) == protected.len() {
                continue;
            }
            slot[10..12].copy_from_slice(&size.to_le_bytes());
            let code = sample.judge(&slot[..]).map(|_| ()).expect_err("a wrong size was accepted");
            let behind = usize::from(size) + protected.start as usize > slot.len();
            let expected = if behind { codes::TRUNCATED } else { codes::PROTECTED_SIZE };
            assert_eq!(code, expected, "protected size {size}");
        }
    }
}

/// Signatures that say the same in another way. Only the twin of an ECDSA signature is one, and it is of the same image.
#[test]
fn signatures_in_another_form() {
    for sample in signed() {
        let parts = Parts::of(&sample);
        let index =
            parts.unprotected.iter().position(|(n, _)| kind(*n) == Kind::Signature).expect("is signed");
        let signature = parts.unprotected[index].1.clone();
        let judge = |value: Vec<u8>| {
            let mut other = parts.clone();
            other.unprotected[index].1 = value;
            sample.judge(&other.build()[..]).map(|verified| *verified.hash())
        };
        let good = judge(signature.clone()).expect("a good image");
        match (parts.unprotected[index].0, signature.len()) {
            (0x22, _) => {
                let (size, order) =
                    if sample.name.starts_with("p384") { (48, P384_ORDER) } else { (32, P256_ORDER) };
                let (r, s) = numbers(&signature, size);
                assert_eq!(der(&r, &s), signature, "our own reading of DER");
                let twin = subtract(order, &s);
                assert_eq!(judge(der(&r, &twin)), Ok(good), "{}: the twin", sample.name);
                let zero = vec![0; size];
                for (r, s) in
                    [(&zero, &s), (&r, &zero), (&zero, &zero), (&order.to_vec(), &s), (&r, &order.to_vec())]
                {
                    let code = judge(der(r, s)).expect_err("a number that is none");
                    assert!([codes::SIGNATURE_INVALID, codes::SIGNATURE_MALFORMED].contains(&code), "{code}");
                }
                let malformed = [
                    [&signature[..], &[0]].concat(),
                    [&[0x30, 0x81, signature[1]], &signature[2..]].concat(),
                    [&[0x31], &signature[1..]].concat(),
                    // A number with a zero too many, and one without the zero that makes it positive.
                    sequence(&[&[0x02, size as u8 + 2, 0, 0][..], &r, &integer(&s)].concat()),
                    sequence(
                        &[&[0x02, size as u8][..], &[&[0x80][..], &r[1..]].concat(), &integer(&s)].concat(),
                    ),
                    sequence(&[integer(&r), integer(&s), integer(&s)].concat()),
                    sequence(&integer(&r)),
                    sequence(&[]),
                    // r || s without DER.
                    [&r[..], &s].concat(),
                ];
                for (number, value) in malformed.into_iter().enumerate() {
                    let code = judge(value);
                    assert!(
                        matches!(code, Err(codes::SIGNATURE_MALFORMED | codes::TLV_LENGTH)),
                        "{}: form {number}: {code:?}",
                        sample.name
                    );
                }
            }
            (0x24, _) => {
                // S + L is the same number, and RFC 8032 wants it refused.
                let s: Vec<u8> = signature[32..].iter().rev().copied().collect();
                let mut more: Vec<u8> = add(&s, ED25519_ORDER).expect("S is small");
                more.reverse();
                let code = judge([&signature[..32], &more].concat()).expect_err("S + L");
                assert!([codes::SIGNATURE_INVALID, codes::SIGNATURE_MALFORMED].contains(&code), "{code}");
                // Commitments of small order, with S = 0.
                for point in [[0; 32], one(), [0xFF; 32]] {
                    let code = judge([&point[..], &[0; 32]].concat()).expect_err("a point of small order");
                    assert!([codes::SIGNATURE_INVALID, codes::SIGNATURE_MALFORMED].contains(&code), "{code}");
                }
            }
            _ => {
                let modulus = modulus(&sample);
                let mut tried = false;
                // A signature below 2^bits - n has a second form, s + n. Which image has one is chance.
                for counter in 0..200_u32 {
                    let mut parts = parts.clone();
                    parts.protected[0].1 = counter.to_le_bytes().to_vec();
                    let mut parts = parts.sign(&sample);
                    assert!(sample.judge(&parts.build()[..]).is_ok());
                    let Some(more) = add(&parts.unprotected[index].1, &modulus) else { continue };
                    parts.unprotected[index].1 = more;
                    let code = sample.judge(&parts.build()[..]).err();
                    assert_eq!(code, Some(codes::SIGNATURE_INVALID), "{}: s + n", sample.name);
                    tried = true;
                    break;
                }
                assert!(tried, "{}: no signature below 2^bits - n in 200", sample.name);
                for value in [0, 1, 0xFF] {
                    let mut number = vec![0; signature.len()];
                    number.fill(if value == 0xFF { 0xFF } else { 0 });
                    if value == 1 {
                        number[signature.len() - 1] = 1;
                    }
                    assert_eq!(judge(number), Err(codes::SIGNATURE_INVALID), "{}: {value}", sample.name);
                }
            }
        }
    }
}

/// The order of the group, big-endian.
const P256_ORDER: &[u8] = &[
    0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA,
    0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];
const P384_ORDER: &[u8] = &[
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xC7, 0x63, 0x4D, 0x81, 0xF4, 0x37, 0x2D, 0xDF, 0x58, 0x1A,
    0x0D, 0xB2, 0x48, 0xB0, 0xA7, 0x7A, 0xEC, 0xEC, 0x19, 0x6A, 0xCC, 0xC5, 0x29, 0x73,
];
const ED25519_ORDER: &[u8] = &[
    0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0xDE, 0xF9, 0xDE, 0xA2, 0xF7, 0x9C, 0xD6, 0x58,
    0x12, 0x63, 0x1A, 0x5C, 0xF5, 0xD3, 0xED,
];

fn one() -> [u8; 32] {
    let mut one = [0; 32];
    one[0] = 1;
    one
}

/// `a + b` of equal length, big-endian; `None` if it is longer.
fn add(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    let mut carry = 0;
    let mut sum: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let digit = u16::from(*a) + u16::from(*b) + carry;
            carry = digit >> 8;
            digit as u8
        })
        .collect();
    sum.reverse();
    (carry == 0).then_some(sum)
}

/// `a - b` of equal length, big-endian, `a` the larger.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let (mut borrow, mut difference) = (0, vec![0; a.len()]);
    for index in (0..a.len()).rev() {
        let digit = i16::from(a[index]) - i16::from(b[index]) - borrow;
        difference[index] = digit as u8;
        borrow = i16::from(digit < 0);
    }
    difference
}

fn sequence(body: &[u8]) -> Vec<u8> {
    [&[0x30, body.len() as u8][..], body].concat()
}

fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count().min(number.len() - 1);
    let number = &number[zeros..];
    let sign: &[u8] = if number[0] >= 0x80 { &[0] } else { &[] };
    [&[0x02, (number.len() + sign.len()) as u8][..], sign, number].concat()
}

fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    sequence(&[integer(r), integer(s)].concat())
}

/// The two numbers of a DER signature, `size` bytes each.
fn numbers(der: &[u8], size: usize) -> (Vec<u8>, Vec<u8>) {
    let number = |at: usize| {
        let len = usize::from(der[at + 1]);
        let digits = &der[at + 2..at + 2 + len];
        let digits = if digits.len() > size { &digits[1..] } else { digits };
        let mut number = vec![0; size - digits.len()];
        number.extend(digits);
        (number, at + 2 + len)
    };
    let (r, next) = number(2);
    (r, number(next).0)
}

/// The modulus of an RSA key, from its PKCS#1 DER: SEQUENCE { INTEGER with a zero before it, INTEGER 65537 }.
fn modulus(sample: &Sample) -> Vec<u8> {
    let key = sample.signer.public_key();
    let der = key.der();
    let der = der.as_bytes();
    let exponent = 5;
    let len = if der.len() > 300 { 384 } else { 256 };
    der[der.len() - exponent - len..der.len() - exponent].to_vec()
}
