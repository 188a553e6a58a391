//! Key files, with OpenSSL as the other side.

mod common;

use common::{Scratch, code, set_mode};
use ironroot_codes::input;
use ironroot_keys::{
    KeyArgument, KeyFile, KeyKind, PrivateKey, PublicKey, Secret, Secrets, encode_private, encode_public,
    load_decryption, load_encryption, load_public, load_signer, load_trusted,
};

/// Every kind with a public half, and how OpenSSL makes it.
const KINDS: &[(KeyKind, &str)] = &[
    (KeyKind::EcdsaP256, "-algorithm EC -pkeyopt ec_paramgen_curve:prime256v1"),
    (KeyKind::EcdsaP384, "-algorithm EC -pkeyopt ec_paramgen_curve:secp384r1"),
    (KeyKind::Ed25519, "-algorithm ed25519"),
    (KeyKind::X25519, "-algorithm x25519"),
    (KeyKind::Rsa2048, "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"),
    (KeyKind::Rsa3072, "-algorithm RSA -pkeyopt rsa_keygen_bits:3072"),
];

fn passphrase() -> ironroot_keys::Result<Option<Secret>> {
    Ok(Some(Secret::new("open sesame".to_owned())))
}

fn parse(bytes: &[u8]) -> ironroot_keys::Result<KeyFile> {
    KeyFile::parse(bytes, &passphrase)
}

fn private(dir: &Scratch, name: &str) -> KeyFile {
    let file = KeyFile::read(&dir.path(name), &Secrets::none()).unwrap();
    assert!(file.private.is_some(), "{name}");
    file
}

#[test]
fn openssl_writes_we_read() {
    let dir = Scratch::new();
    for (kind, options) in KINDS {
        dir.openssl(&format!("genpkey {options} -out key.pem"));
        dir.openssl("pkey -in key.pem -outform DER -out key.der");
        dir.openssl("pkey -in key.pem -pubout -out pub.pem");
        let spki = dir.openssl("pkey -in key.pem -pubout -outform DER");
        dir.write("pub.der", &spki);
        for name in ["key.pem", "key.der"] {
            let key = private(&dir, name);
            assert_eq!(key.kind, *kind, "{name}");
            assert_eq!(key.public.unwrap().spki_der(), spki, "{kind} {name}");
        }
        for name in ["pub.pem", "pub.der"] {
            let key = KeyFile::read(&dir.path(name), &Secrets::none()).unwrap();
            assert!(key.private.is_none() && !key.demo);
            assert_eq!(key.public.unwrap().spki_der(), spki, "{kind} {name}");
        }
        for cipher in
            ["-v2 aes-256-cbc", "-v2 aes-128-cbc", "-scrypt", "-v2 aes-256-cbc -v2prf hmacWithSHA512"]
        {
            dir.openssl(&format!(
                "pkcs8 -topk8 {cipher} -in key.pem -out locked.pem -passout pass:opensesame"
            ));
            let bytes = std::fs::read(dir.path("locked.pem")).unwrap();
            let right = || Ok(Some(Secret::new("opensesame".to_owned())));
            let key = KeyFile::parse(&bytes, &right).unwrap();
            assert!(key.encrypted && key.private.is_some());
            assert_eq!(key.public.unwrap().spki_der(), spki, "{kind} {cipher}");
            assert_eq!(code(parse(&bytes)), input::KEY_PASSPHRASE, "{kind} {cipher}");
            assert_eq!(code(KeyFile::parse(&bytes, &|| Ok(None))), input::KEY_ENCRYPTED);
        }
    }
}

