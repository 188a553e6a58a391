//! The chip as a whole: memories, clocks, ports, resets, variants, and small programs on the core.

mod common;

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;

use common::*;
use ironroot_chip::warnings::Reason;
use ironroot_chip_h7rs::{BoardH7, RomImage, Stm32h7rs, power_cycle};
use ironroot_cpu::bus::{Bus, BusFault, Kind, Request, Size};
use ironroot_cpu::machine::{Machine, Stop};
use ironroot_layout::stm32h7rs::Part;
use ironroot_layout::stm32h7rs::state::Hdpl;

fn hash(bench: &Bench) -> u64 {
    let mut hasher = DefaultHasher::new();
    bench.chip.hash_state(&mut hasher);
    hasher.finish()
}

fn clock_memories(bench: &mut Bench) {
    bench.write(RCC + 0x13C, 3 << 29);
    bench.write(RCC + 0x140, 1 << 28);
}

#[test]
fn memories_read_back_and_unmapped_addresses_fault() {
    let mut bench = Bench::new();
    clock_memories(&mut bench);
    for address in [0, 0xFFFC, 0x2000_0000, 0x2000_FFFC, 0x2400_0000, 0x2407_1FFC, 0x3000_0000, 0x3000_7FFC] {
        bench.write(address, address ^ 0x55AA);
        assert_eq!(bench.read(address), address ^ 0x55AA);
        let offset = bench.map(address, Kind::Write).expect("RAM is on the fast path");
        assert_eq!(bench.chip.memory().read(offset + (address & 0x3FC), Size::Word), address ^ 0x55AA);
    }
    for address in [
        0x0001_0000,
        0x0801_0000,
        0x2001_0000,
        0x2407_2000,
        0x3000_8000,
        0x6000_0000,
        0x9000_0000,
        u32::MAX - 3,
    ] {
        assert_eq!(bench.try_read(address, Size::Word), Err(BusFault), "{address:#x}");
        assert_eq!(bench.try_write(address, 0, Size::Word), Err(BusFault));
        assert_eq!(bench.map(address, Kind::Read), None);
    }
    assert_eq!(bench.fetch(RCC), Err(BusFault), "nothing executes from registers");
}

#[test]
fn memories_without_their_clock_are_dead_and_say_so() {
    let mut bench = Bench::new();
    clock_memories(&mut bench);
    bench.write(PWR, 1 << 8);
    for address in [0x3000_0000, 0x3000_7E00, 0x3880_0000] {
        bench.write(address, 5);
        assert!(bench.map(address, Kind::Read).is_some());
    }
    bench.write(RCC + 0x13C, 0);
    bench.write(RCC + 0x140, 0);
    for address in [0x3000_0000, 0x3000_7E00, 0x3880_0000] {
        bench.write(address, 9);
        assert_eq!((bench.read(address), bench.map(address, Kind::Read)), (0, None));
    }
    let warnings = bench.chip.take_warnings();
    assert_eq!(
        warnings.iter().filter(|warning| warning.reason == Reason::NotClocked).count(),
        3,
        "once each"
    );
    clock_memories(&mut bench);
    assert_eq!(bench.read(0x3000_7E00), 5);
}

