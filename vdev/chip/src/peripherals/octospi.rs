//! OCTOSPI, and XSPI, which succeeds it with almost the same registers: the ways from its registers to the memory on the board.
//!
//! Indirect write and read, automatic status polling, and memory-mapped reads are modelled; DMA, wrapped reads and HyperBus
//! are not. A command goes to the memory with the register write that completes it (IR, AR or the last byte of DR, as the
//! manual has it) and takes no virtual time; what it starts in the memory does. Line counts and dummy cycles are not checked.
//! A command that the memory does not know ends without effect, reading ones, which is said once as a warning.

use crate::external::ExternalFlash;
use crate::nor::{Does, SerialMemory, SerialNor};

use super::registers::{Register, Registers, Written, register};

/// The control register: an abort ends what is under way.
pub const CR: u32 = 0x000;
const DCR1: u32 = 0x008;
const SR: u32 = 0x020;
const FCR: u32 = 0x024;
const DLR: u32 = 0x040;
const AR: u32 = 0x048;
/// The data register: reads and writes of it move data.
pub const DR: u32 = 0x050;
const PSMKR: u32 = 0x080;
const PSMAR: u32 = 0x088;
const CCR: u32 = 0x100;
const IR: u32 = 0x110;
/// Instruction and phases of memory-mapped writes.
const WCCR: u32 = 0x180;
const WIR: u32 = 0x190;

/// CR: enable.
pub const EN: u32 = 1 << 0;
/// CR: abort.
pub const ABORT: u32 = 1 << 1;
const FMODE_SHIFT: u32 = 28;
const FMODE: u32 = 3 << FMODE_SHIFT;
const INDIRECT_WRITE: u32 = 0;
const INDIRECT_READ: u32 = 1;
const AUTO_POLLING: u32 = 2;
const MEMORY_MAPPED: u32 = 3;
const FTHRES_SHIFT: u32 = 8;
const APMS: u32 = 1 << 22;
const PMM: u32 = 1 << 23;
const TEF: u32 = 1 << 0;
const TCF: u32 = 1 << 1;
const FTF: u32 = 1 << 2;
const SMF: u32 = 1 << 3;
const BUSY: u32 = 1 << 5;
const FLEVEL_SHIFT: u32 = 8;
/// TEIE, TCIE, FTIE, SMIE, TOIE in CR lie this much above their flags in SR.
const INTERRUPT_SHIFT: u32 = 16;
const FLAGS: u32 = 0x1F;
/// CCR: address and data phase.
const ADMODE: u32 = 7 << 8;
const ADSIZE_SHIFT: u32 = 12;
const DMODE: u32 = 7 << 24;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "CR", 0, 0x30DF_1FCD),
    register(0x008, "DCR1", 0, 0x071F_3F0B),
    register(0x00C, "DCR2", 0, 0x0007_00FF),
    register(0x010, "DCR3", 0, 0x001F_00FF),
    register(0x014, "DCR4", 0, u32::MAX),
    register(0x020, "SR", 0, 0),
    register(0x024, "FCR", 0, 0),
    register(0x040, "DLR", 0, u32::MAX),
    register(0x048, "AR", 0, u32::MAX),
    register(0x050, "DR", 0, 0),
    register(0x080, "PSMKR", 0, u32::MAX),
    register(0x088, "PSMAR", 0, u32::MAX),
    register(0x090, "PIR", 0, 0x0000_FFFF),
    register(0x100, "CCR", 0, 0xAF3F_3F3F),
    register(0x108, "TCR", 0, 0x5000_001F),
    register(0x110, "IR", 0, u32::MAX),
    register(0x120, "ABR", 0, u32::MAX),
    register(0x130, "LPTR", 0, 0x0000_FFFF),
    register(0x140, "WPCCR", 0, 0xAF3F_3F3F),
    register(0x148, "WPTCR", 0, 0x5000_001F),
    register(0x150, "WPIR", 0, u32::MAX),
    register(0x160, "WPABR", 0, u32::MAX),
    register(0x180, "WCCR", 0, 0x2F3F_3F3F),
    register(0x188, "WTCR", 0, 0x0000_001F),
    register(0x190, "WIR", 0, u32::MAX),
    register(0x1A0, "WABR", 0, u32::MAX),
    register(0x200, "HLCR", 0, 0x00FF_FF03),
];

