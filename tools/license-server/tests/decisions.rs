//! Every decision of the server, asked by a station over the network.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use common::postgres::Postgres;
use common::*;
use ironroot_codes::{Code, install, licence as codes};
use ironroot_crypto::Software;
use ironroot_license_server::model::{DeviceId, Revocable, now};
use ironroot_license_server::pki::{self, Pair};
use ironroot_license_server::store::Location;
use ironroot_license_server::{admin, audit, http};
use ironroot_sfi::{PackageId, Product};

const PATIENCE: Duration = Duration::from_secs(2);

/// Both stores say the same: everything below runs over each.
fn each_store(test: impl Fn(Option<Location>)) {
    test(None);
    if let Some(postgres) = Postgres::start() {
        test(Some(postgres.location()));
    }
}

#[test]
fn a_quota_is_counted_and_a_second_request_is_free() {
    each_store(|location| {
        let owner = Owner::new(location);
        owner.register(3);
        let server = owner.start();
        let client = owner.client(&server, &owner.station(SITE, 1), PATIENCE);
        let mut given = Vec::new();
        for seed in 1..=3 {
            let first = client.licence(&certificate(seed), FIRMWARE, PACKAGE).expect("given");
            assert!(!first.again);
            let (package, _) = device(seed).open(&first.licence, &mut Software).expect("its device opens it");
            assert_eq!(package, PACKAGE);
            assert_eq!(first.licence.terms().least_version, 5);
            given.push(first);
        }
        let refused = client.licence(&certificate(4), FIRMWARE, PACKAGE).expect_err("the fourth");
        assert_eq!(refused.code, codes::QUOTA_EXHAUSTED);
        for (seed, first) in (1..=3).zip(&given) {
            let second = client.licence(&certificate(seed), FIRMWARE, PACKAGE).expect("again");
            assert!(second.again);
            assert_eq!((second.licence, second.serial), (first.licence, first.serial));
        }
        // The owner grants one more while the server runs.
        let quota =
            owner.with_store(async |store| admin::grant(store, FIRMWARE, SITE, 1).await).expect("granted");
        assert_eq!((quota.granted, quota.issued), (4, 3));
        assert!(!client.licence(&certificate(4), FIRMWARE, PACKAGE).expect("given").again);

        let log = owner.log();
        let summary = audit::verify(log.as_slice()).expect("intact");
        assert_eq!((summary.issued, summary.reissued, summary.refused), (4, 3, 1));
        let text = String::from_utf8_lossy(&log);
        for secret in ["firmware key 128", "correct horse"] {
            assert!(!text.contains(secret));
        }
    });
}

