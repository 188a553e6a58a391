//! What keeps a virtual device.

use ironroot_chip::Board;

use crate::{knobs, seed};

/// Magic, version, length, checksum.
const HEADER: usize = 20;

/// Knobs: bit 0 writes the right length and checksum.
pub fn board(data: &[u8]) {
    let ([knob], bytes) = knobs::<1>(data);
    let mut bytes = bytes.to_vec();
    if knob & 1 != 0 && bytes.len() >= HEADER {
        let (length, checksum) = ((bytes.len() - HEADER) as u32, crc32fast::hash(&bytes[HEADER..]));
        bytes[12..16].copy_from_slice(&length.to_le_bytes());
        bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
    }
    match Board::from_bytes(&bytes) {
        Err(error) => assert!(error.code().entry().is_some() && !error.to_string().is_empty()),
        Ok(board) => {
            assert!(Board::from_bytes(&bytes[..bytes.len() - 1]).is_err());
            let written = board.to_bytes();
            let again = Board::from_bytes(&written).expect("our own file");
            assert_eq!(again.to_bytes(), written, "a board that changes when it is saved");
        }
    }
}

pub fn board_seeds() -> Vec<Vec<u8>> {
    let fresh = Board::with_serial(1);
    let mut used = Board::with_serial(2);
    used.set_boot0(true);
    used.set_bootloader_pid(Some(0x450));
    used.options_mut().optsr |= 1 << 21;
    used.preload(0x0800_0000, &[0x5A; 100]);
    used.preload_external(0x9000_0000, &[0x33; 16]);
    let mut seeds = Vec::new();
    for board in [fresh, used] {
        let mut bytes = board.to_bytes();
        seeds.push(seed(&[0], &bytes));
        // Version 1 had no external flash.
        bytes[8] = 1;
        seeds.push(seed(&[1], &bytes));
    }
    seeds
}
