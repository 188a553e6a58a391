//! Encrypted code in external flash, end to end: RSS encrypts it (resetAndEncrypt), OTFDEC runs it in place.

use ironroot_chip::warnings::Reason;
use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_codes::vdev;
use ironroot_cpu::bus::Bus;
use ironroot_cpu::machine::{Machine, Stop};
use ironroot_layout::stm32h735::rss;
use ironroot_tests::assemble::assemble;
use ironroot_tests::device::load_pieces;
use ironroot_tests::firmware;

const LIMIT: u64 = 5_000_000;
const COMMAND: u32 = 0x2400_0000;
const RESULT: u32 = 0x2400_0010;
const PARAMETERS: u32 = 0x2400_2000;
const NONCE: u32 = 0x2400_2100;
const KEY: u32 = 0x2400_2200;
const BUFFER: u32 = 0x2400_3000;
const CODE: u32 = 0x9000_0400;
const SERVICE: u32 = 1;
const DECRYPT: u32 = 2;
const STATUS: u32 = 3;
const DO_NOT_EXECUTE: u32 = 1 << 8;
/// The published example: adds r0, r1; adds r0, #15; bx lr.
const PLAIN: [u32; 2] = [0x300F_1808, 0x0000_4770];
const CIPHER: [u32; 2] = [0x82BC_10D8, 0xF714_0591];
const XONEIF: u32 = 2;
/// Words of the request block before its sum: magic, eight parameters, nonce, key.
const SUM: u32 = 15;
/// resetAndEncrypt's parameters for that example: destination, buffer, size, region, mode, version, nonce, key.
const GOOD: [u32; 8] = [CODE, BUFFER, 8, 1, 2, 0xABCD, NONCE, KEY];

/// A secured board with the program of arm/otfdec.s in its secure area.
fn board() -> Board {
    let mut board = Board::with_serial(4);
    for (address, bytes) in assemble("otfdec", 0x0800_0000) {
        assert!(board.preload(address, &bytes));
    }
    board.options_mut().optsr |= 1 << 21;
    board.options_mut().scar = 0x81FF_0000;
    board
}

/// A device, powered on and asleep.
fn device(board: &Board) -> Machine<Stm32h735> {
    let rom = RomImage::from_segments(load_pieces(&std::fs::read(firmware("rss")).expect("readable")))
        .expect("the ROM fits system flash");
    let mut machine = Machine::new(Stm32h735::from_board(board, &rom));
    assert_eq!(machine.run(LIMIT), Stop::Idle);
    machine
}

fn peek(machine: &Machine<Stm32h735>, address: u32) -> u32 {
    let offset = machine.core.bus.arena_offset(address).expect("an address of a memory");
    let bytes = machine.memory().slice(offset, 4);
    u32::from_le_bytes(bytes.try_into().expect("inside the arena"))
}

fn poke(machine: &mut Machine<Stm32h735>, address: u32, words: &[u32]) {
    let offset = machine.core.bus.arena_offset(address).expect("an address of a memory");
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    machine.core.bus.memory_mut().write_bytes(offset, &bytes);
}

/// Resets into `command` and lets it end. The results.
fn command(machine: &mut Machine<Stm32h735>, command: u32, argument: u32) -> [u32; 4] {
    poke(machine, COMMAND, &[command, argument]);
    poke(machine, RESULT, &[0xEEEE_EEEE; 4]);
    machine.poke();
    machine.system_reset();
    assert_eq!(machine.run(LIMIT), Stop::Idle);
    [0, 4, 8, 12].map(|offset| peek(machine, RESULT + offset))
}

/// Puts key and nonce of the example, the parameters and the plain code into RAM.
fn prepare(machine: &mut Machine<Stm32h735>, parameters: &[u32; 8]) {
    poke(machine, NONCE, &[0xA5A5_A5A5, 0xC3C3_C3C3]);
    poke(machine, KEY, &[0xEDCB_A987, 0x6543_210F, 0xEDCB_A987, 0x6543_210F]);
    poke(machine, PARAMETERS, parameters);
    poke(machine, BUFFER, &PLAIN);
}

fn buffer(machine: &Machine<Stm32h735>) -> [u32; 2] {
    [peek(machine, BUFFER), peek(machine, BUFFER + 4)]
}

/// True if the RAM of RSS holds nothing.
fn window_is_clear(machine: &Machine<Stm32h735>) -> bool {
    (rss::WINDOW.start().value()..rss::WINDOW.end().value()).step_by(4).all(|at| peek(machine, at) == 0)
}

