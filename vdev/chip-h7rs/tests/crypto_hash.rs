//! HASH through its registers: vectors of FIPS 180 (NIST examples), RFC 2202 and RFC 4231.

use ironroot_chip::peripherals::registers::Written;
use ironroot_chip_h7rs::peripherals::hash::HashUnit;

const CR: u32 = 0x000;
const DIN: u32 = 0x004;
const STR: u32 = 0x008;
const IMR: u32 = 0x020;
const SR: u32 = 0x024;
const INIT: u32 = 1 << 2;
const BYTES: u32 = 2 << 4;
const HMAC: u32 = 1 << 6;
const SHA1: u32 = 0;
const SHA224: u32 = 2 << 17;
const SHA256: u32 = 3 << 17;
const DCAL: u32 = 1 << 8;
const DCIS: u32 = 1 << 1;

fn write(unit: &mut HashUnit, offset: u32, value: u32) {
    assert!(unit.write(offset, Written::word(value)), "{offset:#x}");
}

/// Sends a message as software does: words in memory order with byte swapping, NBLW for the last, DCAL.
fn send(unit: &mut HashUnit, message: &[u8]) {
    for piece in message.chunks(4) {
        let mut word = [0; 4];
        word[..piece.len()].copy_from_slice(piece);
        write(unit, DIN, u32::from_le_bytes(word));
    }
    let valid = 8 * (message.len() as u32 % 4);
    write(unit, STR, valid);
    write(unit, STR, valid | DCAL);
}

fn digest(unit: &HashUnit, words: u32) -> String {
    (0..words).map(|index| format!("{:08x}", unit.read(0x310 + 4 * index).expect("HR"))).collect()
}

fn hash(algorithm: u32, words: u32, message: &[u8]) -> String {
    let mut unit = HashUnit::new();
    write(&mut unit, CR, algorithm | BYTES | INIT);
    send(&mut unit, message);
    assert_ne!(unit.read(SR).unwrap() & DCIS, 0);
    digest(&unit, words)
}

#[test]
fn digests_follow_the_nist_examples() {
    let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    for (message, sha1, sha224, sha256) in [
        (
            &b"abc"[..],
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            &two_blocks[..],
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            "75388b16512776cc5dba5da1fd890150b0c6455cb4f58b1952522525",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            b"",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
    ] {
        assert_eq!(hash(SHA1, 5, message), sha1);
        assert_eq!(hash(SHA224, 7, message), sha224);
        assert_eq!(hash(SHA256, 8, message), sha256);
    }
}

#[test]
fn a_million_letters_take_no_block_for_another() {
    let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    assert_eq!(hash(SHA256, 8, &vec![b'a'; 1_000_000]), expected);
}

#[test]
fn macs_follow_the_rfcs() {
    let long_key = [0xAA; 131];
    for (algorithm, words, key, message, expected) in [
        (
            SHA1,
            5,
            &b"Jefe"[..],
            &b"what do ya want for nothing?"[..],
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (
            SHA224,
            7,
            b"Jefe",
            b"what do ya want for nothing?",
            "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
        ),
        (
            SHA256,
            8,
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            SHA256,
            8,
            &long_key,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ] {
        let mut unit = HashUnit::new();
        let long = u32::from(key.len() > 64) << 16;
        write(&mut unit, CR, algorithm | BYTES | HMAC | long | INIT);
        send(&mut unit, key);
        send(&mut unit, message);
        assert_eq!(unit.read(SR).unwrap() & DCIS, 0, "the key comes again");
        send(&mut unit, key);
        assert_ne!(unit.read(SR).unwrap() & DCIS, 0);
        assert_eq!(digest(&unit, words), expected);
    }
}

#[test]
fn a_last_key_that_differs_gives_no_digest() {
    let mut unit = HashUnit::new();
    write(&mut unit, CR, SHA256 | BYTES | HMAC | INIT);
    for part in [&b"key"[..], b"message", b"kez"] {
        send(&mut unit, part);
    }
    assert_eq!((unit.read(SR).unwrap() & DCIS, digest(&unit, 8)), (0, "0".repeat(64)));
}

#[test]
fn data_types_swap_and_a_new_message_starts_clean() {
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let mut unit = HashUnit::new();
    // "abc" as words, half words, bytes, bits.
    for (kind, word) in [(0, 0x6162_6300), (1, 0x6300_6162), (2, 0x0063_6261), (3, 0x00C6_4686)] {
        write(&mut unit, CR, SHA256 | kind << 4 | INIT);
        write(&mut unit, DIN, word);
        write(&mut unit, STR, 24);
        write(&mut unit, STR, 24 | DCAL);
        assert_eq!(digest(&unit, 8), expected, "DATATYPE {kind}");
    }
    assert_eq!(unit.read(0x00C), Some(0xBA78_16BF), "the digest begins at 0x00C too");
    write(&mut unit, CR, SHA256 | BYTES | INIT);
    assert_eq!((digest(&unit, 8), unit.read(SR).unwrap() & DCIS), ("0".repeat(64), 0));
}

#[test]
fn the_line_follows_the_mask_and_algorithms_that_are_not_there_give_nothing() {
    let mut unit = HashUnit::new();
    write(&mut unit, IMR, DCIS);
    assert!(!unit.raised());
    write(&mut unit, CR, SHA256 | BYTES | INIT);
    send(&mut unit, b"abc");
    assert!(unit.raised());
    write(&mut unit, CR, 7 << 17 | BYTES | INIT);
    send(&mut unit, b"abc");
    assert!(!unit.raised());
    assert!(
        unit.read(0x0F8).is_none() && !unit.write(0x0F8, Written::word(0)),
        "context swap is not modelled"
    );
}
