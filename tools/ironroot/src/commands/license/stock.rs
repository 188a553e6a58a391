//! `ironroot license firmware|quota|revoke`: what the product owner decides.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ironroot_codes::input;
use ironroot_license_server::admin::{self, NewFirmware};
use ironroot_license_server::model::{self, Revocable, Time};
use ironroot_license_server::store::{Open, Store, with_store};
use serde_json::json;

use super::vault::VaultOptions;
use super::{StoreOption, package};
use crate::error::{Failure, Result};
use crate::files;
use crate::report::{BOLD, Reporter};

const DAY: Time = 24 * 60 * 60 * 1000;

/// Register firmware that licences are given for
#[derive(Subcommand, Debug)]
#[command(after_help = "\
Examples:
  ironroot license firmware add pump-1.2 --package pump.sfi --key pump.key --vault vault.json --passphrase-file pass
  ironroot license firmware list")]
pub enum Firmware {
    /// Register a package and its key, once they are checked as a device would; the key is stored wrapped by the vault
    Add(AddFirmware),
    /// List registered firmware
    #[command(after_help = "\
Examples:
  ironroot license firmware list
  ironroot license firmware list --store postgres://licenses@db/licenses --json")]
    List(StoreOption),
    /// Remove a firmware and its quotas, as long as no licence was given for it
    Remove(RemoveFirmware),
}

/// Arguments of `firmware add`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot license firmware add pump-1.2 --package pump.sfi --key pump.key --vault vault.json --passphrase-file pass
  ironroot license firmware add pump-1.2 --package pump.sfi --key pump.key --vault 'pkcs11:token=owner;object=master'")]
pub struct AddFirmware {
    /// Name that stations ask for
    #[arg(value_name = "NAME", value_parser = super::name)]
    name: String,
    /// The package, of `ironroot sfi create`
    #[arg(long, value_name = "FILE")]
    package: PathBuf,
    /// Its firmware key, 16 bytes
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Least version that licences allow [default: that of the package]
    #[arg(long, value_name = "N")]
    least_version: Option<u32>,
    #[command(flatten)]
    vault: VaultOptions,
    #[command(flatten)]
    store: StoreOption,
}

/// Arguments of `firmware remove`.
#[derive(Args, Debug)]
#[command(after_help = "\
Devices that have a licence count for ever: then close the quotas instead.

Examples:
  ironroot license firmware remove pump-1.2")]
pub struct RemoveFirmware {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    store: StoreOption,
}

/// Say how many devices of a site may get a firmware
#[derive(Subcommand, Debug)]
#[command(after_help = "\
Examples:
  ironroot license quota create pump-1.2 --site plant-a --granted 1000 --expires 2027-01-31
  ironroot license quota show
  ironroot license quota grant pump-1.2 --site plant-a --more 500
  ironroot license quota close pump-1.2 --site plant-a")]
pub enum Quota {
    /// Create a quota
    Create(CreateQuota),
    /// Show quotas and how much of them is used
    #[command(after_help = "\
Examples:
  ironroot license quota show
  ironroot license quota show --json")]
    Show(StoreOption),
    /// Grant more devices
    Grant(GrantQuota),
    /// Close a quota: nothing new is given from it; devices that have a licence get it again
    Close(CloseQuota),
}

/// Which quota.
#[derive(Args, Debug)]
pub struct Which {
    /// Name of the firmware
    #[arg(value_name = "FIRMWARE")]
    firmware: String,
    /// Site, as the certificates of its stations name it
    #[arg(long, value_parser = super::line)]
    site: String,
    #[command(flatten)]
    store: StoreOption,
}

/// Arguments of `quota create`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot license quota create pump-1.2 --site plant-a --granted 1000
  ironroot license quota create pump-1.2 --site plant-a --granted 1000 --expires 2027-01-31")]
pub struct CreateQuota {
    #[command(flatten)]
    which: Which,
    /// Number of devices
    #[arg(long, value_name = "N")]
    granted: u32,
    /// Last day, UTC
    #[arg(long, value_name = "YYYY-MM-DD")]
    expires: Option<String>,
}

/// Arguments of `quota grant`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot license quota grant pump-1.2 --site plant-a --more 500")]
pub struct GrantQuota {
    #[command(flatten)]
    which: Which,
    /// Number of devices more
    #[arg(long, value_name = "N")]
    more: u32,
}

/// Arguments of `quota close`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot license quota close pump-1.2 --site plant-a")]
pub struct CloseQuota {
    #[command(flatten)]
    which: Which,
}

/// Revoke a device or a station: it gets no licence any more, also none that it had
#[derive(Subcommand, Debug)]
#[command(after_help = "\
Examples:
  ironroot license revoke device 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
pub enum Revoke {
    /// Revoke a device, by its id in the audit log
    #[command(after_help = "\
Examples:
  ironroot license revoke device 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    Device(Id),
    /// Revoke a station, by the SHA-256 of its certificate
    #[command(after_help = "\
`openssl x509 -in line-1.pem -outform DER | sha256sum` prints the id.

Examples:
  ironroot license revoke station 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    Station(Id),
}

/// What is revoked.
#[derive(Args, Debug)]
pub struct Id {
    /// 64 hexadecimal digits
    #[arg(value_name = "ID", value_parser = id)]
    id: String,
    #[command(flatten)]
    store: StoreOption,
}

/// A SHA-256 in hexadecimal.
pub fn id(text: &str) -> std::result::Result<String, String> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("it has 64 hexadecimal digits".into())
    }
}

