//! From options to what is to be made: everything that can be wrong is found here, before a key or a payload is read.

use std::path::{Path, PathBuf};

use ironroot_codes::input;
use ironroot_image::trailer::TrailerLayout;
use ironroot_image::{Dialect, TlvType, Version};
use ironroot_layout::Slot;
use uuid::Uuid;

use super::options::{Options, PublicKeyFormat};
use super::{conflicts, trailer};
use crate::device::Device;
use crate::error::{Context, Failure, Result};
use crate::report::Reporter;
use crate::{files, hex, number};

/// What is written behind the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Nothing.
    None,
    /// Erased bytes and the magic: an update that is to be tried, or one of a loader that only overwrites.
    Pending,
    /// The same with image_ok set.
    Confirmed,
}

/// Where the image runs, if it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In whichever slot it is.
    Anywhere,
    /// Copied to RAM.
    Ram(u32),
    /// In the slot at this address.
    Rom(u32),
}

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The device, if it is for one that is known here.
    pub device: Option<(Device, Slot)>,
    pub version: Version,
    pub header_size: u16,
    /// The header goes before the input. `None`: only if the input has no room for it.
    pub pad_header: Option<bool>,
    pub erased: u8,
    pub slot_size: u32,
    /// Address of the first byte in a HEX output, unless the input's own.
    pub address: Option<u32>,
    pub padding: Padding,
    pub security_counter: Option<u32>,
    pub dependencies: Vec<(u8, Version)>,
    pub boot_record: Option<String>,
    pub vendor_id: Option<[u8; 16]>,
    pub class_id: Option<[u8; 16]>,
    pub custom_tlvs: Vec<(u16, Vec<u8>)>,
    pub place: Place,
    pub non_bootable: bool,
    pub full_key: bool,
    pub dialect: Dialect,
    /// ST: for a loader with one slot.
    pub primary_only: bool,
    pub output: PathBuf,
}

