//! XSPI and XSPIM: the interface of `ironroot-chip`'s OCTOSPI with the registers of this part, and what may lie behind it.
//!
//! XSPI is OCTOSPI's successor: the same registers at the same offsets, with MSEL and CSSEL in CR, a FIFO of 64 bytes and calibration
//! registers. So the model is shared. XSPIM is storage: memory 0 stays on XSPI1 and memory 1 on XSPI2, whatever CR.MODE says.

use std::hash::{Hash, Hasher};

use ironroot_chip::ExternalFlash;
use ironroot_chip::external;
use ironroot_chip::nor::{Does, SerialMemory, SerialNor};
use ironroot_chip::peripherals::octospi::{ABORT, CR, EN, Effect, Octospi};
use ironroot_chip::peripherals::registers::{Register, Registers, Written, register};
use ironroot_chip::supply::Supply;

use super::xspi_ram::ExternalRam;

/// A read of nothing: the lines are pulled up.
const NOTHING: u8 = 0xFF;

/// What lies behind an XSPI.
#[derive(Clone, Debug, Hash)]
pub enum ExternalMemory {
    /// Nothing: every read is all ones, every write is lost.
    Absent,
    /// A serial NOR flash of 16 MB.
    Nor {
        /// Its interface: latch, running operation.
        interface: SerialNor,
        /// What its cells hold: the part of it that survives power-off.
        content: ExternalFlash,
    },
    /// A serial RAM.
    Ram(ExternalRam),
}

impl ExternalMemory {
    /// A NOR flash with that content.
    pub fn nor(content: ExternalFlash) -> Self {
        ExternalMemory::Nor { interface: SerialNor::default(), content }
    }

    /// A RAM of `size` bytes.
    pub fn ram(size: u32) -> Self {
        ExternalMemory::Ram(ExternalRam::new(size))
    }

    /// What a flash holds; `None` for other memories.
    pub fn content(&self) -> Option<&ExternalFlash> {
        match self {
            ExternalMemory::Nor { content, .. } => Some(content),
            ExternalMemory::Absent | ExternalMemory::Ram(_) => None,
        }
    }

    /// Replaces bytes, as a programmer for the bare chip or a debugger does. False if they do not fit.
    pub fn load(&mut self, offset: u32, bytes: &[u8]) -> bool {
        match self {
            ExternalMemory::Absent => false,
            ExternalMemory::Nor { content, .. } => content.load(offset, bytes),
            ExternalMemory::Ram(ram) => {
                let fits = (offset as usize).checked_add(bytes.len()).is_some_and(|end| end <= ram.size());
                if fits {
                    ram.write(offset, bytes);
                }
                fits
            }
        }
    }

    /// Fills `bytes` with what the cells hold, for hosts that look into the model.
    pub fn peek(&self, offset: u32, bytes: &mut [u8]) {
        match self {
            ExternalMemory::Absent => bytes.fill(NOTHING),
            ExternalMemory::Nor { content, .. } => content.read(offset, bytes),
            ExternalMemory::Ram(ram) => ram.read(offset, bytes),
        }
    }

    /// What the cells hold, for hosts that look into the model.
    pub fn bytes(&self, offset: u32, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.peek(offset, &mut bytes);
        bytes
    }

    /// Fills `bytes` with what memory-mapped reads give: a flash that is busy leaves the lines high, and wraps at its end.
    pub fn read_mapped(&self, offset: u32, bytes: &mut [u8]) {
        match self {
            ExternalMemory::Nor { interface, .. } if interface.is_busy() => bytes.fill(NOTHING),
            ExternalMemory::Nor { content, .. } => content.read(offset % external::SIZE, bytes),
            _ => self.peek(offset, bytes),
        }
    }

