//! Certificates for the way between stations and server: an authority, the server, the stations.
//!
//! Made with ECDSA P-256 by `rcgen`. Any other authority does as well: the server asks of a station's certificate only that
//! it chains to the authority that it was given, and that its subject names a site (O) and a station (CN).

use ironroot_codes::{input, internal, licence as codes};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
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

/// Whether it is a host name: labels of letters, digits and hyphens; the first may be `*`.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.strip_prefix("*.").unwrap_or(text).split('.').all(label)
}

fn parameters(names: Vec<String>, organisation: &str, name: &str, days: i64) -> Result<CertificateParams> {
    let mut parameters = CertificateParams::new(Vec::<String>::new()).map_err(failed)?;
    for host in names {
        let san = match host.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) if is_host(&host) => SanType::DnsName(host.try_into().map_err(failed)?),
            Err(_) => {
                let cause = format!("{host:?} is neither a host name nor an address");
                return Err(Error::new(input::USAGE, cause));
            }
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

/// The authority, once it is known that what it signs will verify.
///
/// # Errors
/// `AUTHORITY_UNUSABLE`: the cause names the part.
fn issuer(authority: &Pair) -> Result<Issuer<'static, KeyPair>> {
    let certificate = |why: &dyn std::fmt::Display| {
        Error::new(codes::AUTHORITY_UNUSABLE, format!("the authority's certificate: {why}"))
    };
    let key = |why: &dyn std::fmt::Display| {
        Error::new(codes::AUTHORITY_UNUSABLE, format!("the authority's key: {why}"))
    };
    let (_, pem) =
        x509_parser::pem::parse_x509_pem(authority.certificate.as_bytes()).map_err(|e| certificate(&e))?;
    let parsed = pem.parse_x509().map_err(|e| certificate(&e))?;
    let basic = parsed.basic_constraints().map_err(|e| certificate(&e))?;
    if !basic.is_some_and(|basic| basic.value.ca) {
        return Err(certificate(&"it is of no authority"));
    }
    if !parsed.validity().is_valid() {
        let (from, to) = (parsed.validity().not_before, parsed.validity().not_after);
        return Err(certificate(&format!("it is valid from {from} to {to}")));
    }
    let pair = KeyPair::from_pem(&authority.key).map_err(|e| key(&e))?;
    if parsed.public_key().raw != pair.subject_public_key_info() {
        return Err(key(&"it is not the key of the authority's certificate"));
    }
    Issuer::from_ca_cert_pem(&authority.certificate, pair).map_err(|e| certificate(&e))
}

fn issue(
    authority: &Pair,
    mut parameters: CertificateParams,
    usage: ExtendedKeyUsagePurpose,
) -> Result<Pair> {
    parameters.extended_key_usages = vec![usage];
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.use_authority_key_identifier_extension = true;
    let issuer = issuer(authority)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_whose_certificates_would_not_verify_is_refused() {
        let authorities = [authority("one").expect("made"), authority("two").expect("made")];
        let [one, two] = &authorities;
        let leaf = server(one, &["localhost".into()], 1).expect("made");
        let cut = one.certificate.get(..200).expect("longer").to_owned();
        let of = |certificate: &str, key: &str| Pair {
            certificate: certificate.to_owned(),
            key: Zeroizing::new(key.to_owned()),
        };
        assert!(station(&of(&one.certificate, &one.key), "a", "line-1", 1).is_ok());
        for (pair, named) in [
            (of(&one.certificate, &two.key), "the authority's key: it is not"),
            (of(&one.certificate, ""), "the authority's key"),
            (of(&one.certificate, &one.certificate), "the authority's key"),
            (of(&one.key, &one.key), "the authority's certificate"),
            (of("", &one.key), "the authority's certificate"),
            (of(&cut, &one.key), "the authority's certificate"),
            (of(&leaf.certificate, &leaf.key), "the authority's certificate: it is of no authority"),
        ] {
            let error = station(&pair, "a", "line-1", 1).err().expect("must be refused");
            assert_eq!(error.code, codes::AUTHORITY_UNUSABLE, "{named}");
            assert!(error.cause.starts_with(named), "{named}: {error}");
        }
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        let authority = authority("one").expect("made");
        let made = |host: &str| server(&authority, &[host.to_owned()], 1).map(|_| ()).map_err(|e| e.code);
        for host in ["localhost", "*.example.com", "10.0.0.1", "::1", "a-b.c"] {
            assert_eq!(made(host), Ok(()), "{host}");
        }
        for host in ["", "a b", "a\nb", "-a", "a..b", "ä", "*", "a.*"] {
            assert_eq!(made(host), Err(input::USAGE), "{host}");
        }
    }
}
