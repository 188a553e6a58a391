//! External flash through OCTOSPI and OTFDEC, as the bus sees it: when the window answers, who reads what, what is kept.

mod common;

use common::{Bench, RSS};
use ironroot_chip::warnings::Reason;
use ironroot_chip::{Board, BoardError};
use ironroot_codes::input;
use ironroot_cpu::bus::{Bus, Kind, Master, Size};
use proptest::prelude::*;

const AHB3ENR: u32 = 0x5802_44D4;
const AHB3RSTR: u32 = 0x5802_447C;
const KEYLOCK: u32 = 1 << 2;
const XONEIF: u32 = 2;
/// The published example and what it decrypts to in the second region.
const CODE: u32 = 0x9000_0400;
const CIPHER: [u32; 2] = [0x82BC_10D8, 0xF714_0591];
const PLAIN: [u32; 2] = [0x300F_1808, 0x0000_4770];

/// Interface, decryption, window, and their clock bits.
#[derive(Clone, Copy)]
struct Port {
    octospi: u32,
    otfdec: u32,
    window: u32,
    clocks: [u32; 2],
}

const PORTS: [Port; 2] = [
    Port { octospi: 0x5200_5000, otfdec: 0x5200_B800, window: 0x9000_0000, clocks: [14, 22] },
    Port { octospi: 0x5200_A000, otfdec: 0x5200_BC00, window: 0x7000_0000, clocks: [19, 23] },
];

fn board() -> Board {
    let mut board = Board::with_serial(7);
    for port in PORTS {
        let bytes: Vec<u8> = CIPHER.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert!(board.preload_external(port.window + 0x400, &bytes));
    }
    board
}

/// Clocks on, memory mapped: 16 MB, fast read on one line.
fn open(bench: &mut Bench, port: Port) {
    let clocks = bench.read(AHB3ENR) | port.clocks.iter().fold(0, |bits, bit| bits | 1 << bit);
    bench.write(AHB3ENR, clocks);
    bench.write(port.octospi + 0x008, 23 << 16);
    bench.write(port.octospi + 0x100, 1 << 24 | 2 << 12 | 1 << 8 | 1);
    bench.write(port.octospi + 0x110, 0x0B);
    bench.write(port.octospi, 3 << 28 | 1);
}

/// The second region over the first page, as the example has it.
fn protect(bench: &mut Bench, port: Port, mode: u32) {
    let region = port.otfdec + 0x50;
    bench.write(region, mode << 4);
    for (offset, word) in [(0x14, 0xEDCB_A987), (0x18, 0x6543_210F), (0x1C, 0xEDCB_A987), (0x20, 0x6543_210F)]
    {
        bench.write(region + offset, word);
    }
    bench.write(region + 0x0C, 0xA5A5_A5A5);
    bench.write(region + 0x10, 0xC3C3_C3C3);
    bench.write(region + 0x04, port.window);
    bench.write(region + 0x08, port.window + 0xFFF);
    bench.write(region, 0xABCD_0001 | mode << 4);
}

#[test]
fn both_windows_show_their_flash_once_they_are_set_up() {
    for port in PORTS {
        let mut bench = Bench::on(&board());
        assert!(bench.try_read(port.window, Size::Word).is_err(), "nothing is set up");
        open(&mut bench, port);
        assert_eq!(bench.read(port.window + 0x400), CIPHER[0]);
        assert_eq!(bench.try_read(port.window + 0x406, Size::Half), Ok(CIPHER[1] >> 16));
        assert_eq!(bench.try_read(port.window + 0x405, Size::Byte), Ok(0x05));
        assert_eq!(bench.read(port.window), u32::MAX, "erased");
        assert!(bench.try_read(port.window + 0x100_0000, Size::Word).is_err(), "16 MB");
        assert_eq!(bench.read(port.octospi + 0x020) & 1, 1, "TEF");
    }
}

#[test]
fn without_clock_or_in_reset_the_window_is_a_bus_error() {
    let mut bench = Bench::on(&board());
    open(&mut bench, PORTS[0]);
    bench.write(AHB3ENR, 1 << 22);
    assert!(bench.try_read(CODE, Size::Word).is_err());
    bench.write(AHB3ENR, 1 << 22 | 1 << 14);
    assert_eq!(bench.read(CODE), CIPHER[0]);
    bench.write(AHB3RSTR, 1 << 14);
    bench.write(AHB3RSTR, 0);
    assert!(bench.try_read(CODE, Size::Word).is_err(), "its registers are in reset state");
}

