//! The chip as a whole: memories, resets, clocks and USART as a HAL uses them, hashing, and the host's probe.

mod common;

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;

use common::{Bench, FLASH, RAM};
use ironroot_chip::flash::registers::*;
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_chip::warnings::Reason;
use ironroot_chip::{Board, DebugRefusal, ReadProtection};
use ironroot_codes::vdev;
use ironroot_cpu::bus::{Bus, BusFault, Kind, Master, Size};

const RCC: u32 = 0x5802_4400;
const PWR: u32 = 0x5802_4800;
const USART3: u32 = 0x4000_4800;

fn hash(bench: &Bench) -> u64 {
    let mut hasher = DefaultHasher::new();
    bench.chip.hash_state(&mut hasher);
    hasher.finish()
}

#[test]
fn memories_read_back_and_unmapped_addresses_fault() {
    let mut bench = Bench::with(|_| {});
    for address in
        [0, 0xFFFC, 0x2000_0000, 0x2001_FFFC, RAM, 0x2404_FFFC, 0x3000_0000, 0x3000_7FFC, 0x3800_3FFC]
    {
        bench.write(address, address ^ 0x55AA);
        assert_eq!(bench.read(address), address ^ 0x55AA);
        let offset = bench.map(address, Kind::Write).expect("RAM is on the fast path");
        assert_eq!(bench.chip.memory().read(offset + (address & 0x3FC), Size::Word), address ^ 0x55AA);
    }
    for address in [0x0001_0000, 0x0810_0000, 0x2002_0000, 0x3000_8000, 0x6000_0000, 0x9000_0000, 0xFFFF_FFFC]
    {
        assert_eq!(bench.try_read(address, Size::Word), Err(BusFault));
        assert_eq!(bench.try_write(address, 0, Size::Word), Err(BusFault));
        assert_eq!(bench.map(address, Kind::Read), None);
    }
    assert_eq!(bench.fetch(USART3), Err(BusFault), "nothing executes from registers");
}

#[test]
fn ram_survives_a_system_reset_and_not_a_power_cycle() {
    let mut bench = Bench::with(|_| {});
    bench.write(0x2000_0800, 0x5252_5252);
    bench.write(PWR, 1 << 8);
    bench.write(0x3880_0000, 7);
    assert_eq!(bench.read(RCC + 0xD0), 0x00FA_0000);
    bench.write(RCC + 0xD0, 1 << 16);
    bench.reset();
    assert_eq!((bench.read(0x2000_0800), bench.read(0x3880_0000)), (0x5252_5252, 7));
    assert_eq!(bench.read(RCC + 0xD0), 0x0142_0000);
    bench.power_cycle();
    assert_eq!((bench.read(0x2000_0800), bench.read(RCC + 0xD0)), (0, 0x00FA_0000));
}

#[test]
fn backup_sram_needs_dbp() {
    let mut bench = Bench::with(|_| {});
    bench.write(0x3880_0000, 7);
    assert_eq!(bench.read(0x3880_0000), 0);
    assert!(bench.map(0x3880_0000, Kind::Write).is_none());
    let epoch = bench.chip.epoch();
    bench.write(PWR, 1 << 8);
    assert_ne!(bench.chip.epoch(), epoch);
    assert!(bench.map(0x3880_0000, Kind::Write).is_some());
}

/// What the public HAL does at start: supply, scale, PLL from HSI, compensation cell, USART3 at 115200.
fn start(bench: &mut Bench) {
    bench.write(PWR + 0xC, 0x2);
    while bench.read(PWR + 0x4) & 1 << 13 == 0 {}
    bench.write(PWR + 0x18, 3 << 14);
    while bench.read(PWR + 0x18) & 1 << 13 == 0 {}
    // HSI / 4 * 25 / 1 = 400 MHz.
    bench.write(RCC + 0x28, 4 << 4);
    bench.write(RCC + 0x30, 24);
    bench.write(RCC + 0x2C, 1 << 16);
    let cr = bench.read(RCC);
    bench.write(RCC, cr | 1 << 24);
    while bench.read(RCC) & 1 << 25 == 0 {}
    bench.write(RCC + 0x18, 8);
    bench.write(RCC + 0x1C, 4 << 4 | 4 << 8);
    bench.write(RCC + 0x10, 3);
    while bench.read(RCC + 0x10) >> 3 & 7 != 3 {}
    bench.write(RCC + 0xF4, 1 << 1);
    bench.write(0x5800_0420, 1);
    while bench.read(0x5800_0420) & 1 << 8 == 0 {}
    bench.write(RCC + 0xE8, 1 << 18);
    bench.write(USART3 + 0xC, 100_000_000 / 115_200);
    bench.write(USART3, 0xD);
}

