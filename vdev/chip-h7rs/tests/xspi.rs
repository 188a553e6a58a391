//! The external memories through XSPI: indirect, polling and memory-mapped, flash, RAM and nothing.

use ironroot_chip::ExternalFlash;
use ironroot_chip::peripherals::octospi::Effect;
use ironroot_chip::peripherals::registers::Written;
use ironroot_chip::supply::{CutEffect, FlashOperation, PowerCut, Supply};
use ironroot_chip_h7rs::peripherals::xspi::ExternalMemory;
use ironroot_chip_h7rs::peripherals::xspi_ram;
use ironroot_chip_h7rs::peripherals::xspi_windows::ExternalBus;
use ironroot_cpu::bus::{Access, BusFault, Kind, Master, Size};

const CR: u32 = 0x000;
const DCR1: u32 = 0x008;
const SR: u32 = 0x020;
const DLR: u32 = 0x040;
const AR: u32 = 0x048;
const DR: u32 = 0x050;
const PSMKR: u32 = 0x080;
const CCR: u32 = 0x100;
const IR: u32 = 0x110;
const WCCR: u32 = 0x180;
const WIR: u32 = 0x190;
const EN: u32 = 1;
const ABORT: u32 = 2;
const WRITE: u32 = 0;
const READ: u32 = 1 << 28;
const POLL: u32 = 2 << 28;
const MAPPED: u32 = 3 << 28;
const APMS: u32 = 1 << 22;
const SMF: u32 = 1 << 3;
const TEF: u32 = 1;
const BUSY: u32 = 1 << 5;
const ADDRESS: u32 = 1 << 8 | 2 << 12;
const LONG_ADDRESS: u32 = 1 << 8 | 3 << 12;
const DATA: u32 = 1 << 24;
const HZ: u64 = 600_000_000;
const FLASH: u32 = 0x9000_0000;
const RAM: u32 = 0x7000_0000;

/// A board with a flash and a RAM, and a clock.
struct Bench {
    bus: ExternalBus,
    now: u64,
    supply: Supply,
}

impl Bench {
    fn new() -> Self {
        Self::with([ExternalMemory::nor(ExternalFlash::default()), ExternalMemory::ram(xspi_ram::SIZE)])
    }

    fn with(memory: [ExternalMemory; 2]) -> Self {
        let mut bench = Bench { bus: ExternalBus::new(memory, true), now: 0, supply: Supply::default() };
        bench.write(0, DCR1, 23 << 16);
        bench.write(1, DCR1, 24 << 16);
        bench
    }

    fn write(&mut self, number: usize, offset: u32, value: u32) -> Effect {
        self.bus.write_xspi(number, offset, Written::word(value), self.now, HZ)
    }

    fn read(&mut self, number: usize, offset: u32) -> u32 {
        self.bus.read_xspi(number, offset, 4).expect("a register")
    }

    fn access(&self, kind: Kind, size: Size) -> Access {
        Access { master: Master::Cpu, kind, privileged: true, secure: false, size, pc: 0, now: self.now }
    }

    fn load(&mut self, address: u32) -> Result<u32, BusFault> {
        let access = self.access(Kind::Read, Size::Word);
        self.bus.read_window(address, &access)
    }

    fn store(&mut self, address: u32, value: u32) -> Result<bool, BusFault> {
        let access = self.access(Kind::Write, Size::Word);
        self.bus.write_window(address, value, &access, HZ)
    }

    fn map(&mut self, number: usize, read: u32, write: u32) {
        self.write(number, CR, EN | ABORT);
        self.write(number, CR, EN);
        self.write(number, CCR, 1 | LONG_ADDRESS | DATA);
        self.write(number, IR, read);
        self.write(number, WCCR, 1 | LONG_ADDRESS | DATA);
        self.write(number, WIR, write);
        self.write(number, CR, EN | MAPPED);
    }

    /// A command without data.
    fn command(&mut self, instruction: u32, address: Option<u32>) {
        self.write(0, CR, EN | ABORT);
        self.write(0, CR, EN | WRITE);
        self.write(0, CCR, 1 | address.map_or(0, |_| ADDRESS));
        self.write(0, IR, instruction);
        if let Some(address) = address {
            self.write(0, AR, address);
        }
    }

    fn finish(&mut self) {
        self.now = self.bus.next_event();
        assert_ne!(self.now, u64::MAX, "nothing runs");
        self.bus.advance(self.now, &mut self.supply);
    }

