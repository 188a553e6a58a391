//! `pkcs11:` URIs (RFC 7512).
//!
//! 1. Path attributes say which token and object, query attributes how to get at it. What is not known is refused: an
//!    attribute that was meant to narrow the choice and is ignored would let another key sign.
//! 2. `Debug` and `Display` never show a PIN.

use std::fmt;
use std::path::PathBuf;

use ironroot_codes::input;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// What a key argument starts with if it names an object in a token.
pub const SCHEME: &str = "pkcs11:";

/// The class of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectType {
    /// `public`.
    Public,
    /// `private`.
    Private,
    /// `cert`.
    Certificate,
    /// `secret-key`.
    Secret,
}

/// The names of the classes in a URI.
const TYPES: &[(&str, ObjectType)] = &[
    ("public", ObjectType::Public),
    ("private", ObjectType::Private),
    ("cert", ObjectType::Certificate),
    ("secret-key", ObjectType::Secret),
];

impl ObjectType {
    /// The name in a URI.
    pub fn name(self) -> &'static str {
        TYPES.iter().find(|(_, ty)| *ty == self).map_or("", |(name, _)| name)
    }
}

/// A parsed `pkcs11:` URI. An attribute that is `None` matches everything.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Uri {
    /// Label of the token.
    pub token: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// Its manufacturer.
    pub manufacturer: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// The slot's number.
    pub slot_id: Option<u64>,
    /// Label of the object (CKA_LABEL).
    pub object: Option<String>,
    /// Identifier of the object (CKA_ID), as bytes.
    pub id: Option<Vec<u8>>,
    /// Class of the object.
    pub object_type: Option<ObjectType>,
    /// The PKCS#11 module, a shared library.
    pub module_path: Option<PathBuf>,
    /// The file that has the PIN.
    pub pin_source: Option<PathBuf>,
    /// The PIN itself.
    pub pin_value: Option<Zeroizing<String>>,
}

impl Uri {
    /// Parses a URI. A refusal names attributes, never a value, and no name that is not known: a PIN behind a separator that
    /// is none (`,`, `%3F`, `:`) would be part of either.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = |cause: String| Error::new(input::KEY_URI_INVALID, cause).about(walk(text, false));
        let rest =
            text.strip_prefix(SCHEME).ok_or_else(|| refused(format!("it does not start with `{SCHEME}`")))?;
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let mut uri = Uri::default();
        let mut seen: Vec<&str> = Vec::new();
        let attributes = (split(path, ';').zip(1..).map(|(attribute, n)| (attribute, n, false)))
            .chain(split(query.unwrap_or(""), '&').zip(1..).map(|(attribute, n)| (attribute, n, true)));
        for (attribute, number, in_query) in attributes {
            let place = if in_query { "query" } else { "path" };
            let (name, value) = attribute
                .split_once('=')
                .ok_or_else(|| refused(format!("attribute {number} of the {place} is no NAME=VALUE")))?;
            let known = if in_query { QUERY } else { PATH };
            if !known.contains(&name) {
                let known = known.join(", ");
                return Err(refused(format!("attribute {number} of the {place} is none of {known}")));
            }
            if seen.contains(&name) {
                return Err(refused(format!("`{name}` is given twice")));
            }
            seen.push(name);
            let bytes = percent_decode(value).ok_or_else(|| {
                refused(format!(
                    "`{name}`: `%` is not followed by two hex digits, or a character needs escaping"
                ))
            })?;
            // The label of a new object must not become what the user meant to be a PIN.
            if name != PIN_VALUE && names_pin(&bytes) {
                let cause = format!("the value of `{name}` contains another attribute, of a PIN");
                return Err(refused(cause)
                    .fix("Separate the path from the query with ?, attributes of the query with &, those of the path with ;."));
            }
            uri.set(name, in_query, bytes).map_err(refused)?;
        }
        Ok(uri)
    }

    fn set(&mut self, name: &str, in_query: bool, mut bytes: Zeroizing<Vec<u8>>) -> Result<(), String> {
        if name == "id" && !in_query {
            self.id = Some(std::mem::take(&mut *bytes));
            return Ok(());
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| format!("`{name}` is not UTF-8"))?;
        match (name, in_query) {
            ("token", false) => self.token = Some(text.to_owned()),
            ("serial", false) => self.serial = Some(text.to_owned()),
            ("manufacturer", false) => self.manufacturer = Some(text.to_owned()),
            ("model", false) => self.model = Some(text.to_owned()),
            ("object", false) => self.object = Some(text.to_owned()),
            ("slot-id", false) => {
                let number = text.parse().map_err(|_| "`slot-id` is no number".to_owned())?;
                self.slot_id = Some(number);
            }
            ("type", false) => {
                let found = TYPES.iter().find(|(name, _)| *name == text).map(|(_, ty)| *ty);
                let ty =
                    found.ok_or_else(|| "`type` is none of public, private, cert, secret-key".to_owned())?;
                self.object_type = Some(ty);
            }
            ("module-path", true) => self.module_path = Some(text.into()),
            ("pin-value", true) => self.pin_value = Some(Zeroizing::new(text.to_owned())),
            ("pin-source", true) => {
                // The RFC leaves room for `|command`: running what an argument says is not for a signing tool.
                if text.starts_with('|') {
                    return Err("`pin-source` names a command; only a file is taken".to_owned());
                }
                let path =
                    text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")).unwrap_or(text);
                self.pin_source = Some(path.into());
            }
            // Not reached: what is not known was refused before.
            _ => return Err("an attribute is not known".to_owned()),
        }
        Ok(())
    }
}

fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    text.split(separator).filter(|part| !part.is_empty())
}

/// The bytes of a percent-encoded value; `None` if the encoding is broken, or a character is there that must be encoded.
fn percent_decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => {
                let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
                digit(rest.next()?)? << 4 | digit(rest.next()?)?
            }
            b' ' | b'#' | b'"' | b'<' | b'>' | 0..0x20 | 0x7f => return None,
            other => other,
        };
        bytes.push(byte);
    }
    Some(bytes)
}

/// `text` with every character that may not stand in a value percent-encoded.
fn percent_encode(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'+' => {
                write!(f, "{}", char::from(*byte))?;
            }
            other => write!(f, "%{other:02X}")?,
        }
    }
    Ok(())
}

/// The attribute that has a PIN as its value.
const PIN_VALUE: &str = "pin-value";
/// Attributes of the path.
const PATH: &[&str] = &["token", "serial", "manufacturer", "model", "slot-id", "object", "id", "type"];
/// Attributes of the query.
const QUERY: &[&str] = &["module-path", "pin-source", PIN_VALUE];

/// A URI as text without its PIN, also one that cannot be parsed: of that only the names that are known are shown.
pub fn redact(text: &str) -> String {
    walk(text, Uri::parse(text).is_ok())
}

/// Whether text speaks of a PIN: the name of its attribute in any case of letters, with any sign or none between its words,
/// percent-encoded however often, or `pin` with a sign that gives it a value.
pub fn names_pin(text: &[u8]) -> bool {
    let has = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    let mut bytes = Zeroizing::new(text.to_ascii_lowercase());
    loop {
        let letters = bytes.iter().copied().filter(u8::is_ascii_alphanumeric);
        let letters = Zeroizing::new(letters.collect::<Vec<_>>());
        if has(&letters, b"pinval")
            || has(&letters, b"pinsource")
            || has(&bytes, b"pin=")
            || has(&bytes, b"pin:")
        {
            return true;
        }
        let decoded = Zeroizing::new(decode_what_can_be(&bytes).to_ascii_lowercase());
        // Every round that finds something to decode makes the text shorter.
        if decoded.len() == bytes.len() {
            return false;
        }
        bytes = decoded;
    }
}

