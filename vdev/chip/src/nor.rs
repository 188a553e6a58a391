//! A serial NOR flash of 16 MB as it answers on the wire: commands, status, write-enable latch, pages, busy times.
//!
//! The command set is the one that all makers of 25-series memories share; the identification is a W25Q128's. Lines, dummy
//! cycles and the time of a transfer are not modelled: every command ends with the register write that completes it. What it
//! starts (a program, an erase) takes virtual time, and goes on through a reset of the chip, which the memory does not see.

use ironroot_layout::stm32h735::{ERASED, EXTERNAL_PAGE};

use crate::external::{ExternalFlash, SIZE};
use crate::supply::{CutEffect, FlashOperation, SplitMix, Supply};

/// Maker, type, capacity (2 to the power of).
const ID: [u8; 3] = [0xEF, 0x40, 0x18];
const PAGE: u32 = EXTERNAL_PAGE.bytes();

/// Status: an operation is under way.
pub const WIP: u8 = 1 << 0;
/// Status: the write-enable latch.
pub const WEL: u8 = 1 << 1;

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
// Typical times of the datasheet, in ns.
const PROGRAM_PAGE: u64 = 700 * MICROSECOND;
const ERASE_4K: u64 = 45 * MILLISECOND;
const ERASE_32K: u64 = 120 * MILLISECOND;
const ERASE_64K: u64 = 150 * MILLISECOND;
const ERASE_CHIP: u64 = 40_000 * MILLISECOND;

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Does {
    /// Gives the identification, again and again.
    ReadId,
    /// Gives the status, again and again.
    ReadStatus,
    /// Gives the content from the address on.
    ReadData,
    /// Sets the write-enable latch.
    WriteEnable,
    /// Clears it.
    WriteDisable,
    /// Programs a page.
    Program,
    /// Stores at once (RAM).
    Store,
    /// Erases as many bytes, aligned to their number.
    Erase(u32, u64),
    /// Nothing that the model has: wake-up, reset of the memory's interface.
    Nothing,
}

struct Opcode {
    code: u32,
    /// Bytes of the address; 0 for none.
    address: u32,
    does: Does,
}

const fn opcode(code: u32, address: u32, does: Does) -> Opcode {
    Opcode { code, address, does }
}

/// Command set, by opcode.
#[rustfmt::skip]
const OPCODES: &[Opcode] = &[
    opcode(0x02, 3, Does::Program),
    opcode(0x03, 3, Does::ReadData),
    opcode(0x04, 0, Does::WriteDisable),
    opcode(0x05, 0, Does::ReadStatus),
    opcode(0x06, 0, Does::WriteEnable),
    opcode(0x0B, 3, Does::ReadData),
    opcode(0x0C, 4, Does::ReadData),
    opcode(0x12, 4, Does::Program),
    opcode(0x13, 4, Does::ReadData),
    opcode(0x20, 3, Does::Erase(4 * 1024, ERASE_4K)),
    opcode(0x21, 4, Does::Erase(4 * 1024, ERASE_4K)),
    opcode(0x52, 3, Does::Erase(32 * 1024, ERASE_32K)),
    opcode(0x60, 0, Does::Erase(SIZE, ERASE_CHIP)),
    opcode(0x66, 0, Does::Nothing),
    opcode(0x99, 0, Does::Nothing),
    opcode(0x9F, 0, Does::ReadId),
    opcode(0xAB, 0, Does::Nothing),
    opcode(0xC7, 0, Does::Erase(SIZE, ERASE_CHIP)),
    opcode(0xD8, 3, Does::Erase(64 * 1024, ERASE_64K)),
    opcode(0xDC, 4, Does::Erase(64 * 1024, ERASE_64K)),
    // More lines: the same with other dummy cycles.
    opcode(0x32, 3, Does::Program),
    opcode(0x34, 4, Does::Program),
    opcode(0x3B, 3, Does::ReadData),
    opcode(0x6B, 3, Does::ReadData),
    opcode(0x6C, 4, Does::ReadData),
    opcode(0xBB, 3, Does::ReadData),
    opcode(0xEB, 3, Does::ReadData),
    opcode(0xEC, 4, Does::ReadData),
    // Octal: the instruction, then its complement. The way into octal mode (configuration register 2) is accepted and not kept.
    opcode(0x72, 4, Does::Nothing),
    opcode(0x04FB, 0, Does::WriteDisable),
    opcode(0x05FA, 4, Does::ReadStatus),
    opcode(0x06F9, 0, Does::WriteEnable),
    opcode(0x12ED, 4, Does::Program),
    opcode(0x21DE, 4, Does::Erase(4 * 1024, ERASE_4K)),
    opcode(0x609F, 0, Does::Erase(SIZE, ERASE_CHIP)),
    opcode(0x6699, 0, Does::Nothing),
    opcode(0x9966, 0, Does::Nothing),
    opcode(0x9F60, 4, Does::ReadId),
    opcode(0xC738, 0, Does::Erase(SIZE, ERASE_CHIP)),
    opcode(0xDC23, 4, Does::Erase(64 * 1024, ERASE_64K)),
    opcode(0xEC13, 4, Does::ReadData),
    opcode(0xEE11, 4, Does::ReadData),
];

