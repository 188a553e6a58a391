//! SHA-256 (FIPS 180-4), small: eight rounds unrolled, the message schedule in a loop of its own.
//!
//! None of the libraries that were measured meets all gates: `sha2` has 67 to 71 instructions a byte in its compact form
//! and 6 KB more than this in its unrolled one; `hmac-sha256` has 40 and links panics through its buffer
//! (`docs/size-and-speed.md`). Hence this one, which is compared with `sha2` on the core over every length and split that
//! a block boundary can fall into.

use ironroot_crypto::{Sha256, Sha256Digest};

/// Bytes of a block.
const BLOCK: usize = 64;
/// Where the length begins in the last block.
const LENGTH_AT: usize = BLOCK - 8;

/// FIPS 180-4, 4.2.2, for each eight rounds.
const ROUNDS: [[u32; 8]; 8] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// One round of 6.2.2, step 3: instead of moving eight variables, the caller names them one further each time.
macro_rules! round {
    ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $input:expr) => {
        $h = $h
            .wrapping_add($e.rotate_right(6) ^ $e.rotate_right(11) ^ $e.rotate_right(25))
            .wrapping_add($g ^ ($e & ($f ^ $g)))
            .wrapping_add($input);
        $d = $d.wrapping_add($h);
        $h = $h
            .wrapping_add($a.rotate_right(2) ^ $a.rotate_right(13) ^ $a.rotate_right(22))
            .wrapping_add(($a & $b) | ($c & ($a | $b)));
    };
}

/// 6.2.2: one block.
#[inline(never)]
fn compress(state: &mut [u32; 8], w: &mut [u32; 64], block: &[u8; BLOCK]) {
    for (word, bytes) in w.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    for t in 0..48 {
        let (far, near) = (w[t + 1], w[t + 14]);
        w[t + 16] = w[t]
            .wrapping_add(far.rotate_right(7) ^ far.rotate_right(18) ^ (far >> 3))
            .wrapping_add(w[t + 9])
            .wrapping_add(near.rotate_right(17) ^ near.rotate_right(19) ^ (near >> 10));
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (w, k) in w.as_chunks::<8>().0.iter().zip(&ROUNDS) {
        round!(a b c d e f g h, w[0].wrapping_add(k[0]));
        round!(h a b c d e f g, w[1].wrapping_add(k[1]));
        round!(g h a b c d e f, w[2].wrapping_add(k[2]));
        round!(f g h a b c d e, w[3].wrapping_add(k[3]));
        round!(e f g h a b c d, w[4].wrapping_add(k[4]));
        round!(d e f g h a b c, w[5].wrapping_add(k[5]));
        round!(c d e f g h a b, w[6].wrapping_add(k[6]));
        round!(b c d e f g h a, w[7].wrapping_add(k[7]));
    }
    for (word, value) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(value);
    }
}

/// A running SHA-256.
#[derive(Clone)]
pub struct DeviceSha256 {
    state: [u32; 8],
    /// The bytes of a block that is not full yet.
    buffer: [u8; BLOCK],
    /// The message schedule of a block. Here, because a local one would be cleared for each block.
    schedule: [u32; 64],
    /// Bytes so far: 4 GiB are more than any flash here.
    length: u32,
}

impl DeviceSha256 {
    /// FIPS 180-4, 5.3.3.
    #[inline(never)]
    pub(crate) fn new() -> Self {
        Self {
            state: [
                0x6a09_e667,
                0xbb67_ae85,
                0x3c6e_f372,
                0xa54f_f53a,
                0x510e_527f,
                0x9b05_688c,
                0x1f83_d9ab,
                0x5be0_cd19,
            ],
            buffer: [0; BLOCK],
            schedule: [0; 64],
            length: 0,
        }
    }
}

impl Sha256 for DeviceSha256 {
    fn update(&mut self, data: &[u8]) {
        let mut data = data;
        while !data.is_empty() {
            let used = self.length as usize % BLOCK;
            if used == 0
                && let Some((block, rest)) = data.split_first_chunk()
            {
                compress(&mut self.state, &mut self.schedule, block);
                self.length = self.length.wrapping_add(BLOCK as u32);
                data = rest;
                continue;
            }
            let room = self.buffer.get_mut(used..).unwrap_or_default();
            let taken = room.len().min(data.len());
            for (to, from) in room.iter_mut().zip(data) {
                *to = *from;
            }
            let full = taken == room.len();
            data = data.get(taken..).unwrap_or_default();
            self.length = self.length.wrapping_add(taken as u32);
            if full {
                compress(&mut self.state, &mut self.schedule, &self.buffer);
            }
        }
    }

    fn finish(mut self) -> Sha256Digest {
        let bits = (u64::from(self.length) << 3).to_be_bytes();
        self.update(&[0x80]);
        while self.length as usize % BLOCK != LENGTH_AT {
            self.update(&[0]);
        }
        self.update(&bits);
        let mut digest = [0; 32];
        let (words, _) = digest.as_chunks_mut::<4>();
        for (to, word) in words.iter_mut().zip(self.state) {
            *to = word.to_be_bytes();
        }
        digest
    }
}

/// As the crates `hmac` and `hkdf` want to see it.
#[cfg(feature = "decrypt")]
mod traits {
    use digest::common::BlockSizeUser;
    use digest::consts::{U32, U64};
    use digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};
    use ironroot_crypto::Sha256;

    use super::DeviceSha256;

    impl Default for DeviceSha256 {
        fn default() -> Self {
            Self::new()
        }
    }

    impl HashMarker for DeviceSha256 {}

    impl BlockSizeUser for DeviceSha256 {
        type BlockSize = U64;
    }

    impl OutputSizeUser for DeviceSha256 {
        type OutputSize = U32;
    }

    impl Update for DeviceSha256 {
        fn update(&mut self, data: &[u8]) {
            Sha256::update(self, data);
        }
    }

    impl FixedOutput for DeviceSha256 {
        fn finalize_into(self, out: &mut Output<Self>) {
            *out = self.finish().into();
        }
    }
}
