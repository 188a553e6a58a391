//! The device's own private key in the key store: found, alone, last, and shown to nobody.

use ironroot_boot::KeyStore;
use ironroot_boot::keystore::{self, DeviceKey, KeyStoreError, MAX_KEYS, PAGE_LEN, StoredKey};
use ironroot_crypto::{Crypto, SigningKey, Software};

const SCALAR: [u8; 32] = [0x5C; 32];

fn stored(number: u8) -> StoredKey {
    StoredKey {
        key: SigningKey::from_scalar(&[number; 32]).expect("a valid number").public_key(),
        demo: false,
    }
}

fn page(keys: u8, device: Option<&DeviceKey>) -> [u8; PAGE_LEN] {
    let keys: Vec<StoredKey> = (1..=keys).map(stored).collect();
    keystore::build_with_device_key(&keys, device, &mut Software).expect("a page")
}

fn parse(page: &[u8]) -> Result<KeyStore, KeyStoreError> {
    KeyStore::parse(page, &mut Software)
}

/// The page with its digest made right again.
fn resealed(mut page: [u8; PAGE_LEN], entries: usize) -> [u8; PAGE_LEN] {
    let end = 16 + 128 * entries;
    let digest = Software.sha256_of(&page[..end]);
    page[end..end + 32].copy_from_slice(&digest);
    page
}

#[test]
fn a_device_key_stands_behind_the_public_keys_and_not_among_them() {
    let key = DeviceKey::new(SCALAR, false);
    for count in [1, 3, MAX_KEYS as u8] {
        let page = page(count, Some(&key));
        let store = parse(&page).expect("a store");
        assert_eq!((store.keys().len(), store.device_key()), (usize::from(count), Some(&key)));
        assert!(!store.has_demo());
        let entry = 16 + 128 * usize::from(count);
        assert_eq!(page[entry..entry + 8], [0, 0, 0, 0, 1, 1, 32, 0]);
        assert_eq!(page[entry + 8..entry + 40], SCALAR);
        assert_eq!(page[entry + 40..entry + 128], [0; 88], "no hash of a secret");
        let shown = format!("{store:?}{key:?}").to_lowercase();
        assert!(!shown.contains("5c, ") && !shown.contains("92, 92"), "{shown}");
    }
    assert_eq!(parse(&page(2, None)).expect("a store").device_key(), None);
}

#[test]
fn a_demo_device_key_counts_as_a_demo_key() {
    assert!(parse(&page(1, Some(&DeviceKey::new(SCALAR, true)))).expect("a store").has_demo());
}

#[test]
fn a_device_key_that_is_not_where_it_belongs_is_damage() {
    let good = page(2, Some(&DeviceKey::new(SCALAR, false)));
    assert!(parse(&resealed(good, 3)).is_ok());
    let entry = |page: &[u8; PAGE_LEN], index: usize| page[16 + 128 * index..16 + 128 * (index + 1)].to_vec();
    let with = |changes: &[(usize, Vec<u8>)]| {
        let mut page = good;
        for (index, bytes) in changes {
            page[16 + 128 * index..16 + 128 * (index + 1)].copy_from_slice(bytes);
        }
        parse(&resealed(page, 3))
    };
    let (public, device) = (entry(&good, 1), entry(&good, 2));
    assert_eq!(with(&[(1, device.clone()), (2, public)]), Err(KeyStoreError::Corrupt), "in front");
    assert_eq!(with(&[(1, device.clone())]), Err(KeyStoreError::Corrupt), "two");
    for (at, value) in [(0, 2), (5, 2), (6, 33), (40, 1), (80, 1), (112, 1)] {
        let mut changed = device.clone();
        changed[at] = value;
        assert_eq!(with(&[(2, changed)]), Err(KeyStoreError::Corrupt), "byte {at}");
    }
    // Alone it opens nothing: no image would be verified.
    let mut alone = [0xFF; PAGE_LEN];
    alone[..16].copy_from_slice(&good[..16]);
    alone[6] = 1;
    alone[16..144].copy_from_slice(&device);
    assert_eq!(parse(&resealed(alone, 1)), Err(KeyStoreError::Empty));
}
