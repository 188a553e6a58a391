//! Secure user software, second use: a licence bound to the device.
//!
//! The licence is a signed statement "this unique id may use these features", kept in user flash where anybody can read
//! it. What it cannot be is copied: the statement names the device, the signature is checked against the key store in the
//! secure area, and the code that checks runs before anything else and cannot be read or replaced. A cloned flash is
//! refused on its new device with a code of its own; a licence that was edited to fit is refused for its signature.
//!
//! The application itself is verified as by the secure boot: a licence check that starts anything would license anything.
#![no_std]
#![no_main]

#[path = "../../common/mod.rs"]
mod common;

use common::report::Report;
use ironroot_boot::{BootPolicy, DeviceKind, KeyStore, Launch, decide};
use ironroot_codes::{Code, boot as codes, internal};
use ironroot_crypto::{Crypto, Software};
use ironroot_hal::memory;
use ironroot_image::PublicKey;
use ironroot_layout::stm32h735::{KEY_STORE, SECURE_AREA, SLOT};
use ironroot_layout::{Address, Region};

pub use common::refuse_silently;

/// Start of the last sector: an application of this product ends before it, and the licence can be renewed alone.
const LICENCE: Region = Region::between(0x080E_0000, 0x080E_0080);
const MAGIC: &[u8; 4] = b"IRLC";
const VERSION: u32 = 1;
/// Magic, version, unique id, features: what is signed. The magic keeps a licence from being taken for anything else that
/// the same key signs.
const SIGNED: usize = 4 + 4 + 12 + 4;
/// Longest DER signature of P-256.
const SIGNATURE_MAX: usize = 72;

fn main() -> ! {
    let mut report = common::open("license-check");
    match run(&mut report) {
        Ok((launch, vectors, features)) => {
            report.text("licensed: features ").hex(&features.to_be_bytes()).end();
            common::leave(report, vectors, Some(launch.record()))
        }
        Err(code) => common::refuse(report, code),
    }
}

fn run(report: &mut Report) -> Result<(Launch, Address, u32), Code> {
    if common::secure_area(report)? != SECURE_AREA {
        return Err(codes::SECURE_AREA_MISSING);
    }
    let (Some(slot), Some(keys), Some(licence)) =
        (memory::flash(SLOT.region), memory::flash(KEY_STORE), memory::flash(LICENCE))
    else {
        return Err(internal::INTERNAL);
    };
    let unique_id = memory::unique_id();
    let store = KeyStore::parse(keys, &mut Software).map_err(|error| error.code())?;
    let features = check(licence, &store, &unique_id)?;
    let policy = BootPolicy::stm32h735(DeviceKind::from_unique_id(&unique_id));
    let launch = decide(slot, keys, &policy, &mut Software).map_err(|refusal| refusal.code())?;
    let vectors = launch.vector_table().map_err(|refusal| refusal.code())?;
    Ok((launch, vectors, features))
}

/// The features that `licence` grants to the device with this unique id.
fn check(licence: &[u8], store: &KeyStore, unique_id: &[u8; 12]) -> Result<u32, Code> {
    let corrupt = codes::LICENCE_CORRUPT;
    let (signed, rest) = licence.split_at_checked(SIGNED).ok_or(corrupt)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(corrupt)?;
    let (magic, fields) = signed.split_first_chunk::<4>().ok_or(corrupt)?;
    let (version, fields) = fields.split_first_chunk::<4>().ok_or(corrupt)?;
    let (device, features) = fields.split_first_chunk::<12>().ok_or(corrupt)?;
    if magic != MAGIC {
        return Err(codes::LICENCE_MISSING);
    }
    let length = u32::from_le_bytes(*length) as usize;
    if u32::from_le_bytes(*version) != VERSION || length > SIGNATURE_MAX {
        return Err(corrupt);
    }
    let signature = rest.get(..length).ok_or(corrupt)?;
    let digest = Software.sha256_of(signed);
    let genuine = store.keys().iter().any(|key| match key {
        PublicKey::P256(key) => Software.verify_p256(key, &digest, signature).is_accepted(),
        _ => false,
    });
    if !genuine {
        return Err(codes::LICENCE_SIGNATURE);
    }
    // After the signature: only a genuine licence says anything about devices.
    if device != unique_id {
        return Err(codes::LICENCE_OTHER_DEVICE);
    }
    features.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)).ok_or(corrupt)
}
