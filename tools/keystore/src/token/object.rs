//! Finding objects, and reading public halves.

use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use ironroot_codes::input;
use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::{BitStringRef, OctetStringRef, PrintableStringRef};
use pkcs8::der::{Decode as _, Encode as _};

use super::error::failed;
use super::{Login, Rights, Token};
use crate::error::{Error, Result};
use crate::public::{self, PublicKey};
use crate::secrets::Secrets;
use crate::uri::{ObjectType, Uri};

/// PKCS#11's other way to name a curve: by a printable name.
const CURVE_NAMES: &[(&str, ObjectIdentifier)] =
    &[("edwards25519", public::ED25519), ("curve25519", public::X25519)];

/// An object that was found, with its names.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) handle: ObjectHandle,
    pub(super) label: String,
    pub(super) id: Vec<u8>,
}

impl Found {
    pub(super) fn describe(&self) -> String {
        let id: String = self.id.iter().map(|byte| format!("%{byte:02X}")).collect();
        format!("object={} id={id}", self.label)
    }
}

/// Attributes of one object; what the token does not tell is absent.
pub(super) struct Attributes(Vec<Attribute>);

macro_rules! getters {
    ($($name:ident -> $variant:ident: $type:ty;)*) => {
        impl Attributes {
            $(pub(super) fn $name(&self) -> Option<&$type> {
                self.0.iter().find_map(|a| if let Attribute::$variant(value) = a { Some(value) } else { None })
            })*
        }
    };
}

getters! {
    class -> Class: ObjectClass;
    key_type -> KeyType: KeyType;
    label -> Label: Vec<u8>;
    id -> Id: Vec<u8>;
    ec_params -> EcParams: Vec<u8>;
    ec_point -> EcPoint: Vec<u8>;
    modulus -> Modulus: Vec<u8>;
    public_exponent -> PublicExponent: Vec<u8>;
    public_key_info -> PublicKeyInfo: Vec<u8>;
    value -> Value: Vec<u8>;
    value_len -> ValueLen: cryptoki::types::Ulong;
    extractable -> Extractable: bool;
    sign -> Sign: bool;
    always_authenticate -> AlwaysAuthenticate: bool;
}

impl Token {
    pub(super) fn attributes(&self, handle: ObjectHandle, types: &[AttributeType]) -> Result<Attributes> {
        self.session
            .get_attributes(handle, types)
            .map(Attributes)
            .map_err(|e| failed("reading an object", &e))
    }

    /// All objects that match the template.
    pub(super) fn find(&self, template: &[Attribute]) -> Result<Vec<Found>> {
        let handles = self.session.find_objects(template).map_err(|e| failed("searching for objects", &e))?;
        handles
            .into_iter()
            .map(|handle| {
                let names = self.attributes(handle, &[AttributeType::Label, AttributeType::Id])?;
                let label = String::from_utf8_lossy(names.label().map_or(&[], Vec::as_slice)).into_owned();
                Ok(Found { handle, label, id: names.id().cloned().unwrap_or_default() })
            })
            .collect()
    }

    /// The one object of a class that the URI names.
    pub(super) fn one(&self, class: ObjectClass, what: &str, uri: &Uri) -> Result<Found> {
        let mut found = self.find(&template(class, uri))?;
        match (found.pop(), found.len()) {
            (Some(one), 0) => Ok(one),
            (None, _) => {
                let cause = format!("the token `{}` has no {what} that matches {uri}", self.name);
                Err(Error::new(input::TOKEN_OBJECT_NOT_FOUND, cause))
            }
            (Some(last), _) => {
                found.push(last);
                let names: Vec<String> = found.iter().map(Found::describe).collect();
                Err(Error::new(
                    input::TOKEN_OBJECT_AMBIGUOUS,
                    format!("each is a {what}: {}", names.join(", ")),
                ))
            }
        }
    }

    /// The public half that belongs to `uri`, or to the private object with the same identifier.
    pub(super) fn public(&self, uri: &Uri, private: Option<&Found>) -> Result<PublicKey> {
        // The identifier is what PKCS#11 ties the halves together with; a label only if there is none.
        let names = match private {
            Some(found) if !found.id.is_empty() => Uri { id: Some(found.id.clone()), ..Uri::default() },
            Some(found) => Uri { object: Some(found.label.clone()), ..Uri::default() },
            None => uri.clone(),
        };
        let wanted = |ty| uri.object_type.is_none_or(|t| t == ty) || private.is_some();
        for (class, what, ty) in [
            (ObjectClass::PUBLIC_KEY, "public key", ObjectType::Public),
            (ObjectClass::CERTIFICATE, "certificate", ObjectType::Certificate),
        ] {
            if !wanted(ty) || self.find(&template(class, &names))?.is_empty() {
                continue;
            }
            let found = self.one(class, what, &names)?;
            return self.public_of(&found);
        }
        // Newer tokens have the public half as an attribute of the private one, and RSA's is part of it.
        if let Some(found) = private
            && let Ok(key) = self.public_of(found)
        {
            return Ok(key);
        }
        if private.is_none() {
            let cause =
                format!("the token `{}` has no public key or certificate that matches {uri}", self.name);
            return Err(Error::new(input::TOKEN_OBJECT_NOT_FOUND, cause));
        }
        let cause = format!("nothing in the token `{}` has the public half of {names}", self.name);
        Err(Error::new(input::TOKEN_PUBLIC_MISSING, cause))
    }