#[test]
fn older_forms_are_read() {
    let dir = Scratch::new();
    for curve in ["prime256v1", "secp384r1"] {
        dir.openssl(&format!("ecparam -name {curve} -genkey -out params.pem"));
        dir.openssl("ec -in params.pem -out sec1.pem");
        dir.openssl("ec -in params.pem -outform DER -out sec1.der");
        dir.openssl("ec -in params.pem -pubout -conv_form compressed -out short.pem");
        let spki = dir.openssl("pkey -in params.pem -pubout -outform DER");
        for name in ["params.pem", "sec1.pem", "sec1.der"] {
            assert_eq!(private(&dir, name).public.unwrap().spki_der(), spki, "{name}");
        }
        let short = KeyFile::read(&dir.path("short.pem"), &Secrets::none()).unwrap();
        assert_eq!(short.public.unwrap().spki_der(), spki, "a compressed point is expanded");
    }
    dir.openssl("genrsa -traditional -out pkcs1.pem 2048");
    dir.openssl("rsa -in pkcs1.pem -traditional -outform DER -out pkcs1.der");
    dir.openssl("rsa -in pkcs1.pem -RSAPublicKey_out -out pkcs1pub.pem");
    dir.openssl("rsa -in pkcs1.pem -RSAPublicKey_out -outform DER -out pkcs1pub.der");
    let spki = dir.openssl("pkey -in pkcs1.pem -pubout -outform DER");
    for name in ["pkcs1.pem", "pkcs1.der", "pkcs1pub.pem", "pkcs1pub.der"] {
        let key = KeyFile::read(&dir.path(name), &Secrets::none()).unwrap();
        let public = key.public.unwrap();
        assert_eq!(public.spki_der(), spki, "{name}");
        assert_eq!(public.image_der(), std::fs::read(dir.path("pkcs1pub.der")).unwrap());
    }
    dir.openssl("req -x509 -key pkcs1.pem -subj /CN=test -out cert.pem -days 1");
    dir.openssl("x509 -in cert.pem -outform DER -out cert.der");
    for name in ["cert.pem", "cert.der"] {
        let key = KeyFile::read(&dir.path(name), &Secrets::none()).unwrap();
        assert_eq!(key.public.unwrap().spki_der(), spki, "{name}");
    }
}

#[test]
fn we_write_openssl_reads() {
    let dir = Scratch::new();
    let secret = passphrase().unwrap().unwrap();
    for (kind, _) in KINDS {
        let key = PrivateKey::generate(*kind).unwrap();
        let public = key.public().unwrap().unwrap();
        dir.write("plain.pem", encode_private(&key, None, true).unwrap().as_bytes());
        dir.write("locked.pem", encode_private(&key, Some(&secret), true).unwrap().as_bytes());
        dir.write("pub.pem", encode_public(&public, true).unwrap().as_bytes());
        dir.write("pass", b"open sesame\n");
        for name in ["plain.pem", "locked.pem"] {
            // With -check OpenSSL looks whether the halves belong together; it has no check for the curves of 25519.
            dir.openssl(&format!("pkey -in {name} -passin file:pass -noout"));
            let spki = dir.openssl(&format!("pkey -in {name} -passin file:pass -pubout -outform DER"));
            assert_eq!(spki, public.spki_der(), "{kind} {name}");
            let again = parse(&std::fs::read(dir.path(name)).unwrap()).unwrap();
            assert!(again.demo, "the mark of a demo key is read");
            assert_eq!(again.public, Some(public.clone()));
        }
        let der = dir.openssl("pkey -pubin -in pub.pem -outform DER");
        assert_eq!(der, public.spki_der());
        assert!(parse(&std::fs::read(dir.path("pub.pem")).unwrap()).unwrap().demo);
    }
}

#[test]
fn an_aes_key_is_base64() {
    for (kind, len) in [(KeyKind::AesKw128, 25), (KeyKind::AesKw256, 45)] {
        for demo in [false, true] {
            let key = PrivateKey::generate(kind).unwrap();
            let text = encode_private(&key, None, demo).unwrap();
            assert!(demo || text.len() == len);
            let file = parse(text.as_bytes()).unwrap();
            assert_eq!((file.kind, file.demo, file.public), (kind, demo, None));
            let secret = passphrase().unwrap().unwrap();
            assert_eq!(code(encode_private(&key, Some(&secret), demo)), input::KEY_ALGORITHM);
        }
    }
    assert_eq!(code(parse(b"AAECAwQFBgcICQoLDA0ODw")), input::KEY_UNREADABLE, "no padding");
    assert_eq!(code(parse(b"AAECAwQFBgcICQoLDA0ODxA=")), input::KEY_INVALID, "17 bytes");
}

#[test]
fn what_openssl_can_make_and_images_cannot_use_is_named() {
    let dir = Scratch::new();
    for options in [
        "-algorithm RSA -pkeyopt rsa_keygen_bits:1024",
        "-algorithm RSA -pkeyopt rsa_keygen_bits:4096",
        "-algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3",
        "-algorithm EC -pkeyopt ec_paramgen_curve:secp521r1",
        "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1",
        "-algorithm ed448",
    ] {
        dir.openssl(&format!("genpkey {options} -out key.pem"));
        dir.openssl("pkey -in key.pem -pubout -out pub.pem");
        dir.openssl("pkey -in key.pem -outform DER -out key.der");
        for name in ["key.pem", "pub.pem", "key.der"] {
            let error = KeyFile::read(&dir.path(name), &Secrets::none()).unwrap_err();
            assert_eq!(error.code, input::KEY_ALGORITHM, "{options} {name}: {error}");
        }
    }
}

