//! Keys in SoftHSM2.
//!
//! A module reads its configuration from the environment of the process, once; so each test starts itself again in a
//! process of its own, where the part with the same name and the ending `_inside` runs.

mod common;

use common::code;
use common::softhsm::{PIN, SoftHsm, softhsm};
use ironroot_codes::input;
use ironroot_crypto::{Digest, Signer, Software};
use ironroot_keys::{
    KeyArgument, KeyKind, Secrets, load_decryption, load_encryption, load_public, load_signer, load_trusted,
    token,
};

/// Runs the part inside with what `prepare` made.
fn with(name: &str, prepare: impl FnOnce(&SoftHsm)) {
    let Some(hsm) = softhsm() else { return };
    prepare(&hsm);
    let test = std::env::current_exe().unwrap();
    let text =
        hsm.run(hsm.command(test).args([&format!("{name}_inside"), "--exact", "--ignored", "--nocapture"]));
    assert!(text.contains("1 passed"), "{text}");
}

fn argument(path: &str) -> KeyArgument {
    uri(path, "&pin-source=pin")
}

fn uri(path: &str, query: &str) -> KeyArgument {
    // The configuration lies in the directory of the test; the module is the one that the outside found.
    let module =
        std::env::var("TEST_MODULE").unwrap_or_else(|_| "/usr/lib/softhsm/libsofthsm2.so".to_owned());
    format!("pkcs11:{path}?module-path={module}{query}").parse().unwrap()
}

fn sign_and_verify(argument: &KeyArgument) -> KeyKind {
    let loaded = load_signer(argument, &Secrets::none()).unwrap_or_else(|e| panic!("{argument}: {e:?}"));
    let public = load_trusted(argument, &Secrets::none()).unwrap().key;
    assert_eq!(loaded.key.public_key(), public);
    for len in [32, 48, 64] {
        let digest = Digest::from_slice(&vec![len; len.into()]).unwrap();
        if public.algorithm().accepts(digest.algorithm(), false) {
            let signature = loaded.key.sign(&digest).unwrap();
            assert!(public.verify(&digest, &signature, &mut Software).is_accepted(), "{}", loaded.kind);
        }
    }
    let content = vec![0x5a; 10_000];
    let pure = loaded.key.sign_pure(&content);
    assert_eq!(pure.is_ok(), loaded.kind == KeyKind::Ed25519, "{}: {pure:?}", loaded.kind);
    loaded.kind
}

const SIGNING: [KeyKind; 5] =
    [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519, KeyKind::Rsa2048, KeyKind::Rsa3072];

#[test]
fn every_kind_is_made_in_the_token_and_signs() {
    with("every_kind_is_made_in_the_token_and_signs", |hsm| {
        hsm.token("release");
        hsm.token("other");
    });
}

#[test]
#[ignore = "run by the test of the same name without `_inside`"]
fn every_kind_is_made_in_the_token_and_signs_inside() {
    for kind in SIGNING {
        let argument = argument(&format!("token=release;object={}", kind.name()));
        let wanted = argument.uri().unwrap().unwrap();
        let (made, public, _) = token::generate(&wanted, kind, &Secrets::none()).unwrap();
        assert_eq!(public.kind(), kind);
        assert_eq!(sign_and_verify(&argument), kind);
        assert!(made.id.as_ref().is_some_and(|id| id.len() == 8));
        // The URI that was returned names the key.
        let query = "&pin-source=pin";
        let by_id = uri(made.to_string().trim_start_matches("pkcs11:"), query);
        assert_eq!(sign_and_verify(&by_id), kind);
        assert_eq!(code(token::generate(&wanted, kind, &Secrets::none())), input::KEY_EXISTS);
    }
    for kind in [KeyKind::X25519, KeyKind::AesKw128] {
        let wanted = argument("token=release;object=x").uri().unwrap().unwrap();
        assert_eq!(code(token::generate(&wanted, kind, &Secrets::none())), input::KEY_ALGORITHM);
    }
    let nameless = argument("token=release").uri().unwrap().unwrap();
    assert_eq!(
        code(token::generate(&nameless, KeyKind::EcdsaP256, &Secrets::none())),
        input::KEY_URI_INVALID
    );
    let wanted = argument("token=release").uri().unwrap().unwrap();
    let (objects, with_private, _) = token::objects(&wanted, &Secrets::none()).unwrap();
    assert_eq!(objects.len(), 2 * SIGNING.len());
    assert!(with_private && objects.iter().all(|o| o.kind.is_some() && o.hash.is_some()));
    assert!(objects.iter().all(|o| o.extractable != Some(true)), "a key that was made here stays here");
    // Every key of the two tokens by itself, and not in the other token.
    let elsewhere = argument("token=other;object=ed25519");
    assert_eq!(code(load_signer(&elsewhere, &Secrets::none())), input::TOKEN_OBJECT_NOT_FOUND);
    let tokens = token::tokens(&argument("").uri().unwrap().unwrap()).unwrap();
    assert_eq!(tokens.len(), 2);
    assert!(tokens.iter().all(|t| t.pin == "ok"));
}

