//! `pkcs11:` URIs on the command line, with SoftHSM2.

use serde_json::Value;

use crate::common::softhsm::{PIN, SoftHsm, softhsm};

/// What a run left: exit code, stdout, stderr.
fn run(hsm: &SoftHsm, args: &[&str]) -> (i32, String, String) {
    let output = hsm.command(env!("CARGO_BIN_EXE_ironroot")).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    for text in [&out, &err] {
        assert!(!text.contains(PIN), "the PIN is shown: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    (output.status.code().unwrap(), out, err)
}

#[track_caller]
fn result(hsm: &SoftHsm, args: &[&str]) -> Value {
    let (exit, out, err) = run(hsm, &[args, &["--json"]].concat());
    assert_eq!(exit, 0, "{args:?}: {out}{err}");
    out.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).find(|e| e["event"] == "result").unwrap()
}

#[track_caller]
fn refused(hsm: &SoftHsm, args: &[&str], code: &str, exit: i32) {
    let (got, out, err) = run(hsm, args);
    assert_eq!(got, exit, "{args:?}: {out}{err}");
    assert!(err.contains(code) && err.contains("fix"), "{args:?}: {code} is missing in {err}");
}

/// A payload that needs nothing of a device.
const CREATE: &[&str] = &["-v", "1.0.0", "-H", "0x400", "--pad-header", "-S", "0x60000"];

#[test]
fn an_image_is_signed_in_the_token_and_verified_with_the_public_half() {
    let Some(hsm) = softhsm() else { return };
    hsm.token("release");
    hsm.dir.write("app.bin", &[0x5a; 5000]);
    for kind in ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-2048", "rsa-3072"] {
        let uri = hsm.uri(&format!("token=release;object={kind}"));
        let made = result(&hsm, &["keys", "generate", "--type", kind, "--pkcs11", &uri]);
        refused(&hsm, &["keys", "generate", "--type", kind, "--pkcs11", &uri], "IR-1128", 2);
        let public = hsm.uri_without_pin(&format!("token=release;object={kind};type=public"));
        let written = result(&hsm, &["keys", "public", &public, "-o", &format!("{kind}.pem")]);
        assert_eq!(written["key_hash"], made["key_hash"]);
        let checked = result(&hsm, &["keys", "check", &uri]);
        assert_eq!((&checked["type"], &checked["key_hash"]), (&kind.into(), &made["key_hash"]));
        let image = format!("{kind}.img");
        let sign = [&["image", "create", "-k", &uri, "app.bin", "-o", &image], CREATE].concat();
        assert_eq!(result(&hsm, &sign)["demo_key"], false);
        for key in [format!("{kind}.pem"), public] {
            let verified = result(&hsm, &["image", "verify", &image, "-k", &key]);
            assert_eq!(verified["verified"], true);
        }
    }
    let listed = result(&hsm, &["keys", "list", &hsm.uri("token=release")]);
    assert_eq!(listed["objects"].as_array().unwrap().len(), 10);
    assert_eq!(listed["logged_in"], true);
    let listed = result(&hsm, &["keys", "list", &hsm.uri_without_pin("token=release")]);
    assert_eq!(listed["objects"].as_array().unwrap().len(), 5, "private keys are hidden without a PIN");
    let listed = result(&hsm, &["keys", "list", &hsm.uri_without_pin("")]);
    assert_eq!(listed["tokens"][0]["token"], "release");
}

#[test]
fn the_pin_comes_from_a_file_or_the_environment_and_is_shown_nowhere() {
    let Some(hsm) = softhsm() else { return };
    hsm.token("release");
    let uri = hsm.uri("token=release;object=one");
    result(&hsm, &["keys", "generate", "--pkcs11", &uri]);
    let bare = hsm.uri_without_pin("token=release;object=one");
    refused(&hsm, &["keys", "check", &bare], "IR-1117", 2);
    let mut command = hsm.command(env!("CARGO_BIN_EXE_ironroot"));
    let with_env = command.args(["keys", "check", "pkcs11:token=release;object=one"]);
    let with_env = with_env.env("IRONROOT_PIN", PIN).env("IRONROOT_PKCS11_MODULE", &hsm.module);
    hsm.run(with_env);
    let (exit, out, err) = run(&hsm, &["keys", "check", &format!("{bare}&pin-value={PIN}")]);
    assert_eq!(exit, 0, "{out}{err}");
    assert!(err.contains("warning") && err.contains("pin-value"), "{err}");
    // Not in a usage error either, where the parser would repeat the argument.
    run(&hsm, &["keys", "check", &format!("{bare}&pin-value={PIN}&x=y")]);
    run(&hsm, &["image", "info", "--key", &format!("{bare}&pin-value={PIN}")]);
}

