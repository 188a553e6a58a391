//! SHA-256 of 1 MiB.
#![no_std]
#![no_main]

use core::hint::black_box;

use ironroot_bench::bench;
use sha2::{Digest, Sha256};

/// Bytes hashed at a time, and how many times.
const CHUNK: usize = 4096;
const CHUNKS: usize = 256;
/// SHA-256 of bytes 0, 1, … 255 repeated for 1 MiB.
const EXPECTED: [u8; 32] = [
    0xfb, 0xba, 0xb2, 0x89, 0xf7, 0xf9, 0x4b, 0x25, 0x73, 0x6c, 0x58, 0xbe, 0x46, 0xa9, 0x94, 0xc4, //
    0x41, 0xfd, 0x02, 0x55, 0x2c, 0xc6, 0x02, 0x23, 0x52, 0xe3, 0xd8, 0x6d, 0x2f, 0xab, 0x7c, 0x83,
];

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut data = [0u8; CHUNK];
    for (i, byte) in data.iter_mut().enumerate() {
        *byte = i as u8;
    }
    bench("sha256", || {
        let mut hash = Sha256::new();
        for _ in 0..CHUNKS {
            hash.update(black_box(&data));
        }
        hash.finalize().as_slice() == EXPECTED
    })
}
