//! Which options exclude or need each other: a table.
//!
//! imgtool ignores one of the two in most of these cases, and the image is not what was asked for.

use ironroot_codes::input;

use super::options::{DialectName, Endian, Options, Sha, Sha2};
use crate::error::{Failure, Result};

/// An option, and whether it was given.
struct Given {
    name: &'static str,
    is: fn(&Options) -> bool,
}

const fn given(name: &'static str, is: fn(&Options) -> bool) -> Given {
    Given { name, is }
}

const ENCRYPT: Given = given("--encrypt", |o| o.encryption.encrypt.is_some());
const KEY: Given = given("--key", |o| o.key.is_some());

/// Two options that cannot be given together, and why.
const EXCLUDING: &[(Given, Given, &str)] = &[
    (
        given("--load-addr", |o| o.content.load_addr.is_some()),
        given("--rom-fixed", |o| o.content.rom_fixed.is_some()),
        "an image runs either in RAM or in its slot, and the header has one field for both addresses",
    ),
    (
        given("--test", |o| o.test),
        given("--confirm", |o| o.confirm),
        "an update is either tried or permanent",
    ),
    (
        given("--test", |o| o.test),
        given("--overwrite-only", |o| o.slot.trailer.overwrite_only),
        "what overwrites the old image cannot go back to it",
    ),
    (
        given("--confirm", |o| o.confirm),
        given("--overwrite-only", |o| o.slot.trailer.overwrite_only),
        "an update that overwrites is permanent without being confirmed; its trailer has nothing to confirm",
    ),
    (
        given("--pure", |o| o.signature.pure),
        given("--sha", |o| o.signature.sha != Sha::Auto),
        "a pure signature is over the image itself; the hash beside it is always SHA-512",
    ),
];

/// An option that means nothing without another.
const NEEDING: &[(Given, Given, &str)] = &[
    (
        given("--clear", |o| o.encryption.clear),
        ENCRYPT,
        "it says how the payload of an encrypted image is written",
    ),
    (
        given("--encrypt-keylen", |o| o.encryption.encrypt_keylen.is_some()),
        ENCRYPT,
        "there is no key whose length it could say",
    ),
    (
        given("--hmac-sha", |o| o.encryption.hmac_sha != Sha2::Auto),
        ENCRYPT,
        "there is no key agreement that uses it",
    ),
    (given("--save-enctlv", |o| o.encryption.save_enctlv), ENCRYPT, "there is no TLV to save"),
    (given("--pure", |o| o.signature.pure), KEY, "there is no signature"),
    (
        given("--primary-only", |o| o.primary_only),
        given("--dialect st or one of STiROT's", |o| o.dialect != DialectName::Mcuboot),
        "MCUboot has no such flag",
    ),
    (
        given("--deterministic with --encrypt", |o| o.deterministic && o.encryption.encrypt.is_some()),
        KEY,
        "the image key can only follow from a secret, and that is the signing key",
    ),
];

/// Options of imgtool that are refused whatever else is given, and why.
const REFUSED: &[(Given, &str)] = &[
    (
        given("--endian big", |o| o.endian == Endian::Big),
        "the numbers of an image are little-endian on every core that Ironroot and MCUboot run on",
    ),
    (
        given("--pad-sig", |o| o.signature.pad_sig),
        "zeros behind a DER signature are accepted only by loaders that do not check its length; MCUboot from 1.5 on needs \
         none",
    ),
];

/// Refuses what contradicts itself. `unsigned`: the image is to have no signature, and that was asked for.
pub fn check(options: &Options, unsigned: bool) -> Result {
    for (option, why) in REFUSED {
        if (option.is)(options) {
            return Err(Failure::new(input::OPTION_REFUSED, format!("{}: {why}", option.name)));
        }
    }
    if unsigned && (KEY.is)(options) {
        return Err(contradict("--unsigned and --key: an image is either signed or not"));
    }
    for (a, b, why) in EXCLUDING {
        if (a.is)(options) && (b.is)(options) {
            return Err(contradict(&format!("{} and {}: {why}", a.name, b.name)));
        }
    }
    for (option, needed, why) in NEEDING {
        if (option.is)(options) && !(needed.is)(options) {
            return Err(contradict(&format!("{} without {}: {why}", option.name, needed.name)));
        }
    }
    Ok(())
}

fn contradict(cause: &str) -> Failure {
    Failure::new(input::OPTIONS_CONTRADICT, cause)
}
