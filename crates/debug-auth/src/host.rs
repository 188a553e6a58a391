//! The host's end: making chains and tokens, asking, and reading answers. Reads and writes no device: that is the caller's.

use alloc::string::String;
use alloc::vec::Vec;

use ironroot_codes::{Code, h7rs as codes};
use ironroot_crypto::{Crypto, Digest, P256PublicKey, SignError, Signer};
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, ProductState};

use crate::certificate::{CHALLENGE_LEN, Role};
use crate::packet::{Builder, Command, HEADER, Packet, Status, Tlvs, tlv};

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Claims {
    /// Its role.
    pub role: Role,
    /// Product state it is for; `None`: any.
    pub lifecycle: Option<ProductState>,
    /// Class of chips it is for; 0: any.
    pub soc_class: u32,
    /// Chip it is for; zeros: any.
    pub soc_id: [u8; 16],
    /// What it permits.
    pub permissions: u128,
}

impl Claims {
    /// A certificate for every chip and state, that permits everything.
    pub const fn any(role: Role) -> Self {
        Self { role, lifecycle: None, soc_class: 0, soc_id: [0; 16], permissions: u128::MAX }
    }
}

/// What a device says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Its product state; `None` for a number that is none.
    pub state: Option<ProductState>,
    /// The kind of authentication that it wants.
    pub method: DebugAuthentication,
    /// DEV_ID.
    pub soc_class: u32,
    /// Its identity.
    pub soc_id: [u8; 16],
    /// What may be asked for at all.
    pub permissions: u128,
}

impl Discovery {
    /// From the data of the answer. Types that are not known are skipped: a newer device may say more.
    pub fn parse(data: &[u8]) -> Result<Self, Code> {
        let mut found = Self {
            state: None,
            method: DebugAuthentication::None,
            soc_class: 0,
            soc_id: [0; 16],
            permissions: 0,
        };
        let mut tlvs = Tlvs::of(data);
        for (ty, value) in &mut tlvs {
            match (ty, value) {
                (tlv::LIFECYCLE, [number, 0]) => found.state = ProductState::from_number(*number),
                (tlv::METHOD, [bits]) => found.method = DebugAuthentication::from_bits(*bits),
                (tlv::SOC_CLASS, value) => found.soc_class = u32::from_le_bytes(exact(value)?),
                (tlv::SOC_ID, value) => found.soc_id = exact(value)?,
                (tlv::PERMISSIONS, value) => found.permissions = u128::from_le_bytes(exact(value)?),
                _ => {}
            }
        }
        if tlvs.is_complete() { Ok(found) } else { Err(codes::DA_ANSWER) }
    }
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Code> {
    bytes.try_into().map_err(|_| codes::DA_ANSWER)
}

/// The device's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Success, with data.
    Success(Vec<u8>),
    /// Send the next certificate, or the token.
    NeedMoreData,
    /// Refused for this reason.
    Refused(Code),
}

impl Answer {
    /// From a response packet.
    pub fn parse(response: &[u8]) -> Result<Self, Code> {
        let packet = Packet::parse(response).ok_or(codes::DA_ANSWER)?;
        match (Status::from_number(packet.number), packet.data) {
            (Some(Status::Success), data) => Ok(Self::Success(data.to_vec())),
            (Some(Status::NeedMoreData), []) => Ok(Self::NeedMoreData),
            (Some(Status::Failure), [low, high, 0, 0]) => {
                Ok(Self::Refused(Code::from_number(u16::from_le_bytes([*low, *high]))))
            }
            (Some(Status::InvalidCommand), []) => Ok(Self::Refused(codes::DA_PACKET)),
            _ => Err(codes::DA_ANSWER),
        }
    }
}

/// The challenge in the data of the answer to [`request`] with [`Command::AuthStart`].
pub fn challenge(data: &[u8]) -> Result<[u8; CHALLENGE_LEN], Code> {
    match data.split_first_chunk::<4>() {
        Some(([1, _, 0, 0], challenge)) => exact(challenge),
        _ => Err(codes::DA_ANSWER),
    }
}

