//! The iLoader of the STM32H7S, alone: requests as STiRoT writes them, and ones that it never would.

use ironroot_chip_h7rs::BoardH7;
use ironroot_cpu::bus::Size;
use ironroot_layout::stm32h7rs::Part;
use ironroot_layout::stm32h7rs::contract::STIROT_MAGIC;
use ironroot_layout::stm32h7rs::iloader::{Answer, Operation, REQUEST, erase, save, word};
use ironroot_tests::device::load_pieces;
use ironroot_tests::firmware;
use ironroot_tests::h7rs::Device;

const RAM: u32 = 0x2400_0000;
const ROOM: u32 = 0x2_0000;
const PRIMARY: u32 = 0x9000_0000;
const SECONDARY: u32 = 0x9002_0000;
/// SBS_RSSCMDR.
const COMMAND: u32 = 0x5800_0434;

/// What is in external flash: the start of an image, or nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    Image(u8),
}

fn image(mark: u8) -> Vec<u8> {
    let mut bytes = STIROT_MAGIC.to_le_bytes().to_vec();
    bytes.resize(0x1_2345, mark);
    bytes
}

fn device(primary: Holds, secondary: Holds) -> Device {
    let mut board = BoardH7::with_serial(Part::Stm32h7s7, 9);
    for (address, bytes) in load_pieces(&std::fs::read(firmware("iloader")).expect("readable")) {
        assert!(board.preload(address, &bytes));
    }
    for (address, holds) in [(PRIMARY, primary), (SECONDARY, secondary)] {
        if let Holds::Image(mark) = holds {
            assert!(board.preload_external(address, &image(mark)));
        }
    }
    Device::on(&board)
}

fn request(operation: u32, steps: u32) -> [u32; word::COUNT] {
    let mut request = [0; word::COUNT];
    request[word::OPERATION] = operation;
    request[word::SUB_OPERATIONS] = steps;
    request[word::RAM_START] = RAM;
    request[word::SIZE] = ROOM;
    request[word::PRIMARY] = PRIMARY;
    request[word::SECONDARY] = SECONDARY;
    request
}

const LOAD: u32 = Operation::Load as u32;
const UPDATE: u32 = Operation::Update as u32;

/// Runs until there is an answer.
#[track_caller]
fn serve(device: &mut Device, request: &[u32; word::COUNT]) -> Answer {
    let bytes: Vec<u8> = request.iter().flat_map(|word| word.to_le_bytes()).collect();
    device.poke(REQUEST.start().value(), &bytes);
    // In small steps: behind its reset it would begin again, with the same request.
    for _ in 0..10_000_000 {
        let _ = device.run(20);
        let answer = device.machine.core.bus.debugger_read(COMMAND, Size::Word).unwrap_or(0);
        if answer != 0 {
            return Answer::from_bits(answer as u16).expect("one of the answers");
        }
    }
    panic!("no answer, pc {:#010x}", device.machine.core.r[15]);
}

#[test]
fn the_download_is_preferred_and_what_is_there_is_copied() {
    let (none, first, second) = (Holds::Nothing, Holds::Image(1), Holds::Image(2));
    for (primary, secondary, answer, mark) in [
        (first, second, Answer::Secondary, Some(2)),
        (none, second, Answer::Secondary, Some(2)),
        (first, none, Answer::Primary, Some(1)),
        (none, none, Answer::Empty, None),
    ] {
        let mut device = device(primary, secondary);
        assert_eq!(serve(&mut device, &request(LOAD, 0)), answer);
        if let Some(mark) = mark {
            let expected = image(mark);
            assert_eq!(device.peek(RAM, expected.len() as u32), expected);
        }
    }
}

#[test]
fn an_image_that_is_in_ram_already_is_not_loaded_again() {
    let mut device = device(Holds::Image(1), Holds::Nothing);
    device.poke(RAM, &STIROT_MAGIC.to_le_bytes());
    assert_eq!(serve(&mut device, &request(LOAD, 0)), Answer::Empty);
}

#[test]
fn an_update_writes_ram_over_the_installed_image_and_erases_the_download() {
    let mut device = device(Holds::Image(1), Holds::Image(2));
    let wanted = image(3);
    device.poke(RAM, &wanted);
    assert_eq!(serve(&mut device, &request(UPDATE, save(0) | erase(0))), Answer::Primary);
    assert_eq!(device.external(PRIMARY, wanted.len()), wanted);
    assert_eq!(device.external(SECONDARY, ROOM as usize), vec![0xFF; ROOM as usize]);
}

#[test]
fn what_is_no_request_or_lies_elsewhere_is_an_error_and_changes_nothing() {
    let with = |index: usize, value: u32| {
        let mut request = request(LOAD, 0);
        request[index] = value;
        request
    };
    let mut both_at_once = request(UPDATE, save(0));
    both_at_once[word::SECONDARY] = PRIMARY + 0x1_0000;
    let requests = [
        ("nothing", [0; word::COUNT]),
        ("random", [0xA5A5_A5A5; word::COUNT]),
        ("an unknown operation", request(3, 0)),
        ("an update without a step", request(UPDATE, 0)),
        ("a step for data", request(UPDATE, save(1))),
        ("RAM of the iLoader itself", with(word::RAM_START, 0x2000_0000)),
        ("RAM that wraps", with(word::RAM_START, 0xFFFF_0000)),
        ("RAM behind the end", with(word::RAM_START, 0x2406_0000)),
        ("unaligned RAM", with(word::RAM_START, RAM + 2)),
        ("no size", with(word::SIZE, 0)),
        ("a size that wraps", with(word::SIZE, 0xFFFF_F000)),
        ("internal flash as image", with(word::PRIMARY, 0x0800_0000)),
        ("part of a sector", with(word::SECONDARY, SECONDARY + 0x100)),
        ("behind the flash", with(word::SECONDARY, 0x90FF_0000)),
        ("slots that overlap", both_at_once),
    ];
    for (what, request) in requests {
        let mut device = device(Holds::Image(1), Holds::Image(2));
        let ram = device.peek(RAM, 64);
        assert_eq!(serve(&mut device, &request), Answer::Error, "{what}");
        assert_eq!(device.peek(RAM, 64), ram, "{what}");
        assert_eq!(device.external(PRIMARY, image(1).len()), image(1), "{what}");
        assert_eq!(device.external(SECONDARY, image(2).len()), image(2), "{what}");
    }
}
