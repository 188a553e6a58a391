//! The debug port: memory and core access as the debugger's, behind the chip's gate.

use ironroot_codes::Code;
use ironroot_cpu::bus::{Bus, Kind, Size};
use ironroot_cpu::machine::Machine;

/// Why the debug port did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The documented code.
    pub code: Code,
    /// What was refused, in this case.
    pub text: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

impl std::error::Error for Refusal {}

/// A range of the memory map as debuggers want to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapEntry {
    /// First address.
    pub start: u32,
    /// Bytes.
    pub length: u32,
    /// Size of an erase sector for flash, None for RAM.
    pub sector: Option<u32>,
}

/// A chip with a debug port.
pub trait DebugPort: Bus {
    /// Whether a debugger may do anything at all now. A connection may change the chip's state (RDP 1: intrusion).
    fn gate(&mut self) -> Result<(), Refusal>;
    /// A read as master "debugger". The address is aligned to the size.
    fn debug_read(&mut self, address: u32, size: Size) -> Result<u32, Refusal>;
    /// A write as master "debugger". The address is aligned to the size.
    fn debug_write(&mut self, address: u32, value: u32, size: Size) -> Result<(), Refusal>;
    /// Why an access of this kind, though it is not refused, does not do what it says: the chip answers zero, or drops
    /// what is written.
    fn silent_refusal(&self, address: u32, kind: Kind) -> Option<Refusal>;
    /// What a debugger is told about memories.
    fn debug_map(&self) -> Vec<MapEntry>;
    /// Erases the sectors that `length` bytes at `start` touch, with the controller's own register sequences.
    fn flash_erase(&mut self, start: u32, length: u32) -> Result<(), Refusal>;
    /// Programs bytes from the start of a flash word on, and reads them back.
    fn flash_program(&mut self, start: u32, data: &[u8]) -> Result<(), Refusal>;
    /// Bytes that are programmed at once.
    fn flash_word(&self) -> u32;
}

/// Core cycles that one access through the debug port takes: about a microsecond at reset clock.
const ACCESS_CYCLES: u64 = 64;

/// The debug port of a machine. Every access takes virtual time, as on the wire; the core stands still meanwhile.
pub struct Port<'a, B: DebugPort> {
    machine: &'a mut Machine<B>,
}

impl<'a, B: DebugPort> Port<'a, B> {
    /// The port of `machine`.
    pub fn new(machine: &'a mut Machine<B>) -> Self {
        Port { machine }
    }

    /// The machine.
    pub fn machine(&mut self) -> &mut Machine<B> {
        self.machine
    }

    /// Lets virtual time pass with the core halted.
    pub fn wait(&mut self, cycles: u64) {
        let core = &mut self.machine.core;
        core.pass_halted(cycles);
        core.bus.advance(core.cycles);
    }

    /// Whether the gate is open.
    pub fn gate(&mut self) -> Result<(), Refusal> {
        self.machine.core.bus.gate()
    }

    /// Reads one unit; the system control space is the core's own.
    pub fn read(&mut self, address: u32, size: Size) -> Result<u32, Refusal> {
        self.gate()?;
        self.wait(ACCESS_CYCLES);
        let core = &mut self.machine.core;
        if let Some(value) = core.debug_system_read(address, size) {
            return Ok(value);
        }
        let result = core.bus.debug_read(address, size);
        self.machine.poke();
        result
    }

    /// Writes one unit.
    pub fn write(&mut self, address: u32, value: u32, size: Size) -> Result<(), Refusal> {
        self.gate()?;
        self.wait(ACCESS_CYCLES);
        let core = &mut self.machine.core;
        if core.debug_system_write(address, value, size).is_some() {
            return Ok(());
        }
        let result = core.bus.debug_write(address, value, size);
        self.machine.poke();
        result
    }

    /// Erases the sectors that `length` bytes at `start` touch.
    pub fn erase(&mut self, start: u32, length: u32) -> Result<(), Refusal> {
        self.gate()?;
        self.wait(ACCESS_CYCLES);
        let result = self.machine.core.bus.flash_erase(start, length);
        self.machine.poke();
        result
    }

    /// Programs pieces of any alignment. A flash word is programmed once: pieces that share one are joined, gaps are filled
    /// with the erased value.
    pub fn program(&mut self, pieces: &[(u32, Vec<u8>)]) -> Result<(), Refusal> {
        self.gate()?;
        self.wait(ACCESS_CYCLES);
        let word = self.machine.core.bus.flash_word().max(1);
        let mut words = std::collections::BTreeMap::<u32, Vec<u8>>::new();
        for (start, data) in pieces {
            for (i, byte) in (0u32..).zip(data) {
                let address = start.wrapping_add(i);
                let content =
                    words.entry(address - address % word).or_insert_with(|| vec![0xFF; word as usize]);
                content[(address % word) as usize] = *byte;
            }
        }
        let result =
            words.into_iter().try_for_each(|(at, content)| self.machine.core.bus.flash_program(at, &content));
        self.machine.poke();
        result
    }

    /// Reads a word.
    pub fn read_word(&mut self, address: u32) -> Result<u32, Refusal> {
        self.read(address, Size::Word)
    }

    /// Writes a word.
    pub fn write_word(&mut self, address: u32, value: u32) -> Result<(), Refusal> {
        self.write(address, value, Size::Word)
    }

    /// Reads bytes, in words where alignment allows.
    pub fn read_bytes(&mut self, address: u32, buffer: &mut [u8]) -> Result<(), Refusal> {
        let mut at = address;
        let mut rest = buffer;
        while !rest.is_empty() {
            let size = unit(at, rest.len());
            let value = self.read(at, size)?.to_le_bytes();
            let (now, later) = rest.split_at_mut(size.bytes() as usize);
            now.copy_from_slice(&value[..now.len()]);
            at = at.wrapping_add(size.bytes());
            rest = later;
        }
        Ok(())
    }

    /// Writes bytes, in words where alignment allows.
    pub fn write_bytes(&mut self, address: u32, data: &[u8]) -> Result<(), Refusal> {
        let mut at = address;
        let mut rest = data;
        while !rest.is_empty() {
            let size = unit(at, rest.len());
            let (now, later) = rest.split_at(size.bytes() as usize);
            let mut raw = [0; 4];
            raw[..now.len()].copy_from_slice(now);
            self.write(at, u32::from_le_bytes(raw), size)?;
            at = at.wrapping_add(size.bytes());
            rest = later;
        }
        Ok(())
    }
}

/// The widest aligned unit at `address` that `left` bytes hold.
fn unit(address: u32, left: usize) -> Size {
    match (address & 3, left) {
        (0, 4..) => Size::Word,
        (0 | 2, 2..) => Size::Half,
        _ => Size::Byte,
    }
}
