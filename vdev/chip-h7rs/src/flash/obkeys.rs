//! Option-byte keys: three rooms of 32 keys, one for each of HDPL 0 to 2. Level 3 has none.

use std::fmt;

use ironroot_layout::stm32h7rs::obkeys::{KEY_SIZE, KEYS, WRITE_ONLY_BELOW};
use ironroot_layout::stm32h7rs::state::Hdpl;

const SIZE: usize = KEY_SIZE as usize;
/// Levels that have keys.
pub const LEVELS: usize = 3;

/// One key: 4, 8, 16 or 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObKey {
    size: u8,
    data: [u8; SIZE],
}

impl fmt::Debug for ObKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObKey({} bytes)", self.bytes().len())
    }
}

impl ObKey {
    /// A key of 4, 8, 16 or 32 bytes; `None` for another length.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let size = match bytes.len() {
            4 => 0,
            8 => 1,
            16 => 2,
            32 => 3,
            _ => return None,
        };
        let mut data = [0; SIZE];
        data.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(ObKey { size, data })
    }

    /// From OBKSIZE and the data registers, whose words beyond the size do not count.
    pub fn from_registers(size: u32, words: &[u32; 8]) -> Self {
        let mut data = [0; SIZE];
        for (place, word) in data.chunks_exact_mut(4).zip(words).take(1 << (size & 3)) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        ObKey { size: (size & 3) as u8, data }
    }

    /// The content. Word n of OBKDR is bytes 4n to 4n + 3, little-endian.
    pub fn bytes(&self) -> &[u8] {
        self.data.get(..4 << self.size).unwrap_or(&self.data)
    }

    /// OBKSIZE.
    pub fn size_code(&self) -> u8 {
        self.size
    }

    /// As the data registers show it.
    pub fn words(&self) -> [u32; 8] {
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(self.data.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        words
    }
}

/// True if the key goes to SAES and never to the data registers.
pub const fn is_write_only(index: u8) -> bool {
    index < WRITE_ONLY_BELOW
}

/// All keys of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ObKeys {
    rooms: [[Option<ObKey>; KEYS as usize]; LEVELS],
}

impl ObKeys {
    /// A key.
    pub fn get(&self, level: Hdpl, index: u8) -> Option<&ObKey> {
        self.rooms.get(usize::from(level.number()))?.get(usize::from(index))?.as_ref()
    }

    /// Puts a key in its place, or takes it away. False if there is no such place.
    pub fn set(&mut self, level: Hdpl, index: u8, key: Option<ObKey>) -> bool {
        let place =
            self.rooms.get_mut(usize::from(level.number())).and_then(|room| room.get_mut(usize::from(index)));
        match place {
            Some(place) => {
                *place = key;
                true
            }
            None => false,
        }
    }

    /// True if there is no key.
    pub fn is_empty(&self) -> bool {
        self.rooms.iter().flatten().all(Option::is_none)
    }

    /// Takes all keys away.
    pub fn erase(&mut self) {
        *self = ObKeys::default();
    }

    /// All keys, with level and index.
    pub fn iter(&self) -> impl Iterator<Item = (Hdpl, u8, &ObKey)> {
        self.rooms.iter().zip(Hdpl::ALL).flat_map(|(room, level)| {
            (0..).zip(room).filter_map(move |(index, key)| Some((level, index, key.as_ref()?)))
        })
    }
}