#[test]
fn what_survives_a_system_reset_and_what_a_power_cycle() {
    let mut bench = Bench::new();
    clock_memories(&mut bench);
    bench.write(PWR, 1 << 8);
    for address in
        [0x2000_FFC0, 0x2404_0000, 0x3000_7FA0, 0x3880_0FFC, 0x5800_4400 + 0x17C, SBS + 0x34, DBGMCU + 0x104]
    {
        bench.write(address, 0x1234);
    }
    bench.write(SBS, 0x0800_0000);
    assert_eq!(bench.read(RCC + 0x130), 0x00E0_0000);
    bench.write(RCC + 0x130, 1 << 16);
    bench.reset();
    clock_memories(&mut bench);
    for address in
        [0x2000_FFC0, 0x2404_0000, 0x3000_7FA0, 0x3880_0FFC, 0x5800_4400 + 0x17C, SBS + 0x34, DBGMCU + 0x104]
    {
        assert_eq!(bench.read(address), 0x1234, "{address:#x}");
    }
    assert_eq!((bench.read(RCC + 0x130), bench.read(SBS)), (0x0140_0000, 0));
    bench.power_cycle();
    clock_memories(&mut bench);
    for address in [0x2000_FFC0, 0x2404_0000, 0x3000_7FA0, SBS + 0x34, DBGMCU + 0x104] {
        assert_eq!(bench.read(address), 0, "{address:#x}");
    }
    for address in [0x3880_0FFC, 0x5800_4400 + 0x17C] {
        assert_eq!(bench.read(address), 0x1234, "VBAT keeps {address:#x}");
    }
}

#[test]
fn what_hals_poll_at_start_comes_true() {
    let mut bench = Bench::new();
    assert_eq!(bench.read(PWR + 4) & 2, 2, "ACTVOSRDY");
    bench.write(PWR + 0x14, 1);
    assert_eq!((bench.read(PWR + 0x14), bench.read(PWR + 4)), (3, 3), "VOS and ACTVOS");
    bench.write(PWR + 0xC, 0x0000_C004);
    assert_eq!(bench.read(PWR + 0xC) & 0xC007, 0xC004, "EN_XSPIM1, EN_XSPIM2, SMPS");
    bench.write(SBS + 0x110, 0x15);
    assert_eq!(bench.read(SBS + 0x110), 0x715, "the compensation cells are ready");
    // 24 MHz / 12 * 300 = 600 MHz from PLL1.
    for (offset, value, ready) in
        [(0x28, 2 | 12 << 4, 0), (0x30, 299, 0), (0x2C, 1 << 5, 0), (0x00, 0x0101_0025, 1 << 17 | 1 << 25)]
    {
        bench.write(RCC + offset, value);
        assert_eq!(bench.read(RCC + offset) & ready, ready);
    }
    bench.write(RCC + 0x1C, 8);
    bench.write(RCC + 0x10, 3);
    assert_eq!(bench.read(RCC + 0x10), 0x1B);
    assert_eq!(bench.chip.core_hz(), 600_000_000);
}

#[test]
fn the_console_speaks_and_hears() {
    const UART4: u32 = 0x4000_4C00;
    let mut bench = Bench::new();
    bench.write(RCC + 0x148, 1 << 19);
    bench.write(UART4 + 0xC, 64_000_000 / 115_200);
    bench.write(UART4, 0xD);
    for byte in *b"hello" {
        while bench.read(UART4 + 0x1C) & 1 << 7 == 0 {
            bench.now += 100;
        }
        bench.write(UART4 + 0x28, u32::from(byte));
    }
    bench.settle();
    assert_eq!(bench.chip.take_uart_output(4), b"hello");
    assert!(bench.chip.feed_uart_input(4, b"x") && !bench.chip.feed_uart_input(6, b"x"));
    bench.write(UART4, 0x2D);
    bench.settle();
    assert_eq!(bench.chip.irq_lines()[85 / 32] >> (85 % 32) & 1, 1);
    assert_eq!(bench.read(UART4 + 0x24), u32::from(b'x'));
    assert_eq!(bench.chip.irq_lines()[85 / 32] >> (85 % 32) & 1, 0);
}

#[test]
fn pins_and_brr() {
    const GPIOM: u32 = 0x5802_3000;
    let mut bench = Bench::new();
    bench.write(GPIOM, 0);
    assert!(bench.chip.take_warnings().iter().any(|warning| warning.reason == Reason::NotClocked));
    bench.write(RCC + 0x140, 1 << 12);
    bench.write(GPIOM, 0xFFFF_FFF1);
    bench.write(GPIOM + 0x18, 1);
    assert_eq!(bench.read(GPIOM + 0x10), 1);
    bench.write(GPIOM + 0x28, 1);
    assert_eq!(bench.read(GPIOM + 0x10), 0);
    assert!(bench.chip.drive_pin('m', 1, Some(true)) && !bench.chip.drive_pin('I', 0, None));
    assert_eq!(bench.read(GPIOM + 0x10), 2);
}