/// A PIN behind a separator that is none becomes no label of a new object, and no message repeats it.
#[test]
fn a_pin_in_the_wrong_place_is_neither_stored_nor_shown() {
    let Some(hsm) = softhsm() else { return };
    hsm.token("rel");
    let module = hsm.module.display().to_string();
    for uri in [
        format!("pkcs11:token=rel;object=two&pin-value={PIN}"),
        format!("pkcs11:token=rel;object=two,pin-value={PIN}"),
        format!("pkcs11:token=rel;object=two%3Fpin-value={PIN}"),
        format!("pkcs11:token=rel;object=two%26PIN-value={PIN}"),
        format!("pkcs11:token=rel;object=two?pin-value:{PIN}"),
        format!("pkcs11:token=rel;object=two?module-path={module};pin-value={PIN}"),
        format!("pkcs11:token=rel;object=two?pin-source=f;pin-value={PIN}"),
        format!("pkcs11:token=rel;object=two?pin-source={PIN}"),
        format!("pkcs11:{PIN}"),
        format!("pkcs:token=rel?PIN-VALUE={PIN}"),
    ] {
        for args in [
            vec!["keys", "generate", "--pkcs11", &uri],
            vec!["keys", "check", &uri],
            vec!["keys", "list", &uri],
            vec!["keys", "list", "x", &uri],
            vec!["sfi", "verify", "absent.sfi", "--key", &uri],
        ] {
            let mut command = hsm.command(env!("CARGO_BIN_EXE_ironroot"));
            command.args(&args).env("IRONROOT_PIN", PIN).env("IRONROOT_PKCS11_MODULE", &hsm.module);
            let output = command.output().expect("runs");
            let said = [&output.stdout[..], &output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(output.status.code() == Some(2) && !said.contains(PIN), "{args:?}: {said}");
            let named = ["IR-1113", "IR-1001", "IR-1002"];
            assert!(named.iter().any(|code| said.contains(code)), "{args:?}: {said}");
        }
    }
    let listed = result(&hsm, &["keys", "list", &hsm.uri("token=rel")]);
    assert_eq!(listed["objects"].as_array().unwrap().len(), 0, "{listed}");
}

#[test]
fn what_is_wrong_with_a_token_has_its_code_and_leaves_no_file() {
    let Some(hsm) = softhsm() else { return };
    hsm.token("release");
    hsm.dir.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out one.pem");
    hsm.import("release", "one.pem", "one", "a1");
    hsm.dir.write("app.bin", &[0x5a; 5000]);
    let module = hsm.module.display().to_string();
    let base = hsm.uri_without_pin("token=release;object=one");
    for (uri, code, exit) in [
        (hsm.uri("token=release;object=two"), "IR-1120", 2),
        (hsm.uri("token=other;object=one"), "IR-1115", 2),
        (hsm.uri("token=release;object=one;type=public"), "IR-1103", 2),
        (hsm.uri("tokn=release"), "IR-1113", 2),
        (base.clone(), "IR-1117", 2),
        (format!("{base}&pin-source=wrong-pin"), "IR-1118", 4),
        (format!("{base}&pin-source=missing"), "IR-1002", 2),
        (format!("{base}&pin-source=|cat"), "IR-1113", 2),
        ("pkcs11:object=one".to_owned(), "IR-1114", 2),
        ("pkcs11:object=one?module-path=/nowhere.so".to_owned(), "IR-1114", 2),
    ] {
        let sign = [&["image", "create", "-k", &uri, "app.bin", "-o", "app.img"], CREATE].concat();
        refused(&hsm, &sign, code, exit);
        assert!(!hsm.dir.path("app.img").exists(), "{uri}");
    }
    refused(&hsm, &["keys", "list", "key.pem"], "IR-1113", 2);
    refused(&hsm, &["keys", "generate", "--pkcs11", "file.pem"], "IR-1113", 2);
    refused(&hsm, &["keys", "generate"], "IR-1001", 2);
    let twice = hsm.uri("token=release;object=one");
    refused(&hsm, &["keys", "generate", "--pkcs11", &twice, "-o", "x"], "IR-1001", 2);
    assert!(!module.is_empty());
}

#[test]
fn the_public_key_of_another_in_the_token_stops_the_signing() {
    let Some(hsm) = softhsm() else { return };
    hsm.token("release");
    hsm.dir.write("app.bin", &[0x5a; 5000]);
    for name in ["one", "other"] {
        hsm.dir
            .openssl(&format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out {name}.pem"));
    }
    hsm.import("release", "one.pem", "one", "a1");
    hsm.import("release", "other.pem", "other", "b2");
    hsm.pkcs11_tool("release", &["--delete-object", "--type", "pubkey", "--id", "a1"]);
    hsm.pkcs11_tool("release", &["--delete-object", "--type", "privkey", "--id", "b2"]);
    hsm.pkcs11_tool("release", &["--set-id", "a1", "--type", "pubkey", "--id", "b2"]);
    let uri = hsm.uri("token=release;object=one");
    refused(&hsm, &["keys", "check", &uri], "IR-1125", 3);
    let sign = [&["image", "create", "-k", &uri, "app.bin", "-o", "app.img"], CREATE].concat();
    refused(&hsm, &sign, "IR-1125", 3);
    assert!(!hsm.dir.path("app.img").exists());
}