    fn program(&mut self, address: u32, data: &[u8]) {
        self.command(0x06, None);
        self.write(0, CCR, 1 | ADDRESS | DATA);
        self.write(0, DLR, data.len() as u32 - 1);
        self.write(0, IR, 0x02);
        self.write(0, AR, address);
        for byte in data {
            let written = Written { value: u32::from(*byte), mask: 0xFF };
            self.bus.write_xspi(0, DR, written, self.now, HZ);
        }
        self.finish();
    }
}

#[test]
fn flash_is_identified_programmed_erased_and_read() {
    let mut bench = Bench::new();
    bench.write(0, CR, EN | READ);
    bench.write(0, DLR, 2);
    bench.write(0, CCR, 1 | DATA);
    bench.write(0, IR, 0x9F);
    assert_eq!(bench.bus.read_xspi(0, DR, 1), Some(0xEF));
    assert_eq!(bench.bus.read_xspi(0, DR, 2), Some(0x1840));

    bench.program(0x1000, &[1, 2, 3, 4, 5]);
    bench.map(0, 0x13, 0x12);
    assert_eq!((bench.load(FLASH + 0x1000), bench.load(FLASH + 0x1004)), (Ok(0x0403_0201), Ok(0xFFFF_FF05)));

    // A sector erase, and automatic polling until it is over.
    bench.command(0x06, None);
    bench.command(0x20, Some(0x1234));
    bench.write(0, PSMKR, 1);
    bench.write(0, DLR, 0);
    bench.write(0, CR, EN | POLL | APMS);
    bench.write(0, CCR, 1 | DATA);
    bench.write(0, IR, 0x05);
    assert_eq!(bench.read(0, SR) & (SMF | BUSY), BUSY);
    bench.map(0, 0x13, 0x12);
    assert_eq!(bench.load(FLASH + 0x1000), Ok(u32::MAX), "busy: the lines are high");
    bench.finish();
    assert_eq!(bench.load(FLASH + 0x1000), Ok(u32::MAX));
    assert_eq!(bench.bus.memory[0].bytes(0x1000, 5), [0xFF; 5]);
}

#[test]
fn polling_ends_with_the_operation() {
    let mut bench = Bench::new();
    bench.command(0x06, None);
    bench.command(0xD8, Some(0));
    bench.write(0, PSMKR, 1);
    bench.write(0, DLR, 0);
    bench.write(0, CR, EN | POLL | APMS | 1 << 19);
    bench.write(0, CCR, 1 | DATA);
    bench.write(0, IR, 0x05);
    assert!(!bench.bus.xspi[0].raised());
    bench.finish();
    assert_eq!(bench.read(0, SR) & (SMF | BUSY), SMF);
    assert!(bench.bus.xspi[0].raised());
}

#[test]
fn the_windows_answer_when_they_are_set_up() {
    let mut bench = Bench::new();
    assert_eq!((bench.load(FLASH), bench.read(0, SR) & TEF), (Err(BusFault), TEF));
    bench.map(0, 0x13, 0x12);
    assert_eq!(bench.load(FLASH + 0xFF_FFFC), Ok(u32::MAX));
    assert_eq!(bench.load(FLASH + 0x100_0000), Err(BusFault), "DEVSIZE 23 is 16 MB");
    assert_eq!(bench.load(0x8000_0000), Err(BusFault));
    bench.map(0, 0x9F, 0x12);
    assert!(bench.bus.memory[0].load(0, &[0; 4]));
    assert_eq!(bench.load(FLASH), Ok(u32::MAX), "the instruction is no read");
    for octal in [0xEC13, 0xEE11] {
        bench.map(0, octal, 0x12ED);
        assert_eq!(bench.load(FLASH), Ok(0));
    }
}

#[test]
fn ram_takes_writes_of_every_width() {
    let mut bench = Bench::new();
    bench.map(1, 0x20, 0xA0);
    assert_eq!(bench.store(RAM + 0x1FF_FFF0, 0x0403_0201), Ok(true));
    for (kind, size, value, expected) in
        [(Kind::Write, Size::Byte, 0xAA, 0x0403_02AA), (Kind::Write, Size::Half, 0xBBCC, 0x0403_BBCC)]
    {
        let access = bench.access(kind, size);
        assert_eq!(bench.bus.write_window(RAM + 0x1FF_FFF0, value, &access, HZ), Ok(true));
        assert_eq!(bench.load(RAM + 0x1FF_FFF0), Ok(expected));
    }
    let fetch = bench.access(Kind::Fetch, Size::Half);
    assert_eq!(bench.bus.read_window(RAM + 0x1FF_FFF2, &fetch), Ok(0x0403));
    // Without a write command in WIR nothing is stored, and that is told.
    bench.map(1, 0x20, 0x20);
    assert_eq!((bench.store(RAM, 7), bench.bus.memory[1].bytes(0, 1) == [7]), (Ok(false), false));
    // A system reset leaves the content, power does not.
    bench.bus.reset();
    assert_eq!(bench.bus.memory[1].bytes(0x1FF_FFF0, 4), [0xCC, 0xBB, 3, 4]);
    bench.bus.power_on(9);
    assert_ne!(bench.bus.memory[1].bytes(0x1FF_FFF0, 4), [0xCC, 0xBB, 3, 4]);
}