#[test]
fn every_refusal_has_its_code_and_counts_nothing() {
    each_store(|location| {
        let owner = Owner::new(location);
        owner.register(10);
        let server = owner.start();
        let station = owner.station(SITE, 1);
        let client = owner.client(&server, &station, PATIENCE);
        let refused = |certificate, firmware: &str, package| {
            client.licence(&certificate, firmware, package).expect_err("must be refused").code
        };
        assert_eq!(refused(certificate(1), "pump-9", PACKAGE), codes::FIRMWARE_UNKNOWN);
        assert_eq!(refused(certificate(1), FIRMWARE, PackageId([0; 16])), codes::FIRMWARE_UNKNOWN);
        let copy = signed_by(&key_pair(77).0, Product::STM32H735, 1);
        assert_eq!(refused(copy, FIRMWARE, PACKAGE), install::CERTIFICATE_SIGNATURE);
        let other = signed_by(&maker(), Product::from_ascii(*b"45002001").expect("an id"), 1);
        assert_eq!(refused(other, FIRMWARE, PACKAGE), codes::PRODUCT_MISMATCH);

        let elsewhere = owner.client(&server, &owner.station("site-b", 1), PATIENCE);
        let code = elsewhere.licence(&certificate(1), FIRMWARE, PACKAGE).expect_err("no quota").code;
        assert_eq!(code, codes::QUOTA_MISSING);
        owner.with_store(async |store| {
            admin::create_quota(store, FIRMWARE, "site-b", 1, Some(now() - 1)).await.expect("created");
        });
        let code = elsewhere.licence(&certificate(1), FIRMWARE, PACKAGE).expect_err("expired").code;
        assert_eq!(code, codes::QUOTA_EXPIRED);

        // A device that has a licence loses it with its revocation.
        client.licence(&certificate(1), FIRMWARE, PACKAGE).expect("given");
        let id = DeviceId::of(&key_pair(1).1).0;
        owner.with_store(async |store| admin::revoke(store, Revocable::Device, &id).await).expect("revoked");
        assert_eq!(refused(certificate(1), FIRMWARE, PACKAGE), codes::DEVICE_REVOKED);

        // What was given before a quota is closed can be fetched again.
        client.licence(&certificate(2), FIRMWARE, PACKAGE).expect("given");
        owner.with_store(async |store| admin::close(store, FIRMWARE, SITE).await).expect("closed");
        assert_eq!(refused(certificate(3), FIRMWARE, PACKAGE), codes::QUOTA_CLOSED);
        assert!(client.licence(&certificate(2), FIRMWARE, PACKAGE).expect("again").again);

        let der = pem_body(&station.certificate);
        let id = http::station(&der).expect("a station").id;
        owner.with_store(async |store| admin::revoke(store, Revocable::Station, &id).await).expect("revoked");
        assert_eq!(refused(certificate(2), FIRMWARE, PACKAGE), codes::STATION_REVOKED);

        let quotas = owner.with_store(async |store| {
            use ironroot_license_server::store::Store;
            store.quotas().await.expect("quotas")
        });
        let issued: Vec<_> = quotas.iter().map(|quota| (quota.site.as_str(), quota.issued)).collect();
        assert_eq!(issued, [("site-a", 2), ("site-b", 0)]);
        audit::verify(owner.log().as_slice()).expect("intact");
    });
}

fn pem_body(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    data_encoding::BASE64.decode(body.as_bytes()).expect("base64")
}

#[test]
fn foreign_expired_and_missing_station_certificates_do_not_get_in() {
    let owner = Owner::new(None);
    owner.register(1);
    let server = owner.start();
    let foreign = pki::authority("foreign").expect("an authority");
    let stations: [(&str, Pair); 2] = [
        ("foreign", pki::station(&foreign, SITE, "line-1", 1).expect("a certificate")),
        ("expired", owner.station(SITE, -1)),
    ];
    for (name, station) in stations {
        let client = owner.client(&server, &station, Duration::from_millis(300));
        let code = client.licence(&certificate(1), FIRMWARE, PACKAGE).expect_err(name).code;
        assert!([codes::SERVER_UNTRUSTED, codes::SERVER_UNREACHABLE].contains(&code), "{name}: {code}");
    }
    // A station does not talk to a server of somebody else either.
    let station = owner.station(SITE, 1);
    let client = client(&server.url, &station, &foreign.certificate, Duration::from_millis(300));
    let code = client.licence(&certificate(1), FIRMWARE, PACKAGE).expect_err("foreign server").code;
    assert_eq!(code, codes::SERVER_UNTRUSTED);
    let summary = audit::verify(owner.log().as_slice()).expect("intact");
    assert_eq!((summary.issued, summary.refused), (0, 0));
}

#[test]
fn a_certificate_without_a_site_is_refused() {
    let owner = Owner::new(None);
    owner.register(1);
    let server = owner.start();
    let client = owner.client(&server, &owner.station("", 1), PATIENCE);
    let code = client.licence(&certificate(1), FIRMWARE, PACKAGE).expect_err("no site").code;
    assert_eq!(code, codes::STATION_UNKNOWN);
}

