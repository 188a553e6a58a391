//! An XSPI: commands of a serial memory in the indirect modes, and its window. One line, so that every memory understands it
//! after its own reset; pins are those of the ports, which belong to the XSPIs alone.

use crate::alarm::Alarm;
use crate::gpio::Pin;
use crate::rcc;
use crate::reg::{Ro, Rw, Wo};
use crate::{jump, scb};

/// Their lines in the NVIC: with interrupts masked in the core, they only wake it.
const LINES: [u32; 2] = [105, 106];
const BASE: [u32; 2] = [0x5200_5000, 0x5200_A000];

/// CR.
const EN: u32 = 1 << 0;
const ABORT: u32 = 1 << 1;
const SMIE: u32 = 1 << 19;
const APMS: u32 = 1 << 22;
const FMODE: u32 = 3 << 28;
const INDIRECT_WRITE: u32 = 0;
const INDIRECT_READ: u32 = 1 << 28;
const AUTO_POLLING: u32 = 2 << 28;
const MAPPED: u32 = 3 << 28;
/// SR and FCR.
const TEF: u32 = 1 << 0;
const TCF: u32 = 1 << 1;
const SMF: u32 = 1 << 3;
const BUSY: u32 = 1 << 5;
const FLAGS: u32 = TEF | TCF | SMF | 1 << 4;
/// CCR: instruction, 24-bit address, data; each on one line.
const INSTRUCTION: u32 = 1;
const ADDRESS: u32 = 1 << 8 | 2 << 12;
const DATA: u32 = 1 << 24;
/// DCR1: 2 to the power of so many bytes, chip select high for eight cycles between commands.
const SELECT_HIGH: u32 = 7 << 8;
/// DCR2: 190 MHz by 4, below what the slowest memory reads at without dummy cycles.
const PRESCALER: u32 = 3;
/// Rings of the alarm that a memory may be busy for: 5 s at 380 MHz. The longest erase of 64 KB that data sheets name takes 3.5 s.
const PATIENCE: u32 = 113;
/// Cycles between two looks at the status.
const POLL_INTERVAL: u32 = 64;

/// Port P (XSPI1) and port N (XSPI2): data 0 and 1, clock, select.
const PORT_O: u32 = 14;
const PINS: [[Pin; 4]; 2] = [
    [pin(15, 0), pin(15, 1), pin(PORT_O, 4), pin(PORT_O, 0)],
    [pin(13, 2), pin(13, 3), pin(13, 6), pin(13, 1)],
];

const fn pin(port: u32, number: u32) -> Pin {
    Pin { port, number, function: 9 }
}

/// The interface or the memory reported a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// An interface, set up.
pub struct Xspi {
    number: usize,
    base: u32,
    /// Reading command, and writing command of a memory that is written in its window.
    read: u32,
    write: u32,
}

impl Xspi {
    /// Switches interface `number` (0: XSPI1, 1: XSPI2) on for a memory of 2 to the power of `bits` bytes with these
    /// commands. The window is not open yet.
    pub fn open(number: usize, bits: u32, read: u32, write: u32) -> Option<Self> {
        let base = *BASE.get(number)?;
        rcc::enable_xspi(number);
        for pin in PINS.get(number)? {
            pin.select();
        }
        let xspi = Self { number, base, read, write };
        xspi.wo(0x000).write(0);
        xspi.wo(0x008).write((bits.wrapping_sub(1) & 0x1F) << 16 | SELECT_HIGH);
        xspi.wo(0x00C).write(PRESCALER);
        xspi.wo(0x108).write(0);
        Some(xspi)
    }

    /// Puts interface and pins back into their reset state.
    pub fn close(self) {
        rcc::disable_xspi(self.number);
        for pin in PINS.get(self.number).into_iter().flatten() {
            pin.release();
        }
    }

    /// Which one: 0 is XSPI1.
    pub const fn number(&self) -> usize {
        self.number
    }

    const fn wo(&self, offset: u32) -> Wo {
        Wo::at(self.base + offset)
    }

    const fn cr(&self) -> Rw {
        Rw::at(self.base)
    }

    const fn sr(&self) -> Ro {
        Ro::at(self.base + 0x020)
    }

    const fn dr(&self) -> Rw {
        Rw::at(self.base + 0x050)
    }