/// The bytes with every `%` and two digits decoded; everything else stays.
fn decode_what_can_be(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((&first, others)) = rest.split_first() {
        let pair = match (first, others) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match pair {
            Some((high, low)) => bytes.push(high << 4 | low),
            None => bytes.push(first),
        }
        rest = others.get(if pair.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    bytes
}

/// The URI attribute by attribute, with the values that are no secret or without any. Where the PIN is in a file is not shown
/// either: whoever mistakes `pin-source` for `pin-value` has given the PIN.
fn walk(text: &str, values: bool) -> String {
    let head = text.get(..SCHEME.len()).filter(|head| head.eq_ignore_ascii_case(SCHEME));
    let rest = head.and_then(|head| text.get(head.len()..)).unwrap_or(text);
    let mut shown = head.map_or("", |_| SCHEME).to_owned();
    // What parses is cut as it was parsed: a `;` behind a `?` is part of a value, and that value may be the PIN.
    let (path, query) = match rest.find('?').filter(|_| values) {
        Some(at) => rest.split_at(at + 1),
        None => (rest, ""),
    };
    let signs: &[char] = if values { &[';', '?'] } else { &['&', ';', '?'] };
    for attribute in path.split_inclusive(signs).chain(query.split_inclusive('&')) {
        let content = attribute.trim_end_matches(['&', ';', '?']);
        let end = attribute.get(content.len()..).unwrap_or("");
        let name = content.split_once('=').map(|(name, _)| name);
        let name = name.filter(|name| PATH.contains(name) || QUERY.contains(name));
        match name {
            Some(name) if values && !name.starts_with("pin-") => shown += content,
            Some(name) => shown = shown + name + "=...",
            None if content.is_empty() => {}
            None => shown += "...",
        }
        shown += end;
    }
    shown
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        let slot = self.slot_id.map(|number| number.to_string());
        let path: [(&str, Option<&[u8]>); 8] = [
            ("token", self.token.as_deref().map(str::as_bytes)),
            ("serial", self.serial.as_deref().map(str::as_bytes)),
            ("manufacturer", self.manufacturer.as_deref().map(str::as_bytes)),
            ("model", self.model.as_deref().map(str::as_bytes)),
            ("slot-id", slot.as_deref().map(str::as_bytes)),
            ("object", self.object.as_deref().map(str::as_bytes)),
            ("id", self.id.as_deref()),
            ("type", self.object_type.map(|ty| ty.name().as_bytes())),
        ];
        let mut separator = "";
        for (name, value) in path {
            let Some(value) = value else { continue };
            write!(f, "{separator}{name}=")?;
            if name == "id" {
                value.iter().try_for_each(|byte| write!(f, "%{byte:02X}"))?;
            } else {
                percent_encode(value, f)?;
            }
            separator = ";";
        }
        // How to get at the object is not part of its name; the PIN least of all.
        Ok(())
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        let uri = Uri::parse("pkcs11:").unwrap();
        assert_eq!(uri, Uri::default());
        let uri = Uri::parse("pkcs11:object=my-pubkey;type=public").unwrap();
        assert_eq!(uri.object.as_deref(), Some("my-pubkey"));
        assert_eq!(uri.object_type, Some(ObjectType::Public));
        let uri = Uri::parse("pkcs11:object=my-key;type=private?pin-source=file:/etc/token").unwrap();
        assert_eq!(uri.pin_source, Some("/etc/token".into()));
        let uri = Uri::parse(
            "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;\
             object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin",
        )
        .unwrap();
        assert_eq!(uri.token.as_deref(), Some("The Software PKCS#11 Softtoken"));
        assert_eq!(uri.manufacturer.as_deref(), Some("Snake Oil, Inc."));
        assert_eq!(uri.id.as_deref(), Some(&[0x69, 0x95, 0x3e, 0x5c, 0xf4, 0xbd, 0xec, 0x91][..]));
        assert_eq!(uri.serial.as_deref(), Some(""));
        let uri =
            Uri::parse("pkcs11:slot-id=327?module-path=/mnt/libmypkcs11.so.1&pin-value=the-pin").unwrap();
        assert_eq!(uri.slot_id, Some(327));
        assert_eq!(uri.module_path, Some("/mnt/libmypkcs11.so.1".into()));
        assert_eq!(uri.pin_value.as_deref().map(String::as_str), Some("the-pin"));
    }

    #[test]
    fn what_is_not_understood_is_refused_without_telling_the_pin() {
        for bad in [
            "pkcs12:token=a",
            "pkcs11:token",
            "pkcs11:token=a;token=b",
            "pkcs11:token=%zz",
            "pkcs11:token=%4",
            "pkcs11:token=a b",
            "pkcs11:token=%ff",
            "pkcs11:tokn=a",
            "pkcs11:type=data",
            "pkcs11:slot-id=x",
            "pkcs11:pin-value=hush",
            "pkcs11:?token=a&pin-value=hush",
            "pkcs11:?pin-value=hush&pin-value=hush",
            "pkcs11:?pin-value=hush%",
            "pkcs11:?pin-source=|cat%20x",
            "pkcs11:?module-name=x",
        ] {
            let error = Uri::parse(bad).expect_err(bad);
            assert_eq!(error.code, input::KEY_URI_INVALID, "{bad}");
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        }
    }

    /// Every way seen to write a PIN into a URI: it is refused, and no text has the PIN, nor does the URI have it as a label.
    #[test]
    fn a_pin_in_the_wrong_place_is_refused_and_shown_nowhere() {
        let spellings = [
            "pin-value",
            "PIN-VALUE",
            "Pin-Value",
            "pin_value",
            "pinvalue",
            "pin-valu",
            "%70in-value",
            "pin%2Dvalue",
            "pin",
        ];
        let mut cases = Vec::new();
        for spelling in spellings {
            for equals in ["=", ":", "%3D", "%253D", "=="] {
                for before in [",", "&", "%3F", "%26", "%253F", "%2526", "#", "+", "/", "|"] {
                    cases.push(format!("pkcs11:token=t;object=x{before}{spelling}{equals}HUSH"));
                    cases.push(format!("pkcs11:id=x{before}{spelling}{equals}HUSH;object=x"));
                    cases.push(format!("pkcs11:object=x?module-path=/m.so{before}{spelling}{equals}HUSH"));
                    cases.push(format!("pkcs11:object=x?pin-source=f{before}{spelling}{equals}HUSH"));
                }
                for before in ["", "token=t;", "token=t?", "?", "?module-path=/m;", "?pin-source=f;"] {
                    cases.push(format!("pkcs11:{before}{spelling}{equals}HUSH"));
                }
                cases.push(format!("pkcs:object=x?{spelling}{equals}HUSH"));
                cases.push(format!("{spelling}{equals}HUSH"));
            }
        }
        for text in [
            "pkcs11:HUSH",
            "pkcs11:HUSH=x",
            "pkcs11:token=t;HUSH",
            "pkcs11:?HUSH=1",
            "pkcs11:?pin-value:HUSH=1",
        ] {
            cases.push(text.to_owned());
        }
        for text in &cases {
            let argument: crate::KeyArgument = text.parse().unwrap();
            let shown = format!("{} {argument} {argument:?}", redact(text));
            assert!(!shown.contains("HUSH"), "{text}: {shown}");
            match Uri::parse(text) {
                Err(error) => {
                    assert_eq!(error.code, input::KEY_URI_INVALID, "{text}");
                    assert!(!format!("{error} {error:?}").contains("HUSH"), "{text}: {error:?}");
                }
                // The one right way to say it, or one that reads it all the same (`pin-value==HUSH`).
                Ok(uri) => {
                    assert!(uri.pin_value.is_some(), "{text}");
                    assert!(!format!("{uri} {uri:?}").contains("HUSH"), "{text}");
                }
            }
        }
        // Words that have the letters by chance are labels like others.
        for text in ["pkcs11:token=pinboard;object=shipping", "pkcs11:object=x?pin-source=/run/secrets/pin"] {
            assert!(Uri::parse(text).is_ok(), "{text}");
        }
        assert_eq!(redact("pkcs11:object=x?pin-source=1234"), "pkcs11:object=x?pin-source=...");
    }

    #[test]
    fn it_is_shown_as_it_is_parsed_and_without_the_pin() {
        let text = "pkcs11:token=a%3Bb%20%C3%A4;object=k%23;id=%00%FF;type=private";
        let uri = Uri::parse(&format!("{text}?pin-value=hush&module-path=/x")).unwrap();
        assert_eq!(uri.to_string(), text);
        let again = Uri::parse(&uri.to_string()).unwrap();
        assert_eq!((again.token, again.id), (uri.token.clone(), uri.id.clone()));
        assert!(!format!("{uri:?}").contains("hush"));
        assert_eq!(
            redact("pkcs11:x?pin-value=a&b=c&pin-value=d"),
            "pkcs11:...?pin-value=...&...&pin-value=..."
        );
        assert_eq!(redact("pkcs11:token=a;object=b?pin-value=c"), "pkcs11:token=a;object=b?pin-value=...");
        assert_eq!(redact("pkcs11:token=a;objekt=b"), "pkcs11:token=...;...");
        assert_eq!(
            redact("pkcs11:object=a?pin-value=b;id=%01c&module-path=/m"),
            "pkcs11:object=a?pin-value=...&module-path=/m"
        );
        for text in ["pkcs11:token=a?module-path=/m&pin-source=f", "pkcs11:?pin-value=d&x", "key", ""] {
            assert_eq!(redact(&redact(text)), redact(text), "{text}");
        }
    }
}