#[test]
fn the_h7r_has_no_crypto_blocks_and_its_windows_are_swapped() {
    for (part, nor, ram) in
        [(Part::Stm32h7s7, 0x9000_0000, 0x7000_0000), (Part::Stm32h7r7, 0x7000_0000, 0x9000_0000)]
    {
        let mut bench = Bench::of(part, |board| {
            assert!(board.preload_external(nor + 0x10, b"NOR!") && !board.preload_external(ram, b"RAM?"));
        });
        assert_eq!(bench.chip.external_bytes(nor + 0x10, 4), b"NOR!");
        assert!(bench.chip.load_external(ram + 4, b"RAM!"));
        assert_eq!(bench.chip.external_bytes(ram + 4, 4), b"RAM!");
        bench.write(RCC + 0x158, 0x57);
        bench.write(RCC + 0x134, 0x1020);
        for (address, only_s) in [
            (0x4802_0800, true),
            (0x4802_1000, true),
            (0x4802_2000, true),
            (0x5200_B800, true),
            (0x4802_0400, false),
            (0x4802_0000, false),
        ] {
            bench.read(address);
            let missing =
                bench.chip.take_warnings().iter().any(|warning| warning.reason == Reason::NotOnThisPart);
            assert_eq!(missing, only_s && part == Part::Stm32h7r7, "{address:#x}");
        }
        // Power-off: the RAM is lost, the flash is not.
        bench.power_cycle();
        assert_eq!(bench.chip.external_bytes(nor + 0x10, 4), b"NOR!");
        assert_ne!(bench.chip.external_bytes(ram + 4, 4), b"RAM!");
    }
}

#[test]
fn the_external_flash_is_read_through_its_window() {
    let mut bench = Bench::with(|board| assert!(board.preload_external(0x9000_0000, b"external")));
    assert_eq!(bench.try_read(0x9000_0000, Size::Word), Err(BusFault), "no clock");
    bench.write(RCC + 0x134, 1 << 5);
    assert_eq!(bench.try_read(0x9000_0000, Size::Word), Err(BusFault), "not mapped");
    const XSPI1: u32 = 0x5200_5000;
    bench.write(XSPI1 + 8, 23 << 16);
    bench.write(XSPI1 + 0x100, 1 | 1 << 8 | 2 << 12 | 1 << 24);
    bench.write(XSPI1 + 0x110, 3);
    bench.write(XSPI1, 3 << 28 | 1);
    assert_eq!(bench.read(0x9000_0000).to_le_bytes(), *b"exte");
    assert_eq!(bench.fetch(0x9000_0004).map(|half| half as u16), Ok(u16::from_le_bytes(*b"rn")));
    assert_eq!(bench.map(0x9000_0000, Kind::Read), None, "never on the fast path");
}

#[test]
fn clones_go_on_alike_and_differences_are_seen() {
    let mut bench = Bench::new();
    let mut other = bench.clone();
    assert_eq!(hash(&bench), hash(&other));
    bench.write(SBS + 0x34, 5);
    assert_ne!(hash(&bench), hash(&other));
    other.write(SBS + 0x34, 5);
    assert_eq!(hash(&bench), hash(&other));
    bench.raise_to(Hdpl::Level1);
    assert_ne!(hash(&bench), hash(&other));
}

