//! The key store: the public keys that may sign images for this device, in a page of the secure area.
//!
//! Little-endian:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | magic `IRKS` |
//! | 4 | 2 | version, 1 |
//! | 6 | 2 | number of entries: 1 to 8 public keys, and the device key |
//! | 8 | 4 | size of an entry, 128 |
//! | 12 | 4 | zero |
//! | 16 | 128 each | entries |
//! | behind the last entry | 32 | SHA-256 of everything before it |
//!
//! An entry: u32 flags (bit 0 demo), u16 algorithm (1 = ECDSA P-256), u16 key length (65), the SEC1 point padded to 72,
//! SHA-256 of its SubjectPublicKeyInfo (32), 16 zeros. The hash is what an image names; it is stored so that other
//! tools can list keys, and checked so that it cannot lie.
//!
//! At most one entry has the algorithm 0x0101, behind the others: the device's own ECIES-P256 private key, a scalar of 32
//! bytes, which opens the content keys of encrypted images. It is in no listing of [`KeyStore::keys`], and its hash field is
//! zero: a hash of a secret would be something to compare guesses with.

use core::fmt;

use ironroot_codes::{Code, boot as codes, input};
use ironroot_crypto::{Crypto, P256PublicKey, Sha256, Verdict};
use ironroot_image::{PublicKey, ReadAt, ReadError};
use ironroot_layout::stm32h735;

/// The most keys a store holds.
pub const MAX_KEYS: usize = 8;
/// Length of the page.
pub const PAGE_LEN: usize = 4096;

const MAGIC: [u8; 4] = *b"IRKS";
const VERSION: u16 = 1;
const HEADER_LEN: usize = 16;
const ENTRY_LEN: usize = 128;
const DIGEST_LEN: usize = 32;
const P256: u16 = 1;
/// Private keys have bit 8 set.
const ECIES_P256_PRIVATE: u16 = 0x0101;
/// The only flag, in the first byte of four.
const DEMO: u8 = 1;
const KEY_LEN: usize = 65;
/// Length of a device key.
pub const DEVICE_KEY_LEN: usize = 32;
/// Public keys and the device key.
const MAX_ENTRIES: usize = MAX_KEYS + 1;

const AT_COUNT: usize = 6;
const AT_ENTRY_SIZE: usize = 8;
const AT_ALGORITHM: usize = 4;
const AT_KEY_LEN: usize = 6;
const AT_KEY: usize = 8;
const AT_HASH: usize = 80;
const AT_RESERVED: usize = 112;

const _: () = {
    assert!(PAGE_LEN == stm32h735::KEY_STORE.size().bytes() as usize);
    assert!(HEADER_LEN + MAX_ENTRIES * ENTRY_LEN + DIGEST_LEN <= PAGE_LEN);
    assert!(AT_KEY + KEY_LEN <= AT_HASH && AT_HASH + 32 == AT_RESERVED && AT_RESERVED + 16 == ENTRY_LEN);
};

/// One key to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The key.
    pub key: P256PublicKey,
    /// Its private half is not secret: real chips refuse it.
    pub demo: bool,
}

/// The device's ECIES-P256 private key. Its `Debug` shows nothing of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DeviceKey {
    scalar: [u8; DEVICE_KEY_LEN],
    /// It is not secret: real chips refuse it.
    demo: bool,
}

impl DeviceKey {
    /// From the scalar, big-endian. Whether it is one of the curve is found when it is used.
    pub const fn new(scalar: [u8; DEVICE_KEY_LEN], demo: bool) -> Self {
        Self { scalar, demo }
    }

    /// The scalar, big-endian.
    pub const fn scalar(&self) -> &[u8; DEVICE_KEY_LEN] {
        &self.scalar
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceKey").field("demo", &self.demo).finish_non_exhaustive()
    }
}

/// The keys of an intact store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStore {
    /// The first `count` are keys of the store, the rest nobody's.
    keys: [PublicKey; MAX_KEYS],
    /// The bit of a key's index: it is a demo key.
    demo: u8,
    count: usize,
    device: Option<DeviceKey>,
}

const _: () = assert!(MAX_KEYS <= u8::BITS as usize);

