//! Hand-off record and key store as bytes: fixed offsets, damage found, nothing panics.

use ironroot_boot::keystore::{self, BuildError, KeyStoreError, MAX_KEYS, StoredKey};
use ironroot_boot::update::Report;
use ironroot_boot::{HandOff, HandOffError, KeyStore, RECORD_LEN, Stage, Status};
use ironroot_codes::{Code, boot as codes};
use ironroot_crypto::{P256PublicKey, SigningKey, Software};
use ironroot_image::{PublicKey, Version};
use ironroot_layout::Address;
use proptest::prelude::*;

fn booted() -> HandOff {
    HandOff {
        status: Status::Booted,
        stage: Stage::Launch,
        slot: Address::new(0x0802_0000),
        vector_table: Address::new(0x0802_0400),
        version: Some(Version { major: 1, minor: 2, revision: 0x0304, build: 0x0506_0708 }),
        security_counter: Some(9),
        digest: core::array::from_fn(|i| i as u8),
        key_id: *b"keyident",
        demo_key: true,
        debug_closed: true,
        updates: Report::NONE,
    }
}

fn public_key(number: u8) -> P256PublicKey {
    SigningKey::from_scalar(&[number; 32]).expect("a valid number").public_key()
}

/// The record is an interface: this is its documentation, byte by byte.
#[test]
fn the_record_has_its_offsets() {
    let bytes = booted().encode();
    let expected: [(usize, &[u8]); 12] = [
        (0, b"IRHANDOF"),
        (8, &[1, 0, 0, 1]),
        (12, &[0x07, 0xB0, 0x0D, 0x60]),
        (16, &[0, 0, 6, 0]),
        (20, &[0x0F, 0, 0, 0]),
        (24, &[0, 0, 2, 8, 0, 4, 2, 8]),
        (32, &[1, 2, 4, 3, 8, 7, 6, 5]),
        (40, &[9, 0, 0, 0, 0, 0, 0, 0]),
        (48, &booted().digest),
        (80, b"keyident"),
        (88, &[0; 164]),
        (252, &bytes[252..]),
    ];
    let mut end = 0;
    for (offset, field) in expected {
        assert_eq!(offset, end, "a hole in this table");
        assert_eq!(&bytes[offset..offset + field.len()], field, "offset {offset}");
        end = offset + field.len();
    }
    assert_eq!(end, RECORD_LEN);
    let refused = HandOff::refused(codes::SLOT_EMPTY, Stage::Slot, Address::new(0x0802_0000)).encode();
    assert_eq!(refused[12..20], [0xF8, 0x4F, 0xF2, 0x9F, 0x81, 0x0C, 2, 0]);
}

#[test]
fn every_damaged_bit_of_the_record_is_found() {
    let good = booted().encode();
    assert_eq!(HandOff::decode(&good), Ok(booted()));
    for bit in 0..RECORD_LEN * 8 {
        let mut bytes = good;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let expected = if bit < 64 { HandOffError::Missing } else { HandOffError::Corrupt };
        assert_eq!(HandOff::decode(&bytes), Err(expected), "bit {bit}");
    }
    assert_eq!(HandOff::decode(&good[..255]), Err(HandOffError::Missing));
    assert_eq!(HandOff::decode(&[good.as_slice(), b"behind"].concat()), Ok(booted()));
    assert_eq!(HandOff::decode(&[]), Err(HandOffError::Missing));
}

/// The same as the crate's, from its definition: to put a right checksum on a wrong record.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}