impl Plan {
    /// Reads the options. `device`: whose slot and identifiers are the defaults; without one they must be given.
    pub fn new(options: &Options, device: Option<Device>, unsigned: bool) -> Result<Self> {
        conflicts::check(options, unsigned)?;
        if options.key.is_none() && !unsigned {
            let failure = Failure::new(input::KEY_MISSING, "signing needs a private key");
            return Err(match device {
                Some(_) => failure,
                None => failure
                    .fix("Pass --key KEY; if the image is to have no signature, say so with --unsigned."),
            });
        }
        let version: Version = options
            .version
            .parse()
            .map_err(|e| Failure::new(input::BAD_VERSION, format!("`{}`: {e}", options.version)))?;
        let content = &options.content;
        let slot = device
            .map(|d| Ok::<_, Failure>((d, d.slot(options.slot.header_size, options.slot.trailer.slot_size)?)))
            .transpose()?;
        let needed = |given: Option<u32>, of_device: Option<u32>, name: &str| {
            given.or(of_device).ok_or_else(|| {
                let cause = format!("{name} is missing, and no --device says what it is");
                Failure::new(input::USAGE, cause)
            })
        };
        let header_size =
            needed(options.slot.header_size, slot.map(|(_, slot)| slot.header.bytes()), "--header-size")?;
        let header_size = u16::try_from(header_size)
            .ok()
            .filter(|size| usize::from(*size) >= ironroot_image::HEADER_LEN)
            .ok_or_else(|| {
                Failure::new(input::BAD_HEADER_SIZE, format!("{header_size:#x} is not between 32 and 0xffff"))
            })?;
        let slot_size = needed(
            options.slot.trailer.slot_size,
            slot.map(|(_, slot)| slot.region.size().bytes()),
            "--slot-size",
        )?;
        let ids = device.map(Device::identifiers);
        let vendor_id = match &content.vid {
            // imgtool's derivation: the vendor's UUID from its domain name, the class's from its name under the vendor.
            Some(vid) => Some(identifier(vid, Some(Uuid::NAMESPACE_DNS))?),
            None => ids.map(|(vendor, _)| vendor),
        };
        let class_id = match &content.cid {
            Some(cid) => Some(identifier(cid, vendor_id.map(Uuid::from_bytes))?),
            None => ids.map(|(_, class)| class),
        };
        let plan = Plan {
            device: slot,
            version,
            header_size,
            pad_header: match (options.slot.pad_header, device) {
                (true, _) => Some(true),
                (false, Some(_)) => None,
                (false, None) => Some(false),
            },
            erased: options.erased_val.byte(),
            slot_size,
            address: options.hex_addr.or(slot.map(|(_, slot)| slot.region.start().value())),
            padding: match (options.confirm, options.test || options.pad) {
                (true, _) => Padding::Confirmed,
                (false, true) => Padding::Pending,
                (false, false) => Padding::None,
            },
            security_counter: content.security_counter.as_deref().map(|c| counter(c, version)).transpose()?,
            dependencies: content.dependencies.as_deref().map(dependencies).transpose()?.unwrap_or_default(),
            boot_record: content.boot_record.clone(),
            vendor_id,
            class_id,
            custom_tlvs: custom_tlvs(&content.custom_tlv, &content.custom_tlv_file)?,
            place: match (content.load_addr, content.rom_fixed) {
                // 0 is imgtool's way to say that there is none.
                (Some(0) | None, Some(0) | None) => Place::Anywhere,
                (Some(address), Some(0) | None) => Place::Ram(address),
                (_, Some(address)) => Place::Rom(address),
            },
            non_bootable: content.non_bootable,
            full_key: options.signature.public_key_format == PublicKeyFormat::Full,
            dialect: options.dialect.dialect(),
            primary_only: options.primary_only,
            output: options.output.clone(),
        };
        if plan.boot_record.as_ref().is_some_and(|t| t.is_empty() || t.len() > MAX_SW_TYPE) {
            let cause = format!(
                "`{}` has not 1 to {MAX_SW_TYPE} bytes",
                content.boot_record.as_deref().unwrap_or("")
            );
            return Err(Failure::new(input::BAD_BOOT_RECORD, cause));
        }
        files::not_a_key(&options.infile)?;
        options
            .content
            .custom_tlv_file
            .chunks_exact(2)
            .filter_map(|pair| pair.get(1))
            .try_for_each(|file| files::not_a_key(Path::new(file)))?;
        // What the layout of the trailer does not allow is found before any work.
        plan.trailer(options, None)?;
        files::not_an_input(&plan.output, inputs(options).iter().map(PathBuf::as_path))?;
        Ok(plan)
    }

    /// The trailer. `sealed` is the length of the encryption TLV, if there is one.
    pub fn trailer(&self, options: &Options, sealed: Option<u16>) -> Result<TrailerLayout> {
        let encryption = &options.encryption;
        let keys = trailer::saved_keys(encryption.encrypt.is_some(), encryption.save_enctlv, sealed);
        let of_device = self.device.map(|(device, _)| (device.write_size(), device.trailer_sectors()));
        trailer::layout(&options.slot.trailer, None, of_device, keys)
    }

    /// The largest image, TLVs included.
    pub fn max_image(&self, layout: &TrailerLayout) -> u32 {
        match &self.device {
            // The room that the device's loader keeps, whatever the options say.
            Some((_, slot)) => slot.max_image().bytes(),
            // Both: what imgtool reserves, and what a loader needs.
            None => self.slot_size.saturating_sub(layout.size().max(layout.imgtool_size())),
        }
    }

    /// Whether the output is Intel HEX.
    pub fn is_hex(&self) -> bool {
        is_hex(&self.output)
    }
}

/// Whether a name says Intel HEX.
pub fn is_hex(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("hex"))
}

/// Where a HEX file of `len` bytes begins; `None` for a binary, which has no address.
pub fn hex_start(output: &Path, address: Option<u32>, len: u64) -> Result<Option<u32>> {
    if !is_hex(output) {
        return Ok(None);
    }
    let Some(address) = address else {
        let cause = "the input has no addresses, and the output needs some";
        return Err(Failure::new(input::HEX_ADDRESS_MISSING, cause).about(output.display()));
    };
    if u64::from(address) + len > 1 << 32 {
        let cause = format!("{len:#x} bytes from {address:#010x} on end beyond 4 GB");
        return Err(Failure::new(input::HEX_ADDRESS_RANGE, cause).about(output.display()));
    }
    Ok(Some(address))
}

