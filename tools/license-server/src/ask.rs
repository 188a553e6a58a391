//! What a station asks: the body of a request, read strictly.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use ironroot_codes::{Code, licence as codes};
use ironroot_sfi::{Certificate, PackageId};
use serde::Deserialize;

use crate::error::{Error, Result};

/// A request that has the right form. Nothing of it is believed yet: neither the certificate nor that the names exist.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The device that the licence is for.
    pub certificate: Certificate,
    /// The name of the firmware.
    pub firmware: String,
    /// The package of it.
    pub package: PackageId,
    /// The id of the request.
    pub request: uuid::Uuid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    certificate: String,
    firmware: String,
    package: String,
    request: uuid::Uuid,
}

impl Asked {
    /// Reads the JSON of a request.
    ///
    /// # Errors
    /// `REQUEST_MALFORMED`, or the code of the certificate's form. The cause names no content of the request.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let malformed = |why: &str| Error::new(codes::REQUEST_MALFORMED, why);
        // The library's own text may quote what was sent: a station that sends a secret by mistake must not find it in a log.
        let body: Body = serde_json::from_slice(body).map_err(|e| {
            malformed(&format!("no request at line {}, column {} ({:?})", e.line(), e.column(), e.classify()))
        })?;
        let decoded = |text: &str| BASE64.decode(text.as_bytes()).map_err(|_| malformed("no base64"));
        let certificate = decoded(&body.certificate)?;
        let package = HEXLOWER_PERMISSIVE
            .decode(body.package.as_bytes())
            .map_err(|_| malformed("the package id is not hexadecimal"))?;
        let package = package.try_into().map_err(|_| malformed("a package id has 16 bytes"))?;
        let coded = |code: Code| Error::new(code, "the device's certificate");
        let certificate = Certificate::parse(&certificate).map_err(coded)?;
        Ok(Self { certificate, firmware: body.firmware, package: PackageId(package), request: body.request })
    }
}