    /// Byte `index` of what a command answers.
    fn answer(&self, does: Does, address: u32, index: u32) -> u8 {
        match self {
            ExternalMemory::Absent => NOTHING,
            ExternalMemory::Nor { interface, content } => interface.answer(does, address, index, content),
            ExternalMemory::Ram(ram) => {
                let mut byte = [0];
                if does == Does::ReadData {
                    ram.read(address.wrapping_add(index), &mut byte);
                }
                byte[0]
            }
        }
    }

    /// Virtual time of the end of a running program or erase; `u64::MAX` for none.
    pub fn next_event(&self) -> u64 {
        match self {
            ExternalMemory::Nor { interface, .. } => interface.next_event(),
            ExternalMemory::Absent | ExternalMemory::Ram(_) => u64::MAX,
        }
    }

    /// Ends an operation that is due. `window` is where the memory is on the bus.
    pub fn advance(&mut self, window: u32, now: u64, supply: &mut Supply) {
        if let ExternalMemory::Nor { interface, content } = self {
            interface.advance(content, window, now, supply);
        }
    }

    /// A defect of a flash: see [`SerialNor::set_stuck`].
    pub fn set_stuck(&mut self, stuck: bool) {
        if let ExternalMemory::Nor { interface, .. } = self {
            interface.set_stuck(stuck);
        }
    }

    /// Power goes and comes back; `seed` decides what a running operation leaves, and what the RAM holds.
    pub fn power_on(&mut self, seed: u64) {
        match self {
            ExternalMemory::Absent => {}
            ExternalMemory::Nor { interface, content } => interface.power_on(content, seed),
            ExternalMemory::Ram(ram) => ram.power_on(seed),
        }
    }
}

impl SerialMemory for ExternalMemory {
    fn meaning(&self, code: u32, address: u32) -> Option<Does> {
        match self {
            // Nothing answers, and nobody notices: every command is carried out and every answer is all ones.
            ExternalMemory::Absent => Some(Does::ReadData),
            ExternalMemory::Nor { interface, .. } => interface.meaning(code, address),
            ExternalMemory::Ram(ram) => ram.meaning(code, address),
        }
    }

    fn status(&self) -> u8 {
        match self {
            ExternalMemory::Absent => NOTHING,
            ExternalMemory::Nor { interface, .. } => interface.status(),
            ExternalMemory::Ram(ram) => ram.status(),
        }
    }

    fn take(&mut self, does: Does, address: u32, data: &[u8], now: u64, core_hz: u64) {
        match self {
            ExternalMemory::Absent => {}
            ExternalMemory::Nor { interface, .. } => interface.take(does, address, data, now, core_hz),
            ExternalMemory::Ram(ram) => ram.take(does, address, data, now, core_hz),
        }
    }
}

/// Memory-mapped writes that are on the wire: one command as long as addresses follow each other.
#[derive(Clone, Debug, Hash)]
struct Burst {
    does: Does,
    start: u32,
    data: Vec<u8>,
    core_hz: u64,
}

/// More than a page never helps: the flash wraps in its page.
const BURST: usize = 256;

/// One XSPI.
#[derive(Clone, Debug)]
pub struct Xspi {
    unit: Octospi,
    burst: Option<Burst>,
    /// Whether CCR and IR make a read, once that was looked up: code is fetched through here.
    reads: Option<bool>,
}

impl Hash for Xspi {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.unit, &self.burst).hash(state);
    }
}

impl Default for Xspi {
    fn default() -> Self {
        Xspi { unit: Octospi::xspi(), burst: None, reads: None }
    }
}

impl Xspi {
    /// Reset state. What was on the wire of a write is lost.
    pub fn reset(&mut self) {
        *self = Xspi::default();
    }

    /// The interrupt line.
    pub fn raised(&self) -> bool {
        self.unit.raised()
    }

    /// A register's value; `None` for an offset without a register. DR gives the next `width` bytes of an answer.
    pub fn read(&mut self, offset: u32, width: u32, memory: &ExternalMemory) -> Option<u32> {
        self.unit.read_with(offset, width, |does, address, index| memory.answer(does, address, index))
    }

