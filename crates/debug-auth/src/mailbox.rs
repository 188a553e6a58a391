//! Packets over the mailbox of DBGMCU: one word in each direction, and an acknowledge bit for each.
//!
//! | register | who writes | |
//! |---|---|---|
//! | DBG_AUTH_HOST | host | a word for the device; the host then sets DEV_ACK, the device clears it when it has read |
//! | DBG_AUTH_DEV | device | a word for the host; the device then sets HOST_ACK, the host clears it when it has read |
//!
//! A session begins with [`HELLO`], which the host leaves before it resets the chip; RSS finds it, answers [`WELCOME`], and then takes
//! requests until the session ends. Both sides strictly alternate: a packet there, a packet back.

use crate::packet::{HEADER, MAX_PACKET, Packet};

/// DBG_AUTH_ACK: a word for the host waits.
pub const HOST_ACK: u32 = 1 << 0;
/// DBG_AUTH_ACK: a word for the device waits.
pub const DEV_ACK: u32 = 1 << 1;

/// The host's first word, left before the reset: "IRDA".
pub const HELLO: u32 = u32::from_le_bytes(*b"IRDA");
/// The device's first word: "IRDV".
pub const WELCOME: u32 = u32::from_le_bytes(*b"IRDV");

/// Packets out of words.
#[derive(Clone, Debug)]
pub struct Receiver {
    bytes: [u8; MAX_PACKET],
    len: usize,
    /// Length of the packet, once its header is there.
    wanted: usize,
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

/// The header states a packet that is longer than any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Receiver {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { bytes: [0; MAX_PACKET], len: 0, wanted: HEADER }
    }

    /// Takes a word; the packet, if it is complete with it. The next word then begins another one.
    pub fn word(&mut self, word: u32) -> Result<Option<&[u8]>, TooLong> {
        if self.len >= self.wanted {
            (self.len, self.wanted) = (0, HEADER);
        }
        let room = self.bytes.iter_mut().skip(self.len);
        for (to, from) in room.zip(word.to_le_bytes()) {
            *to = from;
        }
        self.len += 4;
        if self.len == HEADER
            && let Some(header) = self.bytes.first_chunk()
        {
            self.wanted = HEADER + 4 * Packet::words(header).ok_or(TooLong)?;
        }
        Ok(if self.len >= self.wanted { self.bytes.get(..self.wanted) } else { None })
    }
}

/// The words of a packet.
pub fn words(packet: &[u8]) -> impl Iterator<Item = u32> + '_ {
    packet.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes))
}
