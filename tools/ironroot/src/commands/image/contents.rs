//! What is in a file: image, TLVs and trailer, found once for `info`, its picture and `diff`.

use ironroot_image::{Area, Error, Flags, HEADER_LEN, Header, Image, Limits, ReadAt, Tlv};
use serde_json::{Value, json};

use super::file::ImageFile;
use super::options::{Erased, TrailerOptions};
use super::picture::{Column, Part, PartKind};
use super::trailer::{self, Trailer};
use crate::error::{Context, Result};
use crate::hex;

/// A file that was looked into. Nothing of it is verified.
#[derive(Debug)]
pub struct Contents {
    /// The file.
    pub file: ImageFile,
    /// Its image, or why there is none.
    pub image: std::result::Result<(Image, Vec<Tlv>), Error>,
    /// The trailer at its end, if the file is a whole slot.
    pub trailer: Option<Trailer>,
    /// The end of the slot, or of the file.
    pub end: u32,
}

/// The flags with MCUboot's names.
const FLAGS: &[(Flags, &str)] = &[
    (Flags::POSITION_INDEPENDENT, "PIC"),
    (Flags::ENCRYPTED_AES128, "ENCRYPTED_AES128"),
    (Flags::ENCRYPTED_AES256, "ENCRYPTED_AES256"),
    (Flags::NON_BOOTABLE, "NON_BOOTABLE"),
    (Flags::RAM_LOAD, "RAM_LOAD"),
    (Flags::ROM_FIXED, "ROM_FIXED"),
    (Flags::COMPRESSED, "COMPRESSED"),
];

/// The names of the flags that are set.
pub fn flag_names(flags: Flags) -> Vec<&'static str> {
    FLAGS.iter().filter(|(flag, _)| flags.intersects(*flag)).map(|(_, name)| *name).collect()
}

impl Contents {
    /// Looks into `file`. A trailer is taken to be there if the options say how large the slot is, or if the file is larger
    /// than its image: then the slot ends where the file does.
    pub fn of(file: ImageFile, limits: Limits, options: &TrailerOptions, erased: Erased) -> Result<Self> {
        let image = Image::parse(&file, limits).and_then(|image| {
            let tlvs = image.tlvs(&file).collect::<std::result::Result<Vec<Tlv>, _>>()?;
            Ok((image, tlvs))
        });
        let image_end = image.as_ref().map_or(0, |(image, _)| image.size());
        let slot_end = options.slot_size.unwrap_or(file.len()).min(file.len());
        let mut trailer = None;
        if slot_end > image_end {
            let found = trailer::find(&file, slot_end);
            // Without a magic and without being told of a slot, what is behind an image is just that.
            if found.is_some() || options.slot_size.is_some() || image.is_err() {
                let tlv = image.as_ref().ok().and_then(|(_, tlvs)| {
                    tlvs.iter()
                        .find(|tlv| tlv.ty.kind == ironroot_image::Kind::EncryptedKey)
                        .map(|tlv| tlv.len)
                });
                let keys = trailer::saved_keys(tlv.is_some(), tlv.is_some(), tlv);
                let layout = trailer::layout_in(slot_end - image_end, options, found, keys);
                trailer = Trailer::read(&file, slot_end, layout.about(file.path().display())?, erased.byte());
            }
        }
        Ok(Contents { file, image, trailer, end: slot_end.max(image_end) })
    }

    /// The value of a TLV.
    pub fn value(&self, tlv: &Tlv) -> Vec<u8> {
        self.file.bytes(tlv.offset, u32::from(tlv.len)).unwrap_or_default()
    }

    /// A TLV for programs.
    pub fn tlv_json(&self, tlv: &Tlv) -> Value {
        json!({
            "type": tlv.ty.number,
            "name": tlv.ty.name(),
            "protected": tlv.ty.area == Area::Protected,
            "offset": tlv.offset,
            "length": tlv.len,
            "value": hex::encode(&self.value(tlv)),
        })
    }

