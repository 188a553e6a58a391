//! A serial NOR flash on OCTOSPI1 (RM0468 chapter 25), on one line, with the commands that all such memories share.
//!
//! Everything goes through the indirect modes, so that nothing is left over that a later stage would have to undo:
//! [`Nor::close`] puts the interface back into its reset state. Waiting for the memory is automatic status polling with the
//! core asleep: interrupts are masked in the stage that uses this, so the interface's line only wakes it.
//!
//! Pins are those of the STM32H735G-DK; the memory there starts up with the same commands.

use ironroot_boot::{Flash, FlashError, Sector};
use ironroot_layout::stm32h735::{ERASED, EXTERNAL_PAGE, EXTERNAL_SECTOR, FLASH_WORD, OCTOSPI1};

use ironroot_layout::{Region, Size};

use crate::reg::{Ro, Rw, Wo};
use crate::{jump, rcc, scb};

const AHB3RSTR: Rw = Rw::at(0x5802_447C);
const AHB3ENR: Rw = Rw::at(0x5802_44D4);
/// OCTOSPI1 in both.
const OSPI1: u32 = 1 << 14;
/// Its line in the NVIC.
const LINE: u32 = 92;

const BASE: u32 = 0x5200_5000;
const CR: Rw = Rw::at(BASE);
const DCR1: Wo = Wo::at(BASE + 0x008);
const DCR2: Wo = Wo::at(BASE + 0x00C);
const SR: Ro = Ro::at(BASE + 0x020);
const FCR: Wo = Wo::at(BASE + 0x024);
const DLR: Wo = Wo::at(BASE + 0x040);
const AR: Wo = Wo::at(BASE + 0x048);
const DR: Rw = Rw::at(BASE + 0x050);
const PSMKR: Wo = Wo::at(BASE + 0x080);
const PSMAR: Wo = Wo::at(BASE + 0x088);
const PIR: Wo = Wo::at(BASE + 0x090);
const CCR: Wo = Wo::at(BASE + 0x100);
const TCR: Wo = Wo::at(BASE + 0x108);
const IR: Wo = Wo::at(BASE + 0x110);

/// CR.
const EN: u32 = 1 << 0;
const SMIE: u32 = 1 << 19;
/// Automatic polling stops at the match.
const APMS: u32 = 1 << 22;
const INDIRECT_WRITE: u32 = 0;
const INDIRECT_READ: u32 = 1 << 28;
const AUTO_POLLING: u32 = 2 << 28;
/// SR and FCR.
const TEF: u32 = 1 << 0;
const TCF: u32 = 1 << 1;
const SMF: u32 = 1 << 3;
const BUSY: u32 = 1 << 5;
/// CCR: instruction, 24-bit address, data; each on one line.
const INSTRUCTION: u32 = 1;
const ADDRESS: u32 = 1 << 8 | 2 << 12;
const DATA: u32 = 1 << 24;
/// DCR1: 16 MB, the most that 24-bit addresses reach; chip select high for 8 cycles between commands.
const GEOMETRY: u32 = 23 << 16 | 7 << 8;
/// DCR2: 32 MHz from the 64 MHz of the boot stages, below what the slowest such memory reads at without dummy cycles.
const PRESCALER: u32 = 1;
/// Cycles of the interface between two looks at the status.
const POLL_INTERVAL: u32 = 64;

/// Sizes by their power of two: 64 KB to 16 MB.
const CAPACITIES_FROM: u32 = 16;
const CAPACITIES_TO: u32 = 24;

/// Commands of the memory.
const READ: u32 = 0x03;
const PROGRAM: u32 = 0x02;
const READ_STATUS: u32 = 0x05;
const WRITE_ENABLE: u32 = 0x06;
const ERASE_SECTOR: u32 = 0x20;
const READ_ID: u32 = 0x9F;
/// Status: an operation is under way.
const WIP: u32 = 1;
/// Status: the write-enable latch.
const WEL: u32 = 2;

/// GPIO port (base, RCC bit), pin, alternate function.
const PINS: [(u32, u32, u32, u32); 4] = [
    (0x5802_1400, 1 << 5, 10, 9), // PF10: clock
    (0x5802_1800, 1 << 6, 6, 10), // PG6: select
    (0x5802_0C00, 1 << 3, 11, 9), // PD11: to the memory
    (0x5802_1400, 1 << 5, 9, 10), // PF9: from the memory
];

/// The memory, its interface set up.
pub struct Nor(());