#[test]
fn clocks_and_usart_as_a_hal_sets_them_up() {
    let mut bench = Bench::with(|_| {});
    assert_eq!(bench.chip.core_hz(), 64_000_000);
    start(&mut bench);
    assert_eq!(bench.chip.core_hz(), 400_000_000);
    let begin = bench.now;
    for &byte in b"hello" {
        while bench.read(USART3 + 0x1C) & 1 << 7 == 0 {
            bench.now += 100;
        }
        bench.try_write(USART3 + 0x28, u32::from(byte), Size::Byte).unwrap();
    }
    while bench.read(USART3 + 0x1C) & 1 << 6 == 0 {
        bench.now += 100;
    }
    assert_eq!(bench.chip.take_uart_output(3), b"hello");
    let microseconds = (bench.chip.nanoseconds(bench.now) - bench.chip.nanoseconds(begin)) / 1000;
    assert!((430..440).contains(&microseconds), "50 bits at 115200 baud: {microseconds} us");
    assert!(bench.chip.take_warnings().is_empty());
}

#[test]
fn usart_input_raises_its_interrupt_line() {
    let mut bench = Bench::with(|_| {});
    start(&mut bench);
    bench.write(USART3, 0xD | 1 << 5);
    assert!(bench.chip.feed_uart_input(3, b"q") && !bench.chip.feed_uart_input(11, b"q"));
    assert_eq!(bench.chip.irq_lines()[1] >> 7 & 1, 0);
    let arrival = bench.chip.next_event();
    bench.chip.advance(arrival);
    assert_eq!(bench.chip.irq_lines()[1] >> 7 & 1, 1, "line 39");
    assert_eq!(bench.read(USART3 + 0x24), u32::from(b'q'));
    assert_eq!(bench.chip.irq_lines()[1] >> 7 & 1, 0);
}

#[test]
fn what_is_not_there_says_so_once_for_each_address() {
    let mut bench = Bench::with(|_| {});
    bench.pc = 0x0800_0444;
    for _ in 0..3 {
        assert_eq!(bench.read(0x4802_1404), 0);
        bench.write(0x4802_1400, 4);
        assert_eq!(bench.read(0x4006_0000), 0);
        assert_eq!(bench.read(USART3), 0);
    }
    let warnings = bench.chip.take_warnings();
    let facts: Vec<_> = warnings.iter().map(|w| (w.address, w.write, w.block, w.reason)).collect();
    assert_eq!(facts.len(), 4);
    assert_eq!(facts[0], (0x4802_1404, false, Some("HASH"), Reason::NotModelled));
    assert_eq!(facts[1], (0x4802_1400, true, Some("HASH"), Reason::NotModelled));
    assert_eq!(facts[3], (USART3, false, Some("USART3"), Reason::NotClocked));
    assert!(warnings[0].to_string().contains("0x08000444"));
}

#[test]
fn an_rcc_reset_resets_the_block() {
    let mut bench = Bench::with(|_| {});
    start(&mut bench);
    bench.write(RCC + 0x90, 1 << 18);
    bench.write(RCC + 0x90, 0);
    assert_eq!((bench.read(USART3), bench.read(USART3 + 0xC)), (0, 0));
}

#[test]
fn the_identity_of_the_part() {
    let mut bench = Bench::with(|_| {});
    assert_eq!(bench.read(0x5C00_1000), 0x1001_0483);
    let uid = [bench.read(0x1FF1_E800), bench.read(0x1FF1_E804), bench.read(0x1FF1_E808)];
    let bytes: Vec<u8> = uid.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(bytes, bench.chip.uid());
}

#[test]
fn equal_runs_hash_equal_and_each_change_of_state_changes_the_hash() {
    let run = || {
        let mut bench = Bench::with(|_| {});
        start(&mut bench);
        bench.program(FLASH, 1);
        bench
    };
    let (mut a, b) = (run(), run());
    assert_eq!(hash(&a), hash(&b));
    let mut seen = vec![hash(&a)];
    let changes: [fn(&mut Bench); 6] = [
        |bench| bench.set_reg(ACR, 2),
        |bench| bench.write(RCC + 0xE0, 1),
        |bench| bench.write(0x5802_0000, 0),
        |bench| bench.write(USART3 + 0x28, 0),
        |bench| bench.chip.debug_access().unwrap(),
        |bench| bench.chip.set_boot0(true),
    ];
    for change in changes {
        change(&mut a);
        assert!(!seen.contains(&hash(&a)), "change {}", seen.len());
        seen.push(hash(&a));
    }
    let snapshot = a.clone();
    a.write(USART3 + 0xC, 5);
    assert_ne!(hash(&a), hash(&snapshot));
}