    /// Ends what the window was doing, and waits.
    fn idle(&self) {
        if self.cr().read() & FMODE == MAPPED {
            self.cr().modify(0, ABORT);
            while self.cr().any(ABORT) {}
        }
        while self.sr().any(BUSY) {}
        self.wo(0x024).write(FLAGS);
    }

    fn begin(&self, mode: u32, instruction: u32, address: Option<u32>, bytes: u32) {
        self.idle();
        self.cr().write(EN | mode);
        let data = if bytes == 0 { 0 } else { DATA };
        let place = if address.is_some() { ADDRESS } else { 0 };
        self.wo(0x040).write(bytes.saturating_sub(1));
        self.wo(0x108).write(0);
        self.wo(0x100).write(INSTRUCTION | place | data);
        self.wo(0x110).write(instruction);
        if let Some(address) = address {
            self.wo(0x048).write(address);
        }
    }

    fn end(&self) -> Result<(), Failed> {
        while !self.sr().any(TCF | TEF) {}
        let failed = self.sr().any(TEF);
        self.wo(0x024).write(FLAGS);
        if failed { Err(Failed) } else { Ok(()) }
    }

    /// A command with an answer.
    pub fn receive(&self, instruction: u32, address: Option<u32>, buffer: &mut [u8]) -> Result<(), Failed> {
        let length = u32::try_from(buffer.len()).map_err(|_| Failed)?;
        if length == 0 {
            return Ok(());
        }
        self.begin(INDIRECT_READ, instruction, address, length);
        let (words, rest) = buffer.as_chunks_mut::<4>();
        for word in words {
            *word = self.dr().read().to_le_bytes();
        }
        for byte in rest {
            *byte = self.dr().read_byte();
        }
        self.end()
    }

    /// A command that sends `data` behind its address.
    pub fn send(&self, instruction: u32, address: Option<u32>, data: &[u8]) -> Result<(), Failed> {
        let length = u32::try_from(data.len()).map_err(|_| Failed)?;
        self.begin(INDIRECT_WRITE, instruction, address, length);
        let (words, rest) = data.as_chunks::<4>();
        for word in words {
            self.dr().write(u32::from_le_bytes(*word));
        }
        for byte in rest {
            self.dr().write_byte(*byte);
        }
        self.end()
    }

    /// Waits until the answer to `instruction` has `value` in the bits of `mask`; a memory that takes longer than any may, fails.
    pub fn wait(&self, instruction: u32, mask: u32, value: u32) -> Result<(), Failed> {
        self.idle();
        let line = LINES.get(self.number).copied().unwrap_or(0);
        scb::enable_line(line);
        self.cr().write(EN | AUTO_POLLING | APMS | SMIE);
        self.wo(0x080).write(mask);
        self.wo(0x088).write(value);
        self.wo(0x090).write(POLL_INTERVAL);
        self.wo(0x040).write(0);
        self.wo(0x108).write(0);
        self.wo(0x100).write(INSTRUCTION | DATA);
        self.wo(0x110).write(instruction);
        let alarm = Alarm::start();
        let mut rings = 0;
        while !self.sr().any(SMF | TEF) && rings < PATIENCE {
            jump::barrier();
            jump::wait();
            rings += u32::from(alarm.rang());
        }
        let failed = !self.sr().any(SMF) || self.sr().any(TEF);
        if failed {
            // It would ask for ever.
            self.cr().modify(0, ABORT);
            while self.cr().any(ABORT) {}
        }
        self.wo(0x024).write(FLAGS);
        self.cr().modify(SMIE, 0);
        scb::disable_line(line);
        if failed { Err(Failed) } else { Ok(()) }
    }

    /// Opens the window, if it is not: reads by the reading command, writes by the writing one.
    pub fn map(&self) {
        if self.cr().read() & (FMODE | EN) == MAPPED | EN {
            return;
        }
        self.idle();
        self.cr().write(EN);
        self.wo(0x108).write(0);
        self.wo(0x100).write(INSTRUCTION | ADDRESS | DATA);
        self.wo(0x110).write(self.read);
        self.wo(0x188).write(0);
        self.wo(0x180).write(INSTRUCTION | ADDRESS | DATA);
        self.wo(0x190).write(self.write);
        self.cr().write(EN | MAPPED);
    }

    /// Closes the window: what was written there and is not sent yet is sent as one command.
    pub fn unmap(&self) {
        self.idle();
        self.cr().write(EN);
    }
}
