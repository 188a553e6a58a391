//! The JTAG port from the other end of the wires, bit by bit, without OpenOCD.

use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_cpu::machine::Machine;
use ironroot_debug::swj::Probe;

const ABORT: u16 = 0x8;
const DPACC: u16 = 0xA;
const APACC: u16 = 0xB;
const IDCODE: u16 = 0xE;

const CTRL_STAT: u32 = 0x4;
const SELECT: u32 = 0x8;
const RDBUFF: u32 = 0xC;
const POWER_UP: u32 = 0x5000_0000;
const STICKYERR: u32 = 1 << 5;

const CSW: u32 = 0x00;
const TAR: u32 = 0x04;
const DRW: u32 = 0x0C;

const DHCSR: u32 = 0xE000_EDF0;
const DCRSR: u32 = 0xE000_EDF4;
const DCRDR: u32 = 0xE000_EDF8;
const DEMCR: u32 = 0xE000_EDFC;
const DFSR: u32 = 0xE000_ED30;
const AIRCR: u32 = 0xE000_ED0C;
const FP_CTRL: u32 = 0xE000_2000;
const FP_COMP0: u32 = 0xE000_2008;
const KEY: u32 = 0xA05F_0000;
const S_HALT: u32 = 1 << 17;

/// Wires to a probe.
struct Wires {
    probe: Probe<Stm32h735>,
}

impl Wires {
    fn new(board: &Board) -> Wires {
        let rom = RomImage::from_segments(std::iter::empty::<(u32, Vec<u8>)>()).expect("an empty ROM");
        let machine = Machine::new(Stm32h735::from_board(board, &rom));
        let mut wires = Wires { probe: Probe::new(machine) };
        wires.reset_taps();
        wires
    }

    /// As [`Wires::new`], powered up and with the core halted at its first instruction.
    fn halted(board: &Board) -> Wires {
        let mut wires = Wires::new(board);
        wires.dp_write(CTRL_STAT, POWER_UP);
        wires.store(DHCSR, KEY | 3);
        wires
    }

    fn clock(&mut self, tms: bool, tdi: bool) -> bool {
        let low = b'0' + 2 * u8::from(tms) + u8::from(tdi);
        self.probe.receive(&[low, b'R', low + 4]);
        self.probe.take_reply() == b"1"
    }

    fn walk(&mut self, tms: &[u8]) {
        for bit in tms {
            self.clock(*bit != 0, false);
        }
    }

    fn reset_taps(&mut self) {
        self.walk(&[1, 1, 1, 1, 1, 0]);
    }

    /// Shifts `length` bits from Run-Test/Idle through the instruction or data register and back.
    fn scan(&mut self, instruction: bool, bits: u128, length: u32) -> u128 {
        self.walk(if instruction { &[1, 1, 0, 0] } else { &[1, 0, 0] });
        let out = (0..length)
            .fold(0, |out, i| out | (u128::from(self.clock(i + 1 == length, (bits >> i) & 1 != 0)) << i));
        self.walk(&[1, 0]);
        out
    }

    /// Instruction of the debug port; boundary scan gets BYPASS.
    fn instruction(&mut self, ir: u16) -> u16 {
        self.scan(true, u128::from((0b11111 << 4) | ir), 9) as u16
    }

    /// One access scan: acknowledge and data of the one before.
    fn access(&mut self, ir: u16, register: u32, read: bool, data: u32) -> (u8, u32) {
        self.instruction(ir);
        let bits = (u128::from(data) << 3) | u128::from((register >> 1) & 6) | u128::from(read);
        let out = self.scan(false, bits, 36);
        (out as u8 & 7, (out >> 3) as u32)
    }

    fn dp_write(&mut self, register: u32, data: u32) {
        self.access(DPACC, register, false, data);
    }