#[test]
fn a_record_of_another_meaning_is_not_taken() {
    let cases: [(usize, &[u8], HandOffError); 10] = [
        (8, &[3], HandOffError::Version),
        (8, &[2], HandOffError::Corrupt), // with a report, and without
        (10, &[0], HandOffError::Version),
        (11, &[2], HandOffError::Corrupt),
        (12, &[0, 0, 0, 0], HandOffError::Corrupt),
        (16, &[1], HandOffError::Corrupt), // booted, and with a code
        (18, &[8], HandOffError::Corrupt),
        (20, &[0x10], HandOffError::Corrupt),
        (19, &[1], HandOffError::Corrupt),
        (200, &[1], HandOffError::Corrupt),
    ];
    for (offset, value, expected) in cases {
        let mut bytes = booted().encode();
        bytes[offset..offset + value.len()].copy_from_slice(value);
        if offset == 10 {
            bytes[9] = 1; // version 257
        }
        let crc = crc32(&bytes[..252]);
        bytes[252..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(HandOff::decode(&bytes), Err(expected), "offset {offset}");
    }
    assert_eq!(HandOffError::Version.code(), codes::HANDOFF_VERSION);
}

#[test]
fn the_store_gives_back_its_keys() {
    let keys: Vec<_> = (1..=MAX_KEYS as u8).map(|n| StoredKey { key: public_key(n), demo: n == 3 }).collect();
    for count in 1..=MAX_KEYS {
        let page = keystore::build(&keys[..count], &mut Software).expect("a page");
        let store = KeyStore::parse(&page[..], &mut Software).expect("parses");
        let expected: Vec<_> = keys[..count].iter().map(|stored| PublicKey::P256(stored.key)).collect();
        assert_eq!(store.keys(), expected);
        assert_eq!(
            (0..MAX_KEYS + 1).filter(|i| store.is_demo(*i)).collect::<Vec<_>>(),
            if count > 2 { vec![2] } else { vec![] }
        );
        assert_eq!(store.has_demo(), count > 2);
        // Offsets that other tools may rely on.
        assert_eq!(&page[..16], &[b'I', b'R', b'K', b'S', 1, 0, count as u8, 0, 128, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&page[16..24], &[0, 0, 0, 0, 1, 0, 65, 0]);
        assert_eq!(&page[24..89], keys[0].key.sec1());
        assert_eq!(page[96..128], keys[0].key.key_hash(&mut Software));
    }
    assert_eq!(keystore::build(&[], &mut Software), Err(BuildError::NoKeys));
    assert_eq!(keystore::build(&[keys[0], keys[0]], &mut Software), Err(BuildError::RepeatedKey));
    let nine = [&keys[..], &[StoredKey { key: public_key(9), demo: false }]].concat();
    assert_eq!(keystore::build(&nine, &mut Software), Err(BuildError::TooManyKeys));
}

#[test]
fn every_damaged_bit_of_the_store_is_found() {
    let keys = [1, 2].map(|n| StoredKey { key: public_key(n), demo: false });
    let good = keystore::build(&keys, &mut Software).expect("a page");
    let used = 16 + 2 * 128 + 32;
    for bit in 0..used * 8 {
        let mut page = good;
        page[bit / 8] ^= 1 << (bit % 8);
        let expected = if (32..48).contains(&bit) { KeyStoreError::Version } else { KeyStoreError::Corrupt };
        assert_eq!(KeyStore::parse(&page[..], &mut Software), Err(expected), "bit {bit}");
    }
    assert!(KeyStore::parse(&good[..used], &mut Software).is_ok());
    for len in 0..used {
        assert_eq!(KeyStore::parse(&good[..len], &mut Software), Err(KeyStoreError::Corrupt), "{len} bytes");
    }
}

#[test]
fn an_intact_store_without_keys_is_empty() {
    use ironroot_crypto::Crypto;
    let mut page = [0xFF; keystore::PAGE_LEN];
    page[..16].copy_from_slice(&[b'I', b'R', b'K', b'S', 1, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0]);
    let digest = Software.sha256_of(&page[..16]);
    page[16..48].copy_from_slice(&digest);
    assert_eq!(KeyStore::parse(&page[..], &mut Software), Err(KeyStoreError::Empty));
    assert_eq!(KeyStoreError::Empty.code(), codes::KEY_STORE_EMPTY);
}

proptest! {
    #[test]
    fn random_records(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(HandOff::decode(&bytes).is_err());
        prop_assert!(KeyStore::parse(&bytes[..], &mut Software).is_err());
    }

    #[test]
    fn records_are_read_as_they_were_written(
        code in 1_u16.., stage in 0_usize..7, version in any::<Option<(u8, u8, u16, u32)>>(),
        security_counter: Option<u32>, digest: [u8; 32], key_id: [u8; 8], demo_key: bool, debug_closed: bool,
    ) {
        let record = HandOff {
            version: version.map(|(major, minor, revision, build)| Version { major, minor, revision, build }),
            security_counter, digest, key_id, demo_key, debug_closed,
            ..HandOff::refused(Code::from_number(code), Stage::ALL[stage], Address::new(7))
        };
        prop_assert_eq!(HandOff::decode(&record.encode()), Ok(record));
    }
}
