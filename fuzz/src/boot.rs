//! What the device reads before it starts anything: slot, key store, hand-off record.

use ironroot_boot::keystore::{self, StoredKey};
use ironroot_boot::{BootPolicy, DeviceKind, HandOff, KeyStore, RECORD_LEN, Stage, decide as boot_decide};
use ironroot_codes::image as codes;
use ironroot_crypto::Software;
use ironroot_image::PublicKey;
use ironroot_layout::stm32h735;

use crate::image::{GENUINE, KEY, assert_genuine, bootable, key};
use crate::{knobs, seed};

/// Knobs: bit 0 a real device, bit 1 a demo key in the store, bit 2 rollback protection. The rest is the slot.
pub fn decide(data: &[u8]) {
    let ([knob], slot) = knobs::<1>(data);
    let demo = knob & 2 != 0;
    let device = if knob & 1 != 0 { DeviceKind::Real } else { DeviceKind::Virtual };
    let PublicKey::P256(public) = key() else { return };
    let store = keystore::build(&[StoredKey { key: public, demo }], &mut Software).expect("one key");
    let mut policy = BootPolicy::stm32h735(device);
    policy.image.min_security_counter = (knob & 4 != 0).then_some(5);
    match boot_decide(slot, &store[..], &policy, &mut Software) {
        Err(refusal) => {
            assert!(refusal.code().entry().is_some(), "a refusal without meaning");
            assert_eq!(HandOff::decode(&refusal.record().encode()).as_ref(), Ok(refusal.record()));
        }
        Ok(launch) => {
            assert!(!(demo && device == DeviceKind::Real), "a demo key started a real chip");
            // The application of the samples is linked for the slot, so acceptance is possible, and only theirs.
            assert_genuine(launch.image());
            let table = launch.vector_table().expect("asked right after");
            assert_eq!(Some(table), policy.slot.vector_table());
            assert_eq!(HandOff::decode(&launch.record().encode()).as_ref(), Ok(launch.record()));
        }
    }
}

pub fn decide_seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = GENUINE.iter().map(|image| seed(&[0], image)).collect();
    seeds.push(seed(&[7], GENUINE.first().copied().unwrap_or_default()));
    seeds.push(seed(&[0], &[0xFF; 64]));
    seeds.push(seed(&[0], bootable()));
    seeds.push(seed(&[4], bootable()));
    seeds
}

/// Knobs: bit 0 writes the right digest behind the entries, so that what is behind it is reached.
pub fn key_store(data: &[u8]) {
    use ironroot_crypto::Crypto;
    let ([knob], bytes) = knobs::<1>(data);
    let mut page = vec![stm32h735::ERASED; keystore::PAGE_LEN];
    for (to, from) in page.iter_mut().zip(bytes) {
        *to = *from;
    }
    if knob & 1 != 0 {
        let end = 16 + 128 * usize::from(page[6]).min(keystore::MAX_KEYS + 1);
        let digest = Software.sha256_of(&page[..end]);
        page[end..end + 32].copy_from_slice(&digest);
    }
    // Cut off anywhere: refused, never past the end.
    assert!(KeyStore::parse(&page[..bytes.len().min(15)], &mut Software).is_err());
    let Ok(store) = KeyStore::parse(&page[..], &mut Software) else { return };
    let keys: Vec<StoredKey> = store
        .keys()
        .iter()
        .enumerate()
        .filter_map(|(index, key)| match key {
            PublicKey::P256(key) => Some(StoredKey { key: *key, demo: store.is_demo(index) }),
            _ => None,
        })
        .collect();
    assert!((1..=keystore::MAX_KEYS).contains(&keys.len()) && keys.len() == store.keys().len());
    // Every byte of the store is determined by its keys; where the device key stands among them is free.
    let again =
        keystore::build_with_device_key(&keys, store.device_key(), &mut Software).expect("these were stored");
    let parsed = KeyStore::parse(&again[..], &mut Software);
    assert_eq!(parsed.as_ref(), Ok(&store), "a key store that changes when it is written again");
    let count = keys.len() + usize::from(store.device_key().is_some());
    let end = 16 + 128 * count + 32;
    let mut rest = page[16..end - 32].chunks(128);
    assert!(again[16..end - 32].chunks(128).all(|entry| page[16..end - 32].chunks(128).any(|e| e == entry)));
    assert!(rest.all(|entry| again[16..end - 32].chunks(128).any(|e| e == entry)));
    assert!(!format!("{store:?}").contains("scalar"), "a private key is shown");
}

pub fn key_store_seeds() -> Vec<Vec<u8>> {
    let other = include_bytes!("../../crates/image/tests/data/other.pem");
    let keys: Vec<StoredKey> = [KEY, other]
        .iter()
        .filter_map(|pem| ironroot::keyfile::parse(pem).ok())
        .zip([false, true])
        .map(|(key, demo)| StoredKey { key: key.public, demo })
        .collect();
    let mut seeds = vec![seed(&[0], &[0xFF; 64])];
    for count in 1..=keys.len() {
        if let Ok(page) = keystore::build(&keys[..count], &mut Software) {
            let store = &page[..16 + 128 * count + 32];
            seeds.push(seed(&[0], store));
            seeds.push(seed(&[1], store));
        }
    }
    let device = keystore::DeviceKey::new([0x33; 32], true);
    if let Ok(page) = keystore::build_with_device_key(&keys, Some(&device), &mut Software) {
        seeds.push(seed(&[1], &page[..16 + 128 * 3 + 32]));
    }
    seeds
}

/// Knobs: bit 0 writes the right checksum.
pub fn hand_off(data: &[u8]) {
    let ([knob], bytes) = knobs::<1>(data);
    let mut bytes = bytes.to_vec();
    if knob & 1 != 0 && bytes.len() >= RECORD_LEN {
        let crc = crc32fast::hash(&bytes[..RECORD_LEN - 4]);
        bytes[RECORD_LEN - 4..RECORD_LEN].copy_from_slice(&crc.to_le_bytes());
    }
    match HandOff::decode(&bytes) {
        Err(error) => assert!(error.code().entry().is_some()),
        Ok(record) => {
            assert!(bytes.len() >= RECORD_LEN);
            // What it means survives; where a field is not valid, its bytes need not.
            assert_eq!(HandOff::decode(&record.encode()), Ok(record));
        }
    }
}

pub fn hand_off_seeds() -> Vec<Vec<u8>> {
    let slot = stm32h735::SLOT.region.start();
    let refused = HandOff::refused(codes::BAD_MAGIC, Stage::Parse, slot);
    let booted = HandOff {
        status: ironroot_boot::Status::Booted,
        stage: Stage::Launch,
        vector_table: stm32h735::SLOT.vector_table().unwrap_or(slot),
        version: "1.2.3+4".parse().ok(),
        security_counter: Some(7),
        digest: [0x11; 32],
        key_id: [0x22; 8],
        demo_key: true,
        debug_closed: false,
        ..refused.clone()
    };
    [refused, booted].iter().flat_map(|r| [seed(&[0], &r.encode()), seed(&[1], &r.encode())]).collect()
}
