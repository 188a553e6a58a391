//! The station's side: asks for a licence until there is an answer or the time is over.
//!
//! A request keeps its id over all tries. So an answer that was lost is given again and is not counted again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::{BASE64, HEXLOWER};
use ironroot_codes::{Code, input, licence as codes};
use ironroot_sfi::{Certificate, LICENCE_LEN, Licence, PackageId};
use serde::Deserialize;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate as TlsCertificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

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
    /// `USAGE`: the URL is none of a licence server. `SERVER_UNTRUSTED`: the identity's files cannot be used; the cause says
    /// which.
    pub fn new(url: &str, identity: &Identity<'_>, one_try: Duration, patience: Duration) -> Result<Self> {
        let url = endpoint(url)?;
        let provider = Arc::new(ring::default_provider());
        let tls = TlsConfig::builder()
            .client_cert(Some(certificate_and_key(identity, &provider)?))
            .root_certs(RootCerts::Specific(Arc::new(authorities(identity.server_authority)?)))
            .unversioned_rustls_crypto_provider(provider)
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
        Ok(Self { agent, url, patience })
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

/// Where requests go. The URL is not repeated: it may hold a password.
fn endpoint(url: &str) -> Result<String> {
    let refused = |why: &str| {
        Error::new(input::USAGE, format!("the licence server's URL {why}; write it as https://HOST:PORT"))
    };
    let uri: Uri = url.parse().map_err(|_| refused("cannot be read"))?;
    if uri.scheme_str() != Some("https") {
        return Err(refused("is not of https"));
    }
    let authority = uri.authority().ok_or_else(|| refused("names no host"))?;
    if authority.host().is_empty() || authority.as_str().ends_with(':') {
        return Err(refused("names no host"));
    }
    if authority.as_str().contains('@') {
        return Err(refused("has a user or password, which the server does not know"));
    }
    if uri.path() != "/" || uri.query().is_some() || url.contains('#') {
        return Err(refused("has a path, which the server does not know"));
    }
    Ok(format!("https://{authority}/v1/licenses"))
}

fn unusable(what: &str, why: impl std::fmt::Display) -> Error {
    Error::new(codes::SERVER_UNTRUSTED, format!("{what}: {why}"))
}

/// The certificates of a PEM file: at least one.
fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<std::result::Result<Vec<_>, _>>();
    let all = all.map_err(|e| unusable(what, e))?;
    if all.is_empty() { Err(unusable(what, "no certificate is in the file")) } else { Ok(all) }
}

fn to_ureq(der: &CertificateDer<'_>) -> TlsCertificate<'static> {
    TlsCertificate::from_der(der).to_owned()
}

/// The authorities of the server. All must be readable: one that the TLS library would silently ignore is one that the user
/// believes to be trusted.
fn authorities(pem: &[u8]) -> Result<Vec<TlsCertificate<'static>>> {
    const WHAT: &str = "the server's authority";
    let all = certificates(pem, WHAT)?;
    let mut roots = RootCertStore::empty();
    for certificate in &all {
        roots.add(certificate.clone()).map_err(|e| unusable(WHAT, e))?;
    }
    Ok(all.iter().map(to_ureq).collect())
}

/// The station's certificate and key, once it is known that the TLS library takes them: ureq panics if not.
fn certificate_and_key(identity: &Identity<'_>, provider: &CryptoProvider) -> Result<ClientCert> {
    const CERTIFICATE: &str = "the station's certificate";
    const KEY: &str = "the station's key";
    let chain = certificates(identity.certificate, CERTIFICATE)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key).map_err(|e| unusable(KEY, e))?;
    let for_ureq = PrivateKey::from_pem(identity.key).map_err(|e| unusable(KEY, e))?;
    let signer = provider.key_provider.load_private_key(key).map_err(|e| unusable(KEY, e))?;
    let certified = CertifiedKey::new(chain, signer);
    certified
        .end_entity_cert()
        .and_then(|leaf| {
            // The form of the certificate first: an error of it says nothing about the key.
            tokio_rustls::rustls::server::ParsedCertificate::try_from(leaf).map(|_| ())
        })
        .map_err(|e| unusable(CERTIFICATE, e))?;
    certified.keys_match().map_err(|_| unusable(KEY, "it is not the key of the station's certificate"))?;
    let chain: Vec<_> = certified.cert.iter().map(to_ureq).collect();
    Ok(ClientCert::new_with_certs(&chain, for_ureq))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki;

    fn refusal(url: &str, certificate: &str, key: &str, authority: &str) -> Error {
        let identity = Identity {
            certificate: certificate.as_bytes(),
            key: key.as_bytes(),
            server_authority: authority.as_bytes(),
        };
        let time = Duration::from_secs(1);
        Client::new(url, &identity, time, time).err().expect("must be refused")
    }

    #[test]
    fn files_that_cannot_be_used_are_named() {
        let authority = pki::authority("test").expect("an authority");
        let station = |name| pki::station(&authority, "a", name, 1).expect("a station");
        let (one, two) = (station("one"), station("two"));
        // RFC 8410: a key for key agreement; it signs nothing.
        let x25519 = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIGhhaGhhaGhhaGhhaGhhaGhhaGhhaGhhaGhhaGhhaGho\n-----END PRIVATE KEY-----\n";
        let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let root = authority.certificate.as_str();
        for (certificate, key, root, named) in [
            (one.certificate.as_str(), two.key.as_str(), root, "the station's key: it is not"),
            (&one.key, &one.key, root, "the station's certificate: no certificate"),
            ("", &one.key, root, "the station's certificate: no certificate"),
            (broken, &one.key, root, "the station's certificate"),
            (&one.certificate, x25519, root, "the station's key"),
            (&one.certificate, "", root, "the station's key"),
            (&one.certificate, &one.certificate, root, "the station's key"),
            (&one.certificate, &one.key, "", "the server's authority: no certificate"),
            (&one.certificate, &one.key, &one.key, "the server's authority: no certificate"),
            (&one.certificate, &one.key, broken, "the server's authority"),
        ] {
            let error = refusal("https://localhost:1", certificate, key, root);
            assert_eq!(error.code, codes::SERVER_UNTRUSTED, "{named}");
            assert!(error.cause.starts_with(named), "{named}: {error}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_server_is_said_at_once_and_without_its_password() {
        for url in [
            "",
            "foo",
            "localhost:8443",
            "http://localhost:8443",
            "https://",
            "https://:8443",
            "https://localhost:",
            "https://u:secret@localhost",
            "https://localhost/secret",
            "https://localhost?x",
            "postgres://localhost",
            "https://local host",
        ] {
            let error = refusal(url, "", "", "");
            assert_eq!(error.code, input::USAGE, "{url}");
            assert!(!error.cause.contains("secret"), "{error}");
        }
        for url in
            ["https://localhost:8443", "https://localhost/", "HTTPS://[::1]:8443", "https://licenses.example"]
        {
            assert_eq!(refusal(url, "", "", "").code, codes::SERVER_UNTRUSTED, "{url}");
        }
    }
}