    /// The file as columns of a picture: all of it, its TLVs, its trailer.
    pub fn columns(&self) -> Vec<Column> {
        let mut whole = Vec::new();
        let mut columns = Vec::new();
        let mut tlv_column = None;
        let mut free_from = 0;
        if let Ok((image, tlvs)) = &self.image {
            let payload = image.payload();
            let mut push = |label: &str, range: std::ops::Range<u32>, kind| {
                if !range.is_empty() {
                    whole.push(Part { label: label.to_owned(), range, kind });
                }
            };
            push("header", 0..HEADER_LEN as u32, PartKind::Header);
            push("header padding", HEADER_LEN as u32..payload.start, PartKind::Header);
            let encrypted = image.header().flags.intersects(Flags::ENCRYPTED);
            push(if encrypted { "payload, encrypted" } else { "payload" }, payload, PartKind::Payload);
            push("protected TLVs", image.protected(), PartKind::Protected);
            push("TLVs", image.unprotected(), PartKind::Unprotected);
            free_from = image.size();
            tlv_column = Some(Column { title: "TLVs".to_owned(), parts: tlv_parts(image, tlvs) });
        }
        let free_to = self.trailer.as_ref().map_or(self.end, |trailer| trailer.range().start);
        if free_from < free_to {
            whole.push(Part { label: "free".to_owned(), range: free_from..free_to, kind: PartKind::Free });
        }
        if let Some(trailer) = &self.trailer {
            whole.push(Part { label: "trailer".to_owned(), range: trailer.range(), kind: PartKind::Trailer });
        }
        let title = if self.trailer.is_some() { "slot" } else { "image" };
        columns.push(Column { title: format!("{title}: {} bytes", self.end), parts: whole });
        columns.extend(tlv_column);
        if let Some(trailer) = &self.trailer {
            columns.push(Column {
                title: format!("trailer: {}", trailer.words()),
                parts: trailer_parts(trailer),
            });
        }
        columns
    }
}

/// Both TLV areas, their info headers included.
fn tlv_parts(image: &Image, tlvs: &[Tlv]) -> Vec<Part> {
    let mut parts = Vec::new();
    let areas = [
        (Area::Protected, image.protected(), PartKind::Protected, "protected, info header"),
        (Area::Unprotected, image.unprotected(), PartKind::Unprotected, "info header"),
    ];
    for (area, range, kind, title) in areas {
        if range.is_empty() {
            continue;
        }
        let first = tlvs.iter().find(|tlv| tlv.ty.area == area).map_or(range.end, |tlv| tlv.offset - 4);
        parts.push(Part { label: title.to_owned(), range: range.start..first, kind });
        for tlv in tlvs.iter().filter(|tlv| tlv.ty.area == area) {
            let label = format!("{:#06x} {}", tlv.ty.number, tlv.ty.name());
            // Type and length are before the value.
            let range = tlv.offset - 4..tlv.offset + u32::from(tlv.len);
            parts.push(Part { label, range, kind });
        }
    }
    parts
}

/// The trailer with what lies between its fields.
fn trailer_parts(trailer: &Trailer) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut at = trailer.range().start;
    for (name, range, value) in trailer.fields() {
        if at < range.start {
            let label = "padding".to_owned();
            parts.push(Part { label, range: at..range.start, kind: PartKind::Free });
        }
        at = range.end;
        parts.push(Part { label: format!("{name}: {value}"), range, kind: PartKind::Trailer });
    }
    parts
}

/// The fields of a header by name, in words.
pub fn header_fields(header: &Header) -> [(&'static str, String); 6] {
    let flags = flag_names(header.flags);
    [
        ("version", header.version.to_string()),
        ("header size", format!("{:#x}", header.header_size)),
        ("payload size", header.payload_size.to_string()),
        ("protected TLV size", header.protected_size.to_string()),
        ("flags", if flags.is_empty() { "none".to_owned() } else { flags.join(" ") }),
        ("load address", format!("{:#010x}", header.load_address)),
    ]
}