#[test]
fn the_window_is_never_mapped_for_the_fast_path() {
    let mut bench = Bench::on(&board());
    open(&mut bench, PORTS[0]);
    protect(&mut bench, PORTS[0], 2);
    for kind in [Kind::Fetch, Kind::Read, Kind::Write] {
        assert_eq!(bench.map(CODE, kind), None);
    }
}

#[test]
fn other_masters_read_execute_only_code_as_zero() {
    let mut bench = Bench::on(&board());
    open(&mut bench, PORTS[0]);
    protect(&mut bench, PORTS[0], 0);
    for master in [Master::Cpu, Master::Dma, Master::Debugger] {
        let access = bench.access(master, Kind::Read, Size::Word);
        assert_eq!(bench.chip.read(CODE, access), Ok(0));
        assert_eq!(bench.read(PORTS[0].otfdec + 0x300), XONEIF);
        bench.write(PORTS[0].otfdec + 0x304, XONEIF);
    }
    assert_eq!(bench.fetch(CODE), Ok(PLAIN[0] & 0xFFFF));
    assert_eq!(bench.fetch(CODE + 2), Ok(PLAIN[0] >> 16));
}

#[test]
fn a_change_of_any_region_register_is_seen_by_the_next_access() {
    let mut bench = Bench::on(&board());
    open(&mut bench, PORTS[0]);
    for register in [0x04, 0x0C, 0x10] {
        protect(&mut bench, PORTS[0], 2);
        assert_eq!(bench.read(CODE), PLAIN[0]);
        bench.write(PORTS[0].otfdec + 0x50 + register, 0x9100_0000);
        assert_ne!(bench.read(CODE), PLAIN[0], "{register:#x}");
    }
    protect(&mut bench, PORTS[0], 2);
    bench.write(PORTS[0].otfdec + 0x50, 0xABCE_0021);
    assert_ne!(bench.read(CODE), PLAIN[0], "version");
    bench.write(PORTS[0].otfdec + 0x50, 0xABCD_0020);
    assert_eq!(bench.read(CODE), CIPHER[0], "disabled");
}

#[test]
fn locks_last_until_a_reset_which_takes_the_key() {
    let config = PORTS[0].otfdec + 0x50;
    for by_rcc in [true, false] {
        let mut bench = Bench::on(&board());
        open(&mut bench, PORTS[0]);
        protect(&mut bench, PORTS[0], 2);
        let value = bench.read(config);
        bench.write(config, value | KEYLOCK);
        bench.write(config, value);
        assert_ne!(bench.read(config) & KEYLOCK, 0);
        if by_rcc {
            bench.write(AHB3RSTR, 1 << 22);
            bench.write(AHB3RSTR, 0);
        } else {
            bench.reset();
            open(&mut bench, PORTS[0]);
        }
        assert_eq!(bench.read(config), 0, "no lock, no KEYCRC");
        assert_eq!(bench.read(CODE), CIPHER[0]);
    }
}

#[test]
fn only_open_rss_encrypts() {
    let port = PORTS[0];
    let mut bench = Bench::secured();
    bench.hand_over();
    open(&mut bench, port);
    protect(&mut bench, port, 2);
    bench.write(port.otfdec, 1);
    assert_eq!(bench.read(port.otfdec), 0, "not even the secure area");
    let warned = bench.chip.take_warnings();
    assert!(
        warned.iter().any(|warning| warning.reason == Reason::NotFromRss && warning.address == port.otfdec)
    );

    let mut bench = Bench::secured();
    bench.fetch(RSS + 0x100).expect("RSS runs");
    open(&mut bench, port);
    protect(&mut bench, port, 0);
    bench.write(port.otfdec, 1);
    for (offset, (plain, cipher)) in (0..).step_by(4).zip(PLAIN.into_iter().zip(CIPHER)) {
        bench.write(CODE + offset, plain);
        assert_eq!(bench.read(CODE + offset), cipher);
    }
    bench.write(port.otfdec, 0);
    assert_eq!(
        bench.chip.external_flash(CODE).map(|flash| flash.byte(0x400)),
        Some(0xFF),
        "nothing was stored"
    );
}