#[test]
fn mapped_writes_that_follow_each_other_are_one_page_program() {
    let mut bench = Bench::new();
    bench.supply.record(true);
    bench.command(0x06, None);
    bench.map(0, 0x13, 0x12);
    for index in 0..8 {
        assert_eq!(bench.store(FLASH + 0x2000 + 4 * index, index), Ok(true));
    }
    assert_eq!(bench.bus.next_event(), u64::MAX, "still on the wire");
    bench.write(0, CR, EN | ABORT | MAPPED);
    bench.finish();
    let program = FlashOperation::ExternalProgram { address: FLASH + 0x2000, length: 32 };
    assert_eq!(bench.supply.take_log(), [program]);
    assert_eq!(bench.bus.memory[0].bytes(0x201C, 8), [7, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
    // The latch fell: the next write is lost until WREN comes again.
    bench.map(0, 0x13, 0x12);
    assert_eq!(bench.store(FLASH + 0x2020, 8), Ok(true));
    assert_eq!(bench.load(FLASH + 0x2020), Ok(u32::MAX));
    assert_eq!(bench.bus.next_event(), u64::MAX);
    // Writes elsewhere end a burst.
    bench.command(0x06, None);
    bench.map(0, 0x13, 0x12);
    assert_eq!((bench.store(FLASH + 0x3000, 1), bench.store(FLASH + 0x4000, 2)), (Ok(true), Ok(true)));
    bench.finish();
    assert_eq!(
        (bench.bus.memory[0].bytes(0x3000, 1), bench.bus.memory[0].bytes(0x4000, 1)),
        (vec![1], vec![0xFF])
    );
}

#[test]
fn a_power_cut_breaks_an_external_operation() {
    let mut bench = Bench::new();
    bench.program(0, &[0; 64]);
    bench.supply.arm(Some(PowerCut { operation: 1, effect: CutEffect::Half, seed: 4 }));
    bench.command(0x06, None);
    bench.command(0x20, Some(0));
    bench.finish();
    assert!(bench.supply.is_off());
}

#[test]
fn nothing_behind_an_interface_reads_ones() {
    let mut bench = Bench::with([ExternalMemory::Absent, ExternalMemory::Absent]);
    bench.map(0, 0x13, 0x12);
    assert_eq!(
        (bench.load(FLASH), bench.store(FLASH, 0), bench.load(FLASH)),
        (Ok(u32::MAX), Ok(false), Ok(u32::MAX))
    );
    bench.write(0, CR, EN | ABORT);
    bench.write(0, CR, EN | READ);
    bench.write(0, DLR, 3);
    bench.write(0, CCR, 1 | DATA);
    bench.write(0, IR, 0x9F);
    assert_eq!(bench.read(0, DR), u32::MAX);
    assert!(!bench.bus.memory[0].load(0, &[0]));
}

#[test]
fn registers_of_the_new_part_are_there() {
    let mut bench = Bench::new();
    assert_eq!(bench.write(0, 0x210, u32::MAX), Effect::Stored);
    assert_eq!(bench.read(0, 0x210), 0x801F_007F, "CALFCR");
    bench.write(0, CR, 3 << 30 | 1 << 24);
    assert_eq!(bench.read(0, CR), 3 << 30 | 1 << 24, "MSEL, CSSEL");
    assert_eq!(bench.write(0, 0x300, 0), Effect::Unknown);
    assert!(bench.bus.xspim.write(0, Written::word(u32::MAX)));
    assert_eq!((bench.bus.xspim.read(0), bench.bus.xspim.read(4)), (Some(0x00FF_0073), None));
    // The FIFO holds 64 bytes.
    bench.write(0, CR, EN | READ);
    bench.write(0, DLR, 99);
    bench.write(0, CCR, 1 | ADDRESS | DATA);
    bench.write(0, IR, 0x03);
    bench.write(0, AR, 0);
    assert_eq!(bench.read(0, SR) >> 8 & 0x7F, 64);
}
