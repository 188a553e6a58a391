//! The probe: a small program on the Arm core that makes the accesses it is asked for, and the bench that asks.
//!
//! Its source is `probe.s`; [`CODE`] is what the assembler made of it (a test assembles it again), so that no Arm tool is
//! needed to run a proof. The mailbox lies in AXI SRAM. The host reaches it past the chip, the way somebody decides at the
//! bench what the program on the board should try next; what is tried is done by the core, through its bus.

use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_cpu::bus::{Bus, Size};
use ironroot_cpu::machine::{Machine, Stop};
use ironroot_cpu::snapshot::Snapshot;

/// The assembled program, without its vector table.
#[rustfmt::skip]
pub const CODE: [u16; 100] = [
    0xF2AF, 0x0104, 0x3940, 0x482E, 0x6001, 0x4C2B, 0x61E1, 0x482B, 0x4685, 0x4C29, 0x2000, 0x6020,
    0x6820, 0x2800, 0xD0FC, 0x6861, 0x68A2, 0x68E3, 0x2500, 0x6125, 0x6165, 0x2809, 0xD8EF, 0xE8DF,
    0xF000, 0x050D, 0x0907, 0x100E, 0x1215, 0x2219, 0x7808, 0xE002, 0x8808, 0xE000, 0x6808, 0xF3BF,
    0x8F4F, 0x6120, 0xE7DF, 0x700A, 0xE005, 0x800A, 0xE003, 0xE9C1, 0x2300, 0xE000, 0x600A, 0xF3BF,
    0x8F4F, 0xE7D4, 0x468C, 0x4610, 0x4619, 0x3420, 0xE894, 0x0FF0, 0x47E0, 0x4C11, 0xE7E7, 0x2000,
    0x2B00, 0xD0E4, 0xF851, 0x5B04, 0x3B01, 0x4295, 0xBF08, 0x3001, 0x6120, 0x61A1, 0xE7F4, 0x4C0A,
    0x480C, 0x6801, 0x6001, 0xF041, 0x4100, 0x6161, 0x6841, 0x6041, 0x4806, 0x3820, 0x4685, 0xF2AF,
    0x019A, 0x6181, 0xF04F, 0x7180, 0x61C1, 0xF06F, 0x0E06, 0x4770, 0x0000, 0x2400, 0x1000, 0x2400,
    0xED08, 0xE000, 0xED28, 0xE000,
];
/// Where in [`CODE`] the fault handler begins.
const FAULT: u32 = 0x8E;
/// Bytes of the vector table before it.
pub const VECTORS: u32 = 64;
/// The mailbox.
pub const MAILBOX: u32 = 0x2400_0000;
/// Free memory for arguments, which survives a system reset as the mailbox does.
pub const ARGUMENTS: u32 = 0x2400_2000;
/// The stack is below this.
const STACK: u32 = 0x2400_1000;

/// Instructions after which a command counts as not answered: far more than the longest search takes.
const PATIENCE: u64 = 8_000_000;
/// The same for a start: RSS may change option bytes on the way and wait for them.
const BOOT: u64 = 60_000_000;
/// Instructions between two looks at the mailbox.
const SLICE: u64 = 256;

/// The whole program for an address: vector table and code.
pub fn image(base: u32) -> Vec<u8> {
    let entry = base + VECTORS;
    let mut words = [entry + FAULT + 1; 16];
    words[0] = STACK;
    words[1] = entry + 1;
    let code = CODE.iter().flat_map(|half| half.to_le_bytes());
    words.iter().flat_map(|word| word.to_le_bytes()).chain(code).collect()
}

/// What the probe can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads.
    Read(Size),
    /// Writes.
    Write(Size),
    /// Writes two words with one STRD.
    WriteDouble,
    /// Calls a function with two arguments.
    Call,
    /// Counts the words that equal a value.
    Search,
}