    fn dp_read(&mut self, register: u32) -> u32 {
        self.access(DPACC, register, true, 0);
        let (ack, value) = self.access(DPACC, RDBUFF, true, 0);
        assert_eq!(ack, 0b010);
        value
    }

    fn ap_write(&mut self, register: u32, data: u32) {
        self.access(APACC, register, false, data);
    }

    fn ap_read(&mut self, register: u32) -> u32 {
        self.access(APACC, register, true, 0);
        self.access(DPACC, RDBUFF, true, 0).1
    }

    fn has_failed(&mut self) -> bool {
        self.dp_read(CTRL_STAT) & STICKYERR != 0
    }

    fn clear_error(&mut self) {
        self.dp_write(CTRL_STAT, POWER_UP | STICKYERR);
    }

    fn load(&mut self, address: u32) -> u32 {
        self.ap_write(TAR, address);
        self.ap_read(DRW)
    }

    fn store(&mut self, address: u32, value: u32) {
        self.ap_write(TAR, address);
        self.ap_write(DRW, value);
    }

    fn is_halted(&mut self) -> bool {
        self.load(DHCSR) & S_HALT != 0
    }

    fn register(&mut self, select: u32) -> u32 {
        self.store(DCRSR, select);
        self.load(DCRDR)
    }

    fn set_register(&mut self, select: u32, value: u32) {
        self.store(DCRDR, value);
        self.store(DCRSR, (1 << 16) | select);
    }

    fn run(&mut self, instructions: u64) {
        self.probe.target.run(instructions);
    }
}

fn halves(code: &[u16]) -> Vec<u8> {
    code.iter().flat_map(|half| half.to_le_bytes()).collect()
}

/// A program at 0x0800_0400.
fn board_with(code: &[u16]) -> Board {
    let mut board = Board::with_serial(11);
    let vectors: Vec<u8> = [0x2002_0000u32, 0x0800_0401].iter().flat_map(|word| word.to_le_bytes()).collect();
    assert!(board.preload(0x0800_0000, &vectors) && board.preload(0x0800_0400, &halves(code)));
    board
}

/// `adds r0, #1; b .-2`.
const COUNT: [u16; 2] = [0x3001, 0xE7FD];

#[test]
fn the_chain_is_two_taps_with_their_id_codes() {
    let mut wires = Wires::new(&board_with(&COUNT));
    let ids = wires.scan(false, 0, 64);
    assert_eq!((ids as u32, (ids >> 32) as u32), (0x6BA0_0477, 0x0648_3041));
    // Both instruction registers capture 01 in their lowest bits, and BYPASS is one bit long.
    assert_eq!(wires.instruction(0xF), (1 << 4) | 1);
    assert_eq!(wires.scan(false, 0b1011, 4), (0b1011 << 2) & 0xF);
    wires.instruction(IDCODE);
    assert_eq!(wires.scan(false, 0, 33) as u32, 0x6BA0_0477);
}

#[test]
fn power_up_is_acknowledged_and_nothing_goes_without() {
    let mut wires = Wires::new(&board_with(&COUNT));
    assert_eq!(wires.dp_read(CTRL_STAT), 0);
    assert_eq!(wires.load(0x2000_0000), 0);
    assert!(wires.has_failed());
    assert!(!wires.probe.target.machine.core.bus.security().was_debugger_seen());
    wires.clear_error();
    assert_eq!(wires.dp_read(CTRL_STAT), 0xF000_0000);
    assert!(wires.probe.target.machine.core.bus.security().was_debugger_seen());
    assert_eq!(wires.dp_read(0), 0x6BA0_2477);
}