    /// Writes a register.
    pub fn write(
        &mut self,
        offset: u32,
        written: Written,
        memory: &mut ExternalMemory,
        now: u64,
        core_hz: u64,
    ) -> Effect {
        self.reads = None;
        let disables = written.mask & EN != 0 && written.value & EN == 0;
        if offset == CR && (written.value & ABORT != 0 || disables) {
            self.end_burst(memory, now);
        }
        self.unit.write(offset, written, memory, now, core_hz)
    }

    /// Looks at the status that is being polled, which has perhaps changed.
    pub fn poll(&mut self, memory: &ExternalMemory) {
        self.unit.poll(memory);
    }

    /// The memory is deselected: a flash begins to program what it got.
    fn end_burst(&mut self, memory: &mut ExternalMemory, now: u64) {
        if let Some(burst) = self.burst.take() {
            memory.take(burst.does, burst.start, &burst.data, now, burst.core_hz);
        }
    }

    /// A memory-mapped access at `offset` in the window: whether the interface answers. If not, TEF is set.
    pub fn take_mapped(&mut self, offset: u32) -> bool {
        let mapped = self.unit.take_mapped(offset);
        if !mapped {
            self.unit.transfer_error();
        }
        mapped
    }

    /// Fills `bytes` by a memory-mapped read at `offset`. An instruction that is no read gives all ones.
    pub fn read_mapped(&mut self, offset: u32, bytes: &mut [u8], memory: &mut ExternalMemory, now: u64) {
        // Another command goes to the memory, which ends the write before it.
        if self.burst.is_some() {
            self.end_burst(memory, now);
        }
        let reads = *self
            .reads
            .get_or_insert_with(|| self.unit.mapped_command(false, memory) == Some(Does::ReadData));
        if reads {
            memory.read_mapped(offset, bytes);
        } else {
            bytes.fill(NOTHING);
        }
    }

    /// A memory-mapped write at `offset`, with the command of WIR and WCCR. Writes that follow each other are one command, which ends
    /// with 256 bytes, with an access elsewhere, a read, an abort or a disable: a flash programs then, if its latch is set. A
    /// RAM has the bytes at once. False if the command is none that writes: the bytes are lost.
    pub fn write_mapped(
        &mut self,
        offset: u32,
        bytes: &[u8],
        memory: &mut ExternalMemory,
        now: u64,
        core_hz: u64,
    ) -> bool {
        let does = match self.unit.mapped_command(true, memory) {
            Some(does @ (Does::Store | Does::Program)) => does,
            _ => return false,
        };
        if does == Does::Store {
            memory.take(does, offset, bytes, now, core_hz);
            return true;
        }
        let follows = self.burst.as_ref().is_some_and(|burst| {
            burst.start.wrapping_add(burst.data.len() as u32) == offset
                && burst.data.len() + bytes.len() <= BURST
        });
        if !follows {
            self.end_burst(memory, now);
        }
        let burst =
            self.burst.get_or_insert_with(|| Burst { does, start: offset, data: Vec::new(), core_hz });
        burst.data.extend_from_slice(bytes);
        if burst.data.len() >= BURST {
            self.end_burst(memory, now);
        }
        true
    }
}

/// The port manager: storage.
#[derive(Clone, Debug, Hash)]
pub struct Xspim {
    registers: Registers,
}

const XSPIM_TABLE: &[Register] = &[register(0x000, "CR", 0, 0x00FF_0073)];

impl Default for Xspim {
    fn default() -> Self {
        Xspim { registers: Registers::new(XSPIM_TABLE) }
    }
}

impl Xspim {
    /// Reset state.
    pub fn reset(&mut self) {
        self.registers.reset();
    }

    /// A register's value; `None` for an offset without a register.
    pub fn read(&self, offset: u32) -> Option<u32> {
        self.registers.read(offset)
    }

    /// Writes a register. False for an offset without a register.
    pub fn write(&mut self, offset: u32, written: Written) -> bool {
        self.registers.write(offset, written)
    }
}