/// Runs `license firmware`.
pub fn firmware(args: &Firmware, report: &mut Reporter<'_>) -> Result {
    match args {
        Firmware::Add(args) => add(args, report),
        Firmware::Remove(args) => remove(args, report),
        Firmware::List(store) => {
            let all = with_store(&store.store, Open::Existing, async |store| store.firmwares().await)?;
            for firmware in &all {
                let data = json!({
                    "firmware": firmware.name, "package": firmware.package.to_string(), "product": firmware.product,
                    "least_version": firmware.least_version, "least_services": firmware.least_services,
                });
                let text = format!("{BOLD}{}{BOLD:#}  package {}", firmware.name, firmware.package);
                report.result("license firmware list", data, text);
            }
            Ok(())
        }
    }
}

fn add(args: &AddFirmware, report: &mut Reporter<'_>) -> Result {
    let key = files::read_secret(&args.key)?;
    let key: &[u8; 16] = key.as_slice().try_into().map_err(|_| {
        Failure::new(input::KEY_ALGORITHM, "a firmware key has 16 bytes").about(args.key.display())
    })?;
    let package = package::checked(&args.package, key)?;
    let header = &package.header;
    let least_version = args.least_version.unwrap_or(header.version);
    if least_version > header.version {
        let cause = format!("--least-version {least_version}: the package is of version {}", header.version);
        return Err(
            Failure::new(input::USAGE, cause).fix("No device would install it: give its version or less.")
        );
    }
    let vault = args.vault.open(report)?;
    let product = header.product.to_string();
    let new = NewFirmware {
        name: &args.name,
        package: package.id,
        product: &product,
        least_version,
        least_services: header.least_services,
        key,
    };
    with_store(&args.store.store, Open::OrMake, async |store| {
        admin::add_firmware(store, &vault, &new).await
    })?;
    let data = json!({ "firmware": args.name, "package": new.package.to_string(), "product": product });
    report.result("license firmware add", data, format!("{}: package {}", args.name, new.package));
    Ok(())
}

fn remove(args: &RemoveFirmware, report: &mut Reporter<'_>) -> Result {
    with_store(&args.store.store, Open::Existing, async |store| {
        admin::remove_firmware(store, &args.name).await
    })?;
    let data = json!({ "firmware": args.name });
    report.result("license firmware remove", data, format!("{}: removed, with its quotas", args.name));
    Ok(())
}

/// Runs `license quota`.
pub fn quota(args: &Quota, report: &mut Reporter<'_>) -> Result {
    let changed = match args {
        Quota::Show(store) => with_store(&store.store, Open::Existing, async |store| store.quotas().await)?,
        Quota::Create(CreateQuota { which, granted, expires }) => {
            let expires = expires.as_deref().map(end_of_day).transpose()?;
            let quota = with_store(&which.store.store, Open::Existing, async |store| {
                let (firmware, site) = (&which.firmware, &which.site);
                admin::create_quota(store, firmware, site, i64::from(*granted), expires).await?;
                store.quota(firmware, site).await
            })?;
            quota.into_iter().collect()
        }
        Quota::Grant(GrantQuota { which, more }) => {
            vec![with_store(&which.store.store, Open::Existing, async |store| {
                admin::grant(store, &which.firmware, &which.site, *more).await
            })?]
        }
        Quota::Close(CloseQuota { which }) => {
            vec![with_store(&which.store.store, Open::Existing, async |store| {
                admin::close(store, &which.firmware, &which.site).await
            })?]
        }
    };
    for quota in &changed {
        report.result("license quota", quota, describe(quota));
    }
    Ok(())
}

fn describe(quota: &model::Quota) -> String {
    let state = match quota.expires {
        _ if quota.closed => ", closed",
        Some(end) if model::now() >= end => ", expired",
        _ => "",
    };
    let model::Quota { firmware, site, granted, issued, .. } = quota;
    format!("{BOLD}{firmware}{BOLD:#} at {site}: {issued} of {granted} devices{state}")
}

/// The moment at which the day is over, UTC.
fn end_of_day(text: &str) -> Result<Time> {
    let refused =
        || Failure::new(input::USAGE, format!("--expires {text}: not a day")).fix("Write it as 2027-01-31.");
    let mut parts = text.split('-').map(str::parse::<i64>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(refused());
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = usize::try_from(month - 1).ok().and_then(|month| lengths.get(month)).ok_or_else(refused)?;
    if !(1970..=9999).contains(&year) || !(1..=*length).contains(&day) {
        return Err(refused());
    }
    // Days since 1970: whole years with their leap days, whole months, days.
    let leaps = |year: i64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    let months: i64 = lengths.iter().take((month - 1) as usize).sum();
    Ok((years + months + day) * DAY)
}

/// Runs `license revoke`.
pub fn revoke(args: &Revoke, report: &mut Reporter<'_>) -> Result {
    let (what, args) = match args {
        Revoke::Device(args) => (Revocable::Device, args),
        Revoke::Station(args) => (Revocable::Station, args),
    };
    with_store(&args.store.store, Open::Existing, async |store| admin::revoke(store, what, &args.id).await)?;
    let data = json!({ "what": what.name(), "id": args.id });
    report.result("license revoke", data, format!("{} {} is revoked", what.name(), args.id));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_at_midnight_utc() {
        for (text, days) in
            [("1970-01-01", 1), ("1970-12-31", 365), ("2000-02-29", 11017), ("2026-11-21", 20779)]
        {
            assert_eq!(end_of_day(text).expect("a day"), days * DAY, "{text}");
        }
        for text in
            ["", "2026", "2026-13-01", "2026-02-29", "2026-00-10", "2026-01-00", "2026-01-01-01", "x-y-z"]
        {
            assert_eq!(end_of_day(text).expect_err("no day").code, input::USAGE, "{text}");
        }
    }
}
