//! The smallest chip there is, for the tests of this crate: code, RAM and one device that remembers.

use crate::bus::{Access, Bus, BusFault, IrqLines, Kind, Request, Size};
use crate::core::Core;
use crate::exec::Run;
use crate::insn::Insn;
use crate::lower::lower;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::op::{Args, Flow};
use crate::scs::CoreConfig;

/// Bytes of code and of RAM.
pub(crate) const LENGTH: u32 = 0x1_0000;
/// First byte of code, which cannot be written to (a bus error).
pub(crate) const CODE: u32 = 0;
/// First byte of RAM. What lies around it answers with bus errors.
pub(crate) const RAM: u32 = 0x2000_0000;
/// First byte of a device of 256 bytes; reading gives the number of accesses before.
pub(crate) const DEVICE: u32 = 0x4000_0000;

/// The chip.
#[derive(Clone)]
pub(crate) struct TestBus {
    memory: Memory,
    lines: IrqLines,
    /// Accesses to the device: kind, offset, value.
    pub(crate) log: Vec<(Kind, u32, u32, Size)>,
}

impl TestBus {
    /// Empty memory but for a stack pointer at the end of RAM and an entry at 0x400.
    pub(crate) fn new() -> TestBus {
        let mut memory = Memory::new(2 * LENGTH as usize);
        memory.write(0, RAM + LENGTH, Size::Word);
        memory.write(4, 0x401, Size::Word);
        TestBus { memory, lines: [0; 8], log: Vec::new() }
    }

    fn place(address: u32, kind: Kind) -> Option<u32> {
        match address {
            RAM..0x2001_0000 => Some(address - RAM + LENGTH),
            CODE..LENGTH if kind != Kind::Write => Some(address),
            _ => None,
        }
    }
}

impl Bus for TestBus {
    fn memory(&self) -> &Memory {
        &self.memory
    }
    fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }
    fn map(&mut self, address: u32, access: Access) -> Option<u32> {
        TestBus::place(address & !0x3FF, access.kind)
    }
    fn read(&mut self, address: u32, access: Access) -> Result<u32, BusFault> {
        if let Some(offset) = TestBus::place(address, access.kind) {
            return Ok(self.memory.read(offset, access.size));
        }
        if address & !0xFF != DEVICE {
            return Err(BusFault);
        }
        let value = self.log.len() as u32;
        self.log.push((Kind::Read, address - DEVICE, value, access.size));
        Ok(value & access.size.mask())
    }
    fn write(&mut self, address: u32, value: u32, access: Access) -> Result<(), BusFault> {
        if let Some(offset) = TestBus::place(address, access.kind) {
            self.memory.write(offset, value, access.size);
            return Ok(());
        }
        if address & !0xFF != DEVICE {
            return Err(BusFault);
        }
        self.log.push((Kind::Write, address - DEVICE, value, access.size));
        Ok(())
    }
    fn epoch(&self) -> u32 {
        0
    }
    fn irq_lines(&self) -> &IrqLines {
        &self.lines
    }
    fn next_event(&self) -> u64 {
        u64::MAX
    }
    fn advance(&mut self, _: u64) {}
    fn take_request(&mut self) -> Option<Request> {
        None
    }
    fn system_reset(&mut self, _: u64) {}
    fn reset_vector_base(&self) -> u32 {
        CODE
    }
    fn core_config(&self) -> CoreConfig {
        CoreConfig { cpuid: 0x411F_C271, priority_bits: 4, irq_count: 32, systick_divider: 8 }
    }
    fn console(&mut self, _: &[u8]) {}
    fn hash_state(&self, hasher: &mut dyn core::hash::Hasher) {
        hasher.write_usize(self.log.len());
    }
}

/// A core just after reset, with nothing waiting to be looked at. Its PC is [`PC`].
pub(crate) fn core() -> Core<TestBus> {
    let mut core = Machine::new(TestBus::new()).core;
    core.sync = false;
    core.block_pc = PC;
    core
}

/// Where the instructions of [`execute`] stand: odd halfword, so that literals see the alignment.
pub(crate) const PC: u32 = 0x402;

/// Lowers and runs one instruction of `length` bytes at [`PC`].
pub(crate) fn execute_sized(core: &mut Core<TestBus>, insn: &Insn, length: u8) -> Flow {
    let op = lower::<TestBus>(insn, PC, Args { length, ..Args::default() });
    let run: Run<TestBus> = op.run;
    run(core, &op.args)
}

/// As [`execute_sized`], of 4 bytes.
pub(crate) fn execute(core: &mut Core<TestBus>, insn: &Insn) -> Flow {
    execute_sized(core, insn, 4)
}