#[test]
fn broken_encryptions_and_hostile_ones_are_refused() {
    let dir = Scratch::new();
    dir.openssl("genrsa -traditional -aes128 -passout pass:x -out old.pem 2048");
    let old = KeyFile::read(&dir.path("old.pem"), &Secrets::none());
    assert_eq!(code(old), input::KEY_ENCRYPTION);
    dir.openssl("genpkey -algorithm ed25519 -out key.pem");
    for cipher in ["-v2 des3", "-v1 PBE-SHA1-3DES"] {
        dir.openssl(&format!("pkcs8 -topk8 {cipher} -in key.pem -out weak.pem -passout pass:x"));
        assert_eq!(
            code(parse(&std::fs::read(dir.path("weak.pem")).unwrap())),
            input::KEY_ENCRYPTION,
            "{cipher}"
        );
    }
    // Rounds that would take hours. OpenSSL makes such files at once with -iter only if it does the rounds itself, so the
    // number is changed in the DER: 0x7fffffff in place of 0x00800000 (8,388,608).
    dir.openssl(
        "pkcs8 -topk8 -v2 aes-256-cbc -iter 65536 -in key.pem -outform DER -out slow.der -passout pass:x",
    );
    let mut der = std::fs::read(dir.path("slow.der")).unwrap();
    let at = der.windows(5).position(|w| w == [0x02, 0x03, 0x01, 0x00, 0x00]).expect("the number of rounds");
    der[at + 2..at + 5].copy_from_slice(&[0x7f, 0xff, 0xff]);
    assert_eq!(code(parse(&der)), input::KEY_PASSPHRASE, "eight million rounds are slow, and done");
    der[at] = 0x02;
    dir.openssl("pkcs8 -topk8 -scrypt -in key.pem -outform DER -out scrypt.der -passout pass:x");
    let mut der = std::fs::read(dir.path("scrypt.der")).unwrap();
    let at = der.windows(7).position(|w| w == [0x02, 0x02, 0x40, 0x00, 0x02, 0x01, 0x08]).expect("N and r");
    der[at + 6] = 0x7f;
    der[at + 2] = 0x7f;
    assert!(
        matches!(code(parse(&der)), input::KEY_ENCRYPTION | input::KEY_UNREADABLE),
        "N that is no power of two"
    );
    der[at + 2] = 0x40;
    der[at + 6] = 0x08;
    assert_eq!(code(parse(&der)), input::KEY_PASSPHRASE);
}

#[test]
fn files_that_are_no_keys() {
    let dir = Scratch::new();
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let pem = encode_private(&key, None, false).unwrap();
    let public = encode_public(&key.public().unwrap().unwrap(), false).unwrap();
    let der = key.to_pkcs8_der().unwrap();
    for (bytes, expected) in [
        (&b""[..], input::FILE_EMPTY),
        (b"\xff\xfe\x00", input::KEY_UNREADABLE),
        (b"\n", input::KEY_UNREADABLE),
        (b"no key in here\n", input::KEY_UNREADABLE),
        (&pem.as_bytes()[..pem.len() / 2], input::KEY_UNREADABLE),
        (&der[..der.len() - 1], input::KEY_UNREADABLE),
        (&[&der[..], &[0]].concat(), input::KEY_UNREADABLE),
        (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], input::KEY_UNREADABLE),
        (&[public.as_bytes(), public.as_bytes()].concat(), input::KEY_FILE_MULTIPLE),
        (&[pem.as_bytes(), public.as_bytes()].concat(), input::KEY_FILE_MULTIPLE),
        (
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
            input::KEY_ALGORITHM,
        ),
        (
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            input::KEY_UNREADABLE,
        ),
    ] {
        assert_eq!(code(parse(bytes)), expected, "{}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(code(KeyFile::read(&dir.path("missing"), &Secrets::none())), input::FILE_NOT_FOUND);
    assert_eq!(code(KeyFile::read(&dir.path("."), &Secrets::none())), input::FILE_UNREADABLE);
    assert_eq!(
        code(KeyFile::read(&dir.write("big", &[b'a'; 70_000]), &Secrets::none())),
        input::FILE_TOO_LARGE
    );
}

#[test]
fn every_truncation_and_every_bit_of_a_key_file_is_survived() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519, KeyKind::X25519] {
        let der = PrivateKey::generate(kind).unwrap().to_pkcs8_der().unwrap();
        for len in 0..der.len() {
            assert!(parse(&der[..len]).is_err(), "{kind}: {len} bytes");
        }
        for bit in 0..der.len() * 8 {
            let mut bad = der.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            // A changed private number is another key; what must not happen is a panic.
            let _ = parse(&bad);
        }
    }
}