#[test]
fn access_ports_name_themselves_and_those_that_are_not_there_read_zero() {
    let mut wires = Wires::halted(&board_with(&COUNT));
    let idr = |wires: &mut Wires, port: u32| {
        wires.dp_write(SELECT, (port << 24) | 0xF0);
        wires.ap_read(0xC)
    };
    let idrs = [0, 1, 2, 3, 255].map(|port| idr(&mut wires, port));
    assert_eq!(idrs, [0x8477_0001, 0x8477_0004, 0x5477_0002, 0, 0]);
    // The system bus has no core peripherals, the debug bus has DBGMCU at its own address.
    wires.dp_write(SELECT, 1 << 24);
    assert_eq!(wires.load(0x5C00_1000), 0x1001_0483);
    wires.load(DHCSR);
    assert!(wires.has_failed());
    wires.clear_error();
    wires.dp_write(SELECT, 2 << 24);
    assert_eq!(wires.load(0xE00E_1000), 0x1001_0483);
}

#[test]
fn sizes_lanes_increments_and_packed_transfers() {
    let mut wires = Wires::halted(&board_with(&COUNT));
    wires.store(0x2400_0000, 0x4433_2211);
    wires.store(0x2400_0004, 0x8877_6655);
    // Bytes with single increment arrive in their lanes.
    wires.ap_write(CSW, 0x10);
    wires.ap_write(TAR, 0x2400_0001);
    assert_eq!([wires.ap_read(DRW), wires.ap_read(DRW)], [0x0000_2200, 0x0033_0000]);
    // Packed halves: the rest of the word in one go.
    wires.ap_write(CSW, 0x21);
    wires.ap_write(TAR, 0x2400_0002);
    assert_eq!([wires.ap_read(DRW), wires.ap_read(DRW)], [0x4433_0000, 0x8877_6655]);
    assert_eq!(wires.ap_read(TAR), 0x2400_0008);
    wires.ap_write(CSW, 0x20);
    wires.store(0x2400_0005, 0xAABB_CC00);
    wires.ap_write(CSW, 2);
    assert_eq!(wires.load(0x2400_0004), 0xAABB_CC55);
    // Banked data registers leave TAR alone.
    wires.ap_write(TAR, 0x2400_0008);
    wires.dp_write(SELECT, 0x10);
    wires.ap_write(0x4, 0x1234_5678);
    assert_eq!([wires.ap_read(0x4), wires.ap_read(0xC)], [0x1234_5678, 0]);
    wires.dp_write(SELECT, 0);
    assert_eq!(wires.ap_read(TAR), 0x2400_0008);
    assert_eq!(wires.load(0x2400_0004), 0x1234_5678);
}

#[test]
fn after_an_error_no_write_is_made_until_it_is_cleared() {
    let mut wires = Wires::halted(&board_with(&COUNT));
    wires.store(0x2400_0000, 1);
    wires.store(0x6000_0000, 2);
    wires.store(0x2400_0000, 3);
    wires.instruction(ABORT);
    wires.scan(false, 1 << 3, 36);
    wires.store(0x2400_0000, 4);
    assert!(wires.has_failed());
    wires.clear_error();
    assert_eq!(wires.load(0x2400_0000), 1);
    wires.store(0x2400_0000, 5);
    assert_eq!(wires.load(0x2400_0000), 5);
    assert!(!wires.has_failed());
}

#[test]
fn registers_of_a_halted_core() {
    let mut wires = Wires::halted(&board_with(&COUNT));
    assert!(wires.is_halted());
    assert_eq!([15, 16, 17].map(|select| wires.register(select)), [0x0800_0400, 0x0100_0000, 0x2002_0000]);
    for (select, value) in
        [(0, 0x1234_5678), (14, 0xFFFF_FFF9), (18, 0x2001_0000), (33, 0x0040_0000), (95, 7)]
    {
        wires.set_register(select, value);
        assert_eq!(wires.register(select), value, "{select}");
    }
    // CONTROL.SPSEL: the stack pointer in use becomes PSP.
    wires.set_register(20, 0x0200_0000);
    assert_eq!([13, 17, 18].map(|select| wires.register(select)), [0x2001_0000, 0x2002_0000, 0x2001_0000]);
    // In Handler mode it is MSP again, whatever SPSEL says.
    wires.set_register(16, 0x0100_0003);
    assert_eq!([13, 17, 18].map(|select| wires.register(select)), [0x2002_0000, 0x2002_0000, 0x2001_0000]);
    wires.set_register(16, 0x0100_0000);
    // A running core gives nothing.
    wires.store(DHCSR, KEY | 1);
    wires.store(DCRDR, 0x55);
    assert_eq!(wires.register(0), 0x55);
}