impl Op {
    fn number(self) -> u32 {
        match self {
            Op::Read(Size::Byte) => 1,
            Op::Read(Size::Half) => 2,
            Op::Read(Size::Word) => 3,
            Op::Write(Size::Byte) => 4,
            Op::Write(Size::Half) => 5,
            Op::Write(Size::Word) => 6,
            Op::WriteDouble => 7,
            Op::Call => 8,
            Op::Search => 9,
        }
    }
}

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done, with this result.
    Value(u32),
    /// The core took a fault; CFSR.
    Fault(u32),
    /// The probe did not come back: the core runs (or sleeps) elsewhere.
    Silence,
}

impl Answer {
    /// The result, if there is one.
    pub fn value(self) -> Option<u32> {
        match self {
            Answer::Value(value) => Some(value),
            _ => None,
        }
    }
}

/// A device with a probe on it.
#[derive(Clone)]
pub struct Bench {
    /// Core and chip.
    pub machine: Machine<Stm32h735>,
}

impl Bench {
    /// A board, powered on.
    pub fn power_on(board: &Board, rom: &RomImage) -> Bench {
        Bench { machine: Machine::new(Stm32h735::from_board(board, rom)) }
    }

    /// The chip.
    pub fn chip(&mut self) -> &mut Stm32h735 {
        &mut self.machine.core.bus
    }

    /// A word of memory past all protections; 0 where there is no memory.
    pub fn peek(&self, address: u32) -> u32 {
        let chip = &self.machine.core.bus;
        chip.arena_offset(address).map_or(0, |offset| chip.memory().read(offset, Size::Word))
    }

    /// Writes memory past all protections.
    pub fn poke(&mut self, address: u32, bytes: &[u8]) {
        if let Some(offset) = self.machine.core.bus.arena_offset(address) {
            self.machine.core.bus.memory_mut().write_bytes(offset, bytes);
            self.machine.poke();
        }
    }

    fn mail(&mut self, index: u32, value: u32) {
        self.poke(MAILBOX + 4 * index, &value.to_le_bytes());
    }

    /// Gives the probe a command without waiting.
    pub fn post(&mut self, op: Op, address: u32, value: u32, second: u32) {
        self.mail(1, address);
        self.mail(2, value);
        self.mail(3, second);
        self.mail(0, op.number());
    }

    /// Gives the probe a command and waits for its answer.
    pub fn ask(&mut self, op: Op, address: u32, value: u32, second: u32) -> Answer {
        self.post(op, address, value, second);
        self.answer()
    }

    fn answer(&mut self) -> Answer {
        if !self.idle(PATIENCE) {
            return Answer::Silence;
        }
        match self.peek(MAILBOX + 20) {
            0 => Answer::Value(self.peek(MAILBOX + 16)),
            fault => Answer::Fault(fault & 0x7FFF_FFFF),
        }
    }

    /// Runs until the mailbox is empty; false if it stays full.
    fn idle(&mut self, limit: u64) -> bool {
        let end = self.machine.core.instructions + limit;
        while self.machine.core.instructions < end {
            let stop = self.machine.run(SLICE);
            if self.peek(MAILBOX) == 0 {
                return true;
            }
            if stop != Stop::Limit {
                return false;
            }
        }
        false
    }

    /// Before a reset or a jump: the next probe that starts must show itself.
    pub fn expect_start(&mut self) {
        self.mail(7, 0);
        self.mail(0, u32::MAX);
    }

    /// Runs until a probe has started, after [`Bench::expect_start`] or power-on: the address of its vector table.
    pub fn started(&mut self) -> Option<u32> {
        let end = self.machine.core.instructions + BOOT;
        while self.machine.core.instructions < end {
            let stop = self.machine.run(SLICE);
            let base = self.peek(MAILBOX + 28);
            if base != 0 && self.peek(MAILBOX) == 0 {
                return Some(base);
            }
            if stop != Stop::Limit {
                return None;
            }
        }
        None
    }

    /// Calls something that does not come back but leads to another start of a probe: its address.
    pub fn leave(&mut self, address: u32, first: u32, second: u32) -> Option<u32> {
        self.mail(7, 0);
        self.post(Op::Call, address, first, second);
        self.started()
    }

    /// The core asks for a system reset; where the probe starts after it.
    pub fn reset_by_core(&mut self) -> Option<u32> {
        const AIRCR: u32 = 0xE000_ED0C;
        self.mail(7, 0);
        self.post(Op::Write(Size::Word), AIRCR, 0x05FA_0004, 0);
        self.started()
    }

