//! The key store: the public keys that may sign images for this device, in a page of the secure area.
//!
//! Little-endian:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | magic `IRKS` |
//! | 4 | 2 | version, 1 |
//! | 6 | 2 | number of keys, 1 to 8 |
//! | 8 | 4 | size of an entry, 128 |
//! | 12 | 4 | zero |
//! | 16 | 128 each | entries |
//! | behind the last entry | 32 | SHA-256 of everything before it |
//!
//! An entry: u32 flags (bit 0 demo), u16 algorithm (1 = ECDSA P-256), u16 key length (65), the SEC1 point padded to 72,
//! SHA-256 of its SubjectPublicKeyInfo (32), 16 zeros. The hash is what an image names; it is stored so that other
//! tools can list keys, and checked so that it cannot lie.

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
const DEMO: u32 = 1;
const KEY_LEN: usize = 65;

const AT_COUNT: usize = 6;
const AT_ENTRY_SIZE: usize = 8;
const AT_ALGORITHM: usize = 4;
const AT_KEY_LEN: usize = 6;
const AT_KEY: usize = 8;
const AT_HASH: usize = 80;
const AT_RESERVED: usize = 112;

const _: () = {
    assert!(PAGE_LEN == stm32h735::KEY_STORE.size().bytes() as usize);
    assert!(HEADER_LEN + MAX_KEYS * ENTRY_LEN + DIGEST_LEN <= PAGE_LEN);
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

/// The keys of an intact store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStore {
    /// The first `count` are keys of the store; the rest repeats the first.
    keys: [PublicKey; MAX_KEYS],
    demo: [bool; MAX_KEYS],
    count: usize,
}

impl KeyStore {
    /// Reads and checks the store at the start of `page`.
    pub fn parse(page: &(impl ReadAt + ?Sized), crypto: &mut impl Crypto) -> Result<Self, KeyStoreError> {
        let mut header = [0; HEADER_LEN];
        page.read_at(0, &mut header)?;
        if header == [stm32h735::ERASED; HEADER_LEN] {
            return Err(KeyStoreError::Missing);
        }
        if get(&header, 0) != MAGIC {
            return Err(KeyStoreError::Corrupt);
        }
        if u16::from_le_bytes(get(&header, 4)) != VERSION {
            return Err(KeyStoreError::Version);
        }
        let count = usize::from(u16::from_le_bytes(get(&header, AT_COUNT)));
        let [.., z0, z1, z2, z3] = header;
        let entry_len = u32::from_le_bytes(get(&header, AT_ENTRY_SIZE));
        if count > MAX_KEYS || entry_len != ENTRY_LEN as u32 || [z0, z1, z2, z3] != [0; 4] {
            return Err(KeyStoreError::Corrupt);
        }
        let mut sha = crypto.sha256();
        sha.update(&header);
        let mut store: Option<Self> = None;
        let mut position = HEADER_LEN as u32;
        for index in 0..count {
            let mut entry = [0; ENTRY_LEN];
            page.read_at(position, &mut entry)?;
            sha.update(&entry);
            position = position.saturating_add(ENTRY_LEN as u32);
            let stored = parse_entry(&entry, crypto)?;
            let key = PublicKey::P256(stored.key);
            let store =
                store.get_or_insert(Self { keys: [key; MAX_KEYS], demo: [stored.demo; MAX_KEYS], count: 0 });
            // A key that appears twice, once as demo and once not, would have two meanings.
            if store.keys().contains(&key) {
                return Err(KeyStoreError::Corrupt);
            }
            if let (Some(key_at), Some(demo_at)) = (store.keys.get_mut(index), store.demo.get_mut(index)) {
                *key_at = key;
                *demo_at = stored.demo;
            }
            store.count = index.saturating_add(1);
        }
        let mut stated = [0; DIGEST_LEN];
        page.read_at(position, &mut stated)?;
        if !Verdict::of_equal(&sha.finish(), &stated).is_accepted() {
            return Err(KeyStoreError::Corrupt);
        }
        store.ok_or(KeyStoreError::Empty)
    }