#[test]
fn writes_and_commands_to_the_memory_chip_are_reported() {
    let mut bench = Bench::on(&board());
    open(&mut bench, PORTS[0]);
    bench.write(CODE, 0);
    bench.write(CODE + 4, 0);
    assert_eq!(bench.read(CODE), CIPHER[0]);
    assert_eq!(bench.chip.take_warnings().len(), 1, "once a window");
    // The read keeps the interface busy: without an abort the mode does not change.
    bench.write(PORTS[0].octospi, 1 << 28 | 1);
    bench.write(PORTS[0].octospi + 0x110, 0x5A);
    let reasons: Vec<Reason> = bench.chip.take_warnings().iter().map(|warning| warning.reason).collect();
    assert_eq!(reasons, [Reason::Busy, Reason::Busy]);
    assert_eq!(bench.read(CODE), CIPHER[0]);
    bench.write(PORTS[0].octospi, 3 << 28 | 1 << 1 | 1);
    bench.write(PORTS[0].octospi, 1 << 28 | 1);
    bench.write(PORTS[0].octospi + 0x100, 1);
    bench.write(PORTS[0].octospi + 0x110, 0x5A);
    let reasons: Vec<Reason> = bench.chip.take_warnings().iter().map(|warning| warning.reason).collect();
    assert_eq!(reasons, [Reason::NotModelled], "a command that the memory does not know");
}

/// One command in an indirect mode: its CCR, instruction, address and data to send.
fn command(bench: &mut Bench, mode: u32, ccr: u32, instruction: u32, address: Option<u32>, data: &[u32]) {
    let unit = PORTS[0].octospi;
    bench.write(unit, mode << 28 | 1 << 1 | 1);
    bench.write(unit, mode << 28 | 1);
    bench.write(unit + 0x024, 0x1F);
    bench.write(unit + 0x040, (4 * data.len().max(1) - 1) as u32);
    bench.write(unit + 0x100, ccr);
    bench.write(unit + 0x110, instruction);
    if let Some(address) = address {
        bench.write(unit + 0x048, address);
    }
    for word in data {
        bench.write(unit + 0x050, *word);
    }
}

const ADDRESS: u32 = 2 << 12 | 1 << 8 | 1;
const DATA: u32 = 1 << 24;

/// Write enable, then a program of words; not waited for.
fn program(bench: &mut Bench, offset: u32, words: &[u32]) {
    command(bench, 0, 1, 0x06, None, &[]);
    command(bench, 0, ADDRESS | DATA, 0x02, Some(offset), words);
}

#[test]
fn what_is_programmed_shows_in_the_window_and_survives_power_off() {
    let mut bench = Bench::on(&board());
    open(&mut bench, PORTS[0]);
    program(&mut bench, 0x2000, &[0x1234_5678, 0x9ABC_DEF0]);
    let status = |bench: &mut Bench| {
        command(bench, 1, 1 | DATA, 0x05, None, &[]);
        bench.try_read(PORTS[0].octospi + 0x050, Size::Byte).expect("a register")
    };
    assert_eq!(status(&mut bench), 3, "WIP and WEL");
    bench.now += 10_000_000;
    assert_eq!(status(&mut bench), 0);
    let remap = |bench: &mut Bench| {
        command(bench, 1, ADDRESS | DATA, 0x0B, None, &[]);
        bench.write(PORTS[0].octospi, 3 << 28 | 1);
    };
    remap(&mut bench);
    assert_eq!((bench.read(0x9000_2000), bench.read(0x9000_2004)), (0x1234_5678, 0x9ABC_DEF0));
    let board = bench.chip.to_board();
    assert_eq!(Board::from_bytes(&board.to_bytes()).expect("a board").external()[0].byte(0x2003), 0x12);

    // A busy memory does not answer the window either, and goes on through a reset of the chip.
    command(&mut bench, 0, 1, 0x06, None, &[]);
    command(&mut bench, 0, ADDRESS, 0x20, Some(0x2ABC), &[]);
    remap(&mut bench);
    assert_eq!(bench.read(0x9000_0400), u32::MAX);
    bench.reset();
    open(&mut bench, PORTS[0]);
    assert_eq!(bench.read(0x9000_0400), u32::MAX);
    bench.now += 100_000_000;
    assert_eq!((bench.read(0x9000_0400), bench.read(0x9000_2000)), (CIPHER[0], u32::MAX));
}

#[test]
fn the_interrupt_lines_are_those_of_the_manual() {
    for (port, line) in PORTS.into_iter().zip([151, 152]) {
        let mut bench = Bench::on(&board());
        open(&mut bench, port);
        protect(&mut bench, port, 0);
        bench.write(port.otfdec + 0x308, XONEIF);
        let raised = |bench: &Bench| bench.chip.irq_lines()[line / 32] >> (line % 32) & 1;
        assert_eq!(raised(&bench), 0);
        bench.read(port.window + 0x400);
        assert_eq!(raised(&bench), 1);
        bench.write(port.otfdec + 0x304, XONEIF);
        assert_eq!(raised(&bench), 0);
    }
}