#[test]
fn halting_needs_its_key_and_a_program_cannot_debug_itself() {
    let mut wires = Wires::halted(&board_with(&COUNT));
    wires.store(DHCSR, 1);
    assert!(wires.is_halted(), "without the key nothing is written");
    wires.store(DHCSR, KEY);
    assert!(!wires.is_halted());
    wires.store(DHCSR, KEY | 2);
    wires.run(10);
    assert!(!wires.is_halted(), "C_HALT without C_DEBUGEN");
    // ldr r0, =KEY | 3; ldr r1, =DHCSR; str r0, [r1]; b .
    let code = [0x4801, 0x4902, 0x6008, 0xE7FE, 0x0003, 0xA05F, 0xEDF0, 0xE000];
    let mut wires = Wires::new(&board_with(&code));
    wires.run(20);
    wires.dp_write(CTRL_STAT, POWER_UP);
    assert_eq!(wires.probe.target.machine.core.r[1], DHCSR);
    assert!(!wires.is_halted());
}

#[test]
fn steps_breakpoints_and_the_reasons_for_a_halt() {
    let mut wires = Wires::halted(&board_with(&[0x2000, 0x3001, 0x3001, 0xE7FC, 0xBE00]));
    assert_eq!(wires.load(DFSR), 1);
    for pc in [0x402, 0x404, 0x406, 0x402] {
        wires.store(DHCSR, KEY | 0b1101);
        assert!(wires.is_halted());
        assert_eq!(wires.register(15), 0x0800_0000 + pc);
    }
    wires.store(DFSR, 0x1F);
    wires.store(FP_COMP0, 0x0800_0407);
    wires.store(FP_CTRL, 3);
    wires.store(DHCSR, KEY | 1);
    wires.run(1000);
    assert!(wires.is_halted());
    assert_eq!((wires.register(15), wires.load(DFSR)), (0x0800_0406, 2));
    // A comparator holds the core back as long as it is armed, and no longer.
    wires.store(DHCSR, KEY | 1);
    wires.run(10);
    assert!(wires.is_halted());
    wires.store(FP_CTRL, 2);
    wires.store(DHCSR, KEY | 1);
    wires.run(1000);
    assert!(!wires.is_halted());
    wires.store(DHCSR, KEY | 3);
    wires.store(DFSR, 0x1F);
    wires.set_register(15, 0x0800_0408);
    wires.store(DHCSR, KEY | 1);
    wires.run(10);
    assert!(wires.is_halted(), "BKPT");
    assert_eq!((wires.register(15), wires.load(DFSR)), (0x0800_0408, 2));
}

#[test]
fn a_reset_is_caught_at_the_first_instruction_and_seen() {
    let mut wires = Wires::halted(&board_with(&COUNT));
    assert!(wires.load(DHCSR) & (1 << 25) != 0, "the reset at power-on");
    assert_eq!(wires.load(DHCSR) & (1 << 25), 0, "sticky until it is read");
    wires.store(DEMCR, 1);
    wires.store(DHCSR, KEY | 1);
    wires.run(100);
    wires.store(DFSR, 0x1F);
    wires.store(AIRCR, 0x05FA_0004);
    assert_eq!(wires.load(DHCSR) & (S_HALT | (1 << 25)), S_HALT | (1 << 25));
    assert_eq!((wires.register(15), wires.load(DFSR)), (0x0800_0400, 8));
    // The same through the reset wire, during which only the debug logic answers.
    wires.store(DHCSR, KEY | 1);
    wires.probe.receive(b"s");
    assert_eq!(wires.load(DEMCR), 1);
    wires.load(0x2000_0000);
    assert!(wires.has_failed());
    wires.clear_error();
    wires.probe.receive(b"r");
    assert!(wires.is_halted());
}

