//! Configuration files (`Obdata`): fields that become the bytes of option-byte keys.

use std::path::{Path, PathBuf};

use ironroot_codes::{input, project};
use ironroot_keys::{KeyArgument, KeyKind, Secrets};
use ironroot_layout::stm32h7rs::obkeys::{DA_CONFIG, DA_PASSWORD, PRIVATE_KEY_END, PRIVATE_KEY_PREFIX};
use zeroize::Zeroizing;

use super::obk::{self, Obk};
use super::target::Family;
use super::xml::{self, Element, brief};
use crate::error::{Failure, Result};
use crate::files;

/// The first byte of a point that is not compressed; X and Y follow.
const SEC1_UNCOMPRESSED: u8 = 4;
/// The longest password of debug authentication, and the only length whose hash is known.
pub(crate) const PASSWORD: usize = 16;
/// What a device of ST's examples grants at all: full regression, debugging from each level on, and bit 127, whose meaning is
/// not published.
pub(crate) const PERMISSIONS: u128 = 0x8000_0000_0000_0000_0000_0000_0000_4007;
/// The widest field in bytes.
const MAX_WIDTH: u128 = 256;
/// The largest alignment of a field or of the whole.
const MAX_ALIGN: u128 = 256;

/// A configuration file.
#[derive(Debug)]
pub struct Config {
    /// What the tool shows as its title.
    pub title: String,
    /// The chip that it names, if it names one.
    pub mcu: Option<String>,
    /// The family that its destination belongs to.
    pub family: Family,
    /// Where the content goes: the first word of the `.obk` file.
    pub destination: u32,
    /// Whether the chip encrypts it.
    pub encrypt: bool,
    /// The content is filled up with zeros to a multiple of this.
    pub align: usize,
    /// The content begins with the SHA-256 of the rest.
    pub hash: bool,
    /// The fields, in the order of their bytes.
    pub fields: Vec<Field>,
    /// Where the result goes, as the file says.
    pub output: PathBuf,
}

/// A field of a configuration.
#[derive(Debug)]
pub struct Field {
    /// Its name; image descriptions link to it.
    pub name: String,
    /// What it says.
    pub value: Value,
    /// Its place in the file, for messages.
    place: String,
}

/// What a field says.
#[derive(Debug, PartialEq, Eq)]
pub enum Value {
    /// A number, little-endian on so many bytes.
    Number {
        /// The number.
        value: u128,
        /// Bytes.
        width: usize,
        /// How the file writes it: what an image description that links to it gets.
        text: String,
    },
    /// A key file.
    Key {
        /// As the file says it.
        path: PathBuf,
        /// The public half is meant.
        public: bool,
        /// Filled up with zeros to a multiple of this.
        align: usize,
        /// Only the SHA-256 of X and Y is stored (debug authentication).
        hashed: bool,
    },
    /// The permissions of debug authentication: 128 bits.
    Permissions(u128),
    /// The password of debug authentication, of which the SHA-256 is stored.
    Password(Zeroizing<String>),
}

impl Config {
    /// Reads `Obdata`.
    pub(super) fn parse(obdata: Element<'_>) -> Result<Self> {
        const FIELDS: [&str; 6] = ["Data", "List", "Bool", "File", "Permission", "Text"];
        obdata.only_with_many(&["Info", "Hash", "DA", "Output"], &FIELDS)?;
        let child = |name: &str| {
            obdata
                .child(name)
                .ok_or_else(|| obdata.refuse(project::ST_FIELD_MISSING, format_args!("there is no {name}")))
        };
        let info = child("Info")?;
        info.only(&[
            "Title",
            "MCU",
            "ObDestAddress",
            "DoEncryption",
            "GlobalAlign",
            "FlashStart",
            "FlashSize",
            "FlashSectorSize",
            "OBKStart",
            "OBKSize",
            "OBKSectorSize",
            "AuthOBKStart",
            "AuthOBKSize",
        ])?;
        let debug_authentication = obdata.child("DA").is_some();
        let mut fields = Vec::new();
        for element in obdata.children().filter(|element| FIELDS.contains(&element.name())) {
            fields.push(Field::parse(element, debug_authentication)?);
        }
        let output = child("Output")?;
        output.only(&["Name", "Value", "Default", "Tooltip"])?;
        let destination = bounded(info, "ObDestAddress", u128::from(u32::MAX))? as u32;
        let mcu = info.optional("MCU").filter(|mcu| !mcu.is_empty());
        let config = Self {
            title: info.optional("Title").unwrap_or_default().to_owned(),
            mcu: mcu.map(str::to_owned),
            family: family(info, mcu, destination)?,
            destination,
            encrypt: bounded(info, "DoEncryption", 1)? == 1,
            align: at_least_one(info, "GlobalAlign", MAX_ALIGN)?,
            hash: obdata.child("Hash").is_some(),
            fields,
            output: path(value_or_default(output)?),
        };
        check_slots(obdata, info)?;
        config.check_debug(obdata, debug_authentication)?;
        Ok(config)
    }

