//! Certificates for the way between stations and server: an authority, the server, the stations.
//!
//! Made with ECDSA P-256 by `rcgen`. Any other authority does as well: the server asks of a station's certificate only that
//! it chains to the authority that it was given, and that its subject names a site (O) and a station (CN).

use ironroot_codes::internal;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// How long an authority is valid.
const AUTHORITY_DAYS: i64 = 3650;
/// Clocks of stations may be a little behind.
const BEFORE: Duration = Duration::hours(1);

/// A certificate with its key, PEM.
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS#8.
    pub key: Zeroizing<String>,
}

fn failed(cause: impl std::fmt::Display) -> Error {
    Error::new(internal::INTERNAL, cause)
}

fn parameters(names: Vec<String>, organisation: &str, name: &str, days: i64) -> Result<CertificateParams> {
    let mut parameters = CertificateParams::new(Vec::<String>::new()).map_err(failed)?;
    for host in names {
        let san = match host.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(host.try_into().map_err(failed)?),
        };
        parameters.subject_alt_names.push(san);
    }
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::OrganizationName, organisation);
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = OffsetDateTime::now_utc() - BEFORE;
    parameters.not_after = OffsetDateTime::now_utc() + Duration::days(days);
    Ok(parameters)
}

/// Makes an authority.
pub fn authority(name: &str) -> Result<Pair> {
    let mut parameters = parameters(vec![], name, &format!("{name} authority"), AUTHORITY_DAYS)?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let issuer =
        CertifiedIssuer::self_signed(parameters, KeyPair::generate().map_err(failed)?).map_err(failed)?;
    Ok(Pair { certificate: issuer.pem(), key: Zeroizing::new(issuer.key().serialize_pem()) })
}

fn issue(
    authority: &Pair,
    mut parameters: CertificateParams,
    usage: ExtendedKeyUsagePurpose,
) -> Result<Pair> {
    parameters.extended_key_usages = vec![usage];
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.use_authority_key_identifier_extension = true;
    let ca_key = KeyPair::from_pem(&authority.key).map_err(failed)?;
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, ca_key).map_err(failed)?;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = parameters.signed_by(&key, &issuer).map_err(failed)?;
    Ok(Pair { certificate: certificate.pem(), key: Zeroizing::new(key.serialize_pem()) })
}

/// Makes the server's certificate for these host names and addresses.
pub fn server(authority: &Pair, hosts: &[String], days: i64) -> Result<Pair> {
    let name = hosts.first().map_or("licence server", String::as_str);
    let parameters = parameters(hosts.to_vec(), "licence server", name, days)?;
    issue(authority, parameters, ExtendedKeyUsagePurpose::ServerAuth)
}

/// Makes a station's certificate. A negative number of days makes one that has expired, for tests.
pub fn station(authority: &Pair, site: &str, name: &str, days: i64) -> Result<Pair> {
    let mut parameters = parameters(vec![], site, name, days)?;
    if days < 0 {
        parameters.not_before = parameters.not_after - Duration::days(1);
    }
    issue(authority, parameters, ExtendedKeyUsagePurpose::ClientAuth)
}
