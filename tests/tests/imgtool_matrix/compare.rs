//! What must be the same in two images of one recipe, and in two descriptions of one image.

use std::ops::Range;

use serde_json::Value;

use crate::recipe::{Cipher, End, Recipe, Signing, Update};

/// Where things are in an image, read without any of the code that is tested.
struct Layout {
    payload: Range<usize>,
    /// The unprotected area: its info header, and then each TLV with its header.
    unprotected: usize,
    tlvs: Vec<(u16, Range<usize>)>,
    end: usize,
}

impl Layout {
    fn of(image: &[u8]) -> Self {
        let half = |at: usize| usize::from(u16::from_le_bytes([image[at], image[at + 1]]));
        let start = half(8);
        let payload = start..start + half(12) + (half(14) << 16);
        let unprotected = payload.end + half(10);
        let end = unprotected + half(unprotected + 2);
        let (mut tlvs, mut at) = (Vec::new(), unprotected + 4);
        while at < end {
            let next = at + 4 + half(at + 2);
            tlvs.push((half(at) as u16, at..next));
            at = next;
        }
        Self { payload, unprotected, tlvs, end }
    }
}

/// Signatures and sealed keys: the parts that are random, ours too where the algorithm is.
const ECDSA: u16 = 0x22;
const RSA: [u16; 2] = [0x20, 0x23];
const SEALED: Range<u16> = 0x30..0x35;

/// Asserts that two images of one recipe differ in random parts only. True if they do not differ at all.
pub fn images(recipe: &Recipe, theirs: &[u8], ours: &[u8], context: &str) -> bool {
    let (a, b) = (Layout::of(theirs), Layout::of(ours));
    assert_eq!((a.unprotected, &a.payload), (b.unprotected, &b.payload), "areas: {context}");
    let encrypted = recipe.is_encrypted() && recipe.cipher == Cipher::Encrypted;
    let header = ..a.payload.start;
    assert!(theirs[header] == ours[header], "headers differ: {context}");
    // Encrypted payloads have other keys; what they hold was compared when they were decrypted.
    let rest = if encrypted { a.payload.end } else { a.payload.start };
    assert!(
        theirs[rest..a.unprotected] == ours[rest..a.unprotected],
        "payload or protected TLVs differ: {context}"
    );
    assert_eq!(theirs[a.unprotected..][..2], ours[a.unprotected..][..2], "info magic: {context}");
    let kinds = |layout: &Layout| layout.tlvs.iter().map(|(kind, _)| *kind).collect::<Vec<_>>();
    assert_eq!(kinds(&a), kinds(&b), "types and order: {context}");
    for ((kind, theirs_at), (_, ours_at)) in a.tlvs.iter().zip(&b.tlvs) {
        let (theirs, ours) = (&theirs[theirs_at.clone()], &ours[ours_at.clone()]);
        match *kind {
            // Of random length.
            ECDSA => {}
            kind if RSA.contains(&kind) || SEALED.contains(&kind) => {
                assert_eq!(theirs.len(), ours.len(), "length of TLV {kind:#x}: {context}");
            }
            kind => assert!(theirs == ours, "TLV {kind:#x} differs: {context}"),
        }
    }
    // What is behind the image: nothing, or erased flash up to a trailer.
    let (theirs_tail, ours_tail) = (&theirs[a.end..], &ours[b.end..]);
    let padded = recipe.end != End::Open;
    assert_eq!((theirs_tail.is_empty(), ours_tail.is_empty()), (!padded, !padded), "padding: {context}");
    if padded {
        assert_eq!(theirs.len(), ours.len(), "slot size: {context}");
        let longest = a.end.max(b.end);
        assert!(theirs[longest..] == ours[longest..], "trailers differ: {context}");
    }
    let random = encrypted
        || recipe.is_encrypted()
        || !matches!(recipe.signing, Signing::Unsigned | Signing::Ed25519 | Signing::Ed25519Pure);
    assert!(random || theirs == ours, "nothing is random here, and bytes differ: {context}");
    theirs == ours
}

/// Asserts that `image info` says what `imgtool dumpinfo` says.
pub fn descriptions(recipe: &Recipe, dump: &Value, info: &Value, context: &str) {
    let header = &dump["header"];
    for (theirs, ours) in [
        ("load_addr", "load_address"),
        ("hdr_size", "header_size"),
        ("protected_tlv_size", "protected_bytes"),
        ("img_size", "payload_bytes"),
    ] {
        assert_eq!(header[theirs], info[ours], "{theirs}: {context}");
    }
    // imgtool always shows the build number.
    let shown = header["version"].as_str().unwrap_or_default();
    let version = shown.strip_suffix("+0").unwrap_or(shown);
    assert_eq!(info["version"], version, "{context}");
    // imgtool's names of the flags.
    const FLAGS: [(u64, &str); 5] = [
        (0x4, "ENCRYPTED_AES128"),
        (0x8, "ENCRYPTED_AES256"),
        (0x10, "NON_BOOTABLE"),
        (0x20, "RAM_LOAD"),
        (0x100, "ROM_FIXED"),
    ];
    let flags = header["flags"].as_u64().unwrap_or(u64::MAX);
    let names: Vec<&str> = FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
    assert_eq!(info["flags"], Value::from(names), "{context}");

    let area = &dump["tlv_area"];
    let list = |name: &str| area[name].as_array().cloned().unwrap_or_default();
    let theirs: Vec<Value> = list("tlvs_prot").into_iter().chain(list("tlvs")).collect();
    let ours = info["tlvs"].as_array().cloned().unwrap_or_default();
    assert_eq!(theirs.len(), ours.len(), "number of TLVs: {context}");
    let protected = list("tlvs_prot").len();
    for (index, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
        assert_eq!(theirs["type"], ours["type"], "{context}");
        assert_eq!(theirs["len"], ours["length"], "{context}");
        assert_eq!(theirs["data"], ours["value"], "{context}");
        assert_eq!(ours["protected"], index < protected, "{context}");
        if theirs["type_name"] != "UNKNOWN" {
            assert_eq!(theirs["type_name"], ours["name"], "{context}");
        }
    }

    let theirs = &dump["trailer"];
    if recipe.end == End::Open {
        assert!(theirs["magic"].is_null(), "{context}");
        return;
    }
    let ours = &info["trailer"];
    assert_eq!(ours["magic"], "good", "{context}");
    assert_eq!(ours["max_align"], recipe.max_align(), "{context}");
    if recipe.update == Update::Overwrite {
        // imgtool shows fields there that such a trailer has not.
        return;
    }
    let erased = u64::from(recipe.erased());
    for (name, ours) in [("image_ok", &ours["image_ok"]), ("copy_done", &ours["copy_done"])] {
        let value = match theirs[name].as_u64() {
            Some(1) => "set",
            Some(value) if value == erased => "unset",
            _ => "bad",
        };
        let expected = if name == "image_ok" && recipe.end == End::Confirm { "set" } else { "unset" };
        assert_eq!(value, expected, "imgtool's {name}: {context}");
        // `good` is our word for a flag that is set.
        let ours = if *ours == "good" { "set" } else { ours.as_str().unwrap_or_default() };
        assert_eq!(ours, expected, "our {name}: {context}");
    }
}
