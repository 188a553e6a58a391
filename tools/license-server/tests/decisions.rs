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
        // Closed is closed: neither more of it nor once more.
        let granted = owner.with_store(async |store| admin::grant(store, FIRMWARE, SITE, 5).await);
        assert_eq!(granted.expect_err("closed").code, codes::QUOTA_CLOSED);
        let closed = owner.with_store(async |store| admin::close(store, FIRMWARE, SITE).await);
        assert_eq!(closed.expect_err("closed").code, codes::QUOTA_CLOSED);
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

/// A firmware that was registered by mistake can go while nobody has it, with its quotas; then the name is free.
#[test]
fn a_firmware_without_licences_can_be_removed() {
    each_store(|location| {
        let owner = Owner::new(location);
        owner.register(2);
        let remove = |name| owner.with_store(async |store| admin::remove_firmware(store, name).await);
        assert_eq!(remove("pump-9").expect_err("unknown").code, codes::NOT_FOUND);
        remove(FIRMWARE).expect("removed");
        let left = owner.with_store(async |store| {
            use ironroot_license_server::store::Store;
            (store.firmwares().await.expect("read").len(), store.quotas().await.expect("read").len())
        });
        assert_eq!(left, (0, 0));
        owner.register(1);
        let server = owner.start();
        let client = owner.client(&server, &owner.station(SITE, 1), PATIENCE);
        client.licence(&certificate(1), FIRMWARE, PACKAGE).expect("given");
        assert_eq!(
            client.licence(&certificate(2), FIRMWARE, PACKAGE).expect_err("of the new quota").code,
            codes::QUOTA_EXHAUSTED
        );
        assert_eq!(remove(FIRMWARE).expect_err("somebody has it").code, codes::FIRMWARE_ISSUED);
        let summary = audit::verify(owner.log().as_slice()).expect("intact");
        // The removed quota of 2 counts no more.
        assert_eq!((summary.issued, summary.quotas.len(), summary.quotas[0].granted), (1, 1, 1));
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
        assert_eq!(code, codes::SERVER_UNTRUSTED, "{name}");
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

/// A raw connection over mutual TLS, for what the client would never send.
fn tls_client(owner: &Owner, server: &Server) -> std::process::Child {
    let station = owner.station(SITE, 1);
    std::fs::write(owner.path("station.pem"), &station.certificate).expect("written");
    std::fs::write(owner.path("station.key"), station.key.as_bytes()).expect("written");
    std::process::Command::new("openssl")
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
        .expect("openssl")
}

/// A raw request and its answer.
fn post(owner: &Owner, server: &Server, body: &str) -> (u16, String) {
    let mut child = tls_client(owner, server);
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
    code(post(&owner, &server, &" ".repeat(10_000)), 413, codes::REQUEST_MALFORMED);

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
        "handshakes_total{outcome=\"admitted\"}",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    terminate(&mut server);
}

fn terminate(server: &mut Server) {
    let id = server.child.id().to_string();
    std::process::Command::new("kill").args(["-TERM", &id]).status().expect("kill");
    assert!(server.child.wait().expect("ends").success());
}

/// Peers that begin and never go on: before the handshake, in a request, and at the status address. Others are served meanwhile,
/// and the server ends when it is told to.
#[test]
fn slow_peers_hold_neither_the_server_nor_its_end() {
    let owner = Owner::new(None);
    owner.register(1);
    let mut server = owner.start();
    let silent: Vec<TcpStream> =
        (0..40).map(|_| TcpStream::connect(server.address()).expect("connects")).collect();
    let mut half = TcpStream::connect(&server.status).expect("connects");
    write!(half, "GET /healthz HTTP/1.1\r\nHost:").expect("sent");
    let head = "POST /v1/licenses HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400\r\n\r\n{";
    let mut dripping = tls_client(&owner, &server);
    dripping.stdin.as_mut().expect("piped").write_all(head.as_bytes()).expect("sent");
    let client = owner.client(&server, &owner.station(SITE, 1), PATIENCE);
    client.licence(&certificate(1), FIRMWARE, PACKAGE).expect("given, whoever else waits");
    // The body has its own end: the answer says so, with a code.
    let output = dripping.wait_with_output().expect("openssl ends");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("HTTP/1.1 408") && text.contains("IR-6011"), "{text}");
    terminate(&mut server);
    drop((silent, half));
}

/// Everything that the server writes while it decides, refuses and fails: no key, no licence, no passphrase, no certificate.
#[test]
fn logs_have_no_secrets() {
    let owner = Owner::new(None);
    owner.register(1);
    let mut server = owner.start_logging();
    let client = owner.client(&server, &owner.station(SITE, 1), PATIENCE);
    let given = client.licence(&certificate(1), FIRMWARE, PACKAGE).expect("given");
    client.licence(&certificate(2), FIRMWARE, PACKAGE).expect_err("exhausted");
    post(&owner, &server, &ask(1, FIRMWARE, "not a uuid"));
    post(&owner, &server, "{\"certificate\": \"firmware key 128\"}");
    terminate(&mut server);
    let mut log = String::new();
    server.child.stderr.take().expect("piped").read_to_string(&mut log).expect("text");
    assert!(log.contains("\"outcome\":\"issued\"") && log.contains("IR-6011"), "{log}");
    let key = String::from_utf8_lossy(&KEY);
    for (what, secret) in [
        ("key", key.to_string()),
        ("key in base64", data_encoding::BASE64.encode(&KEY)),
        ("key in hexadecimal", data_encoding::HEXLOWER.encode(&KEY)),
        ("licence", data_encoding::BASE64.encode(given.licence.bytes())),
        ("passphrase", "correct horse".to_owned()),
        ("private key of TLS", "PRIVATE KEY".to_owned()),
    ] {
        assert!(!log.contains(&secret), "{what}:\n{log}");
    }
}

/// Carries bytes to the server and back; the answer of each connection is cut off after as many bytes as `cuts` says, the first
/// one first. With none left nothing is cut.
fn cutting(server: &Server, cuts: Vec<usize>) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let target = server.address().to_owned();
    std::thread::spawn(move || {
        let mut cuts = cuts.into_iter();
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(&target) else { return };
            let mut left = cuts.next().unwrap_or(usize::MAX);
            let (mut up, mut to) = (near.try_clone().expect("a socket"), far.try_clone().expect("a socket"));
            std::thread::spawn(move || std::io::copy(&mut up, &mut to));
            let (mut from, mut back) = (far, near);
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = from.read(&mut buffer) {
                    let count = count.min(left);
                    left -= count;
                    if back.write_all(&buffer[..count]).is_err() || left == 0 {
                        break;
                    }
                }
                let _ = back.shutdown(std::net::Shutdown::Both);
                let _ = from.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    address
}

/// The line to the server is cut in the handshake, before the answer, and in the middle of it: the station asks again and gets
/// the one licence that was counted.
#[test]
fn a_line_that_is_cut_costs_nothing() {
    let owner = Owner::new(None);
    owner.register(8);
    let server = owner.start();
    let station = owner.station(SITE, 1);
    for (seed, cut) in [0, 100, 1200, 1500, 1700, 1900, 2100].into_iter().enumerate() {
        let address = cutting(&server, vec![cut, cut + 50]);
        let url = format!("https://{address}");
        let client = client(&url, &station, &owner.authority.certificate, Duration::from_secs(20));
        let given = client.licence(&certificate(seed as u64 + 1), FIRMWARE, PACKAGE);
        let given = given.unwrap_or_else(|error| panic!("cut after {cut} bytes: {error}"));
        let direct = owner.client(&server, &station, PATIENCE);
        let again = direct.licence(&certificate(seed as u64 + 1), FIRMWARE, PACKAGE).expect("again");
        assert_eq!((again.licence, again.again), (given.licence, true));
    }
    let summary = audit::verify(owner.log().as_slice()).expect("intact");
    assert_eq!(summary.issued, 7);
}

/// A server that takes connections and says nothing, or hangs up: the station gives up in its time, with a code.
#[test]
fn a_silent_server_is_given_up() {
    let owner = Owner::new(None);
    let station = owner.station(SITE, 1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("bound"));
    let ask = || {
        let client = client(&url, &station, &owner.authority.certificate, Duration::from_millis(700));
        client.licence(&certificate(1), FIRMWARE, PACKAGE).expect_err("no answer").code
    };
    assert_eq!(ask(), codes::SERVER_UNREACHABLE, "silent");
    std::thread::spawn(move || listener.incoming().for_each(drop));
    assert_eq!(ask(), codes::SERVER_UNREACHABLE, "hangs up");
}
