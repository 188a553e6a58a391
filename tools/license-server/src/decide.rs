//! The decision: one function over any store, so that SQLite and PostgreSQL cannot disagree.

use data_encoding::HEXLOWER;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use ironroot_codes::{Code, licence as codes};
use ironroot_crypto::{Crypto, Software};
use ironroot_sfi::{FirmwareKey, Licence, LicenceKind, Terms};

use crate::audit::{Event, Head};
use crate::error::Result;
use crate::model::{Asked, Decision, DeviceId, Facts, Firmware, Issued, Request, Time};
use crate::prepare::{Prepared, Sealer};
use crate::store::Store;
use crate::vault::Vault;

/// Decides a request inside a transaction that has been begun, and appends the decision to the audit log. `head` is the end
/// of the log, locked by this transaction.
///
/// # Errors
/// Only what is no decision: the store or the vault failed. The caller rolls back.
pub async fn decide<S: Store>(
    store: &mut S,
    (vault, sealer): (&Vault, &Sealer),
    (request, prepared): (&Request, Option<Prepared>),
    time: Time,
    head: &mut Head,
) -> Result<Decision> {
    let DeviceId(device) = DeviceId::of(request.certificate.key());
    let id = request.id.to_string();
    let asked = Asked {
        id: &id,
        station: &request.station.id,
        site: &request.station.site,
        firmware: &request.firmware,
        device: &device,
    };
    let facts = store.look(&asked).await?;
    let decision = match judge(&facts, request, &device, time) {
        Judgement::Refused { code, noted } => {
            if noted {
                store.note(&asked).await?;
            }
            Decision::Refused(code)
        }
        Judgement::Again(issued) => {
            store.note(&asked).await?;
            Decision::Given { issued: issued.clone(), again: true }
        }
        Judgement::New(firmware) => {
            let licence = match prepared.filter(|it| it.firmware == *firmware) {
                Some(prepared) => Ok(prepared.licence),
                None => {
                    sealer.learn(firmware);
                    let key = vault.unwrap(&firmware.name, &firmware.wrapped_key)?;
                    seal(&key, firmware, request).map(|licence| licence.bytes().to_vec())
                }
            };
            match licence {
                Ok(licence) => {
                    let serial = store.give(&asked, &licence, time).await?;
                    Decision::Given { issued: Issued { serial, licence }, again: false }
                }
                Err(code) => {
                    store.note(&asked).await?;
                    Decision::Refused(code)
                }
            }
        }
    };
    let firmware = request.firmware.clone();
    let (site, station) = (request.station.site.clone(), request.station.name.clone());
    let event = match &decision {
        Decision::Given { issued, again: true } => {
            Event::Reissued { time, request: id, firmware, site, station, device, serial: issued.serial }
        }
        Decision::Given { issued, again: false } => {
            let licence_sha256 = HEXLOWER.encode(&Software.sha256_of(&issued.licence));
            let serial = issued.serial;
            Event::Issued { time, request: id, firmware, site, station, device, serial, licence_sha256 }
        }
        Decision::Refused(code) => {
            let code = code.to_string();
            Event::Refused { time, request: id, firmware, site, station, device, code }
        }
    };
    store.append(&head.append(&event)?).await?;
    Ok(decision)
}

/// What the rules say.
enum Judgement<'a> {
    /// No; `noted`: the id of the request counts as used from now on.
    Refused { code: Code, noted: bool },
    /// The device has a licence already.
    Again(&'a Issued),
    /// A new one, of this firmware.
    New(&'a Firmware),
}

/// The rules, over facts alone.
fn judge<'a>(facts: &'a Facts, request: &Request, device: &str, time: Time) -> Judgement<'a> {
    let unnoted = |code| Judgement::Refused { code, noted: false };
    if facts.station_revoked {
        return unnoted(codes::STATION_REVOKED);
    }
    // Before anything that tells firmware names apart: a revoked device learns nothing.
    if facts.device_revoked {
        return unnoted(codes::DEVICE_REVOKED);
    }
    let Some(firmware) = &facts.firmware else { return unnoted(codes::FIRMWARE_UNKNOWN) };
    if firmware.package != request.package {
        return unnoted(codes::FIRMWARE_UNKNOWN);
    }
    if firmware.product.as_bytes() != request.certificate.product().ascii() {
        return unnoted(codes::PRODUCT_MISMATCH);
    }
    let other = |(noted, by): &(String, String)| *noted != firmware.name || by != device;
    if facts.noted.as_ref().is_some_and(other) {
        return unnoted(codes::REQUEST_REUSED);
    }
    if let Some(issued) = &facts.issued {
        return Judgement::Again(issued);
    }
    let refused = |code| Judgement::Refused { code, noted: true };
    match &facts.quota {
        None => refused(codes::QUOTA_MISSING),
        Some(quota) if quota.closed => refused(codes::QUOTA_CLOSED),
        Some(quota) if quota.expires.is_some_and(|end| time >= end) => refused(codes::QUOTA_EXPIRED),
        Some(quota) if quota.issued >= quota.granted => refused(codes::QUOTA_EXHAUSTED),
        Some(_) => Judgement::New(firmware),
    }
}

/// Seals a firmware key for the device. The error is the device's: a key that is no point of the curve.
pub(crate) fn seal(key: &FirmwareKey, firmware: &Firmware, request: &Request) -> Result<Licence, Code> {
    let public = request.certificate.key();
    let terms = Terms {
        kind: LicenceKind::Firmware,
        least_version: firmware.least_version,
        least_services: firmware.least_services,
        fingerprint: Terms::fingerprint(public, &mut Software),
    };
    let product = request.certificate.product();
    Licence::seal(terms, product, public, firmware.package, key, &mut UnwrapErr(SysRng))
}
