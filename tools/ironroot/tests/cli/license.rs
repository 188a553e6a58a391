//! `ironroot license`: what an owner does, and a server whose master key is in a token.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use ironroot_crypto::{Crypto, P256PublicKey, SigningKey, Software};
use ironroot_license_server::client::{Client, Identity};
use ironroot_sfi::build::{Plan, raw_signature};
use ironroot_sfi::package::AreaKind;
use ironroot_sfi::{Certificate, DeviceKey, FirmwareKey, Nonce, PackageId, Product};
use p256::pkcs8::{EncodePublicKey, LineEnding};
use serde_json::Value;

use crate::common::Scratch;
use crate::common::softhsm::{PIN, softhsm};

const KEY: &[u8; 16] = b"firmware key 128";

/// Makes a package without firmware: the server looks at its header only.
fn package() -> (Vec<u8>, PackageId) {
    let mut plan = Plan::new(Product::STM32H735, 3, 1, 0x080F_FFA0);
    plan.area(AreaKind::Configuration, 0, 0, Software.sha256_of(&[])).expect("fits");
    let sealer =
        plan.seal(&FirmwareKey::new(*KEY), Nonce(*b"nonce 96 bit"), &mut Software).expect("a package");
    (sealer.head(), sealer.package_id(&mut Software))
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
