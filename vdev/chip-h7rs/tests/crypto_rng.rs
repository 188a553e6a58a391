//! RNG through its registers: numbers that follow from the seed, and faults that are seen.

use ironroot_chip::peripherals::registers::Written;
use ironroot_chip_h7rs::peripherals::rng::{Rng, RngFault};

const CR: u32 = 0x000;
const SR: u32 = 0x004;
const DR: u32 = 0x008;
const CONFIG: u32 = 0x00F0_0E00;
const RNGEN: u32 = 1 << 2;
const CONDRST: u32 = 1 << 30;
const DRDY: u32 = 1;
const SECS: u32 = 1 << 2;
const HZ: u64 = 600_000_000;

/// The vendor's sequence: configuration with CONDRST, then without.
fn start(unit: &mut Rng, now: u64) {
    for value in [CONFIG | CONDRST, CONFIG, CONFIG | RNGEN] {
        assert!(unit.write(CR, Written::word(value), now, HZ));
    }
    assert_eq!(unit.read(CR, now), Some(CONFIG | RNGEN));
}

fn numbers(unit: &mut Rng, count: usize) -> Vec<u32> {
    let mut now = 0;
    start(unit, now);
    let mut numbers = Vec::new();
    while numbers.len() < count {
        now += 100;
        assert!(now < 10_000_000, "DRDY never comes");
        if unit.read(SR, now) == Some(DRDY) {
            numbers.extend(unit.read(DR, now));
        }
    }
    numbers
}

#[test]
fn boots_and_boards_differ_and_repeat() {
    let mut seen: Vec<Vec<u32>> = (0..3).map(|seed| numbers(&mut Rng::new([seed; 32]), 16)).collect();
    assert_eq!(numbers(&mut Rng::new([2; 32]), 16), seen[2]);
    let mut unit = Rng::new([0; 32]);
    unit.reseed([1; 32]);
    assert_eq!(numbers(&mut unit, 16), seen[1]);
    // A reset of the block does not repeat numbers.
    unit.reset();
    assert_ne!(numbers(&mut unit, 16), seen[1]);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[test]
fn numbers_take_time_and_a_seed_error_is_seen() {
    let mut unit = Rng::new([0; 32]);
    start(&mut unit, 0);
    assert_eq!((unit.read(SR, 0), unit.read(DR, 0)), (Some(0), Some(0)));
    unit.inject(Some(RngFault::Seed));
    assert_eq!(unit.read(SR, 1_000_000).unwrap() & (SECS | DRDY), SECS);
    assert_eq!(unit.read(DR, 1_000_000), Some(0));
    unit.inject(None);
    start(&mut unit, 1_000_000);
    assert_eq!(unit.read(SR, 2_000_000), Some(DRDY));
}