/// What an opcode with an address of that many bytes (0: none) does; `None` if the memory does not know it.
pub fn meaning(code: u32, address: u32) -> Option<Does> {
    OPCODES.iter().find(|known| known.code == code && known.address == address).map(|known| known.does)
}

/// Whether the memory takes this opcode for something other than a read: memory-mapped accesses with it give nothing.
pub fn is_no_read(code: u32) -> bool {
    OPCODES.iter().any(|known| known.code == code && known.does != Does::ReadData)
}

/// A memory at the end of the wire, as its interface sees it.
pub trait SerialMemory {
    /// What an opcode with an address of that many bytes (0: none) does; `None` if the memory does not know it.
    fn meaning(&self, code: u32, address: u32) -> Option<Does>;
    /// The status register.
    fn status(&self) -> u8;
    /// A command without an answer; `data` is what was sent behind the address.
    fn take(&mut self, does: Does, address: u32, data: &[u8], now: u64, core_hz: u64);
}

impl SerialMemory for SerialNor {
    fn meaning(&self, code: u32, address: u32) -> Option<Does> {
        meaning(code, address)
    }

    fn status(&self) -> u8 {
        SerialNor::status(self)
    }

    fn take(&mut self, does: Does, address: u32, data: &[u8], now: u64, core_hz: u64) {
        SerialNor::take(self, does, address, data, now, core_hz);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    /// Bytes by offset, inside one page.
    Program(Vec<(u32, u8)>),
    Erase {
        offset: u32,
        size: u32,
    },
}

/// State of the memory's interface. The content is an [`ExternalFlash`].
#[derive(Clone, Debug, Default, Hash)]
pub struct SerialNor {
    write_enabled: bool,
    operation: Option<(Action, u64)>,
    /// A defect: the memory says that it is busy, for ever.
    stuck: bool,
}

impl SerialNor {
    /// Injects a defect that no reset and no power cycle mends: from now on the memory says that it is busy. Or mends it.
    pub fn set_stuck(&mut self, stuck: bool) {
        self.stuck = stuck;
    }

    /// The status register.
    pub fn status(&self) -> u8 {
        (u8::from(self.is_busy()) * WIP) | (u8::from(self.write_enabled) * WEL)
    }

    /// True while an operation is under way: everything but a read of the status is ignored then.
    pub fn is_busy(&self) -> bool {
        self.stuck || self.operation.is_some()
    }

    /// Virtual time of the end of the operation; `u64::MAX` for none.
    pub fn next_event(&self) -> u64 {
        self.operation.as_ref().map_or(u64::MAX, |(_, end)| *end)
    }

    /// Byte `index` of what a reading command answers. A command that is ignored leaves the line high.
    pub fn answer(&self, does: Does, address: u32, index: u32, flash: &ExternalFlash) -> u8 {
        match does {
            Does::ReadStatus => self.status(),
            _ if self.is_busy() => ERASED,
            Does::ReadId => ID.get((index % 3) as usize).copied().unwrap_or(ERASED),
            Does::ReadData => flash.byte(address.wrapping_add(index) % SIZE),
            _ => ERASED,
        }
    }

