//! What is stored and what is asked: plain data.

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use ironroot_codes::Code;
use ironroot_crypto::{Crypto, P256PublicKey, Software};
use ironroot_sfi::{Certificate, PackageId};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970, UTC.
pub type Time = i64;

/// The present.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Names a device: SHA-256 of its public key (SubjectPublicKeyInfo), in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceId(pub String);

impl DeviceId {
    /// The name of the device with this key.
    pub fn of(key: &P256PublicKey) -> Self {
        Self(HEXLOWER.encode(&Software.sha256_of(&key.spki_der())))
    }
}

/// A firmware that licences are given for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// Its name.
    pub name: String,
    /// The package that it is.
    pub package: PackageId,
    /// The product id of the chips that it is for.
    pub product: String,
    /// The least version that a licence allows.
    pub least_version: u32,
    /// The least version of the root security services.
    pub least_services: u32,
    /// The firmware key, wrapped by the vault.
    pub wrapped_key: Vec<u8>,
}

/// How many devices of one site may get one firmware.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// The firmware.
    pub firmware: String,
    /// The site, as station certificates name it.
    pub site: String,
    /// So many devices.
    pub granted: i64,
    /// So many have a licence.
    pub issued: i64,
    /// The moment from which no new licence is given.
    pub expires: Option<Time>,
    /// Closed by the owner.
    pub closed: bool,
}

/// A station: who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// The site: organisation of its certificate.
    pub site: String,
    /// Its name: common name of its certificate.
    pub name: String,
    /// SHA-256 of its certificate in hexadecimal: what a revocation names.
    pub id: String,
}

/// A request for a licence. The certificate's signature has been verified.
#[derive(Clone, Debug)]
pub struct Request {
    /// Named by the station; the same one again repeats the request.
    pub id: uuid::Uuid,
    /// Who asks.
    pub station: Station,
    /// For which device.
    pub certificate: Certificate,
    /// For which firmware.
    pub firmware: String,
    /// And which package of it.
    pub package: PackageId,
}

/// The names in a request, as the store keeps them.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The request's id.
    pub id: &'a str,
    /// Hash of the station's certificate.
    pub station: &'a str,
    /// The site.
    pub site: &'a str,
    /// The firmware.
    pub firmware: &'a str,
    /// The device, a [`DeviceId`].
    pub device: &'a str,
}

/// What the store knows about a request.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The station is revoked.
    pub station_revoked: bool,
    /// The device is revoked.
    pub device_revoked: bool,
    /// The firmware, if there is one of that name.
    pub firmware: Option<Firmware>,
    /// What the request's id was noted for before: firmware and device.
    pub noted: Option<(String, String)>,
    /// The licence that the device has for the firmware.
    pub issued: Option<Issued>,
    /// The quota of the firmware at the site.
    pub quota: Option<Quota>,
}

/// A licence that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Counts licences of the whole store.
    pub serial: i64,
    /// The 136 bytes.
    pub licence: Vec<u8>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A licence; `again` if the device had it already.
    Given {
        /// The licence.
        issued: Issued,
        /// It had been given before.
        again: bool,
    },
    /// None, for this reason.
    Refused(Code),
}

/// What can be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revocable {
    /// A device, by [`DeviceId`].
    Device,
    /// A station, by the hash of its certificate.
    Station,
}

impl Revocable {
    /// Its name in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Station => "station",
        }
    }
}
