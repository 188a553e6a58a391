//! `ironroot license`: what an owner does, and a server whose master key is in a token.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use ironroot_crypto::{P256PublicKey, SigningKey, Software};
use ironroot_license_server::client::{Client, Identity};
use ironroot_sfi::build::{self, Plan, raw_signature};
use ironroot_sfi::package::{AreaKind, HEADER_LEN};
use ironroot_sfi::{Certificate, DeviceKey, FirmwareKey, Nonce, PackageId, Product};
use p256::pkcs8::{EncodePublicKey, LineEnding};
use serde_json::Value;

use crate::common::Scratch;
use crate::common::softhsm::{PIN, softhsm};

const KEY: &[u8; 16] = b"firmware key 128";

/// The smallest package that a device installs; `fill` is the content of its firmware.
fn package_of(fill: u8) -> (Vec<u8>, PackageId) {
    let plan = Plan::new(Product::STM32H735, 3, 1, 0x080F_FFA0);
    let areas = [(AreaKind::Firmware, 0x0800_0000, vec![fill; 64]), (AreaKind::Configuration, 0, Vec::new())];
    build::package(plan, &areas, &FirmwareKey::new(*KEY), Nonce(*b"nonce 96 bit"), &mut Software)
        .expect("a package")
}

fn package() -> (Vec<u8>, PackageId) {
    package_of(0x5A)
}

fn key_pair(seed: u8) -> (SigningKey, P256PublicKey) {
    let key = SigningKey::from_scalar(&[seed; 32]).expect("in range");
    let public = key.public_key();
    (key, public)
}

fn run(mut command: Command, args: &[&str]) -> (i32, String, String) {
    let output = command.args(args).output().expect("runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!err.contains("panicked") && !out.contains("panicked"), "{err}");
    (output.status.code().expect("an exit code"), out, err)
}

fn ironroot(dir: &Scratch) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ironroot"));
    command.current_dir(dir.path("")).env_remove("IRONROOT_PASSPHRASE").stdin(Stdio::null());
    command
}