#[test]
fn external_flash_survives_chip_and_file() {
    let board = board();
    let again = Bench::on(&Board::from_bytes(&board.to_bytes()).expect("a board")).chip.to_board();
    assert_eq!(again, board);
    assert_eq!(again.external()[1].byte(0x400), 0xD8);
    let mut other = again.clone();
    assert!(other.preload_external(0x7000_0000, &[1]));
    assert_ne!(other, again);
    assert!(!other.preload_external(0x90FF_FFFF, &[1, 2]), "16 MB");
    assert!(!other.preload_external(0x8000_0000, &[1]));
}

/// The file of `body` with a header of `version`.
fn file(version: u32, body: &[u8]) -> Vec<u8> {
    let mut file = b"IRONBRD\0".to_vec();
    for value in [version, body.len() as u32, crc32fast::hash(body)] {
        file.extend_from_slice(&value.to_le_bytes());
    }
    file.extend_from_slice(body);
    file
}

#[test]
fn a_board_file_of_the_first_version_is_read() {
    let mut board = Board::with_serial(9);
    assert!(board.preload(common::FLASH, &[1, 2, 3]));
    let body = board.to_bytes()[20..].to_vec();
    // Version 4 ends with two counters (12 bytes), which are 0; version 3 with the identity, of which there is none; version 2
    // with two lists of blocks, which are empty.
    let third = &body[..body.len() - 12];
    let second = &third[..third.len() - 4];
    let first = &second[..second.len() - 8];
    assert_eq!(Board::from_bytes(&file(3, third)).expect("a board"), board);
    assert!(
        matches!(Board::from_bytes(&file(4, third)), Err(BoardError::Corrupt(_))),
        "counters are missing"
    );
    assert_eq!(Board::from_bytes(&file(1, first)).expect("a board"), board);
    assert_eq!(Board::from_bytes(&file(2, second)).expect("a board"), board);
    assert!(matches!(Board::from_bytes(&file(2, first)), Err(BoardError::Corrupt(_))), "lists are missing");
    assert!(
        matches!(Board::from_bytes(&file(3, second)), Err(BoardError::Corrupt(_))),
        "identity is missing"
    );
    assert!(
        matches!(Board::from_bytes(&file(1, &body)), Err(BoardError::Corrupt(_))),
        "bytes behind the end"
    );
}

#[test]
fn impossible_external_blocks_are_refused() {
    let body = Board::with_serial(9).to_bytes()[20..].to_vec();
    let start = &body[..body.len() - 24];
    for index in [4096_u32, u32::MAX] {
        let list = [&1_u32.to_le_bytes()[..], &index.to_le_bytes(), &[0; 4096], &[0; 4]].concat();
        let error = Board::from_bytes(&file(2, &[start, &list].concat())).expect_err("outside");
        assert_eq!(error.code(), input::BOARD_CORRUPT);
    }
    let huge = [start, &u32::MAX.to_le_bytes(), &[0; 4]].concat();
    assert!(Board::from_bytes(&file(2, &huge)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Whatever is written to unit and interface: no panic, no key comes back, and a region that is locked for execution
    /// only never gives its plain text as data.
    #[test]
    fn no_register_writes_make_a_locked_region_readable(
        writes in proptest::collection::vec((any::<bool>(), 0_u32..0x100, any::<u32>(), 0_u8..3), 0..60)
    ) {
        let port = PORTS[0];
        let mut bench = Bench::on(&board());
        open(&mut bench, port);
        protect(&mut bench, port, 0);
        let config = bench.read(port.otfdec + 0x50);
        bench.write(port.otfdec + 0x50, config | 6);
        for (unit, register, value, size) in writes {
            let address = if unit { port.otfdec + register * 4 } else { port.octospi + register * 4 };
            let size = [Size::Word, Size::Half, Size::Byte][usize::from(size)];
            let _ = bench.try_write(address, value & size.mask(), size);
            for key in [0x34, 0x64, 0x94, 0xC4].into_iter().flat_map(|first| (0..4).map(move |i| first + 4 * i)) {
                prop_assert_eq!(bench.read(port.otfdec + key), 0);
            }
            prop_assert_ne!(bench.try_read(CODE, Size::Word), Ok(PLAIN[0]));
        }
        prop_assert_eq!(bench.read(port.otfdec + 0x50) & !0xFF00, (config | 6) & !0xFF00);
    }
}
