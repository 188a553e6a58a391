//! The device's cryptography over cases of the host: how it is compared with other implementations, on the core.
//!
//! A batch is a chain of cases: operation, length of the input and length of the output, as little-endian words; the input;
//! room for the output; each part padded to a word. An operation of 0 ends it. The formats of input and output stand
//! at each operation. The marks stand around each operation, so that the host can count.
#![no_std]
#![no_main]

use ironroot_bench::{batch, bench_begin, bench_end, host};
use ironroot_crypto::{ContentKey, ContentKeys, Crypto, P256PublicKey, Sealing, Sha256};
use ironroot_crypto_device::{Device, DeviceKeys, aes128_ctr};

/// Input: key (65 bytes), digest (32), DER signature. Output: the verdict's word; 0 if the key has not the form of one.
const VERIFY: u32 = 1;
/// Input: length of the first piece (word), data. Output: SHA-256 (32 bytes), the data hashed in two pieces.
const SHA256: u32 = 2;
/// Input: private key (32 bytes), public key (65). Output: 1 (word) and the x coordinate (32 bytes), or 0.
const AGREE: u32 = 3;
/// Input: private key (32 bytes), sealed image key. Output: 1 (word) and the image key (16 bytes), or 0.
const OPEN: u32 = 4;
/// Input: key (16 bytes), offset (word), data. Output: the data, encrypted.
const AES_CTR: u32 = 5;

#[cortex_m_rt::entry]
fn main() -> ! {
    #[allow(unsafe_code)]
    // Safety: the one call.
    let mut rest = unsafe { batch::take() };
    loop {
        let Some((header, body)) = rest.split_at_mut_checked(12) else { host::exit(false) };
        let mut words = header
            .chunks_exact(4)
            .map(|word| word.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte)));
        let (Some(operation), Some(input), Some(output)) = (words.next(), words.next(), words.next()) else {
            host::exit(false)
        };
        if operation == 0 {
            host::exit(true)
        }
        let (input, output) = (input as usize, output as usize);
        let Some((given, body)) = body.split_at_mut_checked(input.next_multiple_of(4)) else {
            host::exit(false)
        };
        let Some((result, body)) = body.split_at_mut_checked(output.next_multiple_of(4)) else {
            host::exit(false)
        };
        let Some(given) = given.get(..input) else { host::exit(false) };
        if run(operation, given, result).is_none() {
            host::exit(false)
        }
        rest = body;
    }
}

/// None: not a case.
fn run(operation: u32, input: &[u8], output: &mut [u8]) -> Option<()> {
    match operation {
        VERIFY => {
            let (key, input) = input.split_at_checked(65)?;
            let (digest, signature) = input.split_first_chunk::<32>()?;
            let word = P256PublicKey::from_sec1(key).map_or(0, |key| {
                bench_begin();
                let verdict = Device.verify_p256(&key, digest, signature);
                bench_end();
                verdict.word()
            });
            *output.first_chunk_mut::<4>()? = word.to_le_bytes();
        }
        SHA256 => {
            let (first, data) = input.split_first_chunk::<4>()?;
            let (first, second) = data.split_at_checked(u32::from_le_bytes(*first) as usize)?;
            bench_begin();
            let mut sha = Device.sha256();
            sha.update(first);
            sha.update(second);
            let digest = sha.finish();
            bench_end();
            *output.first_chunk_mut::<32>()? = digest;
        }
        AGREE => {
            let (private, public) = input.split_first_chunk::<32>()?;
            let public = public.try_into().ok()?;
            bench_begin();
            let shared = DeviceKeys::new(private).and_then(|keys| keys.agree(public));
            bench_end();
            answer(shared.as_ref().map(<[u8; 32]>::as_slice), output)?;
        }
        OPEN => {
            let (private, sealed) = input.split_first_chunk::<32>()?;
            bench_begin();
            let key = DeviceKeys::new(private).and_then(|keys| keys.open(Sealing::EciesP256, sealed).ok());
            bench_end();
            answer(key.as_ref().map(ContentKey::as_bytes), output)?;
        }
        AES_CTR => {
            let (key, input) = input.split_first_chunk::<16>()?;
            let (offset, data) = input.split_first_chunk::<4>()?;
            let output = output.get_mut(..data.len())?;
            output.copy_from_slice(data);
            bench_begin();
            aes128_ctr(key, u32::from_le_bytes(*offset), output);
            bench_end();
        }
        _ => return None,
    }
    Some(())
}

/// 1 and the bytes, or 0.
fn answer(bytes: Option<&[u8]>, output: &mut [u8]) -> Option<()> {
    let (word, room) = output.split_first_chunk_mut::<4>()?;
    *word = u32::from(bytes.is_some()).to_le_bytes();
    for (to, from) in room.iter_mut().zip(bytes.unwrap_or_default()) {
        *to = *from;
    }
    Some(())
}
