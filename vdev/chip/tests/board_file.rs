//! The board file: round trip, damage of every kind, atomic writing.

mod common;

use common::{Bench, FLASH};
use ironroot_chip::flash::ecc::Damage;
use ironroot_chip::{Board, BoardError, Identity, Stm32h735};
use ironroot_codes::input;
use proptest::prelude::*;

fn board() -> Board {
    let mut bench = Bench::secured();
    bench.chip.set_boot0(true);
    bench.chip.flash_mut().ecc_mut().set(77, Some(Damage::Double));
    bench.chip.flash_mut().ecc_mut().set(78, Some(Damage::Single));
    bench.chip.to_board()
}

#[test]
fn a_board_survives_the_file_and_the_chip() {
    let board = board();
    let again = Board::from_bytes(&board.to_bytes()).unwrap();
    assert_eq!(again, board);
    assert_eq!(Stm32h735::from_board(&again, &common::rom()).to_board(), board);
    assert!(board.to_bytes().len() < 200_000, "erased blocks take no room");
}

#[test]
fn a_foreign_file_is_unreadable() {
    for bytes in [&b""[..], b"\x7FELF and more", &[0; 100]] {
        let error = Board::from_bytes(bytes).unwrap_err();
        assert_eq!(error.code(), input::BOARD_UNREADABLE, "{error}");
    }
}

#[test]
fn a_newer_version_is_named() {
    let mut bytes = board().to_bytes();
    bytes[8] = 5;
    let error = Board::from_bytes(&bytes).unwrap_err();
    assert_eq!(error.code(), input::BOARD_VERSION);
    assert!(matches!(error, BoardError::Version(5)));
}

#[test]
fn every_truncation_is_an_error_with_its_code() {
    let bytes = board().to_bytes();
    for length in (1..100).chain((100..bytes.len()).step_by(997)).chain([bytes.len() - 1]) {
        let error = Board::from_bytes(&bytes[..length]).unwrap_err();
        assert_eq!(error.code(), input::BOARD_TRUNCATED, "{length} bytes: {error}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert_eq!(Board::from_bytes(&longer).unwrap_err().code(), input::BOARD_TRUNCATED);
}

/// The file with a changed body and a checksum that fits it.
fn forged(change: impl FnOnce(&mut Vec<u8>)) -> Result<Board, BoardError> {
    let bytes = board().to_bytes();
    let mut body = bytes[20..].to_vec();
    change(&mut body);
    let mut file = bytes[..12].to_vec();
    file.extend_from_slice(&(body.len() as u32).to_le_bytes());
    file.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    file.extend_from_slice(&body);
    Board::from_bytes(&file)
}

#[test]
fn impossible_fields_are_refused_even_with_a_right_checksum() {
    let code = |result: Result<Board, BoardError>| result.unwrap_err().code();
    assert!(forged(|_| {}).is_ok());
    assert_eq!(code(forged(|body| body[0] ^= 1)), input::BOARD_UNKNOWN_PART);
    assert_eq!(code(forged(|body| body[4] = b'X')), input::BOARD_CORRUPT);
    assert_eq!(code(forged(|body| body[16] = 2)), input::BOARD_CORRUPT);
    assert_eq!(code(forged(|body| body[20] ^= 0x20)), input::BOARD_CORRUPT, "reserved option bit");
    assert_eq!(code(forged(|body| body[44 + 4096..][..4].fill(0xFF))), input::BOARD_CORRUPT, "counts");
    assert_eq!(code(forged(|body| body[44 + 4096 + 4 + 3] = 0xFF)), input::BOARD_CORRUPT, "word index");
    assert_eq!(code(forged(|body| body[44 + 4096 + 4 + 4] = 9)), input::BOARD_CORRUPT, "kind of damage");
    assert_eq!(code(forged(|body| body[44 + 4096 + 4 + 16 + 4 + 2] = 9)), input::BOARD_CORRUPT, "block");
    assert_eq!(code(forged(|body| body.push(0))), input::BOARD_CORRUPT);
    assert_eq!(code(forged(|body| body.truncate(40))), input::BOARD_CORRUPT);
}

#[test]
fn a_real_unique_id_is_refused() {
    let error = Board::create([0x31; 12]).unwrap_err();
    assert!(matches!(error, BoardError::NotVirtual(_)));
    assert!(Board::create(*b"IRVD\0\0\0\0\0\0\0\x07").is_ok_and(|board| board == Board::with_serial(7)));
}

#[test]
fn saving_replaces_the_file_and_leaves_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("device.board");
    board().save(&path).unwrap();
    let mut other = board();
    other.preload(FLASH, &[1]);
    other.save(&path).unwrap();
    assert_eq!(Board::load(&path).unwrap(), other);
    let names: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["device.board"]);
}

#[test]
fn a_failed_save_leaves_the_old_file_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing").join("device.board");
    assert_eq!(board().save(&path).unwrap_err().code(), input::FILE_UNWRITABLE);
    assert_eq!(Board::load(&path).unwrap_err().code(), input::FILE_NOT_FOUND);
    // The name is taken by a directory: the last step fails.
    let path = directory.path().join("taken");
    std::fs::create_dir(&path).unwrap();
    assert_eq!(board().save(&path).unwrap_err().code(), input::FILE_UNWRITABLE);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_file_without_end_is_refused() {
    let error = Board::load(std::path::Path::new("/dev/zero")).unwrap_err();
    assert!(matches!(error, BoardError::TooLarge));
    assert_eq!(error.code(), input::FILE_TOO_LARGE);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_changed_byte_is_noticed(position in 0_usize..150_000, value in 1_u8..) {
        let mut bytes = board().to_bytes();
        let position = position % bytes.len();
        bytes[position] ^= value;
        prop_assert!(Board::from_bytes(&bytes).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), with_magic in any::<bool>()) {
        let mut file = if with_magic { b"IRONBRD\0\x01\0\0\0".to_vec() } else { Vec::new() };
        file.extend_from_slice(&bytes);
        prop_assert!(Board::from_bytes(&file).is_err());
    }
}

#[test]
fn the_identity_comes_back_and_is_not_shown() {
    let mut board = board();
    board.set_identity(Identity { key: [0x5A; 32], certificate: [7; 136] });
    let back = Board::from_bytes(&board.to_bytes()).expect("a board");
    assert_eq!(back, board);
    assert!(!format!("{board:?}").contains("90, 90"), "the private key is shown");
    let mut bytes = board.to_bytes();
    // Behind the identity: two counters.
    let flag = bytes.len() - 12 - 32 - 136 - 4;
    bytes[flag] = 2;
    let sum = crc32fast::hash(&bytes[20..]);
    bytes[16..20].copy_from_slice(&sum.to_le_bytes());
    assert!(matches!(Board::from_bytes(&bytes), Err(BoardError::Corrupt(_))));
}
