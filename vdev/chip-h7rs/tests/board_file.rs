//! The board file: round trip, damage of every kind, which part's it is, atomic writing.

mod common;

use common::*;
use ironroot_chip::flash::ecc::Damage;
use ironroot_chip_h7rs::board::{BoardError, Kind, kind};
use ironroot_chip_h7rs::flash::options::Word;
use ironroot_chip_h7rs::{BoardH7, ObKey, Stm32h7rs};
use ironroot_codes::input;
use ironroot_layout::stm32h7rs::Part;
use ironroot_layout::stm32h7rs::state::Hdpl;

fn board(part: Part) -> BoardH7 {
    let mut bench = Bench::of(part, |board| {
        closed(board);
        board.set_boot0(true);
        let window = board.part().external_flash().start().value();
        assert!(board.preload_external(window + 0x20_0000, &[5; 5000]));
        assert!(board.set_key(Hdpl::Level2, 31, ObKey::new(&[9; 16]).expect("a size")));
    });
    bench.program(FLASH + 0x1230, 0x1122_3344);
    bench.program_key(8, 0, &[7; 8]);
    bench.change(Word::Epochs, 3);
    bench.chip.flash_mut().ecc_mut().set(77, Some(Damage::Double));
    bench.unlock();
    bench.set_reg(ironroot_chip_h7rs::flash::registers::CR, 1 << 16);
    bench.try_write(OTP + 6, 0xBEEF, ironroot_cpu::bus::Size::Half).expect("no fault");
    bench.settle();
    bench.write(RCC + 0x140, 1 << 28);
    bench.write(PWR, 1 << 8);
    bench.write(0x5800_4500, 0xB0B0);
    bench.write(0x3880_0010, 0xCAFE);
    bench.chip.to_board()
}

#[test]
fn a_board_survives_the_file_and_the_chip() {
    for part in Part::ALL {
        let board = board(part);
        let again = BoardH7::from_bytes(&board.to_bytes()).unwrap();
        assert_eq!(again, board);
        assert_eq!(board.part(), part);
        assert!(board.to_bytes().len() < 30_000, "erased blocks take no room");
        let mut bench = Bench::on(&again);
        assert_eq!(bench.read(FLASH + 0x1230), 0x1122_3344);
        assert_eq!((bench.read(0x5800_4500), bench.read(OTP + 4)), (0xB0B0, 0xBEEF_FFFF));
        bench.write(RCC + 0x140, 1 << 28);
        assert_eq!((bench.read(0x3880_0010), bench.read_key(8)), (0xCAFE, Ok([7; 8])));
        // Nothing but the number of resets differs after power-on.
        let after = Stm32h7rs::from_board(&again, &rom()).to_board();
        let (mut left, mut right) = (after.to_bytes(), board.to_bytes());
        assert_eq!(after.resets(), board.resets() + 1);
        for file in [&mut left, &mut right] {
            file[16..20].fill(0);
            file[20 + 24..20 + 28].fill(0);
        }
        assert_eq!(left, right);
    }
}

#[test]
fn the_first_bytes_tell_which_part_it_is() {
    assert_eq!(kind(&board(Part::Stm32h7r7).to_bytes()), Some(Kind::H7rs));
    assert_eq!(kind(&ironroot_chip::Board::with_serial(1).to_bytes()), Some(Kind::H735));
    for foreign in [&b""[..], b"IRONBRD", b"IRONBH7X", b"\x7FELF and more"] {
        assert_eq!(kind(foreign), None);
    }
    let foreign = BoardH7::from_bytes(&ironroot_chip::Board::with_serial(1).to_bytes());
    assert_eq!(foreign.unwrap_err().code(), input::BOARD_UNREADABLE);
    let foreign = ironroot_chip::Board::from_bytes(&board(Part::Stm32h7s7).to_bytes());
    assert_eq!(foreign.unwrap_err().code(), input::BOARD_UNREADABLE);
}

#[test]
fn every_truncation_is_an_error_with_its_code() {
    let bytes = board(Part::Stm32h7s7).to_bytes();
    for length in (1..100).chain((100..bytes.len()).step_by(997)).chain([bytes.len() - 1]) {
        let error = BoardH7::from_bytes(&bytes[..length]).unwrap_err();
        assert_eq!(error.code(), input::BOARD_TRUNCATED, "{length} bytes: {error}");
    }
    let mut newer = bytes.clone();
    newer[8] = 3;
    assert!(matches!(BoardH7::from_bytes(&newer), Err(BoardError::Version(3))));
    let mut damaged = bytes;
    damaged[100] ^= 1;
    assert_eq!(BoardH7::from_bytes(&damaged).unwrap_err().code(), input::BOARD_CORRUPT);
}