impl KeyStore {
    /// Reads and checks the store at the start of `page`.
    pub fn parse(page: &(impl ReadAt + ?Sized), crypto: &mut impl Crypto) -> Result<Self, KeyStoreError> {
        let mut header = [0; HEADER_LEN];
        page.read_at(0, &mut header)?;
        if header == [stm32h735::ERASED; HEADER_LEN] {
            return Err(KeyStoreError::Missing);
        }
        let [m0, m1, m2, m3, v0, v1, c0, c1, rest @ ..] = header;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(KeyStoreError::Corrupt);
        }
        if u16::from_le_bytes([v0, v1]) != VERSION {
            return Err(KeyStoreError::Version);
        }
        let entries = usize::from(u16::from_le_bytes([c0, c1]));
        // The size of an entry, and zeros.
        if entries > MAX_ENTRIES || u64::from_le_bytes(rest) != ENTRY_LEN as u64 {
            return Err(KeyStoreError::Corrupt);
        }
        let mut store = Self {
            keys: [PublicKey::P256(P256PublicKey::NOBODY); MAX_KEYS],
            demo: 0,
            count: 0,
            device: None,
        };
        let mut sha = crypto.sha256();
        sha.update(&header);
        let mut position = HEADER_LEN as u32;
        for _ in 0..entries {
            let mut entry = [0; ENTRY_LEN];
            page.read_at(position, &mut entry)?;
            sha.update(&entry);
            position = position.saturating_add(ENTRY_LEN as u32);
            store.take(&entry, crypto).ok_or(KeyStoreError::Corrupt)?;
        }
        let mut stated = [0; DIGEST_LEN];
        page.read_at(position, &mut stated)?;
        if !Verdict::of_equal(&sha.finish(), &stated).is_accepted() {
            return Err(KeyStoreError::Corrupt);
        }
        if store.count == 0 { Err(KeyStoreError::Empty) } else { Ok(store) }
    }

    /// Takes one entry; `None` if it is none, or not one that may follow what is there.
    fn take(&mut self, entry: &[u8; ENTRY_LEN], crypto: &mut impl Crypto) -> Option<()> {
        let [demo, 0, 0, 0, a0, a1, l0, l1, ..] = *entry else { return None };
        let is_demo = demo == DEMO;
        let private = match (u16::from_le_bytes([a0, a1]), usize::from(u16::from_le_bytes([l0, l1]))) {
            (P256, KEY_LEN) => false,
            (ECIES_P256_PRIVATE, DEVICE_KEY_LEN) => true,
            _ => return None,
        };
        // What follows the key, up to the hash of a public key or to the end.
        let zeros = if private { AT_KEY + DEVICE_KEY_LEN..ENTRY_LEN } else { AT_KEY + KEY_LEN..AT_HASH };
        let padding = entry.get(zeros)?.iter().chain(entry.get(AT_RESERVED..)?);
        // The device key is the last entry.
        if demo & !DEMO != 0 || self.device.is_some() || !padding.into_iter().all(|byte| *byte == 0) {
            return None;
        }
        if private {
            self.device = Some(DeviceKey { scalar: get(entry, AT_KEY), demo: is_demo });
            return Some(());
        }
        let key = PublicKey::P256(P256PublicKey::from_sec1(entry.get(AT_KEY..AT_KEY + KEY_LEN)?).ok()?);
        // A key that appears twice, once as demo and once not, would have two meanings.
        if entry.get(AT_HASH..AT_RESERVED)? != key.key_hash(crypto) || self.keys().contains(&key) {
            return None;
        }
        *self.keys.get_mut(self.count)? = key;
        self.demo |= demo << self.count;
        self.count += 1;
        Some(())
    }

    /// The device's own private key, if it has one.
    pub fn device_key(&self) -> Option<&DeviceKey> {
        self.device.as_ref()
    }

    /// The keys, in the order in which they were stored.
    pub fn keys(&self) -> &[PublicKey] {
        self.keys.get(..self.count).unwrap_or_default()
    }

    /// Whether the key at `index` is a demo key.
    pub fn is_demo(&self, index: usize) -> bool {
        index < self.count && self.demo >> index & 1 != 0
    }

    /// Whether any key is a demo key.
    pub fn has_demo(&self) -> bool {
        self.demo != 0 || self.device.is_some_and(|key| key.demo)
    }
}

/// The page for these keys, erased bytes behind the store.
pub fn build(keys: &[StoredKey], crypto: &mut impl Crypto) -> Result<[u8; PAGE_LEN], BuildError> {
    build_with_device_key(keys, None, crypto)
}

