//! ADAC certificates and tokens, ECDSA P-256 with SHA-256, format 1.0, without extensions.
//!
//! | certificate | size | | token | size | |
//! |---|---|---|---|---|---|
//! | 0 | 2 | version: major 1, minor 0 | 0 | 2 | version: major 1, minor 0 |
//! | 2 | 1 | signature algorithm, 1 | 2 | 1 | signature algorithm, 1 |
//! | 3 | 1 | key algorithm, 1 | 3 | 1 | zero |
//! | 4 | 1 | role: 1 root, 2 intermediate, 3 leaf | 4 | 4 | length of extensions, 0 |
//! | 5 | 1 | usage, 0 | 8 | 16 | requested permissions |
//! | 6 | 2 | zero | 24 | 32 | hash of extensions |
//! | 8 | 2 | life-cycle state, 0: any | 56 | 64 | signature r, s |
//! | 10 | 2 | constraint of the maker, 0 | | | |
//! | 12 | 4 | length of extensions, 0 | | | |
//! | 16 | 4 | class of chips, 0: any | | | |
//! | 20 | 16 | identity of the chip, zeros: any | | | |
//! | 36 | 16 | permissions mask | | | |
//! | 52 | 64 | public key x, y, big-endian | | | |
//! | 116 | 32 | hash of extensions | | | |
//! | 148 | 64 | signature r, s | | | |
//!
//! The signature of a certificate covers what is before it; that of a token too, with the challenge behind.

use ironroot_crypto::{Crypto, P256PublicKey, Sha256, Sha256Digest, Verdict};

/// Length of a certificate.
pub const CERTIFICATE_LEN: usize = 212;
/// Length of a token.
pub const TOKEN_LEN: usize = 120;
/// Length of a challenge.
pub const CHALLENGE_LEN: usize = 32;

/// ECDSA P-256 with SHA-256.
pub(crate) const ECDSA_P256: u8 = 1;
const SIGNED_CERTIFICATE: usize = 148;
const SIGNED_TOKEN: usize = 56;

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// Signed by itself; the device knows the hash of its key.
    Root = 1,
    /// Signs other certificates.
    Intermediate = 2,
    /// Signs tokens.
    Leaf = 3,
}

/// A certificate, taken apart. Nothing of it is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    bytes: &'a [u8; CERTIFICATE_LEN],
    /// Its role.
    pub role: Role,
    /// Life-cycle state it is for; 0: any.
    pub lifecycle: u16,
    /// Class of chips it is for; 0: any.
    pub soc_class: u32,
    /// Chip it is for; zeros: any.
    pub soc_id: [u8; 16],
    /// What it permits.
    pub permissions: u128,
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

impl<'a> Certificate<'a> {
    /// Takes a certificate apart; `None` if it has another form, or says something that is not known here.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let bytes: &[u8; CERTIFICATE_LEN] = bytes.try_into().ok()?;
        let [1, 0, ECDSA_P256, ECDSA_P256, role, 0, 0, 0, l0, l1, 0, 0, 0, 0, 0, 0, ..] = *bytes else {
            return None;
        };
        let role = match role {
            1 => Role::Root,
            2 => Role::Intermediate,
            3 => Role::Leaf,
            _ => return None,
        };
        Some(Self {
            bytes,
            role,
            lifecycle: u16::from_le_bytes([l0, l1]),
            soc_class: u32::from_le_bytes(field(bytes, 16)),
            soc_id: field(bytes, 20),
            permissions: u128::from_le_bytes(field(bytes, 36)),
        })
    }

    /// Its public key as it stands there: x, y.
    pub fn key(&self) -> [u8; 64] {
        field(self.bytes, 52)
    }

    /// Whether `signer` (x, y) signed it.
    pub fn is_signed_by<C: Crypto>(&self, signer: &[u8; 64], crypto: &mut C) -> Verdict {
        let digest = crypto.sha256_of(self.bytes.get(..SIGNED_CERTIFICATE).unwrap_or_default());
        verify(signer, &digest, &field(self.bytes, SIGNED_CERTIFICATE), crypto)
    }
}

/// A token, taken apart. Nothing of it is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    bytes: &'a [u8; TOKEN_LEN],
    /// What it asks for.
    pub permissions: u128,
}

impl<'a> Token<'a> {
    /// Takes a token apart; `None` if it has another form.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let bytes: &[u8; TOKEN_LEN] = bytes.try_into().ok()?;
        let [1, 0, ECDSA_P256, 0, 0, 0, 0, 0, ..] = *bytes else { return None };
        Some(Self { bytes, permissions: u128::from_le_bytes(field(bytes, 8)) })
    }

    /// Whether `signer` (x, y) signed it for this challenge.
    pub fn is_signed_by<C: Crypto>(
        &self,
        signer: &[u8; 64],
        challenge: &[u8; CHALLENGE_LEN],
        crypto: &mut C,
    ) -> Verdict {
        let mut sha = crypto.sha256();
        sha.update(self.bytes.get(..SIGNED_TOKEN).unwrap_or_default());
        sha.update(challenge);
        let digest = sha.finish();
        verify(signer, &digest, &field(self.bytes, SIGNED_TOKEN), crypto)
    }
}

fn verify<C: Crypto>(key: &[u8; 64], digest: &Sha256Digest, signature: &[u8; 64], crypto: &mut C) -> Verdict {
    let mut sec1 = [4; 65];
    for (to, from) in sec1.iter_mut().skip(1).zip(key) {
        *to = *from;
    }
    let Ok(key) = P256PublicKey::from_sec1(&sec1) else { return Verdict::REFUSED };
    let der = Der::of(signature);
    crypto.verify_p256(&key, digest, der.as_bytes())
}

/// A signature in DER, as the backends take it.
struct Der {
    bytes: [u8; 72],
    len: usize,
}

impl Der {
    fn of(signature: &[u8; 64]) -> Self {
        let mut der = Self { bytes: [0; 72], len: 2 };
        let (r, s) = signature.split_at(32);
        der.integer(r);
        der.integer(s);
        let body = (der.len - 2) as u8;
        let [sequence, length, ..] = &mut der.bytes;
        (*sequence, *length) = (0x30, body);
        der
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    /// In its shortest form, with a zero before a set sign bit. Zero comes out as an empty number, which is refused.
    fn integer(&mut self, number: &[u8]) {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let number = number.get(zeros..).unwrap_or_default();
        let sign = number.first().is_some_and(|first| *first >= 0x80);
        self.push(0x02);
        self.push(number.len() as u8 + u8::from(sign));
        if sign {
            self.push(0);
        }
        for byte in number {
            self.push(*byte);
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