/// A probe's write to a flash register.
fn probe_set(bench: &mut Bench, offset: u32, value: u32) -> Result<(), DebugRefusal> {
    bench.chip.debugger_write(FLASH_REGISTERS + offset, value, Size::Word)
}

#[test]
fn a_probe_programs_and_erases_while_the_core_stands() {
    let mut bench = Bench::with(|_| {});
    for (offset, value) in [(KEYR, KEY1), (KEYR, KEY2), (CR, cr::PG | 0x30)] {
        probe_set(&mut bench, offset, value).unwrap();
    }
    for at in 0..8 {
        bench.chip.debugger_write(FLASH + 4 * at, 0x600D_0000 + at, Size::Word).unwrap();
    }
    assert_eq!(bench.chip.debugger_read(FLASH_REGISTERS + SR, Size::Word), Ok(sr::QW | sr::BSY));
    let end = bench.chip.finish_flash_operations();
    assert!(end > 6000, "100 us at 64 MHz");
    assert_eq!(bench.chip.debugger_read(FLASH_REGISTERS + SR, Size::Word), Ok(0));
    assert_eq!(bench.chip.debugger_read(FLASH + 28, Size::Word), Ok(0x600D_0007));
    assert!(bench.chip.take_stall() > 6000, "the core's time catches up");
    probe_set(&mut bench, CR, cr::SER | cr::START | 0x30).unwrap();
    bench.chip.finish_flash_operations();
    assert_eq!(bench.chip.debugger_read(FLASH + 28, Size::Word), Ok(u32::MAX));
}

#[test]
fn a_probe_changes_options_and_level_2_ends_the_conversation() {
    let mut bench = Bench::with(|_| {});
    let rdp2 = bench.chip.options().optsr & !0xFF00 | 0xCC00;
    for (offset, value) in
        [(OPTKEYR, OPTKEY1), (OPTKEYR, OPTKEY2), (OPTSR_PRG, rdp2), (OPTCR, optcr::OPTSTART)]
    {
        probe_set(&mut bench, offset, value).unwrap();
    }
    bench.chip.finish_flash_operations();
    assert_eq!(bench.chip.options().read_protection(), ReadProtection::Level2);
    assert_eq!(probe_set(&mut bench, ACR, 0), Err(DebugRefusal::Disabled));
    assert_eq!(DebugRefusal::Disabled.code(), vdev::RDP_BLOCKED);
}

#[test]
fn a_secured_device_gives_a_probe_nothing() {
    let mut bench = Bench::exited();
    assert_eq!(probe_set(&mut bench, KEYR, KEY1), Err(DebugRefusal::Closed));
    assert_eq!(bench.chip.debugger_read(FLASH, Size::Byte), Err(DebugRefusal::Closed));
    bench.unlock();
    assert_eq!(bench.reg(CR) & cr::LOCK, 0, "the refused key did not count");
}

#[test]
fn power_off_in_the_middle_of_programming_is_seen_on_the_board() {
    let mut bench = Bench::with(|_| {});
    bench.unlock();
    bench.set_reg(CR, 2);
    for at in 0..8 {
        bench.write(FLASH + 4 * at, 0);
    }
    let board = bench.chip.to_board();
    assert_eq!(board.ecc().damaged().count(), 1);
    let board = Board::from_bytes(&board.to_bytes()).unwrap();
    let mut again = Bench::on(&board);
    assert_eq!(again.try_read(FLASH, Size::Word), Err(BusFault));
    bench.settle();
    assert_eq!(bench.read(FLASH), 0, "the device itself went on");
}

#[test]
fn no_access_of_any_kind_panics() {
    let mut bench = Bench::secured();
    let mut address = 1_u32;
    for round in 0..400_000_u32 {
        address = address.wrapping_mul(0x9E37_79B1).wrapping_add(0x7F4A_7C15);
        // Half of the accesses go to register blocks.
        let target = if round % 2 == 0 { address } else { 0x5200_2000 + (address >> 20) };
        let size = [Size::Byte, Size::Half, Size::Word][round as usize % 3];
        let target = target & !(size.bytes() - 1);
        let master = [Master::Cpu, Master::Dma, Master::Debugger][round as usize / 3 % 3];
        bench.pc = [FLASH, common::RSS, common::LIBRARY, RAM][round as usize % 4];
        bench.now += 1000;
        let read = bench.access(master, Kind::Read, size);
        let _ = bench.chip.read(target, read);
        let write = bench.access(master, Kind::Write, size);
        let _ = bench.chip.write(target, address.rotate_left(9) & size.mask(), write);
        let fetch = bench.access(master, Kind::Fetch, Size::Half);
        let _ = bench.chip.map(target, fetch);
        if round % 10_000 == 0 {
            bench.reset();
        }
    }
}