/// Where XSPI differs: MSEL and CSSEL in CR, no SIOO in CCR, and the calibration of its delay lines.
#[rustfmt::skip]
const XSPI_DIFFERS: [Register; 8] = [
    register(0x000, "CR", 0, 0xF1DF_1F4D),
    register(0x008, "DCR1", 0, 0x071F_3F03),
    register(0x100, "CCR", 0, 0x2F3F_3F3F),
    register(0x140, "WPCCR", 0, 0x2F3F_3F3F),
    register(0x210, "CALFCR", 0, 0x801F_007F),
    register(0x218, "CALMR", 0, 0x001F_007F),
    register(0x220, "CALSOR", 0, 0x001F_007F),
    register(0x228, "CALSIR", 0, 0x001F_007F),
];

/// The registers of XSPI: those of OCTOSPI, with the differences; what is new lies behind them.
const XSPI_TABLE: [Register; TABLE.len() + 4] = {
    let mut table = [XSPI_DIFFERS[0]; TABLE.len() + 4];
    let mut at = 0;
    while at < TABLE.len() {
        table[at] = TABLE[at];
        at += 1;
    }
    let (mut from, mut to) = (0, 0);
    while from < XSPI_DIFFERS.len() {
        let differs = XSPI_DIFFERS[from];
        while to < TABLE.len() && table[to].offset < differs.offset {
            to += 1;
        }
        table[to] = differs;
        to += 1;
        from += 1;
    }
    table
};

/// Bytes of the FIFO.
const OCTOSPI_FIFO: u64 = 32;
const XSPI_FIFO: u64 = 64;

/// What a register write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// There is no such register.
    Unknown,
    /// Stored, and what it started is done or under way.
    Stored,
    /// Ignored: the block is busy with a transfer.
    Busy,
    /// It started a command that the memory does not know.
    Command,
}

/// What is under way on the wire.
#[derive(Clone, Debug, Hash)]
enum Transfer {
    None,
    /// Bytes of an answer are left to be read.
    Read {
        does: Does,
        address: u32,
        next: u32,
        left: u64,
    },
    /// Bytes of a command are left to be written.
    Write {
        data: Vec<u8>,
        length: u64,
    },
    /// The status is read again and again.
    Poll,
    /// A memory-mapped access: the memory stays selected.
    Mapped,
}

/// One OCTOSPI.
#[derive(Clone, Debug, Hash)]
pub struct Octospi {
    registers: Registers,
    transfer: Transfer,
    /// Bytes of the FIFO.
    depth: u64,
}

impl Default for Octospi {
    fn default() -> Self {
        Octospi { registers: Registers::new(TABLE), transfer: Transfer::None, depth: OCTOSPI_FIFO }
    }
}

impl Octospi {
    /// The XSPI of the STM32H7RS.
    pub fn xspi() -> Self {
        Octospi { registers: Registers::new(&XSPI_TABLE), transfer: Transfer::None, depth: XSPI_FIFO }
    }

    /// Reset state.
    pub fn reset(&mut self) {
        self.registers.reset();
        self.transfer = Transfer::None;
    }

    fn mode(&self) -> u32 {
        self.registers.get(CR) >> FMODE_SHIFT & 3
    }

    /// The instruction of memory-mapped reads.
    pub fn instruction(&self) -> u32 {
        self.registers.get(IR)
    }

    fn flag(&mut self, flags: u32) {
        let now = self.registers.get(SR) | flags;
        self.registers.set(SR, now);
    }

    fn is_busy(&self) -> bool {
        !matches!(self.transfer, Transfer::None)
    }

    /// Bytes that the FIFO holds (read) or has room for (write).
    fn fifo(&self) -> u64 {
        match &self.transfer {
            Transfer::Read { left, .. } => (*left).min(self.depth),
            Transfer::Write { .. } => self.depth,
            Transfer::None | Transfer::Poll | Transfer::Mapped => 0,
        }
    }