/// A raw request over mutual TLS, for what the client would never send.
fn post(owner: &Owner, server: &Server, body: &str) -> (u16, String) {
    let mut child = std::process::Command::new("openssl");
    let station = owner.station(SITE, 1);
    std::fs::write(owner.path("station.pem"), &station.certificate).expect("written");
    std::fs::write(owner.path("station.key"), station.key.as_bytes()).expect("written");
    let mut child = child
        .args(["s_client", "-quiet", "-ign_eof", "-connect", server.address()])
        .arg("-cert")
        .arg(owner.path("station.pem"))
        .arg("-key")
        .arg(owner.path("station.key"))
        .arg("-CAfile")
        .arg(owner.path("authority.pem"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("openssl");
    let request = format!(
        "POST /v1/licenses HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    child.stdin.as_mut().expect("piped").write_all(request.as_bytes()).expect("sent");
    let output = child.wait_with_output().expect("openssl ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, text)
}

fn ask(seed: u64, firmware: &str, request: &str) -> String {
    serde_json::json!({
        "certificate": data_encoding::BASE64.encode(&certificate(seed).encode()),
        "firmware": firmware,
        "package": data_encoding::HEXLOWER.encode(&PACKAGE.0),
        "request": request,
    })
    .to_string()
}

#[test]
fn malformed_and_replayed_requests() {
    let owner = Owner::new(None);
    owner.register(10);
    let server = owner.start();
    let code = |(status, text): (u16, String), wanted: u16, code: Code| {
        assert_eq!(status, wanted, "{text}");
        assert!(text.contains(&code.to_string()), "{text}");
    };
    let id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
    for body in ["", "{}", "[]", "null", "{\"certificate\":1}", &ask(1, FIRMWARE, "not a uuid"), "\u{0}"] {
        code(post(&owner, &server, body), 400, codes::REQUEST_MALFORMED);
    }
    let mut short: serde_json::Value = serde_json::from_str(&ask(1, FIRMWARE, id)).expect("JSON");
    short["certificate"] = "QUJD".into();
    code(post(&owner, &server, &short.to_string()), 400, install::CERTIFICATE_MALFORMED);
    short["extra"] = 1.into();
    code(post(&owner, &server, &short.to_string()), 400, codes::REQUEST_MALFORMED);
    assert_eq!(post(&owner, &server, &" ".repeat(10_000)).0, 413);

    let (status, first) = post(&owner, &server, &ask(1, FIRMWARE, id));
    assert_eq!(status, 200, "{first}");
    let (status, second) = post(&owner, &server, &ask(1, FIRMWARE, id));
    assert_eq!(status, 200);
    let licence = |text: &str| text.split("\"license\":\"").nth(1).expect("a licence")[..184].to_owned();
    assert_eq!(licence(&first), licence(&second));
    assert!(second.contains("\"again\":true"));
    code(post(&owner, &server, &ask(2, FIRMWARE, id)), 409, codes::REQUEST_REUSED);
    assert_eq!(audit::verify(owner.log().as_slice()).expect("intact").issued, 1);
}

#[test]
fn health_metrics_and_a_graceful_end() {
    let owner = Owner::new(None);
    owner.register(1);
    let mut server = owner.start();
    let client = owner.client(&server, &owner.station(SITE, 1), PATIENCE);
    client.licence(&certificate(1), FIRMWARE, PACKAGE).expect("given");
    client.licence(&certificate(2), FIRMWARE, PACKAGE).expect_err("exhausted");
    let get = |path: &str| {
        let mut stream = TcpStream::connect(&server.status).expect("connects");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("answered");
        text
    };
    assert!(get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(get("/readyz").starts_with("HTTP/1.1 200"));
    let metrics = get("/metrics");
    for line in [
        "ironroot_license_decisions_total{outcome=\"issued\"} 1",
        "decisions_total{outcome=\"IR-6002\"} 1",
        "request_seconds_count 2",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let id = server.child.id().to_string();
    std::process::Command::new("kill").args(["-TERM", &id]).status().expect("kill");
    assert!(server.child.wait().expect("ends").success());
}