#[test]
fn a_hard_fault_is_caught_when_asked_for() {
    // An undefined instruction; the HardFault vector is erased flash.
    let mut wires = Wires::halted(&board_with(&[0xDE00]));
    wires.store(DFSR, 0x1F);
    wires.store(DEMCR, 1 << 10);
    wires.store(DHCSR, KEY | 1);
    wires.run(10);
    assert!(wires.is_halted());
    assert_eq!((wires.load(DFSR), wires.register(16) & 0x1FF), (8, 3));
}

#[test]
fn a_core_that_has_locked_up_can_be_halted() {
    let mut wires = Wires::new(&Board::with_serial(12));
    wires.run(1000);
    wires.dp_write(CTRL_STAT, POWER_UP);
    assert!(wires.load(DHCSR) & (1 << 19) != 0);
    wires.store(DHCSR, KEY | 3);
    assert!(wires.is_halted());
    assert_eq!(wires.register(15), 0xFFFF_FFFE);
    // A program from RAM runs then: movs r0, #5; bkpt.
    wires.store(0x2000_0000, 0xBE00_2005);
    wires.set_register(15, 0x2000_0000);
    wires.set_register(16, 0x0100_0000);
    wires.store(DHCSR, KEY | 1);
    wires.run(10);
    assert!(wires.is_halted());
    assert_eq!((wires.register(0), wires.register(15)), (5, 0x2000_0002));
}

#[test]
fn watchpoints_halt_after_the_access_and_name_their_comparator() {
    // ldr r1, =0x20000010; str r0, [r1]; adds r0, #1; b .-4
    let mut wires = Wires::halted(&board_with(&[0x4901, 0x6008, 0x3001, 0xE7FC, 0x0010, 0x2000]));
    wires.store(DFSR, 0x1F);
    wires.store(0xE000_1030, 0x2000_0010);
    wires.store(0xE000_1034, 2);
    wires.store(0xE000_1038, 6);
    wires.store(DHCSR, KEY | 1);
    wires.run(100);
    assert!(wires.is_halted());
    assert_eq!(wires.load(DFSR), 4);
    assert_eq!([wires.load(0xE000_1038), wires.load(0xE000_1038)], [(1 << 24) | 6, 6]);
    assert_eq!(wires.load(0xE000_1028), 0);
}

/// Execute-only from 0x0800_0400 to 0x0800_05FF: `movs r0, #1; adds r0, #1; adds r0, #1; b.w 0x08000600`; outside
/// `adds r0, #1; b .`.
fn board_with_pcrop() -> Board {
    let mut board = board_with(&[0x2001, 0x3001, 0x3001, 0xF000, 0xB8FB]);
    assert!(board.preload(0x0800_0600, &halves(&[0x3001, 0xE7FE])));
    board.options_mut().prar = 0x0005_0004;
    board
}

#[test]
fn debug_events_in_execute_only_code_are_ignored_and_a_halt_waits_for_its_end() {
    let mut wires = Wires::new(&board_with_pcrop());
    wires.dp_write(CTRL_STAT, POWER_UP);
    // The core stands at its first instruction, which is in the area.
    wires.store(DHCSR, KEY | 3);
    assert!(!wires.is_halted());
    wires.run(2);
    assert!(!wires.is_halted());
    wires.run(10);
    assert!(wires.is_halted());
    assert_eq!((wires.register(15), wires.register(0)), (0x0800_0600, 3));
    // A breakpoint inside does nothing; a step into the area ends behind it.
    wires.store(FP_COMP0, 0x0800_0403);
    wires.store(FP_CTRL, 3);
    wires.set_register(15, 0x0800_0400);
    wires.store(DHCSR, KEY | 0b1101);
    wires.run(20);
    assert_eq!((wires.register(15), wires.register(0)), (0x0800_0600, 3));
    // As data it is zero.
    assert_eq!(wires.load(0x0800_0400), 0);
    assert!(!wires.has_failed());
}

