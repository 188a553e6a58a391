//! ADAC packets and TLVs. All numbers little-endian.
//!
//! Packet: u16 zero, u16 command (request) or status (response), u32 count of data words, data. TLV: u16 zero, u16 type, u32 length in
//! bytes, value, zeros up to a multiple of four.

/// Length of the header of a packet, and of a TLV.
pub const HEADER: usize = 8;
/// Longest data of a packet in bytes: a certificate without extensions is 220 bytes behind its TLV header.
pub const MAX_DATA: usize = 256;
/// Longest packet.
pub const MAX_PACKET: usize = HEADER + MAX_DATA;

/// Commands of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Command {
    /// Who are you: answered with TLVs.
    Discovery = 0x01,
    /// A challenge, please.
    AuthStart = 0x02,
    /// A certificate, a token, or a password.
    AuthResponse = 0x03,
    /// Go on booting: the session ends.
    ResumeBoot = 0x05,
}

impl Command {
    /// From its number.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            0x01 => Some(Self::Discovery),
            0x02 => Some(Self::AuthStart),
            0x03 => Some(Self::AuthResponse),
            0x05 => Some(Self::ResumeBoot),
            _ => None,
        }
    }
}

/// Status of a response. Behind [`Status::Failure`] comes one word of data: the number of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Status {
    /// Done: authenticated, or the data is what was asked for.
    Success = 0x0000,
    /// Refused; the session is over.
    Failure = 0x0001,
    /// Accepted so far: the next certificate, or the token.
    NeedMoreData = 0x0002,
    /// Not a command of this device.
    InvalidCommand = 0x7FFF,
}

impl Status {
    /// From its number.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            0x0000 => Some(Self::Success),
            0x0001 => Some(Self::Failure),
            0x0002 => Some(Self::NeedMoreData),
            0x7FFF => Some(Self::InvalidCommand),
            _ => None,
        }
    }
}

/// Types of TLVs.
pub mod tlv {
    /// Version of the protocol: u8 major, u8 minor.
    pub const AUTH_VERSION: u16 = 0x0001;
    /// Class of the chip, u32: DEV_ID of DBGMCU_IDCODE.
    pub const SOC_CLASS: u16 = 0x0003;
    /// Identity of the chip: 16 bytes, unique id and zeros.
    pub const SOC_ID: u16 = 0x0004;
    /// The device's permissions mask, 16 bytes.
    pub const PERMISSIONS: u16 = 0x0007;
    /// Life-cycle state, u16: RSSLIB's number of the product state.
    pub const LIFECYCLE: u16 = 0x0008;
    /// Formats of tokens, u16 each: types of TLV.
    pub const TOKEN_FORMATS: u16 = 0x0100;
    /// Formats of certificates, u16 each: types of TLV.
    pub const CERT_FORMATS: u16 = 0x0101;
    /// Algorithms, u8 each: 1 is ECDSA P-256 with SHA-256.
    pub const CRYPTOSYSTEMS: u16 = 0x0102;
    /// A token.
    pub const TOKEN: u16 = 0x0200;
    /// A certificate.
    pub const CERTIFICATE: u16 = 0x0201;
    /// ST: a password of 16 characters.
    pub const PASSWORD: u16 = 0x8000;
    /// Ours: the kind of authentication, u8, DBG_AUTH of FLASH_ROTSR.
    pub const METHOD: u16 = 0x8101;
}

/// A request or response, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Command or status.
    pub number: u16,
    /// The data, a multiple of four bytes.
    pub data: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Takes a packet apart; `None` if the reserved field is set or the length does not fit.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, data) = bytes.split_first_chunk::<HEADER>()?;
        let [0, 0, low, high, count @ ..] = *header else { return None };
        let length = usize::try_from(u32::from_le_bytes(count)).ok()?.checked_mul(4)?;
        (data.len() == length && length <= MAX_DATA)
            .then_some(Self { number: u16::from_le_bytes([low, high]), data })
    }

    /// Number of data words that the header of a packet states; `None` if it is no header, or of a packet that is too long.
    pub fn words(header: &[u8; HEADER]) -> Option<usize> {
        let [0, 0, _, _, count @ ..] = *header else { return None };
        let words = usize::try_from(u32::from_le_bytes(count)).ok()?;
        (words <= MAX_DATA / 4).then_some(words)
    }
}

/// The TLVs of a packet's data, or of a chain file. Ends at the first that does not fit; [`Tlvs::is_complete`] tells.
#[derive(Clone, Debug)]
pub struct Tlvs<'a> {
    rest: &'a [u8],
}

impl<'a> Tlvs<'a> {
    /// The TLVs in `data`.
    pub fn of(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// Whether everything so far was a TLV, and nothing is left.
    pub fn is_complete(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (header, rest) = self.rest.split_first_chunk::<HEADER>()?;
        let [0, 0, low, high, length @ ..] = *header else { return None };
        let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
        let (value, rest) = rest.split_at_checked(length)?;
        let (padding, rest) = rest.split_at_checked(length.wrapping_neg() % 4)?;
        if padding.iter().any(|byte| *byte != 0) {
            return None;
        }
        self.rest = rest;
        Some((u16::from_le_bytes([low, high]), value))
    }
}

/// A packet under construction, in the room that the longest one needs.
#[derive(Clone, Debug)]
pub struct Builder {
    bytes: [u8; MAX_PACKET],
    len: usize,
}

impl Builder {
    /// A packet without data.
    pub fn new(number: u16) -> Self {
        let mut bytes = [0; MAX_PACKET];
        let [low, high] = number.to_le_bytes();
        let [_, _, a, b, ..] = &mut bytes;
        (*a, *b) = (low, high);
        Self { bytes, len: HEADER }
    }

    /// Appends bytes. What does not fit any more is left out: everything that is built fits, by its fixed lengths.
    pub fn push(&mut self, data: &[u8]) -> &mut Self {
        if let Some(room) = self.bytes.get_mut(self.len..)
            && let Some(room) = room.get_mut(..data.len())
        {
            for (to, from) in room.iter_mut().zip(data) {
                *to = *from;
            }
            self.len += data.len();
        }
        self
    }

    /// Appends a TLV.
    pub fn tlv(&mut self, ty: u16, value: &[u8]) -> &mut Self {
        let [low, high] = ty.to_le_bytes();
        self.push(&[0, 0, low, high]).push(&(value.len() as u32).to_le_bytes()).push(value);
        let padding = value.len().wrapping_neg() % 4;
        self.push([0; 3].get(..padding).unwrap_or_default())
    }

    /// The packet.
    pub fn finish(&mut self) -> &[u8] {
        let words = ((self.len - HEADER) / 4) as u32;
        for (to, from) in self.bytes.iter_mut().skip(4).zip(words.to_le_bytes()) {
            *to = from;
        }
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