    fn status(&self) -> u32 {
        let threshold = u64::from(self.registers.get(CR) >> FTHRES_SHIFT & 0x1F) + 1;
        let (ready, level) = match &self.transfer {
            // What is left of a transfer counts as enough, however little it is.
            Transfer::Read { left, .. } => (self.fifo() >= threshold.min(*left), self.fifo() as u32),
            Transfer::Write { .. } => (true, 0),
            // The first byte of an indirect write starts it: the FIFO has room before.
            Transfer::None => (self.mode() == INDIRECT_WRITE && self.registers.get(CCR) & DMODE != 0, 0),
            Transfer::Poll | Transfer::Mapped => (false, 0),
        };
        self.registers.get(SR) & !FTF
            | if ready { FTF } else { 0 }
            | if self.is_busy() { BUSY } else { 0 }
            | level << FLEVEL_SHIFT
    }

    /// The interrupt line.
    pub fn raised(&self) -> bool {
        self.status() & FLAGS & self.registers.get(CR) >> INTERRUPT_SHIFT != 0
    }

    /// A register's value. DR gives the next `width` bytes of an answer.
    pub fn read(&mut self, offset: u32, width: u32, nor: &SerialNor, flash: &ExternalFlash) -> Option<u32> {
        self.read_with(offset, width, |does, address, index| nor.answer(does, address, index, flash))
    }

    /// The same for any memory: `answer` gives byte `index` of what a command with that address answers.
    pub fn read_with(
        &mut self,
        offset: u32,
        width: u32,
        answer: impl Fn(Does, u32, u32) -> u8,
    ) -> Option<u32> {
        match offset {
            SR => Some(self.status()),
            DR => {
                let mut value = 0;
                for place in 0..width {
                    let Transfer::Read { does, address, next, left } = &mut self.transfer else { break };
                    value |= u32::from(answer(*does, *address, *next)) << (8 * place);
                    *next = next.wrapping_add(1);
                    *left -= 1;
                    if *left == 0 {
                        self.transfer = Transfer::None;
                    }
                }
                self.note_received();
                Some(value)
            }
            _ => self.registers.read(offset),
        }
    }

    /// All of an answer is in the FIFO.
    fn note_received(&mut self) {
        match &self.transfer {
            Transfer::Read { left, .. } if *left > self.depth => {}
            Transfer::Read { .. } | Transfer::None => self.flag(TCF),
            _ => {}
        }
    }

    /// Writes a register.
    pub fn write(
        &mut self,
        offset: u32,
        written: Written,
        memory: &mut impl SerialMemory,
        now: u64,
        core_hz: u64,
    ) -> Effect {
        match offset {
            FCR => {
                let left = self.registers.get(SR) & !(written.value & FLAGS & !FTF);
                self.registers.set(SR, left);
                Effect::Stored
            }
            CR => self.write_control(written, memory, now, core_hz),
            DR => self.write_data(written, memory, now, core_hz),
            _ if self.is_busy() && self.registers.read(offset).is_some() => Effect::Busy,
            _ if !self.registers.write(offset, written) => Effect::Unknown,
            AR | IR if self.registers.get(CR) & EN != 0 => self.maybe_start(offset, memory, now, core_hz),
            _ => Effect::Stored,
        }
    }

    fn write_control(
        &mut self,
        mut written: Written,
        memory: &mut impl SerialMemory,
        now: u64,
        core_hz: u64,
    ) -> Effect {
        let mut effect = Effect::Stored;
        if written.value & ABORT != 0 {
            // The memory is deselected: a command that got some of its data is carried out with them. ABORT clears itself.
            if let Transfer::Write { data, .. } = std::mem::replace(&mut self.transfer, Transfer::None)
                && let Some((does, address)) = self.command(memory)
            {
                memory.take(does, address, &data, now, core_hz);
            }
            let left = self.registers.get(SR) & !(TEF | FTF | SMF) | TCF;
            self.registers.set(SR, left);
        }
        let disabled = written.mask & EN != 0 && written.value & EN == 0;
        if disabled {
            self.transfer = Transfer::None;
        }
        let old = self.registers.get(CR);
        if self.is_busy() && (written.over(old) ^ old) & FMODE != 0 {
            written = written.only(!FMODE);
            effect = Effect::Busy;
        }
        self.registers.write(CR, written);
        effect
    }