#[test]
fn at_rdp_2_the_port_is_dead() {
    let mut board = board_with(&COUNT);
    board.options_mut().optsr = (board.options().optsr & !0xFF00) | 0xCC00;
    let mut wires = Wires::new(&board);
    assert_eq!(wires.scan(false, 0, 64), u128::from(u64::MAX));
    wires.dp_write(CTRL_STAT, POWER_UP);
    wires.store(DHCSR, KEY | 3);
    wires.run(100);
    assert_eq!(wires.access(DPACC, RDBUFF, true, 0), (7, u32::MAX));
    let core = &wires.probe.target.machine.core;
    assert!(!core.is_halted() && !core.bus.security().was_debugger_seen());
}

#[test]
fn at_rdp_1_connecting_is_an_intrusion_and_reading_the_id_code_is_not() {
    let mut board = board_with(&COUNT);
    board.options_mut().optsr = (board.options().optsr & !0xFF00) | 0xBB00;
    let mut wires = Wires::new(&board);
    wires.run(100);
    assert_eq!(wires.scan(false, 0, 64) as u32, 0x6BA0_0477);
    wires.run(100);
    let count = wires.probe.target.machine.core.r[0];
    assert!(count > 50 && !wires.probe.target.machine.core.lockup);
    wires.dp_write(CTRL_STAT, POWER_UP);
    wires.run(100);
    assert!(wires.probe.target.machine.core.lockup, "its own code is out of reach too, until power-off");
    wires.load(0x0800_0400);
    assert!(wires.has_failed());
    wires.clear_error();
    wires.store(0x2400_0000, 1);
    assert_eq!(wires.load(0x2400_0000), 1, "what is no flash stays open");
    let codes: Vec<String> = wires.probe.target.take_log().iter().map(|r| r.code.to_string()).collect();
    assert_eq!(codes, ["IR-5202"]);
}

#[test]
fn any_characters_and_any_scans_do_no_harm() {
    let mut seed = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut wires = Wires::new(&board_with(&COUNT));
    for _ in 0..200 {
        let noise: Vec<u8> = (0..100).map(|_| next() as u8).collect();
        wires.probe.receive(&noise);
        let wire: Vec<u8> = (0..500).map(|_| b"0123456701234567Rrstu"[next() as usize % 21]).collect();
        wires.probe.receive(&wire);
        wires.probe.take_reply();
        wires.run(50);
    }
    // Well-formed scans with random content go deeper.
    wires.probe.receive(b"00r");
    wires.reset_taps();
    wires.clear_error();
    for _ in 0..3000 {
        let value = next();
        let place =
            [0x2000_0000, 0x2400_0000, 0x5200_2000, 0xE000_ED00, 0xE000_2000, 0x0800_0000, value as u32]
                [(value >> 40) as usize % 7];
        match value % 5 {
            0 => wires.store(place | ((value >> 8) as u32 & 0xFC), (value >> 16) as u32),
            1 => _ = wires.load(place | ((value >> 8) as u32 & 0xFF)),
            2 => _ = wires.access(APACC, (value >> 8) as u32 & 0xC, value & 64 != 0, (value >> 16) as u32),
            3 => wires.store(DHCSR, KEY | ((value >> 8) as u32 & 0xF)),
            _ => wires.clear_error(),
        }
        wires.run(value >> 60);
    }
    wires.dp_write(SELECT, 0);
    wires.ap_write(CSW, 2);
    assert_eq!(wires.dp_read(0), 0x6BA0_2477);
}