/// A request without data.
pub fn request(command: Command) -> Vec<u8> {
    Builder::new(command as u16).finish().to_vec()
}

/// A request that presents a certificate, a token or a password: the type of TLV and its value.
pub fn present(ty: u16, value: &[u8]) -> Vec<u8> {
    Builder::new(Command::AuthResponse as u16).tlv(ty, value).finish().to_vec()
}

/// The TLVs of a chain file or of ST's password.bin: what to present, in order.
pub fn chain(file: &[u8]) -> Result<Vec<(u16, Vec<u8>)>, Code> {
    let mut tlvs = Tlvs::of(file);
    let parts = (&mut tlvs).map(|(ty, value)| (ty, value.to_vec())).collect();
    if tlvs.is_complete() { Ok(parts) } else { Err(codes::DA_PACKET) }
}

/// A TLV as chain files hold it.
pub fn chain_entry(ty: u16, value: &[u8]) -> Vec<u8> {
    Builder::new(0).tlv(ty, value).finish().get(HEADER..).unwrap_or_default().to_vec()
}

/// A certificate for `key`, signed by `signer`: for a root, the holder of `key` itself.
pub fn certificate(
    claims: &Claims,
    key: &P256PublicKey,
    signer: &dyn Signer,
    crypto: &mut impl Crypto,
) -> Result<Vec<u8>, SignError> {
    let lifecycle = claims.lifecycle.map_or(0, |state| u16::from(state.number()));
    let mut bytes = Vec::new();
    bytes.extend([1, 0, 1, 1, claims.role as u8, 0, 0, 0]);
    bytes.extend(lifecycle.to_le_bytes());
    bytes.extend([0; 6]);
    bytes.extend(claims.soc_class.to_le_bytes());
    bytes.extend(claims.soc_id);
    bytes.extend(claims.permissions.to_le_bytes());
    bytes.extend(key.sec1().iter().skip(1));
    bytes.extend(crypto.sha256_of(&[]));
    let signature = sign(signer, &crypto.sha256_of(&bytes))?;
    bytes.extend(signature);
    Ok(bytes)
}

/// A token that asks for `permissions`, for this challenge, signed by the leaf.
pub fn token(
    permissions: u128,
    challenge: &[u8; CHALLENGE_LEN],
    signer: &dyn Signer,
    crypto: &mut impl Crypto,
) -> Result<Vec<u8>, SignError> {
    let mut bytes = Vec::new();
    bytes.extend([1, 0, 1, 0, 0, 0, 0, 0]);
    bytes.extend(permissions.to_le_bytes());
    bytes.extend(crypto.sha256_of(&[]));
    let mut signed = bytes.clone();
    signed.extend(challenge);
    let signature = sign(signer, &crypto.sha256_of(&signed))?;
    bytes.extend(signature);
    Ok(bytes)
}

/// A signature as ADAC has it: r and s, 32 bytes each.
fn sign(signer: &dyn Signer, digest: &[u8; 32]) -> Result<[u8; 64], SignError> {
    let digest = Digest::from_slice(digest).ok_or(SignError(String::from("no digest")))?;
    raw(&signer.sign(&digest)?).ok_or(SignError(String::from("the key made no P-256 signature in DER")))
}

fn raw(der: &[u8]) -> Option<[u8; 64]> {
    let [0x30, _, rest @ ..] = der else { return None };
    let mut signature = [0; 64];
    let mut rest = rest;
    for half in signature.as_chunks_mut::<32>().0 {
        let [0x02, length, tail @ ..] = rest else { return None };
        let (number, tail) = tail.split_at_checked(usize::from(*length))?;
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        for (to, from) in half.iter_mut().rev().zip(number.iter().rev()) {
            *to = *from;
        }
        rest = tail;
    }
    rest.is_empty().then_some(signature)
}