/// The same with the device's own private key, if it has one.
pub fn build_with_device_key(
    keys: &[StoredKey],
    device: Option<&DeviceKey>,
    crypto: &mut impl Crypto,
) -> Result<[u8; PAGE_LEN], BuildError> {
    if keys.is_empty() {
        return Err(BuildError::NoKeys);
    }
    if keys.len() > MAX_KEYS {
        return Err(BuildError::TooManyKeys);
    }
    if (1..keys.len()).any(|end| keys.iter().take(end).any(|k| keys.get(end).is_some_and(|e| e.key == k.key)))
    {
        return Err(BuildError::RepeatedKey);
    }
    let mut page = [stm32h735::ERASED; PAGE_LEN];
    let mut header = [0; HEADER_LEN];
    put(&mut header, 0, &MAGIC);
    put(&mut header, 4, &VERSION.to_le_bytes());
    let count = keys.len().saturating_add(usize::from(device.is_some()));
    put(&mut header, AT_COUNT, &(count as u16).to_le_bytes());
    put(&mut header, AT_ENTRY_SIZE, &(ENTRY_LEN as u32).to_le_bytes());
    let mut sha = crypto.sha256();
    sha.update(&header);
    put(&mut page, 0, &header);
    let mut position = HEADER_LEN;
    for StoredKey { key, demo } in keys {
        let mut entry = [0; ENTRY_LEN];
        put(&mut entry, 0, &[if *demo { DEMO } else { 0 }]);
        put(&mut entry, AT_ALGORITHM, &P256.to_le_bytes());
        put(&mut entry, AT_KEY_LEN, &(KEY_LEN as u16).to_le_bytes());
        put(&mut entry, AT_KEY, key.sec1());
        put(&mut entry, AT_HASH, &key.key_hash(crypto));
        sha.update(&entry);
        put(&mut page, position, &entry);
        position = position.saturating_add(ENTRY_LEN);
    }
    if let Some(DeviceKey { scalar, demo }) = device {
        let mut entry = [0; ENTRY_LEN];
        put(&mut entry, 0, &[if *demo { DEMO } else { 0 }]);
        put(&mut entry, AT_ALGORITHM, &ECIES_P256_PRIVATE.to_le_bytes());
        put(&mut entry, AT_KEY_LEN, &(DEVICE_KEY_LEN as u16).to_le_bytes());
        put(&mut entry, AT_KEY, scalar);
        sha.update(&entry);
        put(&mut page, position, &entry);
        position = position.saturating_add(ENTRY_LEN);
    }
    put(&mut page, position, &sha.finish());
    Ok(page)
}

/// Why there are no keys. Each is the number of its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum KeyStoreError {
    /// The page is erased.
    Missing = codes::KEY_STORE_MISSING.number(),
    /// Sizes, hashes or keys are wrong.
    Corrupt = codes::KEY_STORE_CORRUPT.number(),
    /// Another version of the format.
    Version = codes::KEY_STORE_VERSION.number(),
    /// The flash cannot be read.
    Unreadable = codes::KEY_STORE_UNREADABLE.number(),
    /// Intact, and without a key.
    Empty = codes::KEY_STORE_EMPTY.number(),
}

impl KeyStoreError {
    /// The code of this refusal.
    pub const fn code(self) -> Code {
        Code::from_number(self as u16)
    }
}

impl From<ReadError> for KeyStoreError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::OutOfBounds => Self::Corrupt,
            ReadError::Unreadable => Self::Unreadable,
        }
    }
}

/// Why a page was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// No key was given.
    NoKeys,
    /// More than [`MAX_KEYS`].
    TooManyKeys,
    /// A key was given twice.
    RepeatedKey,
}

impl BuildError {
    /// The code of this refusal.
    pub const fn code(self) -> Code {
        match self {
            Self::NoKeys => input::KEY_MISSING,
            Self::TooManyKeys => input::TOO_MANY_KEYS,
            Self::RepeatedKey => input::KEY_REPEATED,
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeys => f.write_str("a key store needs at least one key"),
            Self::TooManyKeys => write!(f, "a key store holds at most {MAX_KEYS} keys"),
            Self::RepeatedKey => f.write_str("a key was given twice"),
        }
    }
}

impl core::error::Error for BuildError {}

/// Writes a field; the offsets are constants that the assertions above keep in bounds.
fn put(bytes: &mut [u8], offset: usize, field: &[u8]) {
    for (to, from) in bytes.iter_mut().skip(offset).zip(field) {
        *to = *from;
    }
}

/// Reads a field.
fn get<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    bytes.get(offset..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}
