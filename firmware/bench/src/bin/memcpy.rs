//! Copies: the compiler's memcpy, a loop of words and a loop of bytes, 8 MiB in all.
#![no_std]
#![no_main]

use core::hint::black_box;

use ironroot_bench::bench;

const WORDS: usize = 4096;
const ROUNDS: usize = 170;

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut from = [0u32; WORDS];
    for (i, word) in (0u32..).zip(&mut from) {
        *word = i.wrapping_mul(0x9E37_79B9);
    }
    let mut to = [0u32; WORDS];
    let mut bytes = [0u8; WORDS * 4];
    bench("memcpy", || {
        for round in 0..ROUNDS {
            to.copy_from_slice(black_box(&from));
            for (target, source) in to.iter_mut().zip(black_box(&from)) {
                *target = source.rotate_left(8);
            }
            for (chunk, source) in bytes.chunks_exact_mut(4).zip(black_box(&to)) {
                for (target, byte) in chunk.iter_mut().zip(source.to_le_bytes()) {
                    *target = byte;
                }
            }
            // Unaligned on purpose: the fast path must serve it.
            black_box(&mut bytes).copy_within(0..WORDS * 2, WORDS + (round & 3));
        }
        from.iter().zip(&to).all(|(a, b)| a.rotate_left(8) == *b)
    })
}