    /// A word read by the core.
    pub fn read(&mut self, address: u32) -> Answer {
        self.ask(Op::Read(Size::Word), address, 0, 0)
    }

    /// A word written by the core.
    pub fn write(&mut self, address: u32, value: u32) -> Answer {
        self.ask(Op::Write(Size::Word), address, value, 0)
    }

    /// Lets virtual time pass until the flash is at rest.
    pub fn settle(&mut self) {
        self.chip().finish_flash_operations();
        self.machine.poke();
    }

    /// This moment.
    pub fn snapshot(&mut self) -> Snapshot<Stm32h735> {
        self.machine.snapshot()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_code_is_what_the_assembler_makes_of_its_source() {
        let dir = tempfile::tempdir().expect("a directory");
        let (object, binary) = (dir.path().join("probe.o"), dir.path().join("probe.bin"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/access/probe.s");
        let run = |command: &mut Command| {
            let status = command.status().expect("install binutils-arm-none-eabi");
            assert!(status.success());
        };
        run(Command::new("arm-none-eabi-as").arg("-o").arg(&object).arg(source));
        run(Command::new("arm-none-eabi-objcopy")
            .args(["-O", "binary", "-j", ".text"])
            .arg(&object)
            .arg(&binary));
        let bytes = std::fs::read(binary).expect("assembled");
        let code: Vec<u8> = CODE.iter().flat_map(|half| half.to_le_bytes()).collect();
        assert_eq!(bytes, code);
        let symbols =
            Command::new("arm-none-eabi-nm").arg(&object).output().expect("install binutils-arm-none-eabi");
        let symbols = String::from_utf8_lossy(&symbols.stdout).into_owned();
        assert!(symbols.contains(&format!("{FAULT:08x} a fault_offset").replace(" a ", " A ")), "{symbols}");
    }

    #[test]
    fn the_probe_reads_writes_calls_searches_and_survives_faults() {
        let mut board = Board::with_serial(1);
        board.preload(0x0800_0000, &image(0x0800_0000));
        let mut bench = Bench::power_on(&board, &RomImage::default());
        assert_eq!(bench.started(), Some(0x0800_0000));
        assert_eq!(bench.write(ARGUMENTS, 0x1234_5678), Answer::Value(0));
        assert_eq!(bench.ask(Op::Read(Size::Byte), ARGUMENTS + 1, 0, 0), Answer::Value(0x56));
        assert_eq!(bench.ask(Op::Read(Size::Half), ARGUMENTS + 2, 0, 0), Answer::Value(0x1234));
        assert_eq!(bench.ask(Op::Write(Size::Half), ARGUMENTS, 0xAAAA, 0), Answer::Value(0));
        assert_eq!(bench.ask(Op::Write(Size::Byte), ARGUMENTS, 0xBB, 0), Answer::Value(0));
        assert_eq!(bench.read(ARGUMENTS), Answer::Value(0x1234_AABB));
        assert_eq!(bench.ask(Op::WriteDouble, ARGUMENTS, 1, 2), Answer::Value(0));
        assert_eq!((bench.peek(ARGUMENTS), bench.peek(ARGUMENTS + 4)), (1, 2));
        assert_eq!(bench.ask(Op::Search, ARGUMENTS, 2, 16), Answer::Value(1));
        assert!(
            matches!(bench.read(0x6000_0000), Answer::Fault(cfsr) if cfsr & 1 << 9 != 0),
            "precise bus fault"
        );
        assert!(matches!(bench.ask(Op::Call, 0x6000_0001, 0, 0), Answer::Fault(_)));
        // adds r0, r0, r1; bx lr
        bench.poke(ARGUMENTS, &[0x40, 0x18, 0x70, 0x47]);
        assert_eq!(bench.ask(Op::Call, ARGUMENTS + 1, 2, 3), Answer::Value(5));
        // b . : never comes back
        bench.poke(ARGUMENTS, &[0xFE, 0xE7]);
        assert_eq!(bench.ask(Op::Call, ARGUMENTS + 1, 0, 0), Answer::Silence);
    }
}