    /// A command without an answer; `data` is what was sent behind the address.
    pub fn take(&mut self, does: Does, address: u32, data: &[u8], now: u64, core_hz: u64) {
        if self.is_busy() {
            return;
        }
        let (action, nanoseconds) = match does {
            Does::WriteEnable => return self.write_enabled = true,
            Does::WriteDisable => return self.write_enabled = false,
            Does::Program => {
                let (start, page) = (address % SIZE, (address % SIZE) & !(PAGE - 1));
                // Behind the end of the page it goes on at its start, over what was sent before.
                let mut bytes: Vec<(u32, u8)> = Vec::new();
                for (index, &byte) in (0..).zip(data) {
                    let place = page | (start.wrapping_add(index) & (PAGE - 1));
                    bytes.retain(|(known, _)| index < PAGE || *known != place);
                    bytes.push((place, byte));
                }
                (Action::Program(bytes), PROGRAM_PAGE)
            }
            Does::Erase(size, time) => (Action::Erase { offset: (address % SIZE) & !(size - 1), size }, time),
            Does::ReadId | Does::ReadStatus | Does::ReadData | Does::Store | Does::Nothing => return,
        };
        if !self.write_enabled {
            return;
        }
        let cycles = u128::from(nanoseconds) * u128::from(core_hz) / 1_000_000_000;
        let cycles = u64::try_from(cycles).unwrap_or(u64::MAX).max(1);
        self.operation = Some((action, now.saturating_add(cycles)));
    }

    /// Ends the operation if it is due. `window` is where the memory is on the bus.
    pub fn advance(&mut self, flash: &mut ExternalFlash, window: u32, now: u64, supply: &mut Supply) {
        let Some((action, _)) = self.operation.take_if(|(_, end)| *end <= now) else { return };
        self.write_enabled = false;
        let operation = match &action {
            Action::Program(bytes) => FlashOperation::ExternalProgram {
                address: window + bytes.first().map_or(0, |(offset, _)| *offset),
                length: bytes.len() as u32,
            },
            Action::Erase { offset, size } => {
                FlashOperation::ExternalErase { address: window + offset, size: *size }
            }
        };
        match supply.next(operation) {
            None => act(&action, flash, CutEffect::After, 0),
            Some(cut) => act(&action, flash, cut.effect, cut.seed),
        }
    }