    /// What IR and AR say: a command of the memory with its address. `None` if the memory does not know it.
    fn command(&self, memory: &impl SerialMemory) -> Option<(Does, u32)> {
        let ccr = self.registers.get(CCR);
        let bytes = if ccr & ADMODE == 0 { 0 } else { (ccr >> ADSIZE_SHIFT & 3) + 1 };
        let address = if bytes == 0 { 0 } else { self.registers.get(AR) };
        Some((memory.meaning(self.registers.get(IR), bytes)?, address))
    }

    /// Bytes of the memory (DEVSIZE: 2 to the power of DEVSIZE + 1).
    fn size(&self) -> u64 {
        1 << ((self.registers.get(DCR1) >> 16 & 0x1F) + 1)
    }

    /// Bytes of the data phase (DLR + 1); all ones means to the end of the memory.
    fn length(&self, address: u32) -> u64 {
        match self.registers.get(DLR) {
            u32::MAX => self.size().saturating_sub(u64::from(address)).max(1),
            length => u64::from(length) + 1,
        }
    }

    /// Whether the command reaches out of the memory.
    fn is_outside(&self, address: u32, length: u64) -> bool {
        self.registers.get(CCR) & ADMODE != 0 && u64::from(address) + length.saturating_sub(1) >= self.size()
    }

    /// IR or AR was written: starts the command if that completes it.
    fn maybe_start(&mut self, offset: u32, memory: &mut impl SerialMemory, now: u64, core_hz: u64) -> Effect {
        let ccr = self.registers.get(CCR);
        let (has_address, has_data) = (ccr & ADMODE != 0, ccr & DMODE != 0);
        let by_data = self.mode() == INDIRECT_WRITE && has_data;
        let last = if has_address { AR } else { IR };
        if offset != last || by_data || self.mode() == MEMORY_MAPPED {
            return Effect::Stored;
        }
        let Some((does, address)) = self.command(memory) else {
            self.flag(if self.mode() == AUTO_POLLING { TCF | SMF } else { TCF });
            return Effect::Command;
        };
        let length = if has_data { self.length(address) } else { 0 };
        if self.is_outside(address, length) {
            self.flag(TEF);
            return Effect::Stored;
        }
        match self.mode() {
            AUTO_POLLING => {
                self.transfer = Transfer::Poll;
                self.poll(memory);
            }
            INDIRECT_READ if has_data => {
                self.transfer = Transfer::Read { does, address, next: 0, left: length };
                self.note_received();
            }
            _ => {
                memory.take(does, address, &[], now, core_hz);
                self.flag(TCF);
            }
        }
        Effect::Stored
    }

    /// A byte, half word or word into the FIFO.
    fn write_data(
        &mut self,
        written: Written,
        memory: &mut impl SerialMemory,
        now: u64,
        core_hz: u64,
    ) -> Effect {
        let on = self.registers.get(CR) & EN != 0;
        if !on || self.mode() != INDIRECT_WRITE || self.registers.get(CCR) & DMODE == 0 {
            return Effect::Stored;
        }
        if !self.is_busy() {
            let length = self.length(self.registers.get(AR));
            if self.is_outside(self.registers.get(AR), length) {
                self.flag(TEF);
                return Effect::Stored;
            }
            self.transfer = Transfer::Write { data: Vec::new(), length };
        }
        let Transfer::Write { data, length } = &mut self.transfer else { return Effect::Busy };
        let bytes = (written.mask.count_ones() / 8) as usize;
        let value = written.value.unbounded_shr(written.mask.trailing_zeros());
        data.extend(value.to_le_bytes().into_iter().take(bytes).take(*length as usize - data.len()));
        if (data.len() as u64) < *length {
            return Effect::Stored;
        }
        let data = std::mem::take(data);
        self.transfer = Transfer::None;
        self.flag(TCF);
        match self.command(memory) {
            Some((does, address)) => memory.take(does, address, &data, now, core_hz),
            None => return Effect::Command,
        }
        Effect::Stored
    }

    /// Looks at the status that is being polled, which has perhaps changed.
    pub fn poll(&mut self, memory: &impl SerialMemory) {
        if !matches!(self.transfer, Transfer::Poll) {
            return;
        }
        // Only the status changes by itself; everything else that can be polled is polled in vain or at once.
        let status = match self.command(memory) {
            Some((Does::ReadStatus, _)) => u32::from_le_bytes([memory.status(); 4]),
            _ => u32::MAX,
        };
        let bits = 8 * (self.registers.get(DLR).min(3) + 1);
        let width = u32::MAX >> (32 - bits);
        let mask = self.registers.get(PSMKR) & width;
        let differ = (status ^ self.registers.get(PSMAR)) & mask;
        let control = self.registers.get(CR);
        let matched = if control & PMM == 0 { differ == 0 } else { differ != mask };
        if matched {
            self.flag(SMF);
            if control & APMS != 0 {
                self.transfer = Transfer::None;
            }
        }
    }