#[test]
fn a_key_of_openssl_is_imported_and_found_by_each_name() {
    with("a_key_of_openssl_is_imported_and_found_by_each_name", |hsm| {
        hsm.token("release");
        hsm.dir.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out one.pem");
        hsm.dir.openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out two.pem");
        hsm.dir.openssl("req -x509 -key one.pem -subj /CN=test -outform DER -out cert.der -days 1");
        hsm.import("release", "one.pem", "one", "a1");
        hsm.import("release", "two.pem", "twin", "b2");
        hsm.import("release", "one.pem", "twin", "c3");
        // Only a certificate has the public half of this one.
        hsm.import("release", "one.pem", "certified", "d4");
        hsm.pkcs11_tool("release", &["--delete-object", "--type", "pubkey", "--id", "d4"]);
        hsm.pkcs11_tool("release", &["--write-object", "cert.der", "--type", "cert", "--id", "d4"]);
        // Nothing has the public half of this one, and the token does not tell a curve's point from the private number.
        hsm.import("release", "one.pem", "alone", "e5");
        hsm.pkcs11_tool("release", &["--delete-object", "--type", "pubkey", "--id", "e5"]);
    });
}

#[test]
#[ignore = "run by the test of the same name without `_inside`"]
fn a_key_of_openssl_is_imported_and_found_by_each_name_inside() {
    let file = |name: &str| load_public(&KeyArgument::File(name.into()), &Secrets::none()).unwrap().key;
    for (path, name) in [
        ("token=release;object=one", "one.pem"),
        ("token=release;id=%A1", "one.pem"),
        ("token=release;object=twin;id=%B2", "two.pem"),
        ("object=one;type=private", "one.pem"),
        ("token=release;object=certified", "one.pem"),
    ] {
        let argument = argument(path);
        sign_and_verify(&argument);
        let loaded = load_signer(&argument, &Secrets::none()).unwrap();
        assert_eq!(loaded.public.unwrap(), file(name), "{path}");
    }
    for path in
        ["token=release;object=one;type=public", "token=release;id=%D4;type=cert", "object=twin;id=%C3"]
    {
        // The public half needs no PIN.
        assert_eq!(load_public(&uri(path, ""), &Secrets::none()).unwrap().key, file("one.pem"), "{path}");
    }
    for (path, expected) in [
        ("token=release;object=twin", input::TOKEN_OBJECT_AMBIGUOUS),
        ("token=release", input::TOKEN_OBJECT_AMBIGUOUS),
        ("token=release;object=nobody", input::TOKEN_OBJECT_NOT_FOUND),
        ("token=release;object=one;id=%B2", input::TOKEN_OBJECT_NOT_FOUND),
        ("token=release;object=one;type=public", input::KEY_PRIVATE_REQUIRED),
        ("token=release;object=alone", input::TOKEN_PUBLIC_MISSING),
        ("token=nobody;object=one", input::TOKEN_NOT_FOUND),
        ("token=release;object=one;slot-id=99", input::TOKEN_NOT_FOUND),
        ("token=release;serial=0000;object=one", input::TOKEN_NOT_FOUND),
    ] {
        let error = load_signer(&argument(path), &Secrets::none()).unwrap_err();
        assert_eq!(error.code, expected, "{path}: {error:?}");
    }
    assert_eq!(
        code(load_public(&argument("object=nobody"), &Secrets::none())),
        input::TOKEN_OBJECT_NOT_FOUND
    );
}