#[track_caller]
fn good(dir: &Scratch, args: &[&str]) -> Vec<Value> {
    let (exit, out, err) = run(ironroot(dir), &[args, &["--json"]].concat());
    assert_eq!(exit, 0, "{args:?}: {out}{err}");
    out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[track_caller]
fn refused(dir: &Scratch, args: &[&str], code: &str, exit: i32) {
    let (got, out, err) = run(ironroot(dir), args);
    assert_eq!(got, exit, "{args:?}: {out}{err}");
    assert!(err.contains(code), "{args:?}: {code} is missing in {err}");
}

const VAULT: [&str; 4] = ["--vault", "vault.json", "--passphrase-file", "pass"];

fn owner(dir: &Scratch) {
    dir.write("pass", b"correct horse\n");
    use std::os::unix::fs::PermissionsExt;
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(dir.path("pass"), private).expect("set");
    dir.write("pump.irsfi", &package().0);
    dir.write("pump.key", KEY);
}

#[test]
fn an_owner_counts_licences() {
    let dir = Scratch::new();
    owner(&dir);
    good(&dir, &["license", "vault", "new", "vault.json", "--passphrase-file", "pass"]);
    refused(&dir, &["license", "vault", "new", "vault.json", "--passphrase-file", "pass"], "IR-1", 2);
    let add =
        [&["license", "firmware", "add", "pump", "--package", "pump.irsfi", "--key", "pump.key"][..], &VAULT];
    let added = good(&dir, &add.concat());
    assert_eq!(added[0]["package"], package().1.to_string());
    refused(&dir, &add.concat(), "IR-6051", 2);
    good(
        &dir,
        &["license", "quota", "create", "pump", "--site", "a", "--granted", "3", "--expires", "2099-12-31"],
    );
    refused(&dir, &["license", "quota", "create", "pump", "--site", "a", "--granted", "3"], "IR-6051", 2);
    refused(&dir, &["license", "quota", "create", "fan", "--site", "a", "--granted", "3"], "IR-6052", 2);
    refused(&dir, &["license", "quota", "grant", "pump", "--site", "b", "--more", "3"], "IR-6052", 2);
    for site in ["", "a\nb", " a"] {
        refused(
            &dir,
            &["license", "quota", "create", "pump", "--site", site, "--granted", "3"],
            "IR-1001",
            2,
        );
    }
    refused(
        &dir,
        &["license", "quota", "create", "pump", "--site", "b", "--granted", "3", "--expires", "2026-02-30"],
        "IR-1",
        2,
    );
    good(&dir, &["license", "quota", "grant", "pump", "--site", "a", "--more", "2"]);
    let shown = good(&dir, &["license", "quota", "show"]);
    assert_eq!((&shown[0]["granted"], &shown[0]["issued"]), (&5.into(), &0.into()));
    good(&dir, &["license", "quota", "close", "pump", "--site", "a"]);
    refused(&dir, &["license", "quota", "grant", "pump", "--site", "a", "--more", "1"], "IR-6005", 6);
    refused(&dir, &["license", "quota", "close", "pump", "--site", "a"], "IR-6005", 6);
    assert_eq!(good(&dir, &["license", "quota", "show"])[0]["granted"], 5);
    let id = "5a".repeat(32);
    good(&dir, &["license", "revoke", "device", &id]);
    refused(&dir, &["license", "revoke", "device", &id], "IR-6051", 2);
    refused(&dir, &["license", "revoke", "device", "5a"], "IR-1", 2);

    good(&dir, &["license", "audit", "export", "-o", "log"]);
    let verified = good(&dir, &["license", "audit", "verify", "log"]);
    assert_eq!(verified[0]["entries"], 5);
    let log = std::fs::read(dir.path("log")).expect("readable");
    for secret in [&KEY[..], b"correct horse"] {
        assert!(!log.windows(secret.len()).any(|bytes| bytes == secret));
        let store = std::fs::read(dir.path("licenses.sqlite")).expect("readable");
        assert!(!store.windows(secret.len()).any(|bytes| bytes == secret));
    }
    dir.write("bad", &[&log[..100], b"X", &log[101..]].concat());
    refused(&dir, &["license", "audit", "verify", "bad"], "IR-6031", 3);
    refused(&dir, &["license", "audit", "verify", "absent"], "IR-1", 2);
    dir.write("nothing", b"");
    refused(&dir, &["license", "audit", "verify", "nothing"], "IR-6031", 3);

    // Cut at its end it is a chain still: only who knows the end sees it.
    let head = verified[0]["head"].as_str().expect("a hash").to_owned();
    let text = String::from_utf8(log.clone()).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    dir.write("cut", lines.get(..4).expect("longer").join("\n").as_bytes());
    let shorter = good(&dir, &["license", "audit", "verify", "cut"]);
    let earlier = shorter[0]["head"].as_str().expect("a hash").to_owned();
    good(&dir, &["license", "audit", "verify", "log", "--last-hash", &head, "--entries", "5"]);
    good(&dir, &["license", "audit", "verify", "log", "--earlier-hash", &earlier]);
    refused(&dir, &["license", "audit", "verify", "cut", "--last-hash", &head], "IR-6033", 3);
    refused(&dir, &["license", "audit", "verify", "cut", "--entries", "5"], "IR-6033", 3);
    refused(&dir, &["license", "audit", "verify", "cut", "--earlier-hash", &head], "IR-6033", 3);
    refused(&dir, &["license", "audit", "verify", "log", "--last-hash", "5a"], "IR-1001", 2);

    // The store is no place for its log, under whatever name.
    std::fs::hard_link(dir.path("licenses.sqlite"), dir.path("link")).expect("linked");
    dir.write("licenses.sqlite-wal", b"");
    let before = std::fs::read(dir.path("licenses.sqlite")).expect("readable");
    for output in ["licenses.sqlite", "link", "licenses.sqlite-wal"] {
        refused(&dir, &["license", "audit", "export", "-o", output, "--force"], "IR-1012", 2);
    }
    assert_eq!(std::fs::read(dir.path("licenses.sqlite")).expect("readable"), before);
}

/// A line that never ends, in 2 GB of memory at most: refused while it is short.
#[test]
fn a_log_without_lines_is_refused_at_once() {
    let dir = Scratch::new();
    let mut command = Command::new("bash");
    let verify =
        format!("ulimit -v 2000000; exec {} license audit verify /dev/zero", env!("CARGO_BIN_EXE_ironroot"));
    command.current_dir(dir.path("")).args(["-c", &verify]);
    let (exit, out, err) = run(command, &[]);
    assert_eq!(exit, 3, "{out}{err}");
    assert!(err.contains("IR-6031"), "{err}");
}

/// What a device would refuse is not registered, and what was registered by mistake can go.
#[test]
fn firmware_is_checked_before_it_is_registered() {
    let dir = Scratch::new();
    owner(&dir);
    good(&dir, &["license", "vault", "new", "vault.json", "--passphrase-file", "pass"]);
    let add = |package: &str, key: &str, more: &[&str]| -> Vec<String> {
        let words = ["license", "firmware", "add", "pump", "--package", package, "--key", key];
        [&words[..], &VAULT, more].concat().iter().map(ToString::to_string).collect()
    };
    let refused_add = |package: &str, key: &str, more: &[&str], code: &str, exit: i32| {
        let words = add(package, key, more);
        refused(&dir, &words.iter().map(String::as_str).collect::<Vec<_>>(), code, exit);
        assert!(!dir.path("licenses.sqlite").exists(), "nothing was stored: {package} {key}");
    };
    let (whole, id) = package();
    dir.write("wrong.key", b"firmware key 129");
    dir.write("cut.sfi", whole.get(..whole.len() - 1).expect("longer"));
    dir.write("longer.sfi", &[&whole[..], b"x"].concat());
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        *bytes.get_mut(at).expect("inside") ^= 1;
        bytes
    };
    // In the header behind its form, in the table, and in the firmware.
    dir.write("table.sfi", &flipped(HEADER_LEN + 30));
    dir.write("firmware.sfi", &flipped(whole.len() - 1));
    refused_add("pump.irsfi", "wrong.key", &[], "IR-4213", 3);
    refused_add("cut.sfi", "pump.key", &[], "IR-4216", 3);
    refused_add("longer.sfi", "pump.key", &[], "IR-4211", 3);
    refused_add("table.sfi", "pump.key", &[], "IR-4213", 3);
    refused_add("firmware.sfi", "pump.key", &[], "IR-4226", 3);
    refused_add("pump.irsfi", "pump.key", &["--least-version", "4"], "IR-1001", 2);
    for name in ["", "../evil", "a\nb", "a b"] {
        let words = ["license", "firmware", "add", name, "--package", "pump.irsfi", "--key", "pump.key"];
        refused(&dir, &[&words[..], &VAULT].concat(), "IR-1001", 2);
    }
    let words = add("pump.irsfi", "pump.key", &["--least-version", "2"]);
    let added = good(&dir, &words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(added[0]["package"], id.to_string());
    assert_eq!(good(&dir, &["license", "firmware", "list"])[0]["least_version"], 2);

    good(&dir, &["license", "quota", "create", "pump", "--site", "a", "--granted", "3"]);
    refused(&dir, &["license", "firmware", "remove", "fan"], "IR-6052", 2);
    good(&dir, &["license", "firmware", "remove", "pump"]);
    assert!(good(&dir, &["license", "firmware", "list"]).is_empty());
    assert!(good(&dir, &["license", "quota", "show"]).is_empty());
    let words = add("pump.irsfi", "pump.key", &[]);
    good(&dir, &words.iter().map(String::as_str).collect::<Vec<_>>());
    good(&dir, &["license", "audit", "export", "-o", "log"]);
    assert_eq!(good(&dir, &["license", "audit", "verify", "log"])[0]["entries"], 4);
}

/// A mistyped store is no empty store, and no message repeats a password.
#[test]
fn a_store_that_is_not_there_is_not_made() {
    let dir = Scratch::new();
    let id = "5a".repeat(32);
    let commands: [&[&str]; 8] = [
        &["audit", "export", "-o", "log"],
        &["firmware", "list"],
        &["firmware", "remove", "x"],
        &["quota", "show"],
        &["quota", "create", "x", "--site", "a", "--granted", "1"],
        &["quota", "grant", "x", "--site", "a", "--more", "1"],
        &["quota", "close", "x", "--site", "a"],
        &["revoke", "device", &id],
    ];
    for words in commands {
        for (store, code) in [
            ("typo", "IR-1002"),
            ("empty", "IR-6022"),
            ("", "IR-1001"),
            (":memory:", "IR-1001"),
            ("mysql://u:HUSH@db/l", "IR-1001"),
            ("Postgres://u:HUSH@127.0.0.1:1/l", "IR-6021"),
        ] {
            dir.write("empty", b"");
            let words = [&["license"], words, &["--store", store]].concat();
            let (exit, out, err) = run(ironroot(&dir), &words);
            assert_eq!(exit, if code == "IR-6021" { 7 } else { 2 }, "{words:?}: {out}{err}");
            assert!(err.contains(code) && !err.contains("HUSH") && !out.contains("HUSH"), "{words:?}: {err}");
        }
    }
    let mut left: Vec<_> = std::fs::read_dir(dir.path("")).expect("a directory").flatten().collect();
    left.retain(|entry| entry.file_name() != "empty");
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(std::fs::read(dir.path("empty")).expect("readable"), b"");
}

/// Certificates that would never verify, and names that lead out of the directory, are refused before anything is written.
#[test]
fn an_authority_issues_only_what_verifies() {
    let dir = Scratch::new();
    good(&dir, &["license", "ca", "new", "one"]);
    good(&dir, &["license", "ca", "new", "two"]);
    let station = |name: &str, site: &str, ca: &str, code: &str| {
        refused(&dir, &["license", "station", "new", name, "--site", site, "--ca", ca, "-o", "out"], code, 2);
        assert!(!dir.path("out").exists());
    };
    let copy = |from: &str, to: &str| std::fs::copy(dir.path(from), dir.path(to)).expect("copied");
    for mixed in ["mixed", "damaged", "binary"] {
        std::fs::create_dir(dir.path(mixed)).expect("made");
    }
    copy("one/authority.pem", "mixed/authority.pem");
    copy("two/authority.key", "mixed/authority.key");
    dir.write("damaged/authority.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    copy("one/authority.key", "damaged/authority.key");
    dir.write("binary/authority.pem", &[0xFF; 100]);
    copy("one/authority.key", "binary/authority.key");
    for ca in ["mixed", "damaged", "binary"] {
        station("line-1", "a", ca, "IR-6053");
    }
    for name in ["../evil", "", "a\nb", "a/b", "..", "a b"] {
        station(name, "a", "one", "IR-1001");
        station("line-1", name, "one", "IR-1001");
    }
    refused(&dir, &["license", "ca", "new", "three", "--host", "a\nb"], "IR-1001", 2);
    refused(&dir, &["license", "ca", "new", "three", "--name", ""], "IR-1001", 2);
    assert!(!dir.path("three").exists() && !dir.path("evil.pem").exists());
    good(&dir, &["license", "station", "new", "line-1", "--site", "a", "--ca", "one", "-o", "out"]);
}

#[test]
fn misuse_has_codes() {
    let dir = Scratch::new();
    owner(&dir);
    good(&dir, &["license", "vault", "new", "vault.json", "--passphrase-file", "pass"]);
    fn add<'a>(package: &'a str, key: &'a str, vault: [&'a str; 4]) -> Vec<&'a str> {
        [&["license", "firmware", "add", "x", "--package", package, "--key", key][..], &vault].concat()
    }
    dir.write("short", b"IRSFIPKG");
    dir.write("zeros", &[0; 200]);
    refused(&dir, &add("short", "pump.key", VAULT), "IR-4216", 3);
    refused(&dir, &add("zeros", "pump.key", VAULT), "IR-4211", 3);
    refused(&dir, &add("pump.irsfi", "short", VAULT), "IR-1", 2);
    refused(&dir, &add("absent", "pump.key", VAULT), "IR-1", 2);
    dir.write("vault2.json", b"{}");
    let other = ["--vault", "vault2.json", "--passphrase-file", "pass"];
    refused(&dir, &add("pump.irsfi", "pump.key", other), "IR-6023", 2);
    dir.write("licenses.sqlite", b"this is no database, and long enough to be looked at as one");
    refused(&dir, &["license", "quota", "show"], "IR-6021", 7);
    refused(&dir, &["license", "quota", "show", "--store", "postgres://127.0.0.1:1/x"], "IR-6021", 7);
    refused(&dir, &["license", "station", "new", "line-1", "--site", "a", "--ca", "absent"], "IR-1", 2);
}