#[test]
fn modes_of_private_keys_count() {
    let dir = Scratch::new();
    let key = PrivateKey::generate(KeyKind::Ed25519).unwrap();
    let secret = passphrase().unwrap().unwrap();
    let plain = dir.write("plain.pem", encode_private(&key, None, false).unwrap().as_bytes());
    let locked = dir.write("locked.pem", encode_private(&key, Some(&secret), false).unwrap().as_bytes());
    let pass = dir.write("pass", b"open sesame\n");
    let secrets = Secrets::of_process(Some(pass.clone()));
    for mode in [0o644, 0o640, 0o606] {
        set_mode(&plain, mode);
        assert_eq!(code(KeyFile::read(&plain, &Secrets::none())), input::KEY_PERMISSIONS);
        set_mode(&locked, mode);
        assert_eq!(KeyFile::read(&locked, &secrets).unwrap().warnings.len(), 1, "encrypted: a warning");
    }
    set_mode(&locked, 0o600);
    assert!(KeyFile::read(&locked, &secrets).unwrap().warnings.is_empty());
    set_mode(&pass, 0o644);
    assert_eq!(code(KeyFile::read(&locked, &secrets)), input::KEY_PERMISSIONS, "of the passphrase file");
}

#[test]
fn each_use_takes_the_kinds_that_it_can() {
    let dir = Scratch::new();
    let none = Secrets::none();
    for kind in KeyKind::all() {
        let key = PrivateKey::generate(kind).unwrap();
        let file = KeyArgument::from(dir.write("key", encode_private(&key, None, false).unwrap().as_bytes()));
        assert_eq!(load_signer(&file, &none).is_ok(), kind.signs(), "{kind}");
        assert_eq!(load_decryption(&file, &none).is_ok(), kind.decrypts(), "{kind}");
        assert_eq!(load_encryption(&file, &none).is_ok(), kind.decrypts(), "{kind}");
        assert_eq!(load_public(&file, &none).is_ok(), !kind.is_symmetric(), "{kind}");
        assert_eq!(load_trusted(&file, &none).is_ok(), kind.signs(), "{kind}");
        let Some(public) = key.public().unwrap() else { continue };
        let file = KeyArgument::from(dir.write("pub", encode_public(&public, false).unwrap().as_bytes()));
        assert_eq!(code(load_signer(&file, &none)), input::KEY_PRIVATE_REQUIRED);
        assert_eq!(code(load_decryption(&file, &none)), input::KEY_PRIVATE_REQUIRED);
        assert_eq!(load_encryption(&file, &none).is_ok(), kind.decrypts(), "{kind}");
    }
}

#[test]
fn a_signature_is_verified_before_it_is_given_away() {
    use ironroot_crypto::{Digest, Signer, Software};
    let dir = Scratch::new();
    for kind in KeyKind::all().filter(|kind| kind.signs()) {
        let key = PrivateKey::generate(kind).unwrap();
        let file = KeyArgument::from(dir.write("key", encode_private(&key, None, false).unwrap().as_bytes()));
        let signer = load_signer(&file, &Secrets::none()).unwrap().key;
        let len = signer.public_key().algorithm().default_hash(false).digest_len();
        let digest = Digest::from_slice(&vec![7; len]).unwrap();
        let signature = signer.sign(&digest).unwrap();
        assert!(signer.public_key().verify(&digest, &signature, &mut Software).is_accepted(), "{kind}");
        let wrong = Digest::from_slice(&vec![7; if len == 32 { 48 } else { 32 }]).unwrap();
        let error = signer.sign(&wrong).unwrap_err();
        assert_eq!(signer.explain(&error).code, input::KEY_ALGORITHM, "{kind}");
        let pure = signer.sign_pure(&vec![1, 2, 3]);
        assert_eq!(pure.is_ok(), kind == KeyKind::Ed25519, "{kind}");
    }
}

#[test]
fn a_certificate_is_a_public_key_and_debug_shows_no_secret() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let PrivateKey::P256(secret) = &key else { panic!("a P-256 key") };
    let number: String = secret.to_bytes().iter().map(|b| format!("{b:02x}")).collect();
    let shown = format!("{key:?} {:?}", key.public());
    assert!(!shown.contains(&number[..16]), "{shown}");
    assert!(PublicKey::from_certificate_der(b"0").is_err());
}