#[test]
fn rss_encrypts_what_otfdec_runs_in_place_and_reads_as_its_mode_allows() {
    let board = board();
    let mut machine = device(&board);
    prepare(&mut machine, &GOOD);
    let resets = machine.resets;
    command(&mut machine, SERVICE, PARAMETERS);
    assert_eq!(machine.resets, resets + 3, "ours, the service's, and the one behind the encryption");
    assert_eq!(buffer(&machine), CIPHER);
    assert!(window_is_clear(&machine), "key or plain text stays in the RAM of RSS");
    assert_eq!(command(&mut machine, STATUS, 0)[0], rss::status(rss::service::ENCRYPT, 0));
    let mut sealed = board;
    let cipher: Vec<u8> = buffer(&machine).iter().flat_map(|word| word.to_le_bytes()).collect();
    assert!(sealed.preload_external(CODE, &cipher));
    let sealed = Board::from_bytes(&sealed.to_bytes()).expect("external flash survives the board file");

    let mut machine = device(&sealed);
    let both = command(&mut machine, DECRYPT, 2);
    assert_eq!(both, [18, PLAIN[0], 0, 0], "mode 2 executes and reads");
    let execute_only = command(&mut machine, DECRYPT, 0);
    assert_eq!(execute_only, [18, 0, XONEIF, 0], "mode 0 executes, and data reads give zero");
    let data = command(&mut machine, DECRYPT, 1 | DO_NOT_EXECUTE);
    assert_eq!(data[1..3], [PLAIN[0], 0], "mode 1 reads");
    assert!(machine.core.bus.take_warnings().is_empty());
}

#[test]
fn the_enhanced_mode_is_refused_with_its_code() {
    let mut board = board();
    // What is fetched comes as it is stored: a plain return.
    assert!(board.preload_external(CODE, &[0x70, 0x47]));
    let mut machine = device(&board);
    let results = command(&mut machine, DECRYPT, 3);
    assert_eq!((results[0], results[1], results[2]), (1, 0, XONEIF));
    let warnings = machine.core.bus.take_warnings();
    assert!(
        matches!(warnings.as_slice(), [warning] if warning.reason == Reason::EnhancedCipher),
        "{warnings:?}"
    );
    assert!(warnings[0].to_string().starts_with(&vdev::ENHANCED_CIPHER.to_string()), "{}", warnings[0]);
}

/// Each is the good request with some words changed.
const BAD: &[(&str, &[(usize, u32)])] = &[
    ("destination before the window", &[(0, 0x8FFF_FFFC)]),
    ("destination at the end of the window", &[(0, 0x9FFF_FFFC)]),
    ("destination unaligned", &[(0, CODE + 2)]),
    ("destination wraps around", &[(0, 0xFFFF_FFFC)]),
    ("destination in the other unit's window", &[(0, 0x7000_0400)]),
    ("region of the other unit", &[(3, 4)]),
    ("region beyond the last", &[(3, 8)]),
    ("region beyond all", &[(3, u32::MAX)]),
    ("buffer in user flash", &[(1, 0x0802_0000)]),
    ("buffer in the secure area", &[(1, 0x0800_0000)]),
    ("buffer in system flash", &[(1, 0x1FF1_0000)]),
    ("buffer in a peripheral", &[(1, 0x5200_2000)]),
    ("buffer in the RAM of RSS", &[(1, 0x2000_1000)]),
    ("buffer around the RAM of RSS", &[(1, 0x2000_0000), (2, 0x1_0000)]),
    ("buffer is the request block", &[(1, 0x2000_0A00)]),
    ("buffer unaligned", &[(1, BUFFER + 1)]),
    ("buffer wraps around", &[(1, BUFFER), (2, 0xFFFF_FFF8)]),
    ("buffer leaves its RAM", &[(1, 0x2404_FFFC)]),
    ("no bytes", &[(2, 0)]),
    ("half a word", &[(2, 6)]),
    ("enhanced mode", &[(4, 3)]),
    ("mode beyond all", &[(4, u32::MAX)]),
    ("version of 17 bits", &[(5, 0x1_0000)]),
    ("nonce nowhere", &[(6, 0)]),
    ("nonce in the secure area", &[(6, 0x0800_0000)]),
    ("key in system flash", &[(7, 0x1FF1_0000)]),
    ("key at the end of memory", &[(7, 0xFFFF_FFFC)]),
    ("key in the RAM of RSS", &[(7, 0x2000_4FFC)]),
];