    /// Whether the memory answers at `offset` in the window: the interface is on, in memory-mapped mode, with an address and
    /// a data phase, and the memory is that large (DEVSIZE: 2 to the power of DEVSIZE + 1 bytes).
    pub fn is_mapped(&self, offset: u32) -> bool {
        let ccr = self.registers.get(CCR);
        let on = self.registers.get(CR) & EN != 0 && self.mode() == MEMORY_MAPPED;
        on && ccr & ADMODE != 0 && ccr & DMODE != 0 && u64::from(offset) < self.size()
    }

    /// The same, for an access: it keeps the interface busy until an abort.
    pub fn take_mapped(&mut self, offset: u32) -> bool {
        let mapped = self.is_mapped(offset);
        if mapped {
            self.transfer = Transfer::Mapped;
        }
        mapped
    }

    /// What memory-mapped reads do (CCR, IR), or writes (WCCR, WIR); `None` if they have no address or data phase or the
    /// memory does not know the command.
    pub fn mapped_command(&self, write: bool, memory: &impl SerialMemory) -> Option<Does> {
        let (phases, instruction) = if write { (WCCR, WIR) } else { (CCR, IR) };
        let phases = self.registers.get(phases);
        if phases & ADMODE == 0 || phases & DMODE == 0 {
            return None;
        }
        memory.meaning(self.registers.get(instruction), (phases >> ADSIZE_SHIFT & 3) + 1)
    }

