//! `prove access`: the whole matrix on the real ROM, and what an attacker can read of a secure area.

use ironroot_chip::RomImage;
use ironroot_prove::access::{self};
use ironroot_tests::device::load_pieces;
use ironroot_tests::firmware;

fn rom() -> RomImage {
    let elf = std::fs::read(firmware("rss")).expect("readable");
    RomImage::from_segments(load_pieces(&elf)).expect("the ROM fits system flash")
}

#[test]
fn a9_every_cell_is_as_documented() {
    let matrix = access::measure(&rom(), |_| {}).expect("every situation can be reached");
    let differences: Vec<String> = matrix
        .differences()
        .map(|cell| format!("{}: measured {}, documented {:?}", cell.key, cell.measured, cell.documented))
        .collect();
    assert!(
        differences.is_empty(),
        "{} of {}:\n{}",
        differences.len(),
        matrix.cells.len(),
        differences.join("\n")
    );
    println!("{} cells in {:.2} s", matrix.cells.len(), matrix.seconds);
}