#[test]
fn a_private_key_beside_the_public_key_of_another_never_gets_a_signature_out() {
    with("a_private_key_beside_the_public_key_of_another_never_gets_a_signature_out", |hsm| {
        hsm.token("release");
        for (name, options) in [
            ("ec", "-algorithm EC -pkeyopt ec_paramgen_curve:prime256v1"),
            ("rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"),
            ("ed", "-algorithm ed25519"),
        ] {
            hsm.dir.openssl(&format!("genpkey {options} -out {name}.pem"));
            hsm.dir.openssl(&format!("genpkey {options} -out other.pem"));
            // OpenSC writes no Ed25519 key; SoftHSM's own tool imports pairs. So: two pairs, one half of each removed.
            let (id, hidden) = match name {
                "ec" => ("a1", "a2"),
                "rsa" => ("b1", "b2"),
                _ => ("c1", "c2"),
            };
            hsm.import("release", &format!("{name}.pem"), name, id);
            hsm.pkcs11_tool("release", &["--delete-object", "--type", "pubkey", "--id", id]);
            hsm.import("release", "other.pem", "other", hidden);
            hsm.pkcs11_tool("release", &["--delete-object", "--type", "privkey", "--id", hidden]);
            hsm.pkcs11_tool("release", &["--set-id", id, "--type", "pubkey", "--id", hidden]);
        }
    });
}

#[test]
#[ignore = "run by the test of the same name without `_inside`"]
fn a_private_key_beside_the_public_key_of_another_never_gets_a_signature_out_inside() {
    for name in ["ec", "rsa", "ed"] {
        let loaded = load_signer(&argument(&format!("object={name}")), &Secrets::none()).unwrap();
        let error = loaded.key.sign(&Digest::from_slice(&[7; 32]).unwrap()).expect_err(name);
        let error = loaded.key.explain(&error);
        assert_eq!(error.code, input::TOKEN_SIGNATURE, "{name}: {error:?}");
    }
    let loaded = load_signer(&argument("object=ed"), &Secrets::none()).unwrap();
    let error = loaded.key.sign_pure(&vec![1, 2, 3]).unwrap_err();
    assert_eq!(loaded.key.explain(&error).code, input::TOKEN_SIGNATURE);
}

#[test]
fn pins_modules_and_tokens_that_are_wrong() {
    with("pins_modules_and_tokens_that_are_wrong", |hsm| {
        hsm.token("release");
        hsm.token("release");
        hsm.token("single");
        hsm.dir.openssl("genpkey -algorithm ed25519 -out one.pem");
        hsm.import("single", "one.pem", "one", "a1");
        hsm.dir.write("no-module.so", b"no library");
        // A token without a user PIN.
        let mut command = hsm.command("pkcs11-tool");
        command.arg("--module").arg(&hsm.module);
        hsm.run(command.args([
            "--init-token",
            "--slot-index",
            "3",
            "--so-pin",
            "so-pin-9",
            "--label",
            "fresh",
        ]));
    });
}