/// Says that an address was given for nothing: a binary has none. imgtool takes it without a word.
pub fn warn_address(output: &Path, address: Option<u32>, report: &mut Reporter<'_>) {
    if address.is_some() && !is_hex(output) {
        report.warning("--hex-addr changes nothing: the output is a binary, which has no address (.hex has)");
    }
}

/// The most bytes of imgtool's sw_type.
const MAX_SW_TYPE: usize = 12;

/// Every file that the options name as an input.
fn inputs(options: &Options) -> Vec<PathBuf> {
    let mut inputs = vec![options.infile.clone()];
    let keys = [options.key.as_ref(), options.encryption.encrypt.as_ref()];
    inputs.extend(keys.into_iter().flatten().filter_map(|key| key.path()).map(Path::to_owned));
    let values = options.content.custom_tlv_file.chunks_exact(2).filter_map(|pair| pair.get(1));
    inputs.extend(values.map(PathBuf::from));
    inputs
}

/// `auto` is imgtool's: major, minor and revision in one number.
fn counter(text: &str, version: Version) -> Result<u32> {
    if text == "auto" {
        return Ok(u32::from(version.major) << 24
            | u32::from(version.minor) << 16
            | u32::from(version.revision));
    }
    number::parse(text)
        .map_err(|e| Failure::new(input::USAGE, format!("--security-counter {text}: {e}, or is `auto`")))
}

/// imgtool's list: `(1, 1.2.3+0), (2, 4.0.0)`.
fn dependencies(text: &str) -> Result<Vec<(u8, Version)>> {
    let refused = |what: &str| Failure::new(input::BAD_DEPENDENCY, format!("`{text}`: {what}"));
    let mut list = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (entry, after) = rest
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(')'))
            .ok_or_else(|| refused("an entry stands in parentheses"))?;
        let (image, version) = entry
            .split_once(',')
            .ok_or_else(|| refused("an entry is an image number, a comma, a version"))?;
        let image = number::parse(image.trim()).ok().and_then(|n| u8::try_from(n).ok());
        let image = image.ok_or_else(|| refused("an image number is between 0 and 255"))?;
        let version: Version = version.trim().parse().map_err(|e| refused(&format!("{e}")))?;
        list.push((image, version));
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(more) if !more.trim().is_empty() => more.trim_start(),
            None if rest.is_empty() => rest,
            _ => return Err(refused("entries are separated by one comma")),
        };
    }
    if list.is_empty() { Err(refused("there is none")) } else { Ok(list) }
}

fn identifier(text: &str, namespace: Option<Uuid>) -> Result<[u8; 16]> {
    let refused = |what: &str| Failure::new(input::BAD_IDENTIFIER, format!("`{text}`: {what}"));
    if text.is_empty() {
        return Err(Failure::new(input::BAD_IDENTIFIER, "the identifier is empty"));
    }
    if let Ok(uuid) = Uuid::parse_str(text) {
        return Ok(uuid.into_bytes());
    }
    let namespace = namespace
        .ok_or_else(|| refused("a name of a class needs --vid: it is only unique under a vendor"))?;
    Ok(Uuid::new_v5(&namespace, text.as_bytes()).into_bytes())
}

