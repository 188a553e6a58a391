//! What an administrator does: each act a transaction with its entry in the audit log.

use std::io::Write;

use ironroot_codes::licence as codes;
use ironroot_sfi::PackageId;

use crate::audit::Event;
use crate::error::{Error, Result};
use crate::model::{Firmware, Quota, Revocable, Time, now};
use crate::store::{Store, act};
use crate::vault::Vault;

/// Entries of the audit log that are read at a time.
const PAGE: i64 = 1000;

/// A firmware that is to be registered.
#[derive(Clone, Debug)]
pub struct NewFirmware<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its package.
    pub package: PackageId,
    /// The product id of its chips.
    pub product: &'a str,
    /// The least version that a licence allows.
    pub least_version: u32,
    /// The least version of the root security services.
    pub least_services: u32,
    /// The firmware key.
    pub key: &'a [u8; 16],
}

fn exists(what: impl std::fmt::Display) -> Error {
    Error::new(codes::ALREADY_EXISTS, what)
}

fn missing(what: impl std::fmt::Display) -> Error {
    Error::new(codes::NOT_FOUND, what)
}

/// Registers a firmware.
pub async fn add_firmware<S: Store>(store: &mut S, vault: &Vault, new: &NewFirmware<'_>) -> Result<()> {
    act(store, async |store: &mut S| {
        if store.firmware(new.name).await?.is_some() {
            return Err(exists(format!("firmware `{}`", new.name)));
        }
        let firmware = Firmware {
            name: new.name.to_owned(),
            package: new.package,
            product: new.product.to_owned(),
            least_version: new.least_version,
            least_services: new.least_services,
            wrapped_key: vault.wrap(new.name, new.key)?,
        };
        store.add_firmware(&firmware).await?;
        let event = Event::FirmwareAdded {
            time: now(),
            firmware: firmware.name,
            package: new.package.to_string(),
            product: firmware.product,
        };
        Ok(((), event))
    })
    .await
}

/// Removes a firmware that no licence was given for, with its quotas: a mistake made while registering it.
///
/// # Errors
/// `FIRMWARE_ISSUED`: devices have it.
pub async fn remove_firmware<S: Store>(store: &mut S, name: &str) -> Result<()> {
    act(store, async |store: &mut S| {
        let Some(firmware) = store.firmware(name).await? else {
            return Err(missing(format!("firmware `{name}`")));
        };
        if store.has_licences(name).await? {
            return Err(Error::new(codes::FIRMWARE_ISSUED, format!("firmware `{name}`")));
        }
        store.remove_firmware(name).await?;
        let package = firmware.package.to_string();
        Ok(((), Event::FirmwareRemoved { time: now(), firmware: firmware.name, package }))
    })
    .await
}

/// Creates a quota.
pub async fn create_quota<S: Store>(
    store: &mut S,
    firmware: &str,
    site: &str,
    granted: i64,
    expires: Option<Time>,
) -> Result<()> {
    act(store, async |store: &mut S| {
        if store.firmware(firmware).await?.is_none() {
            return Err(missing(format!("firmware `{firmware}`")));
        }
        if store.quota(firmware, site).await?.is_some() {
            return Err(exists(format!("a quota of `{firmware}` for `{site}`")));
        }
        let (firmware, site) = (firmware.to_owned(), site.to_owned());
        let quota = Quota { firmware, site, granted: granted.max(0), issued: 0, expires, closed: false };
        store.add_quota(&quota).await?;
        let Quota { firmware, site, granted, expires, .. } = quota;
        Ok(((), Event::QuotaCreated { time: now(), firmware, site, granted, expires }))
    })
    .await
}

/// Grants more.
///
/// # Errors
/// `QUOTA_CLOSED`.
pub async fn grant<S: Store>(store: &mut S, firmware: &str, site: &str, more: u32) -> Result<Quota> {
    act(store, async |store: &mut S| {
        let mut quota = open(store, firmware, site).await?;
        quota.granted = quota.granted.saturating_add(i64::from(more));
        store.change_quota(&quota).await?;
        let (firmware, site) = (quota.firmware.clone(), quota.site.clone());
        Ok((quota, Event::QuotaGranted { time: now(), firmware, site, more: i64::from(more) }))
    })
    .await
}

/// Closes a quota: nothing new is given from it.
///
/// # Errors
/// `QUOTA_CLOSED`: it is already.
pub async fn close<S: Store>(store: &mut S, firmware: &str, site: &str) -> Result<Quota> {
    act(store, async |store: &mut S| {
        let mut quota = open(store, firmware, site).await?;
        quota.closed = true;
        store.change_quota(&quota).await?;
        let (firmware, site) = (quota.firmware.clone(), quota.site.clone());
        Ok((quota, Event::QuotaClosed { time: now(), firmware, site }))
    })
    .await
}

/// A quota that can be changed. A closed one stays closed: more on it would look as if it were open.
async fn open<S: Store>(store: &mut S, firmware: &str, site: &str) -> Result<Quota> {
    let name = || format!("the quota of `{firmware}` for `{site}`");
    let quota = store.quota(firmware, site).await?.ok_or_else(|| missing(name()))?;
    if quota.closed { Err(Error::new(codes::QUOTA_CLOSED, name())) } else { Ok(quota) }
}

/// Revokes a device or a station.
pub async fn revoke<S: Store>(store: &mut S, what: Revocable, id: &str) -> Result<()> {
    act(store, async |store: &mut S| {
        if store.is_revoked(what, id).await? {
            return Err(exists(format!("{} {id} is revoked already", what.name())));
        }
        let time = now();
        store.revoke(what, id, time).await?;
        Ok(((), Event::Revoked { time, what, id: id.to_owned() }))
    })
    .await
}

/// Writes the audit log as JSON Lines; the number of entries.
///
/// # Errors
/// Also `STORE_UNAVAILABLE` if `to` does not take it.
pub async fn export<S: Store>(store: &mut S, to: &mut impl Write) -> Result<u64> {
    let failed = |e: &dyn std::fmt::Display| Error::new(codes::STORE_UNAVAILABLE, e);
    let (mut after, mut count) = (0, 0);
    loop {
        let entries = store.entries(after, PAGE).await?;
        let Some(last) = entries.last() else { return Ok(count) };
        after = last.seq;
        for entry in &entries {
            serde_json::to_writer(&mut *to, entry).map_err(|e| failed(&e))?;
            to.write_all(b"\n").map_err(|e| failed(&e))?;
            count += 1;
        }
    }
}
