//! Option-byte keys (OBKeys): three rooms of 32 keys, one for each of HDPL 0 to 2, and what lies where.

use super::state::Hdpl;

/// Keys of one level.
pub const KEYS: u8 = 32;
/// Keys below this index go to SAES and are never readable.
pub const WRITE_ONLY_BELOW: u8 = 8;
/// The longest key in bytes: what eight words of FLASH_OBKDR hold.
pub const KEY_SIZE: u32 = 32;

/// A P-256 private key as boot stages read it, up to the number: PKCS#8 with the object ids of the curve. 32 bytes of number
/// and [`PRIVATE_KEY_END`] follow. A strict parser refuses it: the public half is cut off behind its tag and length.
pub const PRIVATE_KEY_PREFIX: [u8; 36] = [
    0x30, 0x81, 0x43, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
    0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x04, 0x29, 0x30, 0x27, 0x02, 0x01, 0x01,
    0x04, 0x20,
];
/// What follows the private number.
pub const PRIVATE_KEY_END: [u8; 2] = [0xA1, 0x44];
/// Length of that form.
pub const PRIVATE_KEY_LEN: usize = PRIVATE_KEY_PREFIX.len() + 32 + PRIVATE_KEY_END.len();
/// Length of a P-256 public key as SubjectPublicKeyInfo.
pub const PUBLIC_KEY_LEN: usize = 91;

/// Where a piece of `.obk` content goes: first key index and level. The word in the file's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The first key; longer content goes on in the following ones, 32 bytes each.
    pub index: u8,
    /// HDPL 0 to 2.
    pub level: Hdpl,
    /// DBG_AUTH to program with it, if any (the debug-authentication configurations).
    pub debug_authentication: Option<u8>,
}

impl Destination {
    /// From the first word of an `.obk` file: index in byte 0, level in byte 1, DBG_AUTH in byte 2.
    pub const fn from_word(word: u32) -> Option<Self> {
        let [index, level, debug, rest] = word.to_le_bytes();
        let level = match level {
            0 => Hdpl::Level0,
            1 => Hdpl::Level1,
            2 => Hdpl::Level2,
            _ => return None,
        };
        if index >= KEYS || rest != 0 {
            return None;
        }
        let debug_authentication = if debug == 0 { None } else { Some(debug) };
        Some(Self { index, level, debug_authentication })
    }

    /// The word.
    pub const fn word(self) -> u32 {
        let debug = match self.debug_authentication {
            Some(value) => value,
            None => 0,
        };
        u32::from_le_bytes([self.index, self.level.number(), debug, 0])
    }
}

const fn at(index: u8, level: Hdpl) -> Destination {
    Destination { index, level, debug_authentication: None }
}

const fn debug(value: u8) -> Destination {
    Destination { index: 8, level: Hdpl::Level0, debug_authentication: Some(value) }
}

/// Debug authentication by certificates.
pub const DA_CONFIG: Destination = debug(0x51);
/// Debug authentication by password.
pub const DA_PASSWORD: Destination = debug(0x8A);
/// No debug authentication, for ever.
pub const DA_LOCK: Destination = debug(0xB4);
/// First stage, configuration: keys (224 bytes) or STiRoT's configuration (256 bytes).
pub const IROT_CONFIG: Destination = at(8, Hdpl::Level1);
/// OEMiRoT, data: versions and hashes of two images (96 bytes each).
pub const OEMIROT_DATA: Destination = at(15, Hdpl::Level1);
/// STiRoT, data.
pub const STIROT_DATA: Destination = at(16, Hdpl::Level1);
/// First stage, hardware keys of SAES: index 0 encrypts OBKeys, 1 makes the MCE AES key, 2 the MCE Noekeon key.
pub const OEMIROT_HARDWARE_KEYS: Destination = at(0, Hdpl::Level1);
/// Second stage, configuration.
pub const UROT_CONFIG: Destination = at(8, Hdpl::Level2);
/// Second stage, data.
pub const UROT_DATA: Destination = at(15, Hdpl::Level2);

const _: () = {
    assert!(
        DA_CONFIG.word() == 0x0051_0008 && DA_PASSWORD.word() == 0x008A_0008 && DA_LOCK.word() == 0x00B4_0008
    );
    assert!(IROT_CONFIG.word() == 0x108 && OEMIROT_DATA.word() == 0x10F && STIROT_DATA.word() == 0x110);
    assert!(
        OEMIROT_HARDWARE_KEYS.word() == 0x100 && UROT_CONFIG.word() == 0x208 && UROT_DATA.word() == 0x20F
    );
};