#[test]
fn what_is_not_fitted_is_not_there_and_stays_so() {
    for (part, flash, ram) in
        [(Part::Stm32h7s7, 0x9000_0000, 0x7000_0000), (Part::Stm32h7r7, 0x7000_0000, 0x9000_0000)]
    {
        let mut board = board(part);
        assert!(!board.set_fitted(0x2400_0000, false));
        assert!(board.set_fitted(ram, false));
        assert!(board.preload_external(flash, &[1]));
        assert!(board.set_fitted(flash, false));
        assert!(!board.preload_external(flash, &[1]), "there is nothing to program");
        let again = BoardH7::from_bytes(&board.to_bytes()).unwrap();
        assert_eq!(again, board);
        let chip = Stm32h7rs::from_board(&again, &rom());
        assert_eq!(chip.to_board().fitted(), [false; 2]);
        assert_eq!(chip.external_bytes(flash, 2), [0xFF; 2]);
        assert!(board.set_fitted(flash, true), "a new one");
        assert!(board.preload_external(flash, &[1]));
    }
}

#[test]
fn a_board_of_version_1_has_its_memories_and_a_watchdog_that_software_starts() {
    let old = forged_as(1, |body| {
        body.truncate(body.len() - 4);
        // OBW1SR is the seventh option word.
        body[28 + 24] &= !0x10;
    });
    assert_eq!(old.unwrap(), board(Part::Stm32h7s7));
}

/// The file with a changed body and a checksum that fits it.
fn forged(change: impl FnOnce(&mut Vec<u8>)) -> Result<BoardH7, BoardError> {
    forged_as(2, change)
}

fn forged_as(version: u32, change: impl FnOnce(&mut Vec<u8>)) -> Result<BoardH7, BoardError> {
    let bytes = board(Part::Stm32h7s7).to_bytes();
    let mut body = bytes[20..].to_vec();
    change(&mut body);
    BoardH7::from_bytes(&ironroot_chip::container::pack(&ironroot_chip_h7rs::board::MAGIC, version, &body))
}

#[test]
fn impossible_fields_are_refused_even_with_a_right_checksum() {
    let code = |result: Result<BoardH7, BoardError>| result.unwrap_err().code();
    assert!(forged(|_| {}).is_ok());
    assert_eq!(code(forged(|body| body[0] ^= 1)), input::BOARD_UNKNOWN_PART);
    assert_eq!(code(forged(|body| body[4] = 2)), input::BOARD_UNKNOWN_PART);
    assert_eq!(code(forged(|body| body[8] = b'X')), input::BOARD_CORRUPT, "no virtual device");
    assert_eq!(code(forged(|body| body[20] = 2)), input::BOARD_CORRUPT, "BOOT0");
    assert_eq!(code(forged(|body| body[28 + 3] = 1)), input::BOARD_CORRUPT, "reserved option bit");
    assert_eq!(code(forged(|body| *body.last_mut().unwrap() = 1)), input::BOARD_CORRUPT, "no such memory");
    assert_eq!(code(forged(|body| body.truncate(200))), input::BOARD_CORRUPT);
    assert_eq!(code(forged(|body| body.push(0))), input::BOARD_CORRUPT);
    // Counts that promise more than there is.
    for at in (60..4000).step_by(4) {
        let _ = forged(|body| body[at..at + 4].fill(0xFF));
    }
}

#[test]
fn files_are_replaced_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("board");
    let board = board(Part::Stm32h7s7);
    board.save(&path).unwrap();
    board.save(&path).unwrap();
    assert_eq!(BoardH7::load(&path).unwrap(), board);
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "nothing is left over");
    let error = BoardH7::load(&directory.path().join("none")).unwrap_err();
    assert_eq!(error.code(), input::FILE_NOT_FOUND);
    assert!(
        BoardH7::create(Part::Stm32h7s7, [0; 12]).is_err_and(|error| error.code() == input::BOARD_CORRUPT)
    );
}