    /// The keys, in the order in which they were stored.
    pub fn keys(&self) -> &[PublicKey] {
        self.keys.get(..self.count).unwrap_or_default()
    }

    /// Whether the key at `index` is a demo key.
    pub fn is_demo(&self, index: usize) -> bool {
        self.demo.get(..self.count).and_then(|demo| demo.get(index)).copied().unwrap_or(false)
    }

    /// Whether any key is a demo key.
    pub fn has_demo(&self) -> bool {
        self.demo.iter().take(self.count).any(|demo| *demo)
    }
}

/// The page for these keys, erased bytes behind the store.
pub fn build(keys: &[StoredKey], crypto: &mut impl Crypto) -> Result<[u8; PAGE_LEN], BuildError> {
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
    put(&mut header, AT_COUNT, &(keys.len() as u16).to_le_bytes());
    put(&mut header, AT_ENTRY_SIZE, &(ENTRY_LEN as u32).to_le_bytes());
    let mut sha = crypto.sha256();
    sha.update(&header);
    put(&mut page, 0, &header);
    let mut position = HEADER_LEN;
    for StoredKey { key, demo } in keys {
        let mut entry = [0; ENTRY_LEN];
        put(&mut entry, 0, &(if *demo { DEMO } else { 0 }).to_le_bytes());
        put(&mut entry, AT_ALGORITHM, &P256.to_le_bytes());
        put(&mut entry, AT_KEY_LEN, &(KEY_LEN as u16).to_le_bytes());
        put(&mut entry, AT_KEY, key.sec1());
        put(&mut entry, AT_HASH, &key.key_hash(crypto));
        sha.update(&entry);
        put(&mut page, position, &entry);
        position = position.saturating_add(ENTRY_LEN);
    }
    put(&mut page, position, &sha.finish());
    Ok(page)
}

fn parse_entry(entry: &[u8; ENTRY_LEN], crypto: &mut impl Crypto) -> Result<StoredKey, KeyStoreError> {
    let flags = u32::from_le_bytes(get(entry, 0));
    let algorithm = u16::from_le_bytes(get(entry, AT_ALGORITHM));
    let key_len = usize::from(u16::from_le_bytes(get(entry, AT_KEY_LEN)));
    let padding = [AT_KEY + KEY_LEN..AT_HASH, AT_RESERVED..ENTRY_LEN];
    let zeros = padding.into_iter().filter_map(|range| entry.get(range)).flatten().all(|byte| *byte == 0);
    if flags & !DEMO != 0 || algorithm != P256 || key_len != KEY_LEN || !zeros {
        return Err(KeyStoreError::Corrupt);
    }
    let sec1: [u8; KEY_LEN] = get(entry, AT_KEY);
    let key = P256PublicKey::from_sec1(&sec1).map_err(|_| KeyStoreError::Corrupt)?;
    let stated: [u8; 32] = get(entry, AT_HASH);
    if key.key_hash(crypto) != stated {
        return Err(KeyStoreError::Corrupt);
    }
    Ok(StoredKey { key, demo: flags & DEMO != 0 })
}

/// Why there are no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStoreError {
    /// The page is erased.
    Missing,
    /// Sizes, hashes or keys are wrong.
    Corrupt,
    /// Another version of the format.
    Version,
    /// The flash cannot be read.
    Unreadable,
    /// Intact, and without a key.
    Empty,
}

impl KeyStoreError {
    /// The code of this refusal.
    pub const fn code(self) -> Code {
        match self {
            Self::Missing => codes::KEY_STORE_MISSING,
            Self::Corrupt => codes::KEY_STORE_CORRUPT,
            Self::Version => codes::KEY_STORE_VERSION,
            Self::Unreadable => codes::KEY_STORE_UNREADABLE,
            Self::Empty => codes::KEY_STORE_EMPTY,
        }
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