    /// What the device compares with a password is made of a password, and so on: else nothing opens it again.
    fn check_debug(&self, obdata: Element<'_>, debug_authentication: bool) -> Result {
        if self.family != Family::Stm32h7rs {
            return Ok(());
        }
        let refuse = |cause: &str| {
            let word = self.destination;
            Err(obdata
                .refuse(project::ST_VALUE_INVALID, format_args!("the destination {word:#010x} {cause}")))
        };
        let has = |wanted: fn(&Value) -> bool| self.fields.iter().any(|field| wanted(&field.value));
        let password = has(|value| matches!(value, Value::Password(_)));
        let key = has(|value| matches!(value, Value::Key { .. }));
        match (self.destination == DA_CONFIG.word(), self.destination == DA_PASSWORD.word()) {
            (false, false) if debug_authentication => {
                refuse("is none of debug authentication, and DA is there")
            }
            (false, false) => Ok(()),
            _ if !debug_authentication => refuse("is one of debug authentication, and DA is missing"),
            (true, _) if password || !key => {
                refuse("is for certificates, and needs a root key and no password")
            }
            (_, true) if key || !password => refuse("is for a password, and needs one and no key"),
            _ => Ok(()),
        }
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The key files that it names, from `base`, the folder of the configuration file.
    pub fn key_files(&self, base: &Path) -> impl Iterator<Item = PathBuf> {
        self.fields.iter().filter_map(move |field| match &field.value {
            Value::Key { path, .. } => Some(base.join(path)),
            _ => None,
        })
    }

    /// The content. Key files are looked for from `base`, the folder of the configuration file.
    pub fn build(&self, base: &Path, secrets: &Secrets) -> Result<Obk> {
        let mut data = Zeroizing::new(Vec::new());
        for field in &self.fields {
            let added = field.append(base, self.hash, secrets, &mut data);
            // The subject is the key file; the line is where to change it.
            added.map_err(|failure| Failure {
                cause: format!("{}: {}", field.place, failure.cause),
                ..failure
            })?;
        }
        let front = if self.hash { 32 } else { 0 };
        let length = (front + data.len()).next_multiple_of(self.align);
        data.resize(length - front, 0);
        if length == 0 || length > obk::MAX_PAYLOAD {
            let cause = format!("the content has {length} bytes; there may be 1 to {}", obk::MAX_PAYLOAD);
            return Err(Failure::new(project::ST_VALUE_INVALID, cause));
        }
        let room = self.family.room(self.destination);
        if length > room as usize {
            let (word, family) = (self.destination, self.family.name());
            let cause = format!(
                "the content has {length} bytes, and the keys of its level have {room} from {word:#010x} on ({family})"
            );
            return Err(Failure::new(project::ST_VALUE_INVALID, cause));
        }
        let mut payload = Zeroizing::new(Vec::with_capacity(length));
        if self.hash {
            payload.extend_from_slice(&obk::sha256(&data));
        }
        payload.extend_from_slice(&data);
        Ok(Obk { destination: self.destination, encrypt: self.encrypt, payload })
    }
}

impl Field {
    fn parse(element: Element<'_>, debug_authentication: bool) -> Result<Self> {
        let known: &[&str] = match element.name() {
            "Data" => &[
                "Name",
                "Value",
                "Width",
                "MinWidth",
                "Default",
                "Tooltip",
                "Hidden",
                "Reserved",
                "OBKSlot",
                "Dependency",
            ],
            "List" => &["Name", "Value", "Width", "Default", "Tooltip", "Hidden", "Reserved", "Dependency"],
            "Bool" => &[
                "Name",
                "Value",
                "Width",
                "Default",
                "Tooltip",
                "Hidden",
                "Reserved",
                "Dependency",
                "True",
                "False",
            ],
            "File" => {
                &["Name", "Value", "Align", "KeyType", "Type", "Default", "Tooltip", "Hidden", "Dependency"]
            }
            "Permission" => &["Name", "Value", "Width", "Default", "Tooltip", "Hidden"],
            _ => &["Name", "Value", "Width", "MinWidth", "Default", "Tooltip", "Hidden"],
        };
        element.only_with_many(known, &["Val", "Slot"])?;
        let value = match element.name() {
            "File" => key(element, debug_authentication)?,
            "Permission" => Value::Permissions(bounded(element, "Value", u128::MAX)?),
            "Text" => password(element)?,
            _ => listed_number(element)?,
        };
        Ok(Self { name: element.required("Name")?.to_owned(), value, place: element.place() })
    }