    /// The public key in a public key object, a certificate, or the public attributes of a private key object.
    pub(super) fn public_of(&self, found: &Found) -> Result<PublicKey> {
        const TYPES: [AttributeType; 8] = [
            AttributeType::Class,
            AttributeType::KeyType,
            AttributeType::EcParams,
            AttributeType::EcPoint,
            AttributeType::Modulus,
            AttributeType::PublicExponent,
            AttributeType::PublicKeyInfo,
            AttributeType::Value,
        ];
        // The value of a private object is its secret: not even asked for.
        let class = self.attributes(found.handle, &TYPES[..1])?.class().copied();
        let types = if class == Some(ObjectClass::CERTIFICATE) { &TYPES[..] } else { &TYPES[..7] };
        let attributes = self.attributes(found.handle, types)?;
        if class == Some(ObjectClass::CERTIFICATE) {
            return PublicKey::from_certificate_der(attributes.value().map_or(&[], Vec::as_slice));
        }
        if let Some(info) = attributes.public_key_info().filter(|info| !info.is_empty()) {
            return PublicKey::from_spki_der(info);
        }
        from_parts(&attributes).map_err(|e| e.about(found.describe()))
    }
}

fn template(class: ObjectClass, uri: &Uri) -> Vec<Attribute> {
    let mut template = vec![Attribute::Class(class)];
    template.extend(uri.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    template.extend(uri.id.as_ref().map(|id| Attribute::Id(id.clone())));
    template
}

/// A public key from the attributes of its type.
fn from_parts(attributes: &Attributes) -> Result<PublicKey> {
    let missing =
        |what: &str| Error::new(input::TOKEN_PUBLIC_MISSING, format!("the object does not tell its {what}"));
    match attributes.key_type().copied() {
        Some(KeyType::RSA) => {
            let n = attributes.modulus().ok_or_else(|| missing("modulus"))?;
            let e = attributes.public_exponent().ok_or_else(|| missing("exponent"))?;
            PublicKey::rsa_parts(n, e)
        }
        Some(KeyType::EC | KeyType::EC_EDWARDS | KeyType::EC_MONTGOMERY) => {
            let params = attributes.ec_params().ok_or_else(|| missing("curve"))?;
            let point = attributes.ec_point().ok_or_else(|| missing("point"))?;
            match curve(params) {
                Some(public::P256) => PublicKey::p256(unwrap_point(point, 65)),
                Some(public::P384) => PublicKey::p384(unwrap_point(point, 97)),
                Some(public::ED25519) => PublicKey::ed25519(unwrap_point(point, 32)),
                Some(public::X25519) => PublicKey::x25519(unwrap_point(point, 32)),
                Some(other) => {
                    Err(Error::new(input::KEY_ALGORITHM, format!("the key is of the curve {other}")))
                }
                None => Err(Error::new(input::KEY_ALGORITHM, "the curve of the key is not named")),
            }
        }
        _ => Err(Error::new(input::KEY_ALGORITHM, "the object is neither an RSA nor an elliptic-curve key")),
    }
}

/// CKA_EC_PARAMS: an object identifier, or a printable name.
fn curve(params: &[u8]) -> Option<ObjectIdentifier> {
    if let Ok(oid) = ObjectIdentifier::from_der(params) {
        return Some(oid);
    }
    let name = PrintableStringRef::from_der(params).ok()?;
    CURVE_NAMES.iter().find(|(known, _)| *known == name.as_str()).map(|(_, oid)| *oid)
}

/// CKA_EC_POINT: DER of an OCTET STRING says the standard, of a BIT STRING its version 3, the bare point some tokens.
fn unwrap_point(point: &[u8], len: usize) -> &[u8] {
    if point.len() == len {
        return point;
    }
    if let Ok(octets) = <&OctetStringRef>::from_der(point) {
        return octets.as_bytes();
    }
    BitStringRef::from_der(point).ok().and_then(|bits| bits.as_bytes()).unwrap_or(point)
}

/// CKA_EC_PARAMS of a curve.
pub(super) fn ec_params(curve: ObjectIdentifier) -> Result<Vec<u8>> {
    match CURVE_NAMES.iter().find(|(_, oid)| *oid == curve) {
        Some((name, _)) => {
            PrintableStringRef::new(name).and_then(|name| name.to_der()).map_err(Error::internal)
        }
        None => curve.to_der().map_err(Error::internal),
    }
}

/// The public key that a URI names: a public key object, a certificate, or the public half of a private key.
pub fn load_public(uri: &Uri, secrets: &Secrets) -> Result<(PublicKey, Vec<String>)> {
    // Public objects need no PIN; one that is there may be what makes the object visible.
    let token = Token::open(uri, secrets, Login::IfAtHand, Rights::Read)?;
    if uri.object_type == Some(ObjectType::Private) {
        let found = token.one(ObjectClass::PRIVATE_KEY, "private key", uri)?;
        let key = token.public(uri, Some(&found))?;
        return Ok((key, token.warnings));
    }
    if uri.object_type == Some(ObjectType::Secret) {
        return Err(Error::new(input::KEY_ALGORITHM, "a secret key has no public half"));
    }
    let key = match token.public(uri, None) {
        // The name may be that of the private key alone: what carries its public half has another, or is tied by the id.
        Err(error) if error.code == input::TOKEN_OBJECT_NOT_FOUND && uri.object_type.is_none() => {
            let private = token.find(&template(ObjectClass::PRIVATE_KEY, uri))?;
            if private.is_empty() {
                return Err(error);
            }
            let found = token.one(ObjectClass::PRIVATE_KEY, "private key", uri)?;
            token.public(uri, Some(&found))?
        }
        other => other?,
    };
    Ok((key, token.warnings))
}
