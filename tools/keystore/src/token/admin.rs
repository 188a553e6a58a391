//! Listing what a token has, and making keys in it.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass};
use ironroot_codes::input;

use super::error::failed;
use super::object::ec_params;
use super::{Login, Rights, Token, load, matching, module_path, name};
use crate::error::{Error, Result};
use crate::kind::KeyKind;
use crate::public::{self, PublicKey};
use crate::secrets::Secrets;
use crate::uri::{ObjectType, Uri};

/// A token that a module sees.
#[derive(Debug, Clone)]
pub struct TokenEntry {
    /// Its label, or its serial number if it has none.
    pub name: String,
    /// Manufacturer and model.
    pub model: String,
    /// Its serial number.
    pub serial: String,
    /// The number of its slot.
    pub slot_id: u64,
    /// What is said of its PIN: `locked`, `final-try`, `not-set` or `ok`.
    pub pin: &'static str,
}

/// A key or certificate in a token.
#[derive(Debug, Clone)]
pub struct ObjectEntry {
    /// The class.
    pub object_type: ObjectType,
    /// The kind, if it is one that images use; none for others, and for what the token does not tell.
    pub kind: Option<KeyKind>,
    /// CKA_LABEL.
    pub label: String,
    /// CKA_ID.
    pub id: Vec<u8>,
    /// SHA-256 of the public half, if the object has it.
    pub hash: Option<[u8; 32]>,
    /// The token lets the private or secret key out.
    pub extractable: Option<bool>,
}

/// The tokens that match the URI, without logging in to any.
pub fn tokens(uri: &Uri) -> Result<Vec<TokenEntry>> {
    let module = load(&module_path(uri)?)?;
    let entry = |(slot, info): (cryptoki::slot::Slot, cryptoki::slot::TokenInfo)| TokenEntry {
        name: name(&info),
        model: format!("{} {}", info.manufacturer_id().trim_end(), info.model().trim_end()),
        serial: info.serial_number().trim_end().to_owned(),
        slot_id: slot.id(),
        pin: match () {
            () if info.user_pin_locked() => "locked",
            () if !info.user_pin_initialized() => "not-set",
            () if info.user_pin_final_try() => "final-try",
            () => "ok",
        },
    };
    Ok(matching(&module, uri)?.into_iter().map(entry).collect())
}

/// The classes that are listed.
const CLASSES: &[(ObjectClass, ObjectType)] = &[
    (ObjectClass::PRIVATE_KEY, ObjectType::Private),
    (ObjectClass::PUBLIC_KEY, ObjectType::Public),
    (ObjectClass::CERTIFICATE, ObjectType::Certificate),
    (ObjectClass::SECRET_KEY, ObjectType::Secret),
];