impl Nor {
    /// Switches the interface on. `None` if no memory answers.
    pub fn open() -> Option<Self> {
        AHB3ENR.modify(0, OSPI1);
        for (port, bit, pin, function) in PINS {
            rcc::AHB4ENR.modify(0, bit);
            // As in `rcc::enable_console`.
            let _ = rcc::AHB4ENR.read();
            let place = 4 * (pin % 8);
            Rw::at(port + 0x20 + 4 * (pin / 8)).modify(0xF << place, function << place);
            Rw::at(port + 0x08).modify(0, 2 << (2 * pin));
            Rw::at(port).modify(3 << (2 * pin), 2 << (2 * pin));
        }
        CR.write(0);
        DCR1.write(GEOMETRY);
        DCR2.write(PRESCALER);
        TCR.write(0);
        scb::enable_line(LINE);
        let nor = Self(());
        // It may still be at what it was told before a reset of this chip.
        nor.wait(WIP, 0).ok()?;
        let mut id = [0; 3];
        nor.receive(READ_ID, None, &mut id).ok()?;
        (id != [0; 3] && id != [ERASED; 3]).then_some(nor)
    }

    /// The whole memory in its window: two to the power that its identification says, at most what 24-bit addresses reach.
    ///
    /// # Errors
    /// `Failed`: it says a size that no such memory has.
    pub fn region(&self) -> Result<Region, FlashError> {
        let mut id = [0; 3];
        self.receive(READ_ID, None, &mut id)?;
        match u32::from(id[2]) {
            bits @ CAPACITIES_FROM..=CAPACITIES_TO => Region::checked(OCTOSPI1.start(), Size::new(1 << bits)),
            _ => None,
        }
        .ok_or(FlashError::Failed)
    }

    /// Puts the interface and its pins back into their reset state.
    pub fn close(self) {
        scb::disable_line(LINE);
        AHB3RSTR.modify(0, OSPI1);
        AHB3RSTR.modify(OSPI1, 0);
        AHB3ENR.modify(OSPI1, 0);
        for (port, _, pin, _) in PINS {
            Rw::at(port).modify(0, 3 << (2 * pin));
            Rw::at(port + 0x08).modify(3 << (2 * pin), 0);
            Rw::at(port + 0x20 + 4 * (pin / 8)).modify(0xF << (4 * (pin % 8)), 0);
        }
        rcc::AHB4ENR.modify(PINS[0].1 | PINS[1].1 | PINS[2].1, 0);
    }

    /// Begins a command: mode, phases, number of data bytes.
    fn begin(&self, mode: u32, instruction: u32, address: Option<u32>, bytes: u32) {
        while SR.any(BUSY) {}
        FCR.write(TEF | TCF | SMF);
        CR.write(EN | mode);
        let data = if bytes == 0 { 0 } else { DATA };
        let place = if address.is_some() { ADDRESS } else { 0 };
        DLR.write(bytes.saturating_sub(1));
        CCR.write(INSTRUCTION | place | data);
        IR.write(instruction);
        if let Some(address) = address {
            AR.write(address);
        }
    }

    /// The end of a command.
    fn end(&self) -> Result<(), FlashError> {
        while !SR.any(TCF | TEF) {}
        if SR.any(TEF) { Err(FlashError::Failed) } else { Ok(()) }
    }

    /// A command with an answer. A read of DR waits until the memory has sent as much.
    fn receive(&self, instruction: u32, address: Option<u32>, buffer: &mut [u8]) -> Result<(), FlashError> {
        let length = u32::try_from(buffer.len()).map_err(|_| FlashError::OutOfBounds)?;
        if length == 0 {
            return Ok(());
        }
        self.begin(INDIRECT_READ, instruction, address, length);
        let (words, rest) = buffer.as_chunks_mut::<4>();
        for word in words {
            *word = DR.read().to_le_bytes();
        }
        for byte in rest {
            *byte = DR.read_byte();
        }
        self.end()
    }