    /// Power goes and comes back; `seed` decides what a running operation leaves.
    pub fn power_on(&mut self, flash: &mut ExternalFlash, seed: u64) {
        if let Some((action, _)) = self.operation.take() {
            act(&action, flash, CutEffect::Broken, seed);
        }
        *self = SerialNor { stuck: self.stuck, ..SerialNor::default() };
    }
}

/// What an operation leaves that ends as `effect` says.
fn act(action: &Action, flash: &mut ExternalFlash, effect: CutEffect, seed: u64) {
    let mut random = SplitMix(seed);
    match (action, effect) {
        (_, CutEffect::Before) => {}
        (Action::Program(bytes), CutEffect::After) => flash.program(bytes.iter().copied()),
        (Action::Program(bytes), _) => {
            flash.program(bytes.iter().map(|(offset, byte)| (*offset, byte | random.next() as u8)));
        }
        (Action::Erase { offset, size }, CutEffect::After) => flash.erase(*offset, *size),
        (Action::Erase { offset, size }, CutEffect::Half) => {
            flash.erase(*offset, (random.next() % u64::from(size + 1)) as u32);
        }
        (Action::Erase { offset, size }, CutEffect::Torn | CutEffect::Broken) => {
            flash.change(*offset, *size, |byte| match random.next() % 3 {
                0 => byte,
                1 => ERASED,
                _ => byte | random.next() as u8,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: u64 = 1_000_000_000;

    fn done(nor: &mut SerialNor, flash: &mut ExternalFlash) {
        let end = nor.next_event();
        nor.advance(flash, 0, end, &mut Supply::default());
    }

    fn program(nor: &mut SerialNor, flash: &mut ExternalFlash, address: u32, data: &[u8]) {
        nor.take(Does::WriteEnable, 0, &[], 0, HZ);
        nor.take(Does::Program, address, data, 0, HZ);
        done(nor, flash);
    }

    fn bytes(flash: &ExternalFlash, from: u32, count: u32) -> Vec<u8> {
        (from..from + count).map(|offset| flash.byte(offset)).collect()
    }

    #[test]
    fn nothing_is_programmed_without_the_latch_and_the_latch_falls() {
        let (mut nor, mut flash) = (SerialNor::default(), ExternalFlash::default());
        nor.take(Does::Program, 0, &[0], 0, HZ);
        assert!(!nor.is_busy());
        program(&mut nor, &mut flash, 0, &[0x5A]);
        assert_eq!((flash.byte(0), nor.status()), (0x5A, 0));
        nor.take(Does::WriteEnable, 0, &[], 0, HZ);
        assert_eq!(nor.status(), WEL);
        nor.take(Does::WriteDisable, 0, &[], 0, HZ);
        assert_eq!(nor.status(), 0);
    }

    #[test]
    fn programming_clears_bits_and_wraps_in_its_page() {
        let (mut nor, mut flash) = (SerialNor::default(), ExternalFlash::default());
        program(&mut nor, &mut flash, 0x1FE, &[1, 2, 3, 4]);
        assert_eq!((bytes(&flash, 0x1FE, 2), bytes(&flash, 0x100, 2)), (vec![1, 2], vec![3, 4]));
        assert_eq!(flash.byte(0x200), ERASED);
        program(&mut nor, &mut flash, 0x1FE, &[0xF2]);
        assert_eq!(flash.byte(0x1FE), 1 & 0xF2);
        // More than a page: the last 256 bytes count.
        let long: Vec<u8> = (0..=256_u32).map(|index| index as u8).collect();
        program(&mut nor, &mut flash, 0x300, &long);
        assert_eq!((flash.byte(0x300), flash.byte(0x301)), (0, 1));
        assert_eq!(flash.byte(0x3FF), 0xFF);
    }

    #[test]
    fn a_busy_memory_answers_only_for_its_status() {
        let (mut nor, mut flash) = (SerialNor::default(), ExternalFlash::default());
        program(&mut nor, &mut flash, 0x1000, &[7]);
        nor.take(Does::WriteEnable, 0, &[], 0, HZ);
        nor.take(Does::Erase(4096, ERASE_4K), 0x1FFF, &[], 5, HZ);
        assert_eq!((nor.status(), nor.next_event()), (WIP | WEL, 5 + ERASE_4K));
        assert_eq!(nor.answer(Does::ReadId, 0, 0, &flash), ERASED);
        assert_eq!(nor.answer(Does::ReadStatus, 0, 9, &flash), WIP | WEL);
        nor.take(Does::WriteDisable, 0, &[], 6, HZ);
        assert_eq!((nor.status(), flash.byte(0x1000)), (WIP | WEL, 7));
        done(&mut nor, &mut flash);
        assert_eq!((nor.status(), flash), (0, ExternalFlash::default()));
    }

    #[test]
    fn a_cut_leaves_what_its_effect_says() {
        let written = |effect| {
            let (mut nor, mut flash) = (SerialNor::default(), ExternalFlash::default());
            program(&mut nor, &mut flash, 0, &[0xF0; 64]);
            nor.take(Does::WriteEnable, 0, &[], 0, HZ);
            nor.take(Does::Program, 0, &[0x3C; 64], 0, HZ);
            let mut supply = Supply::default();
            supply.arm(Some(crate::PowerCut { operation: 1, effect, seed: 3 }));
            nor.advance(&mut flash, 0, u64::MAX, &mut supply);
            assert!(supply.is_off());
            bytes(&flash, 0, 64)
        };
        assert_eq!(written(CutEffect::Before), [0xF0; 64]);
        assert_eq!(written(CutEffect::After), [0x30; 64]);
        let torn = written(CutEffect::Torn);
        assert!(torn.iter().all(|byte| byte & !0xF0 == 0 && byte & 0x30 == 0x30));
        assert!(torn.contains(&0xF0) || torn.iter().any(|byte| *byte != torn[0]), "a mix: {torn:X?}");
        let erased = |effect| {
            let mut flash = ExternalFlash::default();
            assert!(flash.load(0, &[0; 8192]));
            act(&Action::Erase { offset: 0, size: 4096 }, &mut flash, effect, 5);
            assert_eq!(bytes(&flash, 4096, 4096), [0; 4096], "the next sector is not touched");
            bytes(&flash, 0, 4096)
        };
        assert_eq!(
            (erased(CutEffect::Before), erased(CutEffect::After)),
            (vec![0; 4096], vec![ERASED; 4096])
        );
        let half = erased(CutEffect::Half);
        let edge = half.iter().position(|byte| *byte == 0).expect("a part is left");
        assert!(edge > 0 && half[edge..].iter().all(|byte| *byte == 0));
        assert!(erased(CutEffect::Torn).iter().any(|byte| !matches!(byte, 0 | 0xFF)));
    }

    #[test]
    fn the_address_length_belongs_to_the_command() {
        assert_eq!((meaning(0x20, 3), meaning(0x20, 4)), (Some(Does::Erase(4096, ERASE_4K)), None));
        assert!(is_no_read(0x05) && !is_no_read(0x0B) && !is_no_read(0xEE11));
    }
}