    fn append(&self, base: &Path, hashed_content: bool, secrets: &Secrets, data: &mut Vec<u8>) -> Result {
        match &self.value {
            Value::Number { value, width, .. } => {
                let bytes = value.to_le_bytes();
                // A field wider than the number (reserved room) goes on with zeros.
                let given = bytes.get(..*width).unwrap_or(&bytes);
                data.extend_from_slice(given);
                data.resize(data.len() + (*width - given.len()), 0);
            }
            Value::Permissions(bits) => data.extend_from_slice(&bits.to_le_bytes()),
            Value::Password(text) => data.extend_from_slice(&obk::sha256(text.as_bytes())),
            Value::Key { path, public, align, hashed } => {
                let path = base.join(path);
                let bytes = if hashed_content {
                    key_bytes(&path, *public, *hashed, secrets)?
                } else {
                    // Without a hash of its own it is content that was made before (an OBK image).
                    Zeroizing::new(files::read(&path)?)
                };
                let start = data.len();
                data.extend_from_slice(&bytes);
                data.resize(start + bytes.len().next_multiple_of(*align), 0);
            }
        }
        Ok(())
    }
}

/// What the device gets of a key.
fn key_bytes(path: &Path, public: bool, hashed: bool, secrets: &Secrets) -> Result<Zeroizing<Vec<u8>>> {
    let argument = KeyArgument::from(path.to_path_buf());
    match (public, hashed) {
        (true, false) => public_key(&argument, secrets),
        (true, true) => public_key_hash(&argument, secrets).map(|hash| Zeroizing::new(hash.to_vec())),
        (false, _) => private_key(path, secrets),
    }
}

fn p256(kind: KeyKind, name: impl std::fmt::Display) -> Result {
    if kind == KeyKind::EcdsaP256 {
        return Ok(());
    }
    let cause = format!("it is a key for {kind}; P-256 is wanted");
    Err(Failure::new(input::KEY_ALGORITHM, cause).about(name))
}

/// A verification key as boot stages have it: SubjectPublicKeyInfo, 91 bytes.
pub(crate) fn public_key(argument: &KeyArgument, secrets: &Secrets) -> Result<Zeroizing<Vec<u8>>> {
    let loaded = ironroot_keys::load_public(argument, secrets)?;
    p256(loaded.kind, argument)?;
    Ok(Zeroizing::new(loaded.key.spki_der().to_vec()))
}

/// The hash by which debug authentication knows a root key: SHA-256 of X and Y.
pub(crate) fn public_key_hash(argument: &KeyArgument, secrets: &Secrets) -> Result<[u8; 32]> {
    let der = public_key(argument, secrets)?;
    let point = der.last_chunk::<65>().and_then(|point| point.strip_prefix(&[SEC1_UNCOMPRESSED]));
    let point = point.ok_or_else(|| Failure::internal("a P-256 key does not end with its point"))?;
    Ok(obk::sha256(point))
}

/// A private key as boot stages have it: 70 bytes.
pub(crate) fn private_key(path: &Path, secrets: &Secrets) -> Result<Zeroizing<Vec<u8>>> {
    let loaded = ironroot_keys::load_private_file(path, secrets)?;
    p256(loaded.kind, path.display())?;
    let minimal = loaded.key.to_minimal_der()?;
    let number = minimal
        .last_chunk::<32>()
        .ok_or_else(|| Failure::internal("a minimal P-256 key is shorter than its number"))?;
    Ok(Zeroizing::new([PRIVATE_KEY_PREFIX.as_slice(), number, &PRIVATE_KEY_END].concat()))
}

fn key(element: Element<'_>, debug_authentication: bool) -> Result<Value> {
    let kind = element.optional("KeyType").unwrap_or("ecdsa-p256");
    if kind != "ecdsa-p256" {
        let cause = format_args!("KeyType is {:?}; only ecdsa-p256 is known", brief(kind));
        return Err(element.refuse(project::ST_VALUE_INVALID, cause));
    }
    let public = match element.optional("Type").unwrap_or_default() {
        "Public" => true,
        "" => false,
        other => {
            let cause = format_args!("Type is {:?}, neither Public nor empty", brief(other));
            return Err(element.refuse(project::ST_VALUE_INVALID, cause));
        }
    };
    let align = match element.child("Align") {
        Some(_) => at_least_one(element, "Align", MAX_ALIGN)?,
        None => 1,
    };
    Ok(Value::Key { path: path(value_or_default(element)?), public, align, hashed: debug_authentication })
}

fn password(element: Element<'_>) -> Result<Value> {
    let text = value_or_default(element)?;
    if text.len() == PASSWORD && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Value::Password(Zeroizing::new(text.to_owned())));
    }
    // Never the text itself: it is a secret.
    let cause = format_args!(
        "a password needs exactly {PASSWORD} printable ASCII characters; how ST's tool fills up a shorter one is not published"
    );
    Err(element.refuse(project::ST_VALUE_INVALID, cause))
}

