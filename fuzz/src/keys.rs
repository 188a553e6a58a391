//! Key files and key URIs.

use ironroot_keys::{KeyArgument, KeyFile, Secret, Uri, encode_public};

use crate::image::KEY;
use crate::{knobs, seed};

const OTHER: &[u8] = include_bytes!("../../crates/image/tests/data/other.pem");

/// Knobs: bit 0 a passphrase is at hand. The rest is the file.
pub fn file(data: &[u8]) {
    let ([knob], bytes) = knobs::<1>(data);
    let passphrase = || Ok((knob & 1 != 0).then(|| Secret::from("passphrase".to_owned())));
    let key = match KeyFile::parse(bytes, &passphrase) {
        Ok(key) => key,
        Err(error) => {
            assert!(error.code.entry().is_some() && !error.cause.is_empty());
            return;
        }
    };
    // A private key is shown nowhere.
    let shown = format!("{key:?}");
    assert!(shown.len() < 8192);
    if let Some(private) = &key.private {
        assert_eq!(private.kind(), key.kind);
        // Written in the form that we write, it is the same key.
        let der = private.to_pkcs8_der();
        if let (Ok(der), Some(public)) = (der, &key.public) {
            let again = KeyFile::parse(&der, &passphrase).expect("our own DER");
            assert_eq!(again.public.as_ref().map(|key| key.hash()), Some(public.hash()));
        }
    }
    // The public half written and read again is the same key, with the same mark.
    let Some(public) = &key.public else { return };
    let pem = encode_public(public, key.demo).expect("our own PEM");
    let again = KeyFile::parse(pem.as_bytes(), &passphrase).expect("our own PEM");
    assert_eq!((again.kind, again.demo), (key.kind, key.demo));
    assert_eq!(again.public.map(|key| key.hash()), Some(public.hash()));
    assert!(again.private.is_none());
}

pub fn file_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for pem in [KEY, OTHER] {
        seeds.push(seed(&[0], pem));
        if let Ok(file) = KeyFile::parse(pem, &|| Ok(None)) {
            if let Some(Ok(der)) = file.private.as_ref().map(|key| key.to_pkcs8_der()) {
                seeds.push(seed(&[0], &der));
            }
            if let Some(public) = &file.public {
                seeds.push(seed(&[0], public.spki_der()));
                seeds.extend(encode_public(public, true).map(|pem| seed(&[0], pem.as_bytes())));
            }
        }
    }
    seeds.push(seed(&[0], include_bytes!("../../crates/image/tests/exhaustive/data/rsa-2048.der")));
    seeds.push(seed(
        &[1],
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
    ));
    seeds
}

/// What stands behind `--key`.
pub fn uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(argument) = text.parse::<KeyArgument>();
    // Whatever stands behind a name that means a PIN, in whatever spelling and place, is shown by nothing.
    let marker = text.find("SECRET-PIN");
    let is_secret = marker.is_some_and(|at| {
        let before = text.get(..at).unwrap_or("");
        text.matches("SECRET-PIN").count() == 1 && NAMES.iter().any(|name| before.ends_with(name))
    });
    let silent = |said: &str| assert!(!is_secret || !said.contains("SECRET-PIN"), "{said}");
    silent(&argument.to_string());
    silent(&format!("{argument:?}"));
    silent(&ironroot_keys::redact(text));
    match Uri::parse(text) {
        Ok(uri) => {
            assert!(text.starts_with("pkcs11:"));
            silent(&format!("{uri:?}"));
            // Nor does the token get it as a label.
            let labels = [&uri.token, &uri.serial, &uri.manufacturer, &uri.model, &uri.object];
            labels.into_iter().flatten().for_each(|label| silent(label));
        }
        Err(error) => {
            assert!(error.code.entry().is_some() && !error.cause.is_empty());
            silent(&format!("{error} {error:?}"));
        }
    }
}

/// What means that a PIN follows.
const NAMES: [&str; 8] =
    ["pin-value=", "PIN-VALUE=", "pin-value:", "pin_value=", "pin-value%3D", "%70in-value=", "pin=", "pin:"];

pub fn uri_seeds() -> Vec<Vec<u8>> {
    [
        "pkcs11:token=release;object=signing;type=private?pin-source=file:/run/pin&module-path=/usr/lib/softhsm.so",
        "pkcs11:object=a%20b;id=%01%ff;slot-id=3?pin-value=SECRET-PIN",
        "pkcs11:serial=1;manufacturer=m;model=x;type=cert",
        "pkcs11:",
        "key.pem",
        "pkcs11:?pin-value=SECRET-PIN&pin-value=SECRET-PIN",
        "pkcs11:token=rel;object=two&pin-value=SECRET-PIN",
        "pkcs11:object=x%3Fpin-value=SECRET-PIN;id=%26pin-value=1",
        "pkcs11:?module-path=/m.so;pin-value=SECRET-PIN",
        "pkcs:object=x?PIN-VALUE=SECRET-PIN",
        "pkcs11:?pin-value:SECRET-PIN",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