/// The keys and certificates of the one token that the URI names; without a PIN only the public ones. The flag says
/// whether private ones could be seen.
pub fn objects(uri: &Uri, secrets: &Secrets) -> Result<(Vec<ObjectEntry>, bool, Vec<String>)> {
    let token = Token::open(uri, secrets, Login::IfAtHand, Rights::Read)?;
    let mut entries = Vec::new();
    for (class, object_type) in CLASSES {
        if uri.object_type.is_some_and(|ty| ty != *object_type) {
            continue;
        }
        let mut template = vec![Attribute::Class(*class)];
        template.extend(uri.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
        template.extend(uri.id.as_ref().map(|id| Attribute::Id(id.clone())));
        for found in token.find(&template)? {
            // A key that is none of ours is listed too, without a kind.
            let public = match object_type {
                ObjectType::Secret => None,
                ObjectType::Private => token.public(uri, Some(&found)).ok(),
                _ => token.public_of(&found).ok(),
            };
            let types = [AttributeType::Extractable, AttributeType::KeyType, AttributeType::ValueLen];
            let has_secret = matches!(object_type, ObjectType::Private | ObjectType::Secret);
            let attributes = if has_secret { Some(token.attributes(found.handle, &types)?) } else { None };
            let attributes = attributes.as_ref();
            let secret_kind =
                attributes.filter(|_| *object_type == ObjectType::Secret).and_then(|a| {
                    match (a.key_type().copied(), a.value_len().map(|len| **len)) {
                        (Some(KeyType::AES), Some(16)) => Some(KeyKind::AesKw128),
                        (Some(KeyType::AES), Some(32)) => Some(KeyKind::AesKw256),
                        _ => None,
                    }
                });
            entries.push(ObjectEntry {
                object_type: *object_type,
                kind: public.as_ref().map(PublicKey::kind).or(secret_kind),
                label: found.label,
                id: found.id,
                hash: public.map(|key| key.hash()),
                extractable: attributes.and_then(|a| a.extractable().copied()),
            });
        }
    }
    Ok((entries, token.logged_in, token.warnings))
}

/// Makes a key pair in the token, which never lets the private half out, and returns the URI of the private key and the
/// public half.
pub fn generate(uri: &Uri, kind: KeyKind, secrets: &Secrets) -> Result<(Uri, PublicKey, Vec<String>)> {
    let Some(label) = uri.object.clone().filter(|label| !label.is_empty()) else {
        return Err(Error::new(input::KEY_URI_INVALID, "a new key needs a name: object=NAME"));
    };
    let mechanism = match kind {
        KeyKind::EcdsaP256 | KeyKind::EcdsaP384 => Mechanism::EccKeyPairGen,
        KeyKind::Ed25519 => Mechanism::EccEdwardsKeyPairGen,
        KeyKind::Rsa2048 | KeyKind::Rsa3072 => Mechanism::RsaPkcsKeyPairGen,
        other => {
            let cause = format!("{other} keys are not made in tokens: only kinds that sign are");
            return Err(Error::new(input::KEY_ALGORITHM, cause));
        }
    };
    let token = Token::open(uri, secrets, Login::Required, Rights::ReadWrite)?;
    let id = match &uri.id {
        Some(id) => id.clone(),
        None => {
            let mut id = [0; 8];
            getrandom::fill(&mut id).map_err(|e| Error::internal(format!("no random numbers: {e}")))?;
            id.to_vec()
        }
    };
    // Either name alone must be enough to find the key later.
    for taken in [Attribute::Label(label.clone().into_bytes()), Attribute::Id(id.clone())] {
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
            if let Some(other) = token.find(&[Attribute::Class(class), taken.clone()])?.first() {
                let cause = format!("the token `{}` has {}", token.name, other.describe());
                return Err(Error::new(input::KEY_EXISTS, cause));
            }
        }
    }
    let names = [Attribute::Token(true), Attribute::Label(label.into_bytes()), Attribute::Id(id.clone())];
    let mut public = names.to_vec();
    public.extend([Attribute::Private(false), Attribute::Verify(true)]);
    public.extend(match kind {
        KeyKind::EcdsaP256 => vec![Attribute::EcParams(ec_params(public::P256)?)],
        KeyKind::EcdsaP384 => vec![Attribute::EcParams(ec_params(public::P384)?)],
        KeyKind::Ed25519 => vec![Attribute::EcParams(ec_params(public::ED25519)?)],
        other => {
            let bits: u64 = if other == KeyKind::Rsa2048 { 2048 } else { 3072 };
            vec![Attribute::ModulusBits(bits.into()), Attribute::PublicExponent(vec![1, 0, 1])]
        }
    });
    let mut private = names.to_vec();
    private.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ]);
    token
        .session
        .generate_key_pair(&mechanism, &public, &private)
        .map_err(|e| failed("making a key pair", &e).about(format!("token `{}`", token.name)))?;
    let made = Uri { id: Some(id), object_type: Some(ObjectType::Private), pin_value: None, ..uri.clone() };
    let found = token.one(ObjectClass::PRIVATE_KEY, "private key", &made)?;
    let key = token.public(&made, Some(&found))?;
    Ok((made, key, token.warnings))
}