    /// An access beyond the memory's end.
    pub fn transfer_error(&mut self) {
        self.flag(TEF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nor;

    const ONE_LINE_ADDRESS: u32 = 2 << 12 | 1 << 8 | 1;
    const DATA: u32 = 1 << 24;

    /// An OCTOSPI with its memory.
    struct Bench {
        unit: Octospi,
        nor: SerialNor,
        flash: ExternalFlash,
    }

    impl Bench {
        fn new() -> Self {
            let mut bench = Bench {
                unit: Octospi::default(),
                nor: SerialNor::default(),
                flash: ExternalFlash::default(),
            };
            bench.write(DCR1, 23 << 16);
            bench
        }

        fn write(&mut self, offset: u32, value: u32) -> Effect {
            self.unit.write(offset, Written::word(value), &mut self.nor, 0, 1_000_000)
        }

        fn read(&mut self, offset: u32, width: u32) -> u32 {
            self.unit.read(offset, width, &self.nor, &self.flash).expect("a register")
        }

        /// Mode, phases, instruction.
        fn command(&mut self, mode: u32, ccr: u32, instruction: u32) -> Effect {
            self.write(CR, EN | mode << FMODE_SHIFT);
            self.write(CCR, ccr);
            self.write(IR, instruction)
        }

        fn finish(&mut self) {
            let mut supply = crate::supply::Supply::default();
            self.nor.advance(&mut self.flash, 0, u64::MAX, &mut supply);
            self.unit.poll(&self.nor);
        }
    }

    fn mapped() -> Bench {
        let mut bench = Bench::new();
        bench.write(CCR, ONE_LINE_ADDRESS | DATA);
        bench.write(IR, 0x0B);
        bench.write(CR, EN | MEMORY_MAPPED << FMODE_SHIFT);
        bench
    }

    #[test]
    fn the_memory_appears_only_when_everything_is_set_up() {
        assert!(mapped().unit.is_mapped(0) && mapped().unit.is_mapped(0xFF_FFFF));
        assert!(!mapped().unit.is_mapped(0x100_0000), "DEVSIZE 23 is 16 MB");
        for (register, value) in [
            (CR, MEMORY_MAPPED << FMODE_SHIFT),
            (CR, EN | 1 << FMODE_SHIFT),
            (CCR, 1 | 1 << 8),
            (CCR, 1 | 1 << 24),
        ] {
            let mut bench = mapped();
            bench.write(register, value);
            assert!(!bench.unit.is_mapped(0), "{register:#x} = {value:#x}");
        }
    }

    #[test]
    fn identification_and_what_the_memory_does_not_know() {
        let mut bench = Bench::new();
        assert_eq!(bench.write(IR, 0x9F), Effect::Stored, "not enabled yet");
        bench.write(DLR, 2);
        bench.write(CR, EN | 1 << 17);
        assert_eq!(bench.command(INDIRECT_READ, 1 | DATA, 0x9F), Effect::Stored);
        assert_eq!(bench.read(SR, 4), TCF | FTF | BUSY | 3 << FLEVEL_SHIFT);
        assert_eq!(bench.read(DR, 1), 0xEF);
        assert_eq!(bench.read(DR, 2), 0x1840);
        assert_eq!(bench.read(SR, 4), TCF);
        assert_eq!(bench.command(INDIRECT_READ, 1 | DATA, 0x5A), Effect::Command);
        assert_eq!(bench.write(0x300, 1), Effect::Unknown);
    }

    #[test]
    fn pages_are_written_and_read_back() {
        let mut bench = Bench::new();
        assert_eq!(bench.command(INDIRECT_WRITE, 1, 0x06), Effect::Stored);
        assert_eq!(bench.nor.status(), nor::WEL);
        bench.write(DLR, 5);
        bench.command(INDIRECT_WRITE, ONE_LINE_ADDRESS | DATA, 0x02);
        bench.write(AR, 0x1000);
        bench.write(DR, 0x0403_0201);
        assert!(!bench.nor.is_busy(), "two bytes are missing");
        assert_eq!(bench.write(DLR, 1), Effect::Busy);
        bench.unit.write(DR, Written { value: 0x0605, mask: 0xFFFF }, &mut bench.nor, 0, 1_000_000);
        assert!(bench.nor.is_busy() && bench.read(SR, 4) & (TCF | BUSY) == TCF);

        // Automatic polling: WIP clear, stop at the match.
        bench.write(FCR, TCF | SMF);
        bench.write(PSMKR, 1);
        bench.write(PSMAR, 0);
        bench.write(DLR, 0);
        bench.write(CR, EN | AUTO_POLLING << FMODE_SHIFT | APMS);
        bench.write(CCR, 1 | DATA);
        bench.write(IR, 0x05);
        assert_eq!(bench.read(SR, 4) & (SMF | BUSY), BUSY);
        bench.finish();
        assert_eq!(bench.read(SR, 4) & (SMF | BUSY), SMF);

        bench.write(DLR, 39);
        bench.command(INDIRECT_READ, ONE_LINE_ADDRESS | DATA, 0x03);
        bench.write(FCR, TCF);
        bench.write(AR, 0x0FFF);
        assert_eq!(bench.read(SR, 4) & TCF, 0, "40 bytes do not fit the FIFO");
        assert_eq!(bench.read(DR, 4), 0x0302_01FF);
        assert_eq!(bench.read(DR, 4), 0xFF06_0504);
        assert_ne!(bench.read(SR, 4) & TCF, 0);
        // Abort throws the rest away.
        bench.write(CR, EN | ABORT | INDIRECT_READ << FMODE_SHIFT);
        assert_eq!(bench.read(SR, 4) & BUSY, 0);
    }

    #[test]
    fn memory_mapped_mode_is_left_by_abort() {
        let mut bench = mapped();
        assert!(bench.unit.take_mapped(0));
        assert_eq!(bench.write(CR, EN), Effect::Busy);
        assert!(bench.unit.is_mapped(0));
        assert_eq!(bench.write(IR, 0x05), Effect::Busy);
        bench.write(CR, EN | ABORT | MEMORY_MAPPED << FMODE_SHIFT);
        assert_eq!(bench.write(CR, EN), Effect::Stored);
        assert!(!bench.unit.is_mapped(0));
    }

    #[test]
    fn a_command_beyond_the_end_is_an_error() {
        let mut bench = Bench::new();
        bench.write(DLR, 1);
        bench.command(INDIRECT_READ, ONE_LINE_ADDRESS | DATA, 0x03);
        bench.write(AR, 0xFF_FFFF);
        assert_eq!(bench.read(SR, 4) & (TEF | BUSY), TEF);
    }
}
