//! An application in memory becomes a signed image in memory: what the demo needs, with nothing to choose.

use std::path::Path;

use ironroot_codes::input;
use ironroot_crypto::{Signer, Software};
use ironroot_image::build::{Builder, KeyFormat};
use ironroot_image::{Dialect, Image, Limits, Policy, Version, verify};
use ironroot_layout::Slot;

use crate::device::Device;
use crate::error::{Failure, Result};
use crate::input as application;

/// How an image is made of an application.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The device it is for.
    pub device: Device,
    /// Its slot.
    pub slot: Slot,
    /// The image's version.
    pub version: Version,
    /// The security counter, if there is to be one.
    pub security_counter: Option<u32>,
    /// Vendor and class identifier.
    pub identifiers: ([u8; 16], [u8; 16]),
    /// How the image names its key.
    pub key_format: KeyFormat,
    /// Vendor TLVs.
    pub custom_tlvs: Vec<(u16, Vec<u8>)>,
}

impl Recipe {
    /// The device's own slot and identifiers, and nothing optional.
    pub fn new(device: Device, version: Version) -> Result<Self> {
        Ok(Recipe {
            device,
            slot: device.slot(None, None)?,
            version,
            security_counter: None,
            identifiers: device.identifiers(),
            key_format: KeyFormat::Hash,
            custom_tlvs: Vec::new(),
        })
    }
}

/// A signed image, and what was found in the application.
#[derive(Debug)]
pub struct Signed {
    /// The image without padding: header, payload, TLVs.
    pub image: Vec<u8>,
    /// The format of the application file.
    pub format: application::Format,
    /// The application as it lies in flash.
    pub placed: application::Placed,
    /// SHA-256 over header, payload and protected TLVs.
    pub digest: [u8; 32],
}

/// Checks the application `file` (named `path`) and makes a signed image of it.
pub fn sign_application(path: &Path, file: &[u8], recipe: &Recipe, signer: &dyn Signer) -> Result<Signed> {
    let app = application::parse(path, file)?;
    let placed = application::place(&app, &recipe.device.target(recipe.slot), file)?;
    // Bounded by Device::slot() where the user gave it.
    let header_size = u16::try_from(recipe.slot.header.bytes())
        .map_err(|_| Failure::new(input::BAD_HEADER_SIZE, "the header size does not fit its field"))?;
    let mut builder = Builder::new(recipe.version)
        .header_size(header_size)
        .header_padding(if placed.brought_header { 0 } else { 0xff })
        .vendor_id(recipe.identifiers.0)
        .class_id(recipe.identifiers.1)
        .key_format(recipe.key_format);
    if let Some(counter) = recipe.security_counter {
        builder = builder.security_counter(counter);
    }
    for (number, value) in &recipe.custom_tlvs {
        builder = builder.custom_tlv(*number, value);
    }
    let image = builder
        .build(&placed.payload, Some(signer), &mut Software)
        .map_err(|e| Failure::new(e.code(), e.to_string()))?;
    let max = recipe.slot.max_image().bytes();
    if image.len() as u64 > u64::from(max) {
        let cause = format!("the image has {} bytes, the slot without its trailer {max}", image.len());
        return Err(Failure::new(input::IMAGE_TOO_LARGE, cause));
    }
    let digest = check(&image, recipe, signer)?;
    Ok(Signed { image, format: app.format, placed, digest })
}

/// Verifies the new image as the device will: what it would refuse must not leave this tool.
fn check(image: &[u8], recipe: &Recipe, signer: &dyn Signer) -> Result<[u8; 32]> {
    let parsed =
        Image::parse(image, Limits { max_size: recipe.slot.max_image().bytes(), dialect: Dialect::Mcuboot })
            .map_err(super::refused)?;
    let policy = Policy {
        min_security_counter: recipe.security_counter,
        vendor_id: Some(recipe.identifiers.0),
        class_id: Some(recipe.identifiers.1),
        slot_address: Some(recipe.slot.region.start().value()),
        ..Policy::NONE
    };
    let keys = [signer.public_key()];
    verify(&parsed, image, &keys, &policy, &mut Software).map(|v| *v.digest()).map_err(super::refused)
}