    /// A command that changes the memory: write enable, the command, and its end in the memory.
    fn change(&self, instruction: u32, address: u32, data: &[u8]) -> Result<(), FlashError> {
        let length = u32::try_from(data.len()).map_err(|_| FlashError::OutOfBounds)?;
        self.begin(INDIRECT_WRITE, WRITE_ENABLE, None, 0);
        self.end()?;
        // A memory whose protection pin is low does not take the latch, and the change would be lost without a word.
        let mut status = [0];
        self.receive(READ_STATUS, None, &mut status)?;
        if u32::from(status[0]) & WEL == 0 {
            return Err(FlashError::Failed);
        }
        self.begin(INDIRECT_WRITE, instruction, Some(address), length);
        // A write to DR waits while the FIFO is full.
        let (words, rest) = data.as_chunks::<4>();
        for word in words {
            DR.write(u32::from_le_bytes(*word));
        }
        for byte in rest {
            DR.write_byte(*byte);
        }
        self.end()?;
        self.wait(WIP, 0)
    }

    /// Sleeps until the status has `value` in the bits of `mask`.
    fn wait(&self, mask: u32, value: u32) -> Result<(), FlashError> {
        while SR.any(BUSY) {}
        FCR.write(TEF | TCF | SMF);
        CR.write(EN | AUTO_POLLING | APMS | SMIE);
        PSMKR.write(mask);
        PSMAR.write(value);
        PIR.write(POLL_INTERVAL);
        DLR.write(0);
        CCR.write(INSTRUCTION | DATA);
        IR.write(READ_STATUS);
        while !SR.any(SMF | TEF) {
            jump::barrier();
            jump::wait();
        }
        let failed = SR.any(TEF);
        FCR.write(TEF | TCF | SMF);
        CR.modify(SMIE, 0);
        scb::clear_line(LINE);
        if failed { Err(FlashError::Failed) } else { Ok(()) }
    }
}

/// A part of the memory as the update engine sees it. Units are those of the internal flash, so that one trailer serves
/// both; unreadable words there are none, a cut leaves whatever bits.
pub struct NorFlash<'n> {
    nor: &'n Nor,
    region: Region,
}

impl<'n> NorFlash<'n> {
    /// The sectors of `region`, which lies in the window of the memory. `None` if it is not whole sectors there.
    pub const fn new(nor: &'n Nor, region: Region) -> Option<Self> {
        let whole =
            region.start().is_aligned(EXTERNAL_SECTOR) && region.size().is_multiple_of(EXTERNAL_SECTOR);
        if OCTOSPI1.contains_region(region) && whole { Some(Self { nor, region }) } else { None }
    }

    /// The memory's own address of `length` bytes at `offset`.
    fn locate(&self, offset: u32, length: usize) -> Result<u32, FlashError> {
        let length = u32::try_from(length).map_err(|_| FlashError::OutOfBounds)?;
        match offset.checked_add(length) {
            Some(end) if end <= self.region.size().bytes() => {
                Ok(self.region.start().value().wrapping_sub(OCTOSPI1.start().value()).wrapping_add(offset))
            }
            _ => Err(FlashError::OutOfBounds),
        }
    }
}

impl Flash for NorFlash<'_> {
    fn size(&self) -> u32 {
        self.region.size().bytes()
    }

    fn write_size(&self) -> u32 {
        FLASH_WORD.bytes()
    }

    fn erased_value(&self) -> u8 {
        ERASED
    }

    fn sector_count(&self) -> u32 {
        self.region.size().bytes() / EXTERNAL_SECTOR.bytes()
    }

    fn sector(&self, index: u32) -> Option<Sector> {
        let size = EXTERNAL_SECTOR.bytes();
        (index < self.sector_count()).then(|| Sector { offset: index.wrapping_mul(size), size })
    }

    fn read(&self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
        let address = self.locate(offset, buffer.len())?;
        self.nor.receive(READ, Some(address), buffer)
    }

    fn write(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let mut address = self.locate(offset, data.len())?;
        if !address.is_multiple_of(FLASH_WORD.bytes())
            || !data.len().is_multiple_of(FLASH_WORD.bytes() as usize)
        {
            return Err(FlashError::OutOfBounds);
        }
        let mut left = data;
        while !left.is_empty() {
            // To the end of the page: behind it the memory would go on at the page's start.
            let page = EXTERNAL_PAGE.bytes();
            let room = page.wrapping_sub(address & page.wrapping_sub(1)) as usize;
            let (piece, rest) = left.split_at_checked(room).unwrap_or((left, &[]));
            self.nor.change(PROGRAM, address, piece)?;
            address = address.wrapping_add(piece.len() as u32);
            left = rest;
        }
        Ok(())
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        let sector = self.sector(sector).ok_or(FlashError::OutOfBounds)?;
        let address = self.locate(sector.offset, 0)?;
        self.nor.change(ERASE_SECTOR, address, &[])
    }
}
