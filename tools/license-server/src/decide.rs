//! The decision: one function over any store, so that SQLite and PostgreSQL cannot disagree.

use data_encoding::HEXLOWER;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use ironroot_codes::{Code, licence as codes};
use ironroot_crypto::{Crypto, Software};
use ironroot_sfi::{Licence, LicenceKind, Terms};

use crate::audit::{Event, Head};
use crate::error::Result;
use crate::model::{Decision, DeviceId, Firmware, Issued, Request, Revocable, Time};
use crate::store::Store;
use crate::vault::Vault;

/// Decides a request inside a transaction that has been begun, and appends the decision to the audit log. `head` is the end
/// of the log, locked by this transaction.
///
/// # Errors
/// Only what is no decision: the store or the vault failed. The caller rolls back.
pub async fn decide<S: Store>(
    store: &mut S,
    vault: &Vault,
    request: &Request,
    time: Time,
    head: &mut Head,
) -> Result<Decision> {
    let device = DeviceId::of(request.certificate.key());
    let decision = judge(store, vault, request, &device, time).await?;
    let (id, firmware) = (request.id.to_string(), request.firmware.clone());
    let (site, station) = (request.station.site.clone(), request.station.name.clone());
    let device = device.0;
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

async fn judge<S: Store>(
    store: &mut S,
    vault: &Vault,
    request: &Request,
    device: &DeviceId,
    time: Time,
) -> Result<Decision> {
    let refused = |code: Code| Ok(Decision::Refused(code));
    if store.is_revoked(Revocable::Station, &request.station.id).await? {
        return refused(codes::STATION_REVOKED);
    }
    // Before anything that tells firmware names apart: a revoked device learns nothing.
    if store.is_revoked(Revocable::Device, &device.0).await? {
        return refused(codes::DEVICE_REVOKED);
    }
    let Some(firmware) = store.firmware(&request.firmware).await? else {
        return refused(codes::FIRMWARE_UNKNOWN);
    };
    if firmware.package != request.package {
        return refused(codes::FIRMWARE_UNKNOWN);
    }
    if firmware.product.as_bytes() != request.certificate.product().ascii() {
        return refused(codes::PRODUCT_MISMATCH);
    }
    let id = request.id.to_string();
    let same = store.note_request(&id, &firmware.name, &device.0).await?;
    if !same {
        return refused(codes::REQUEST_REUSED);
    }
    if let Some(issued) = store.licence(&firmware.name, &device.0).await? {
        return Ok(Decision::Given { issued, again: true });
    }
    let site = &request.station.site;
    let Some(quota) = store.quota(&firmware.name, site).await? else {
        return refused(codes::QUOTA_MISSING);
    };
    if quota.closed {
        return refused(codes::QUOTA_CLOSED);
    }
    if quota.expires.is_some_and(|end| time >= end) {
        return refused(codes::QUOTA_EXPIRED);
    }
    if quota.issued >= quota.granted {
        return refused(codes::QUOTA_EXHAUSTED);
    }
    let licence = match seal(vault, &firmware, request)? {
        Ok(licence) => licence.bytes().to_vec(),
        Err(code) => return refused(code),
    };
    let serial = store.add_licence(&firmware.name, site, &device.0, &licence, time).await?;
    Ok(Decision::Given { issued: Issued { serial, licence }, again: false })
}

/// Seals the firmware key for the device. The inner error is the device's: a key that is no point of the curve.
fn seal(vault: &Vault, firmware: &Firmware, request: &Request) -> Result<Result<Licence, Code>> {
    let key = vault.unwrap(&firmware.name, &firmware.wrapped_key)?;
    let public = request.certificate.key();
    let terms = Terms {
        kind: LicenceKind::Firmware,
        least_version: firmware.least_version,
        least_services: firmware.least_services,
        fingerprint: Terms::fingerprint(public, &mut Software),
    };
    let product = request.certificate.product();
    Ok(Licence::seal(terms, product, public, firmware.package, &key, &mut UnwrapErr(SysRng)))
}