fn listed_number(element: Element<'_>) -> Result<Value> {
    let width = at_least_one(element, "Width", MAX_WIDTH)?;
    let text = value_or_default(element)?;
    let value = xml::number(text).ok_or_else(|| {
        element.refuse(project::ST_VALUE_INVALID, format_args!("the value {:?} is no number", brief(text)))
    })?;
    if width < 16 && value >> (8 * width) != 0 {
        let cause = format_args!("the value {} does not fit {width} bytes", brief(text));
        return Err(element.refuse(project::ST_VALUE_INVALID, cause));
    }
    let choices: Vec<&str> = match element.name() {
        "List" => element.children().filter(|child| child.name() == "Val").map(Element::text).collect(),
        "Bool" => vec![element.required("True")?, element.required("False")?],
        _ => Vec::new(),
    };
    let values = choices.iter().map(|choice| choice.split(',').next().unwrap_or_default().trim());
    if !choices.is_empty() && !values.clone().any(|choice| xml::number(choice) == Some(value)) {
        let cause = format_args!(
            "the value {} is none of {}",
            brief(text),
            brief(&values.collect::<Vec<_>>().join(", "))
        );
        return Err(element.refuse(project::ST_VALUE_INVALID, cause));
    }
    Ok(Value::Number { value, width, text: text.to_owned() })
}

/// The family, if the part that the file names and the destination agree on it.
fn family(info: Element<'_>, mcu: Option<&str>, destination: u32) -> Result<Family> {
    let refuse = |cause: String| Err(info.refuse(project::ST_VALUE_INVALID, cause));
    let Some(family) = Family::of_destination(destination) else {
        return refuse(format!(
            "ObDestAddress is {destination:#010x}, which is no place for keys on an STM32H7R/S (index, level, debug \
             authentication) or STM32H5 (address from 0x0ffd0000)"
        ));
    };
    let Some(mcu) = mcu else { return Ok(family) };
    match Family::of_mcu(mcu) {
        Some(named) if named == family => Ok(family),
        Some(_) => refuse(format!(
            "MCU is {:?}, and {destination:#010x} is a place on {}",
            brief(mcu),
            family.name()
        )),
        None => refuse(format!("MCU is {:?}; STM32H7R/S and STM32H5 are known", brief(mcu))),
    }
}