#[test]
fn random_numbers_differ_from_life_to_life_and_device_to_device() {
    let take = |bench: &mut Bench| {
        bench.write(RCC, 0x1025);
        bench.write(RCC + 0x158, 1);
        bench.write(0x4802_0000, 1 << 2);
        for _ in 0..1000 {
            bench.now += 10_000;
            if bench.read(0x4802_0004) & 1 != 0 {
                return bench.read(0x4802_0008);
            }
        }
        panic!("no random number");
    };
    let mut bench = Bench::new();
    let first = take(&mut bench.clone());
    assert_eq!(first, take(&mut bench.clone()), "deterministic");
    bench.reset();
    assert_ne!(first, take(&mut bench));
    let again = bench.chip.to_board();
    assert_eq!(again.resets(), 2);
    let mut other = Bench::on(&BoardH7::with_serial(Part::Stm32h7s7, 8));
    assert_ne!(first, take(&mut other));
}

/// Little-endian half words.
fn code(halves: &[u16]) -> Vec<u8> {
    halves.iter().flat_map(|half| half.to_le_bytes()).collect()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// RSS that switches SBS on and goes to the library; a library that raises the level and starts user flash.
fn chain() -> RomImage {
    let rss = [
        words(&[0x2000_1000, RSS + 0x09]),
        // ldr r0,=APB4ENR; ldr r1,[r0]; movs r2,#2; orrs r1,r2; str r1,[r0]; ldr r0,=LIBRARY; bx r0; nop
        code(&[0x4803, 0x6801, 0x2202, 0x4311, 0x6001, 0x4802, 0x4700, 0xBF00]),
        words(&[RCC + 0x154, LIBRARY + 1]),
    ]
    .concat();
    // ldr r0,=HDPLCR; movs r1,#0x6A; str r1,[r0]; ldr r0,=FLASH; ldr r2,[r0]; ldr r1,[r0,#4]; mov sp,r2; bx r1
    let library = [
        code(&[0x4803, 0x216A, 0x6001, 0x4803, 0x6802, 0x6841, 0x4695, 0x4708]),
        words(&[SBS + 0x10, FLASH]),
    ]
    .concat();
    RomImage::h7rs([(RSS, rss), (LIBRARY, library)]).expect("a system flash image")
}

fn run(application: &[u16], literals: &[u32]) -> Machine<Stm32h7rs> {
    let mut board = BoardH7::with_serial(Part::Stm32h7s7, 1);
    let image = [words(&[0x2000_2000, FLASH + 9]), code(application), words(literals)].concat();
    assert!(board.preload(FLASH, &image));
    let mut machine = Machine::new(Stm32h7rs::from_board(&board, &chain()));
    assert_eq!(machine.run(200), Stop::Limit);
    machine
}

#[test]
fn a_boot_goes_from_rss_through_the_library_to_user_flash() {
    // ldr r0,=RSS; ldr r3,[r0]; ldr r0,=LIBRARY; ldr r4,[r0]; movs r5,#1; b .; nop; nop
    let mut machine = run(&[0x4803, 0x6803, 0x4803, 0x6804, 0x2501, 0xE7FE, 0xBF00, 0xBF00], &[RSS, LIBRARY]);
    let core = &machine.core;
    assert_eq!((core.reg(3), core.reg(4), core.reg(5)), (0, 0, 1), "RSS and library read as zero");
    assert_eq!(core.bus.hdpl(), Hdpl::Level1);
    assert_eq!(core.reg(13), 0x2000_2000);
    // After a power cycle it all goes again.
    power_cycle(&mut machine);
    assert_eq!(machine.core.bus.hdpl(), Hdpl::Level0);
    assert_eq!(machine.run(200), Stop::Limit);
    assert_eq!((machine.core.reg(5), machine.core.bus.hdpl()), (1, Hdpl::Level1));
}

#[test]
fn a_jump_back_into_rss_is_a_fault() {
    // ldr r0,=RSS+9; bx r0; nop; nop
    let mut board = BoardH7::with_serial(Part::Stm32h7s7, 1);
    let image =
        [words(&[0x2000_2000, FLASH + 9]), code(&[0x4801, 0x4700, 0xBF00, 0xBF00]), words(&[RSS + 9])]
            .concat();
    assert!(board.preload(FLASH, &image));
    let mut machine = Machine::new(Stm32h7rs::from_board(&board, &chain()));
    // There is no handler that could run: VTOR still points into RSS.
    assert_eq!(machine.run(200), Stop::Lockup);
    assert_eq!(machine.core.bus.hdpl(), Hdpl::Level1);
}

#[test]
fn a_snapshot_brings_the_level_back() {
    let mut board = BoardH7::with_serial(Part::Stm32h7s7, 1);
    let image = [words(&[0x2000_2000, FLASH + 9]), code(&[0xE7FE, 0xBF00])].concat();
    assert!(board.preload(FLASH, &image));
    let mut machine = Machine::new(Stm32h7rs::from_board(&board, &chain()));
    let start = machine.snapshot();
    let hash = machine.state_hash();
    assert_eq!(machine.run(50), Stop::Limit);
    let later = machine.state_hash();
    machine.restore(&start);
    assert_eq!((machine.state_hash(), machine.core.bus.hdpl()), (hash, Hdpl::Level0));
    assert_eq!(machine.run(50), Stop::Limit);
    assert_eq!(machine.state_hash(), later);
}

const IWDG: u32 = 0x5800_4800;
const RSR: u32 = RCC + 0x130;
/// RSR: the watchdog, and the pin that it pulls; the software reset.
const BY_WATCHDOG: u32 = 1 << 26 | 1 << 22;
const BY_SOFTWARE: u32 = 1 << 24 | 1 << 22;

#[test]
fn the_watchdog_ends_what_loops_and_what_sleeps() {
    // ldr r0,=IWDG; ldr r1,=0xCCCC; str r1,[r0]; b ., or wfi again and again; half a second at 64 MHz.
    for (end, limit) in [([0xE7FE, 0xBF00], 40_000_000), ([0xBF30, 0xE7FD], 2_000)] {
        let mut machine = run(&[0x4802, 0x4903, 0x6001, end[0], end[1], 0xBF00], &[IWDG, 0xCCCC]);
        assert_eq!(machine.run(limit), Stop::Limit);
        assert_eq!(machine.core.bus.debugger_read(RSR, Size::Word), Ok(0x00E0_0000 | BY_WATCHDOG));
        // It was a reset like another: the level is that of the code that ran again.
        assert_eq!(machine.core.bus.hdpl(), Hdpl::Level1);
    }
}

#[test]
fn a_software_reset_stops_the_watchdog_unless_hardware_starts_it() {
    for by_hardware in [false, true] {
        let mut bench = Bench::with(|board| {
            board.options_mut().obw1sr ^= u32::from(by_hardware) << 4;
        });
        bench.write(RSR, 1 << 16);
        bench.write(IWDG, 0xCCCC);
        assert_eq!(bench.read(IWDG + 0xC) & 0x100, 0x100, "ONF");
        bench.reset();
        assert_eq!(bench.read(RSR), BY_SOFTWARE);
        assert_eq!(bench.read(IWDG + 0xC) & 0x100 != 0, by_hardware);
        bench.settle();
        assert_eq!(bench.chip.take_request() == Some(Request::SystemReset), by_hardware);
        bench.reset();
        assert_eq!(bench.read(RSR) & BY_WATCHDOG == BY_WATCHDOG, by_hardware);
    }
}

#[test]
fn the_watchdog_counts_time_and_not_cycles() {
    let mut bench = Bench::new();
    bench.write(IWDG, 0xCCCC);
    let half = bench.chip.next_event() / 2;
    bench.now = half;
    // HSI / 8 from here on.
    bench.write(RCC, 0x3D);
    assert_eq!(bench.chip.core_hz(), 8_000_000);
    bench.settle();
    assert!(bench.now.abs_diff(half + half / 8) < 100, "{} {half}", bench.now);
    assert!(bench.chip.nanoseconds(bench.now).abs_diff(512_000_000) < 20_000);
}
