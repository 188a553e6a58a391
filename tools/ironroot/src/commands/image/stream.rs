//! The payload on its way: read, hashed, encrypted and written in pieces, in a bounded number of buffers.
//!
//! Hashing and encrypting cost about the same, and neither needs the other: the hash is over the plain bytes. So one thread
//! hashes while this one reads, encrypts and writes the same piece.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use ironroot_codes::input;

use super::payload::Pieces;
use crate::error::{Failure, Result};
use crate::interrupt;

/// Bytes of a piece: large enough that system calls and hand-overs do not count, small enough for a processor's cache.
const PIECE: usize = 256 * 1024;
/// Buffers on the way at the same time.
const BUFFERS: usize = 4;

/// Encrypts a piece of the payload in place; its first byte is that many bytes behind the payload's start.
pub type Cipher<'a> = &'a dyn Fn(u32, &mut [u8]);

/// What is done with a payload.
pub struct Job<'a> {
    /// The bytes.
    pub payload: &'a Pieces,
    /// Zeros behind them, which belong to the payload of the image.
    pub padding: usize,
    /// Gets the plain bytes in order.
    pub hash: &'a mut (dyn FnMut(&[u8]) + Send),
    /// How they are encrypted, if they are.
    pub cipher: Option<Cipher<'a>>,
    /// Gets the bytes of the image in order.
    pub out: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
    /// Is told after each piece how many bytes of the payload are done.
    pub progress: &'a mut dyn FnMut(u64),
}

/// Does it.
pub fn run(job: Job<'_>) -> Result {
    let Job { payload, padding, hash, cipher, out, progress } = job;
    let last = payload.len() + padding as u64;
    if last <= PIECE as u64 {
        // A thread would cost more than it saves.
        let mut piece = vec![0; last as usize];
        fill(payload, 0, &mut piece)?;
        hash(&piece);
        emit(&mut piece, 0, cipher, out)?;
        progress(last);
        return Ok(());
    }
    std::thread::scope(|scope| {
        let (to_hash, hashing) = sync_channel::<Vec<u8>>(BUFFERS);
        let (give_back, empty) = sync_channel::<Vec<u8>>(BUFFERS);
        for _ in 0..BUFFERS {
            // There is room for all of them.
            let _ = give_back.try_send(Vec::with_capacity(PIECE));
        }
        let hasher = scope.spawn(move || {
            for piece in hashing {
                hash(&piece);
                let _ = give_back.try_send(piece);
            }
        });
        let moved = pump(payload, last, cipher, out, progress, &to_hash, &empty);
        // The end of the hasher's work.
        drop(to_hash);
        let hashed = hasher.join().map_err(|_| Failure::internal("the hashing thread stopped"));
        moved.and(hashed)
    })
}

fn pump(
    payload: &Pieces,
    last: u64,
    cipher: Option<Cipher<'_>>,
    out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    progress: &mut dyn FnMut(u64),
    to_hash: &SyncSender<Vec<u8>>,
    empty: &Receiver<Vec<u8>>,
) -> Result {
    let stopped = || Failure::internal("the hashing thread stopped");
    let mut work = Vec::with_capacity(if cipher.is_some() { PIECE } else { 0 });
    let mut at = 0;
    while at < last {
        interrupt::check()?;
        let mut piece = empty.recv().map_err(|_| stopped())?;
        piece.resize((last - at).min(PIECE as u64) as usize, 0);
        fill(payload, at, &mut piece)?;
        let len = piece.len() as u64;
        if cipher.is_some() {
            // The hasher keeps the plain bytes.
            work.clear();
            work.extend_from_slice(&piece);
            to_hash.send(piece).map_err(|_| stopped())?;
            emit(&mut work, at, cipher, out)?;
        } else {
            emit(&mut piece, at, None, out)?;
            to_hash.send(piece).map_err(|_| stopped())?;
        }
        at += len;
        progress(at);
    }
    Ok(())
}

/// The bytes of the payload from `at`, and zeros behind its end.
fn fill(payload: &Pieces, at: u64, piece: &mut [u8]) -> Result {
    let there = payload.len().saturating_sub(at).min(piece.len() as u64) as usize;
    let (bytes, padding) = piece.split_at_mut(there);
    padding.fill(0);
    payload.read_at(at, bytes).map_err(|e| {
        let cause = match e.kind() {
            io::ErrorKind::UnexpectedEof => "the file became shorter while it was read".to_owned(),
            _ => e.to_string(),
        };
        Failure::new(input::FILE_UNREADABLE, cause)
    })
}

fn emit(
    piece: &mut [u8],
    at: u64,
    cipher: Option<Cipher<'_>>,
    out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result {
    if let Some(cipher) = cipher {
        // A payload has less than 4 GB: its size is a field of 32 bits.
        cipher(at as u32, piece);
    }
    out(piece).map_err(|e| Failure::new(input::FILE_UNWRITABLE, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Format;

    #[test]
    fn every_byte_goes_once_through_hash_and_cipher_in_order() {
        for (len, padding) in [(0, 1), (1, 0), (PIECE, 0), (PIECE - 3, 3), (PIECE, 1), (5 * PIECE + 17, 15)] {
            let plain: Vec<u8> = (0..len).map(|i| ((i * 31) >> 3) as u8).collect();
            let payload = Pieces::of_bytes(plain.clone(), Format::Raw);
            let cipher = |at: u32, data: &mut [u8]| {
                data.iter_mut().zip(at..).for_each(|(byte, at)| *byte ^= (at % 251) as u8);
            };
            for encrypted in [false, true] {
                let (mut hashed, mut written, mut seen) = (Vec::new(), Vec::new(), 0);
                run(Job {
                    payload: &payload,
                    padding,
                    hash: &mut |piece| hashed.extend_from_slice(piece),
                    cipher: encrypted.then_some(&cipher),
                    out: &mut |piece| {
                        written.extend_from_slice(piece);
                        Ok(())
                    },
                    progress: &mut |done| seen = done,
                })
                .unwrap();
                let mut wanted = plain.clone();
                wanted.resize(len + padding, 0);
                assert_eq!(hashed, wanted);
                if encrypted {
                    cipher(0, &mut wanted);
                }
                assert!(written == wanted, "{len} {padding} {encrypted}");
                assert_eq!(seen, (len + padding) as u64);
            }
        }
    }

    #[test]
    fn a_full_disk_ends_it() {
        let payload = Pieces::of_bytes(vec![0; 3 * PIECE], Format::Raw);
        let failed = run(Job {
            payload: &payload,
            padding: 0,
            hash: &mut |_| {},
            cipher: None,
            out: &mut |_| Err(io::ErrorKind::StorageFull.into()),
            progress: &mut |_| {},
        });
        assert_eq!(failed.unwrap_err().code, input::FILE_UNWRITABLE);
    }
}