fn custom_tlvs(values: &[String], from_files: &[String]) -> Result<Vec<(u16, Vec<u8>)>> {
    let refused = |cause: String| Failure::new(input::BAD_CUSTOM_TLV, cause);
    let number = |tag: &str| {
        let number = number::parse(tag).ok().and_then(|n| u16::try_from(n).ok());
        number.ok_or_else(|| refused(format!("`{tag}` is no 16-bit number")))
    };
    let mut tlvs = Vec::new();
    for pair in values.chunks_exact(2) {
        if let [tag, value] = pair {
            let bytes = match value.strip_prefix("0x") {
                None => value.as_bytes().to_vec(),
                Some(digits) => hex::decode(digits)
                    .ok_or_else(|| refused(format!("`{value}` is not an even number of hex digits")))?,
            };
            tlvs.push((number(tag)?, bytes));
        }
    }
    for pair in from_files.chunks_exact(2) {
        if let [tag, file] = pair {
            let path = Path::new(file);
            let length = path.metadata().map_err(|e| Failure::read(path, &e))?.len();
            if length > u64::from(u16::MAX) {
                return Err(refused(format!("{length} bytes are too long for a TLV"))).about(path.display());
            }
            tlvs.push((number(tag)?, files::read(path)?));
        }
    }
    for (index, (number, value)) in tlvs.iter().enumerate() {
        let why = if !TlvType::is_custom(*number) {
            "is not a vendor's: those have a low byte of 0xa0 or more, and are not 0xffff"
        } else if tlvs.iter().take(index).any(|(earlier, _)| earlier == number) {
            "is given twice"
        } else if value.len() > usize::from(u16::MAX) {
            "has more than 65535 bytes"
        } else {
            continue;
        };
        return Err(refused(format!("TLV type {number:#06x} {why}")));
    }
    Ok(tlvs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_as_imgtool_writes_them() {
        let list = dependencies("(1, 1.2.3+0), (2,4.0.0+7)").unwrap();
        assert_eq!(list, [(1, "1.2.3".parse().unwrap()), (2, "4.0.0+7".parse().unwrap())]);
        for bad in [
            "",
            "1",
            "(1)",
            "(256, 1.0.0)",
            "(1, x)",
            "(1, 1.0.0),",
            "(1, 1.0.0) (2, 1.0.0)",
            "(1, 1.0.0",
            "(1,1.0.0),,",
        ] {
            assert_eq!(dependencies(bad).unwrap_err().code, input::BAD_DEPENDENCY, "{bad}");
        }
    }

    #[test]
    fn a_hex_file_lies_below_4_gb() {
        let start =
            |output: &str, address, len| hex_start(Path::new(output), address, len).map_err(|f| f.code);
        assert_eq!(start("a.bin", Some(u32::MAX), 2), Ok(None));
        assert_eq!(start("a.hex", Some(0xFFFF_0000), 0x1_0000), Ok(Some(0xFFFF_0000)));
        assert_eq!(start("a.hex", Some(0xFFFF_0000), 0x1_0001), Err(input::HEX_ADDRESS_RANGE));
        assert_eq!(start("a.hex", None, 1), Err(input::HEX_ADDRESS_MISSING));
    }

    #[test]
    fn a_custom_tlv_is_refused_with_the_reason() {
        let given = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        for (tlvs, why) in [
            (&["0x50", "0x00"][..], "low byte"),
            (&["0x9f", "0x00"], "low byte"),
            (&["0xffff", "0x00"], "low byte"),
            (&["0xa0", "1", "0xa0", "2"], "twice"),
            (&["0x10000", "1"], "16-bit"),
            (&["0xa0", "0x0"], "hex digits"),
        ] {
            let refused = custom_tlvs(&given(tlvs), &[]).unwrap_err();
            assert_eq!(refused.code, input::BAD_CUSTOM_TLV, "{tlvs:?}");
            assert!(refused.cause.contains(why), "{tlvs:?}: {}", refused.cause);
        }
        let long = "x".repeat(65_536);
        assert_eq!(custom_tlvs(&given(&["0xa0", &long]), &[]).unwrap_err().code, input::BAD_CUSTOM_TLV);
        assert!(custom_tlvs(&given(&["0xa0", "1", "0xa1", "2"]), &[]).is_ok());
    }

    #[test]
    fn a_class_name_needs_a_vendor() {
        assert_eq!(identifier("widget", None).unwrap_err().code, input::BAD_IDENTIFIER);
        let raw = "12345678-1234-5678-1234-567812345678";
        assert_eq!(identifier(raw, None).unwrap()[..2], [0x12, 0x34]);
    }
}