#[test]
fn a_server_with_its_master_key_in_a_token() {
    let Some(hsm) = softhsm() else { return };
    hsm.token("owner");
    owner(&hsm.dir);
    let uri = hsm.uri("token=owner;object=master");
    let tool = |args: &[&str]| {
        let (exit, out, err) = run(hsm.command(env!("CARGO_BIN_EXE_ironroot")), args);
        assert_eq!(exit, 0, "{args:?}: {out}{err}");
        out
    };
    hsm.dir.write("master.bin", &[0x3C; 32]);
    let imported = hsm
        .command("softhsm2-util")
        .args(["--import", "master.bin", "--aes", "--token", "owner", "--pin", PIN])
        .args(["--label", "master", "--id", "01"])
        .status();
    assert!(imported.is_ok_and(|status| status.success()), "softhsm2-util");
    tool(&["license", "ca", "new", "ca"]);
    tool(&["license", "station", "new", "line-1", "--site", "a", "--ca", "ca", "-o", "stations"]);
    tool(&[
        "license",
        "firmware",
        "add",
        "pump",
        "--package",
        "pump.irsfi",
        "--key",
        "pump.key",
        "--vault",
        &uri,
    ]);
    tool(&["license", "quota", "create", "pump", "--site", "a", "--granted", "1"]);

    let (maker, maker_public) = key_pair(100);
    let pem = p256::PublicKey::from_sec1_bytes(maker_public.sec1()).expect("a point");
    let pem = pem.to_public_key_pem(LineEnding::LF).expect("a key");
    hsm.dir.write("maker.pem", pem.as_bytes());
    let mut server = hsm
        .command(env!("CARGO_BIN_EXE_ironroot"))
        .args(["license", "serve", "--json", "--listen", "127.0.0.1:0", "--status", "127.0.0.1:0"])
        .args(["--tls-certificate", "ca/server.pem", "--tls-key", "ca/server.key"])
        .args(["--station-authority", "ca/authority.pem", "--maker", "maker.pem", "--vault", &uri])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts");
    let lines = BufReader::new(server.stdout.take().expect("piped")).lines();
    let mut seen = Vec::new();
    let listening =
        lines.map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("JSON")).find(|event| {
            seen.push(event.clone());
            event["event"] == "result"
        });
    let listening = listening.unwrap_or_else(|| panic!("the server did not start: {seen:?}"));

    let (_, device) = key_pair(7);
    let digest = Certificate::digest(Product::STM32H735, &device, &mut Software);
    let signature = raw_signature(&maker.sign_digest(&digest).expect("signs")).expect("a signature");
    let certificate = Certificate::new(Product::STM32H735, device, signature);
    let read = |name: &str| std::fs::read(hsm.dir.path(name)).expect("readable");
    let (own, key, authority) =
        (read("stations/line-1.pem"), read("stations/line-1.key"), read("ca/authority.pem"));
    let identity = Identity { certificate: &own, key: &key, server_authority: &authority };
    let url = format!("https://{}", listening["stations"].as_str().expect("an address"));
    let client =
        Client::new(&url, &identity, Duration::from_secs(5), Duration::from_secs(5)).expect("a client");
    let given = client.licence(&certificate, "pump", package().1);
    let refused =
        client.licence(&Certificate::new(Product::STM32H735, key_pair(8).1, [1; 64]), "pump", package().1);
    let _ = Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
    assert!(server.wait().expect("ends").success());

    let own = DeviceKey::new(Product::STM32H735, device, &[7; 32]).expect("in range");
    let (id, _) = own.open(&given.expect("given").licence, &mut Software).expect("opens");
    assert_eq!(id, package().1);
    assert_eq!(refused.expect_err("not genuine").code, ironroot_codes::install::CERTIFICATE_SIGNATURE);
}
