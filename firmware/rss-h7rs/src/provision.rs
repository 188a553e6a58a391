//! DataProvisioning: option-byte keys from a buffer in AXI SRAM3.

use ironroot_codes::{Code, h7rs as codes};
use ironroot_hal::flash;
use ironroot_hal::obk::{self, For};
use ironroot_hal::window::Window;
use ironroot_layout::stm32h7rs::chip::AXI_SRAM3;
use ironroot_layout::stm32h7rs::obkeys::{Destination, KEY_SIZE, KEYS, WRITE_ONLY_BELOW};
use ironroot_layout::stm32h7rs::rsslib::{COMMAND, PROVISIONING_WORDS};
use ironroot_layout::stm32h7rs::state::{DebugAuthentication, Hdpl};
use ironroot_layout::{Address, Region, Size};

use crate::state::is_unsettled;

/// The words of a request as the caller gives them: source, destination, size, do-encryption, CRC.
pub type Words = [u32; PROVISIONING_WORDS];

/// A request that can be served.
pub struct Request {
    source: Window,
    /// Where it goes.
    pub destination: Destination,
    size: u32,
}

/// Checks a request. Its data is read once more when it is written: it lies in memory of the caller, and nothing depends on what it
/// says but the keys themselves.
///
/// `do-encryption` says that the keys are to be encrypted in a Closed or Locked device, in which this service does not write: it is
/// taken and changes nothing.
pub fn check(words: Words, level: Hdpl) -> Result<Request, Code> {
    let [source, destination, size, encryption, crc] = words;
    if !is_unsettled(flash::product_state()) || level > Hdpl::Level1 {
        return Err(codes::SERVICES_CLOSED);
    }
    let place = Region::checked(Address::new(source), Size::new(size)).ok_or(codes::PROVISIONING_SOURCE)?;
    let data = Region::between(AXI_SRAM3.start().value(), COMMAND.start().value());
    if !source.is_multiple_of(4) || size == 0 || !data.contains_region(place) {
        return Err(codes::PROVISIONING_SOURCE);
    }
    let destination = Destination::from_word(destination).ok_or(codes::PROVISIONING_DESTINATION)?;
    let keys = size / KEY_SIZE;
    let last = u32::from(destination.index) + keys;
    let debug = match destination.debug_authentication {
        None => true,
        // Only what DBG_AUTH can mean, and only with the configuration that goes with it.
        Some(bits) => {
            destination.level == Hdpl::Level0
                && (DebugAuthentication::from_bits(bits) != DebugAuthentication::Locked
                    || bits == DebugAuthentication::Locked.bits())
        }
    };
    if !size.is_multiple_of(KEY_SIZE) || last > u32::from(KEYS) || encryption > 1 || !debug {
        return Err(codes::PROVISIONING_DESTINATION);
    }
    let source = Window::new(place).ok_or(codes::PROVISIONING_SOURCE)?;
    let request = Request { source, destination, size };
    if request.crc() != Some(crc) {
        return Err(codes::PROVISIONING_CRC);
    }
    Ok(request)
}

impl Request {
    /// Key number `number` of the content.
    fn key(&self, number: u32) -> Option<obk::Key> {
        let mut key = [0; KEY_SIZE as usize];
        self.source.read(number * KEY_SIZE, &mut key)?;
        Some(key)
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = obk::Key> + '_ {
        (0..self.size / KEY_SIZE).map_while(|number| self.key(number))
    }

    fn crc(&self) -> Option<u32> {
        let mut crc = Crc::new();
        for number in 0..self.size / KEY_SIZE {
            for byte in self.key(number)? {
                crc.byte(byte);
            }
        }
        Some(crc.finish())
    }

    /// Writes the keys from `level`, which is not above theirs, and reads those back that can be.
    pub fn write(&self, level: Hdpl) -> Result<(), Code> {
        let target = match self.destination.level.number().checked_sub(level.number()) {
            Some(0) => For::This,
            Some(1) => For::Next,
            Some(2) => For::NextButOne,
            _ => return Err(codes::PROVISIONING_DESTINATION),
        };
        for (offset, key) in (0..).zip(self.keys()) {
            let index = self.destination.index.wrapping_add(offset);
            obk::write(index, target, &key).map_err(|_| codes::KEY_WRITE_FAILED)?;
            let readable = target == For::This && index >= WRITE_ONLY_BELOW;
            if readable && obk::read(index) != Ok(key) {
                return Err(codes::KEY_WRITE_FAILED);
            }
        }
        Ok(())
    }
}

/// CRC-32 as in zip, bit by bit.
pub struct Crc(u32);

impl Crc {
    /// Of nothing.
    pub const fn new() -> Self {
        Crc(u32::MAX)
    }

    /// Takes a byte.
    pub fn byte(&mut self, byte: u8) {
        self.0 ^= u32::from(byte);
        for _ in 0..8 {
            self.0 = (self.0 >> 1) ^ (0xEDB8_8320 & (self.0 & 1).wrapping_neg());
        }
    }

    /// Takes a word, least significant byte first.
    pub fn word(&mut self, word: u32) {
        for byte in word.to_le_bytes() {
            self.byte(byte);
        }
    }

    /// The CRC.
    pub const fn finish(self) -> u32 {
        !self.0
    }
}

impl Default for Crc {
    fn default() -> Self {
        Self::new()
    }
}