/// The areas that fields mark as slots (`start#1`, `size#1`): inside their memory, aligned to its sectors, apart from each
/// other. Fields whose condition does not hold count for nothing.
fn check_slots(obdata: Element<'_>, info: Element<'_>) -> Result {
    let memory = |name: &str| info.optional(name).and_then(xml::number).unwrap_or(0);
    let (room, sector) = (memory("FlashSize"), memory("FlashSectorSize"));
    let mut slots: Vec<(String, Option<u128>, Option<u128>, String)> = Vec::new();
    for field in obdata.children().filter(|field| applies(*field, obdata)) {
        let Some(value) = field.optional("Value").and_then(xml::number) else { continue };
        for mark in field.children().filter(|child| child.name() == "Slot") {
            let Some((kind, number)) = mark.text().split_once('#') else {
                let cause = format_args!("the slot mark {:?} is not start#n or size#n", brief(mark.text()));
                return Err(field.refuse(project::ST_VALUE_INVALID, cause));
            };
            let index = match slots.iter().position(|slot| slot.0 == number) {
                Some(index) => index,
                None => {
                    slots.push((number.to_owned(), None, None, field.place()));
                    slots.len() - 1
                }
            };
            let Some(slot) = slots.get_mut(index) else { continue };
            match kind {
                "start" => slot.1 = Some(value),
                "size" => slot.2 = Some(value),
                _ => {
                    let cause =
                        format_args!("the slot mark {:?} is not start#n or size#n", brief(mark.text()));
                    return Err(field.refuse(project::ST_VALUE_INVALID, cause));
                }
            }
        }
    }
    let mut areas: Vec<(u128, u128, &str)> = Vec::new();
    for (number, start, size, place) in &slots {
        let (Some(start), Some(size)) = (start, size) else {
            let cause = format!("{place}: slot {number} has a start or a size, not both");
            return Err(Failure::new(project::ST_FIELD_MISSING, cause));
        };
        // Both are below 2^32 for every field of four bytes; a wider field may not wrap either.
        let Some(end) = start.checked_add(*size) else {
            return Err(Failure::new(project::ST_AREAS_OVERLAP, format!("{place}: slot {number} wraps")));
        };
        if room != 0 && end > room {
            let cause = format!("{place}: slot {number} ends at {end:#x}, its memory has {room:#x} bytes");
            return Err(Failure::new(project::ST_AREAS_OVERLAP, cause));
        }
        if sector != 0 && (start % sector != 0 || size % sector != 0) {
            let cause = format!("{place}: slot {number} is not in whole sectors of {sector:#x} bytes");
            return Err(Failure::new(project::ST_AREAS_OVERLAP, cause));
        }
        if let Some((.., other)) = areas.iter().find(|area| area.0 < end && *start < area.1) {
            let cause = format!("{place}: slot {number} overlaps that of {other}");
            return Err(Failure::new(project::ST_AREAS_OVERLAP, cause));
        }
        areas.push((*start, end, place));
    }
    Ok(())
}

/// Whether the condition of a field holds: `Dependency` is `name,value`, and the field that bears the bare name has it.
fn applies(field: Element<'_>, obdata: Element<'_>) -> bool {
    let Some((name, wanted)) = field.optional("Dependency").and_then(|text| text.split_once(',')) else {
        return true;
    };
    let deciding = obdata.children().find(|other| other.optional("Dependency") == Some(name));
    let actual = deciding.and_then(|other| other.optional("Value")).and_then(xml::number);
    actual == xml::number(wanted)
}

/// `Value`, or `Default` where the file leaves the value out.
pub(super) fn value_or_default<'d>(element: Element<'d>) -> Result<&'d str> {
    match element.optional("Value") {
        Some(text) if !text.is_empty() => Ok(text),
        _ => element.required("Default"),
    }
}

fn bounded(element: Element<'_>, name: &str, most: u128) -> Result<u128> {
    let value = element.number(name)?;
    if value <= most {
        return Ok(value);
    }
    let cause = format_args!("{name} is {value:#x}; it may be {most:#x} at most");
    Err(element.refuse(project::ST_VALUE_INVALID, cause))
}

fn at_least_one(element: Element<'_>, name: &str, most: u128) -> Result<usize> {
    match bounded(element, name, most)? {
        0 => Err(element.refuse(project::ST_VALUE_INVALID, format_args!("{name} is 0"))),
        value => Ok(value as usize),
    }
}

/// A path of a project file: ST's tools run on Windows too.
pub(super) fn path(text: &str) -> PathBuf {
    PathBuf::from(text.replace('\\', "/"))
}