#[test]
fn bad_requests_are_refused_without_a_reset_and_leave_no_key_behind() {
    let mut machine = device(&board());
    let refused = |machine: &mut Machine<Stm32h735>, pointer: u32, what: &str| {
        let resets = machine.resets;
        let results = command(machine, SERVICE, pointer);
        assert_eq!(results[0], rss::RSS_ERROR, "{what}");
        assert_eq!(machine.resets, resets + 1, "{what}: only ours");
        assert_eq!(buffer(machine), PLAIN, "{what}");
        assert!(window_is_clear(machine), "{what}");
    };
    for (what, changes) in BAD {
        let mut parameters = GOOD;
        for &(index, value) in *changes {
            parameters[index] = value;
        }
        prepare(&mut machine, &parameters);
        refused(&mut machine, PARAMETERS, what);
    }
    prepare(&mut machine, &GOOD);
    for pointer in
        [0, 0x0800_0000, 0x1FF1_0000, 0x2000_0C00, PARAMETERS + 1, 0x2404_FFF0, 0x5802_4400, u32::MAX - 3]
    {
        refused(&mut machine, pointer, &format!("parameters at {pointer:#010x}"));
    }
}

#[test]
fn a_forged_request_block_gains_nothing() {
    let mut machine = device(&board());
    let block = rss::REQUEST_BLOCK.start().value() + 512;
    let forge = |machine: &mut Machine<Stm32h735>, parameters: &[u32; 8], sum: u32| {
        prepare(machine, &GOOD);
        let mut words = vec![0x4552_5249];
        words.extend_from_slice(parameters);
        words.extend_from_slice(&[
            0xA5A5_A5A5,
            0xC3C3_C3C3,
            0xEDCB_A987,
            0x6543_210F,
            0xEDCB_A987,
            0x6543_210F,
        ]);
        let bytes: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        let crc = crc32(&bytes) ^ sum;
        words.extend_from_slice(&[crc, !crc]);
        poke(machine, block, &words);
        command(machine, 0, 0);
    };
    forge(&mut machine, &GOOD, 1);
    assert_eq!(buffer(&machine), PLAIN, "a wrong sum is not believed");
    let system = peek(&machine, 0x1FF1_0000);
    for buffer in [0x1FF1_0000, 0x0800_0000, 0x2000_0C00, 0x2000_4FF8, 0x0000_0000] {
        let mut parameters = GOOD;
        parameters[1] = buffer;
        forge(&mut machine, &parameters, 0);
        assert_eq!(peek(&machine, 0x1FF1_0000), system);
        assert!(window_is_clear(&machine), "{buffer:#x}");
    }
    forge(&mut machine, &GOOD, 0);
    assert_eq!(buffer(&machine), PLAIN, "a right sum that the library did not make is not believed either");

    // The sum used here is the right one, so the refusals above mean something: the library makes the same.
    prepare(&mut machine, &GOOD);
    poke(&mut machine, COMMAND, &[SERVICE, PARAMETERS]);
    machine.poke();
    machine.system_reset();
    while peek(&machine, block + 4 * SUM) == 0 {
        assert_eq!(machine.run(4), Stop::Limit);
    }
    let bytes: Vec<u8> = (0..SUM).flat_map(|word| peek(&machine, block + 4 * word).to_le_bytes()).collect();
    assert_eq!(peek(&machine, block + 4 * SUM), crc32(&bytes));
    assert_eq!(machine.run(LIMIT), Stop::Idle);
    assert_eq!(buffer(&machine), CIPHER);
}

/// Values at which checks tend to be wrong, for any of the parameters.
const EDGES: [u32; 24] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    32,
    0xFFFF,
    0x1_0000,
    CODE,
    0x9FFF_FFFC,
    0x7000_0000,
    0x8FFF_FFFC,
    BUFFER,
    0x2000_07FC,
    0x2000_5000,
    0x2001_FFFC,
    0x2404_FFFC,
    0x3800_3FFC,
    0x0800_0000,
    0x1FF1_0000,
    0x5200_B800,
    0xFFFF_FFFC,
];

#[test]
fn random_requests_touch_nothing_but_ram() {
    let mut machine = device(&board());
    let flash = |machine: &Machine<Stm32h735>| {
        [0x0800_0000, 0x1FF0_0000]
            .map(|base| (0..0x2000).step_by(4).map(|at| peek(machine, base + at)).collect())
    };
    let before: [Vec<u32>; 2] = flash(&machine);
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    };
    let mut served = 0;
    for case in 0..400 {
        let mut parameters = GOOD;
        for _ in 0..=next(3) {
            parameters[next(8)] = EDGES[next(EDGES.len())];
        }
        prepare(&mut machine, &parameters);
        let result = command(&mut machine, SERVICE, PARAMETERS)[0];
        // A buffer may lie over the results themselves; else they say that it was refused, or nothing.
        served += u32::from(result == 0xEEEE_EEEE);
        assert!(window_is_clear(&machine), "case {case}: {parameters:#x?}");
        assert_eq!(flash(&machine), before, "case {case}: {parameters:#x?}");
    }
    assert!((1..400).contains(&served), "{served} of 400 were served: the cases say nothing");
}

/// CRC-32 as in zip.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}
