//! Slots full of anything.

use std::collections::BTreeSet;

use ironroot_codes::image as codes;
use ironroot_image::MAGIC;

use crate::samples::{self, Random};

/// Slots of each kind.
const SLOTS: u32 = 100_000;

#[test]
fn slots_of_random_bytes_are_refused() {
    let sample = samples::plain().swap_remove(0);
    let mut random = Random(0x51_07);
    let mut slot = [0; 512];
    for number in 0..SLOTS {
        slot.fill_with(|| random.next() as u8);
        let code = sample.judge(&slot[..]).map(|_| ());
        assert_eq!(code, Err(codes::BAD_MAGIC), "slot {number}");
    }
}

/// Random bytes where no check is passed by luck are a weak test, so these have a header that gets further: sizes that fit,
/// info headers where they belong, types that exist.
#[test]
fn slots_of_plausible_noise_are_refused() {
    let samples = [samples::plain().swap_remove(0), samples::encrypted().swap_remove(0)];
    let mut random = Random(0x51_08);
    let mut seen = BTreeSet::new();
    for number in 0..SLOTS {
        let mut slot: Vec<u8> = (0..400).map(|_| random.next() as u8).collect();
        plausible(&mut slot, &mut random);
        let sample = &samples[random.below(2)];
        match sample.judge(&slot[..]) {
            Ok(_) => panic!("slot {number} of seed 0x5108 was accepted"),
            Err(code) => seen.insert(code),
        };
    }
    println!("{seen:?}");
    assert!(seen.len() >= 20, "the noise reaches few checks only: {seen:?}");
}

/// Makes noise look like an image.
fn plausible(slot: &mut [u8], random: &mut Random) {
    fn put(slot: &mut [u8], at: usize, bytes: &[u8]) {
        for (to, from) in slot.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    }
    let one_in = |random: &mut Random, n| random.below(n) == 0;
    let header_size = if one_in(random, 16) { random.below(64) } else { 32 + random.below(16) };
    let payload_size = if one_in(random, 16) { 0 } else { 1 + random.below(64) };
    let with_protected = random.below(2) == 0;
    let protected_size = if with_protected { 4 + random.below(48) } else { 0 };
    const FLAGS: [u32; 8] = [0, 0, 0, 4, 8, 0x10, 0x400, 1];
    put(slot, 0, &MAGIC.to_le_bytes());
    put(slot, 4, &[0; 4]);
    put(slot, 8, &(header_size as u16).to_le_bytes());
    put(slot, 10, &(protected_size as u16).to_le_bytes());
    put(slot, 12, &(payload_size as u32).to_le_bytes());
    put(slot, 16, &FLAGS[random.below(FLAGS.len())].to_le_bytes());
    put(slot, 28, &[0; 4]);
    let protected = header_size + payload_size;
    let unprotected = protected + protected_size;
    const PROTECTED: [(u16, usize); 7] =
        [(0x50, 4), (0x40, 12), (0x60, 9), (0x74, 16), (0x75, 16), (0xA0, 3), (0x70, 4)];
    const UNPROTECTED: [(u16, usize); 9] = [
        (0x10, 32),
        (0x11, 48),
        (0x01, 32),
        (0x02, 91),
        (0x22, 70),
        (0x24, 64),
        (0x25, 1),
        (0x32, 113),
        (0x33, 80),
    ];
    for (start, size, magic, types) in
        [(protected, protected_size, 0x6908_u16, &PROTECTED[..]), (unprotected, 0, 0x6907, &UNPROTECTED[..])]
    {
        if start == unprotected && magic == 0x6908 {
            continue;
        }
        let mut at = start + 4;
        let end = if size == 0 { at + 32 + random.below(300) } else { start + size };
        while at + 4 < end && !one_in(random, 12) {
            let (number, length) = types[random.below(types.len())];
            // Mostly exact; sometimes a little off, or up to the end of the area.
            let length = match random.below(12) {
                0 => length + 1,
                1 => end.saturating_sub(at + 4),
                _ => length,
            };
            put(slot, at, &number.to_le_bytes());
            put(slot, at + 2, &(length as u16).to_le_bytes());
            // The least that a DER signature looks like.
            if number == 0x22 {
                put(slot, at + 4, &[0x30, length.saturating_sub(2) as u8, 2, 32]);
            }
            at += 4 + length;
        }
        let total = if size != 0 { size } else { at - start };
        put(slot, start, &magic.to_le_bytes());
        let total = if one_in(random, 16) { total + random.below(5) } else { total };
        put(slot, start + 2, &(total as u16).to_le_bytes());
    }
}
