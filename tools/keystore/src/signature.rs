//! Signatures in the forms that tools and tokens give them.

use ironroot_crypto::PublicKey;
use pkcs8::der::asn1::UintRef;
use pkcs8::der::{Decode as _, Encode as _, Reader as _, SliceReader};

/// ECDSA's `r || s` of two equal halves (IEEE P1363), as DER `SEQUENCE { r INTEGER, s INTEGER }`.
pub fn p1363_to_der(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.is_empty() || !raw.len().is_multiple_of(2) {
        return None;
    }
    let (r, s) = raw.split_at_checked(raw.len() / 2)?;
    let mut body = UintRef::new(r).ok()?.to_der().ok()?;
    body.extend(UintRef::new(s).ok()?.to_der().ok()?);
    let mut der =
        pkcs8::der::Header::new(pkcs8::der::Tag::Sequence, body.len().try_into().ok()?).to_der().ok()?;
    der.extend(body);
    Some(der)
}

/// True if the bytes are one DER `SEQUENCE { INTEGER, INTEGER }` and nothing behind it.
fn is_ecdsa_der(bytes: &[u8]) -> bool {
    let parse = || -> pkcs8::der::Result<()> {
        let mut reader = SliceReader::new(bytes)?;
        reader.sequence(|inner: &mut SliceReader<'_>| -> pkcs8::der::Result<()> {
            UintRef::decode(inner)?;
            UintRef::decode(inner)?;
            Ok(())
        })?;
        reader.finish()
    };
    parse().is_ok()
}

/// A signature from a file, in the form that an image carries: raw or base64; for ECDSA in DER, also with the zeros behind
/// it that old tools add, or as `r || s`. `None` if it has no form that a signature of this key has. Nothing is verified.
pub fn normalize(content: &[u8], key: &PublicKey) -> Option<Vec<u8>> {
    if let Some(signature) = binary(content, key) {
        return Some(signature);
    }
    let text: String = std::str::from_utf8(content).ok()?.split_whitespace().collect();
    binary(&crate::pem::base64_decode(&text)?, key)
}

fn binary(bytes: &[u8], key: &PublicKey) -> Option<Vec<u8>> {
    let half = match key {
        PublicKey::P256(_) => 32,
        PublicKey::P384(_) => 48,
        // Ed25519 and RSA have one form each.
        _ => return key.is_signature_shape(bytes).then(|| bytes.to_vec()),
    };
    // The first two bytes say how long a DER signature is; old tools fill up with zeros.
    if let [0x30, len @ 0..0x80, ..] = bytes
        && let Some((der, padding)) = bytes.split_at_checked(usize::from(*len) + 2)
        && padding.iter().all(|byte| *byte == 0)
        && is_ecdsa_der(der)
        && key.is_signature_shape(der)
    {
        return Some(der.to_vec());
    }
    if bytes.len() == 2 * half {
        return p1363_to_der(bytes).filter(|der| key.is_signature_shape(der));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64ct::Encoding as _;

    fn key() -> PublicKey {
        let key = crate::PrivateKey::generate(crate::KeyKind::EcdsaP256).unwrap();
        key.public().unwrap().unwrap().signing_key().unwrap()
    }

    #[test]
    fn every_form_of_a_signature_gives_the_same_der() {
        let mut raw = [0x11; 64];
        raw[0] = 0x81;
        raw[32] = 0;
        let der = p1363_to_der(&raw).unwrap();
        assert_eq!(der[..5], [0x30, 0x44, 0x02, 0x21, 0x00]);
        let key = key();
        let padded = [&der[..], &[0, 0]].concat();
        let text = base64ct::Base64::encode_string(&der);
        let lines = format!("{}\n{}\n", &text[..40], &text[40..]);
        let raw_text = base64ct::Base64::encode_string(&raw);
        for form in [&raw[..], &der, &padded, text.as_bytes(), lines.as_bytes(), raw_text.as_bytes()] {
            assert_eq!(normalize(form, &key).as_deref(), Some(&der[..]), "{form:?}");
        }
        for none in [&b""[..], &raw[1..], &der[1..], &der[..der.len() - 1], b"no signature", &[0x30; 70]] {
            assert_eq!(normalize(none, &key), None, "{none:?}");
        }
        assert_eq!(normalize(&[&der[..], &[1]].concat(), &key), None, "something behind it");
    }
}
