//! The station's side: asks for a licence until there is an answer or the time is over.
//!
//! A request keeps its id over all tries. So an answer that was lost is given again and is not counted again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::{BASE64, HEXLOWER};
use ironroot_codes::{Code, licence as codes};
use ironroot_sfi::{Certificate, LICENCE_LEN, Licence, PackageId};
use serde::Deserialize;
use ureq::Agent;
use ureq::tls::{ClientCert, PrivateKey, RootCerts, TlsConfig};

use crate::error::{Error, Result};

/// The first pause between two tries; it doubles.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Who the station is, and whom it trusts: PEM.
pub struct Identity<'a> {
    /// Its certificate.
    pub certificate: &'a [u8],
    /// Its private key.
    pub key: &'a [u8],
    /// The authority of the server.
    pub server_authority: &'a [u8],
}

/// A way to a licence server. Keeps its connection between requests.
pub struct Client {
    agent: Agent,
    url: String,
    patience: Duration,
}

/// A licence, and whether the device had it already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The licence.
    pub licence: Licence,
    /// Its serial number.
    pub serial: i64,
    /// It had been given before; nothing was counted.
    pub again: bool,
}

#[derive(Deserialize)]
struct Answer {
    license: String,
    serial: i64,
    again: bool,
}

#[derive(Deserialize)]
struct Refusal {
    code: WireCode,
    message: String,
}

/// A code as an answer has it: text, like `IR-6002`.
struct WireCode(Code);

impl<'de> Deserialize<'de> for WireCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl Client {
    /// A client for `url` (`https://host:port`). `one_try` bounds a try, `patience` all tries together.
    ///
    /// # Errors
    /// `SERVER_UNTRUSTED`: the identity's files cannot be used.
    pub fn new(url: &str, identity: &Identity<'_>, one_try: Duration, patience: Duration) -> Result<Self> {
        let unusable = |e: ureq::Error| Error::new(codes::SERVER_UNTRUSTED, e);
        let certificates = |pem| {
            ureq::tls::parse_pem(pem)
                .filter_map(|item| match item {
                    Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                    Ok(_) => None,
                    Err(error) => Some(Err(error)),
                })
                .collect::<std::result::Result<Vec<_>, _>>()
        };
        let own = certificates(identity.certificate).map_err(unusable)?;
        let roots = certificates(identity.server_authority).map_err(unusable)?;
        let key = PrivateKey::from_pem(identity.key).map_err(unusable)?;
        let tls = TlsConfig::builder()
            .client_cert(Some(ClientCert::new_with_certs(&own, key)))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(
                tokio_rustls::rustls::crypto::ring::default_provider(),
            ))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .http_status_as_error(false)
            // The first try must not outlast them all.
            .timeout_global(Some(one_try.min(patience)))
            .max_redirects(0)
            .build()
            .new_agent();
        Ok(Self { agent, url: format!("{}/v1/licenses", url.trim_end_matches('/')), patience })
    }

    /// Asks for the licence of a device.
    ///
    /// # Errors
    /// The server's refusal with its code, or why there is no answer.
    pub fn licence(&self, certificate: &Certificate, firmware: &str, package: PackageId) -> Result<Given> {
        let body = serde_json::json!({
            "certificate": BASE64.encode(&certificate.encode()),
            "firmware": firmware,
            "package": HEXLOWER.encode(&package.0),
            "request": uuid::Uuid::new_v4(),
        });
        let end = Instant::now() + self.patience;
        let mut pause = PAUSE;
        loop {
            let error = match self.ask(&body) {
                Err(error) if may_pass(error.code) => error,
                outcome => return outcome,
            };
            if Instant::now() + pause >= end {
                return Err(error);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn ask(&self, body: &serde_json::Value) -> Result<Given> {
        let mut response = self.agent.post(&self.url).send_json(body).map_err(|e| unreachable(&e))?;
        let text = response.body_mut().read_to_string().map_err(|e| unreachable(&e))?;
        let nonsense = |why: &dyn std::fmt::Display| Error::new(codes::SERVER_ANSWER, why);
        if !response.status().is_success() {
            let refusal: Refusal = serde_json::from_str(&text)
                .map_err(|_| nonsense(&format!("status {}", response.status())))?;
            return Err(Error::new(refusal.code.0, refusal.message));
        }
        let answer: Answer = serde_json::from_str(&text).map_err(|e| nonsense(&e))?;
        let bytes = BASE64.decode(answer.license.as_bytes()).map_err(|e| nonsense(&e))?;
        let bytes: [u8; LICENCE_LEN] =
            bytes.try_into().map_err(|_| nonsense(&"the licence has another length"))?;
        let licence = Licence::parse(&bytes).map_err(|code| nonsense(&code))?;
        Ok(Given { licence, serial: answer.serial, again: answer.again })
    }
}

/// Whether the same request may have another outcome soon.
fn may_pass(code: Code) -> bool {
    code == codes::SERVER_UNREACHABLE || code == codes::STORE_UNAVAILABLE
}

fn unreachable(error: &ureq::Error) -> Error {
    use tokio_rustls::rustls;

    // A handshake that failed does not get better by repeating; ureq hands it on as an I/O error or as its own kind.
    let untrusted = match error {
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => true,
        ureq::Error::Io(e) => e.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
        _ => false,
    };
    let code = if untrusted { codes::SERVER_UNTRUSTED } else { codes::SERVER_UNREACHABLE };
    Error::new(code, error)
}