#[test]
#[ignore = "run by the test of the same name without `_inside`"]
fn pins_modules_and_tokens_that_are_wrong_inside() {
    let signer = |argument: &KeyArgument| load_signer(argument, &Secrets::none());
    // Before anything of this process has logged in.
    for (query, expected) in [
        ("", input::TOKEN_PIN_MISSING),
        ("&pin-source=wrong-pin", input::TOKEN_PIN_WRONG),
        ("&pin-value=0000", input::TOKEN_PIN_WRONG),
        ("&pin-source=missing", input::FILE_NOT_FOUND),
        ("&pin-source=.", input::FILE_UNREADABLE),
    ] {
        let error = signer(&uri("token=single;object=one", query)).unwrap_err();
        assert_eq!(error.code, expected, "{query}: {error:?}");
        assert!(!format!("{error:?}").contains("0000"), "{error:?}");
    }
    assert_eq!(code(signer(&argument("token=release;object=one"))), input::TOKEN_AMBIGUOUS);
    assert_eq!(code(signer(&argument("object=one"))), input::TOKEN_AMBIGUOUS);
    assert_eq!(code(signer(&argument("token=fresh;object=one"))), input::TOKEN_PIN_LOCKED);
    let here = std::env::current_dir().unwrap();
    for (module, expected) in [
        ("/nowhere/module.so".to_owned(), input::TOKEN_MODULE),
        ("libsofthsm2.so".to_owned(), input::TOKEN_MODULE),
        (here.join("no-module.so").display().to_string(), input::TOKEN_MODULE),
        (here.display().to_string(), input::TOKEN_MODULE),
        ("/lib/x86_64-linux-gnu/libm.so.6".to_owned(), input::TOKEN_MODULE),
    ] {
        let argument: KeyArgument = format!("pkcs11:object=one?module-path={module}").parse().unwrap();
        assert_eq!(code(signer(&argument)), expected, "{module}");
    }
    assert_eq!(
        code(signer(&"pkcs11:object=one".parse().unwrap())),
        input::TOKEN_MODULE,
        "no module is named"
    );
    assert_eq!(code(signer(&"pkcs11:object=one?modul=x".parse().unwrap())), input::KEY_URI_INVALID);
    // A PIN in the argument works, with a warning.
    let loaded = signer(&uri("token=single;object=one", &format!("&pin-value={PIN}"))).unwrap();
    assert!(loaded.warnings.iter().any(|w| w.contains("pin-value")), "{:?}", loaded.warnings);
    assert!(!format!("{loaded:?}").contains(PIN));
}

#[test]
fn a_wrapping_key_in_the_token_opens_content_keys() {
    with("a_wrapping_key_in_the_token_opens_content_keys", |hsm| {
        hsm.token("release");
        hsm.dir.write("kek.bin", &[0x42; 32]);
        hsm.dir.write("kek.b64", b"QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\n");
        let mut command = hsm.command("softhsm2-util");
        hsm.run(command.args([
            "--import", "kek.bin", "--aes", "--token", "release", "--pin", PIN, "--label", "kek", "--id",
            "f1",
        ]));
    });
}

#[test]
#[ignore = "run by the test of the same name without `_inside`"]
fn a_wrapping_key_in_the_token_opens_content_keys_inside() {
    use ironroot_crypto::seal::SystemEntropy;
    use ironroot_crypto::{ContentKey, ContentKeys, KeyBits, OpenError, Sealing};
    let recipient = load_encryption(&KeyArgument::File("kek.b64".into()), &Secrets::none()).unwrap();
    assert_eq!(recipient.kind, KeyKind::AesKw256);
    let key = ContentKey::generate(KeyBits::Aes256, &mut SystemEntropy).unwrap();
    let mut sealed = recipient.key.seal(Sealing::AesKeyWrap, &key, &mut SystemEntropy).unwrap();
    let holder = load_decryption(&argument("token=release;object=kek"), &Secrets::none()).unwrap();
    assert_eq!(holder.kind, KeyKind::AesKw256);
    assert_eq!(holder.key.open(Sealing::AesKeyWrap, &sealed).unwrap().as_bytes(), key.as_bytes());
    sealed[3] ^= 1;
    assert_eq!(holder.key.open(Sealing::AesKeyWrap, &sealed).unwrap_err(), OpenError::Refused);
    assert_eq!(holder.key.open(Sealing::EciesP256, &sealed).unwrap_err(), OpenError::Unsupported);
}
