//! A package in two passes: the plan knows every area's length and hash, then each area is sealed for itself, in any order
//! and by as many threads as there are. So a package of any size needs the memory of a few areas.

use alloc::vec::Vec;
use core::fmt;

use ironroot_crypto::{Crypto, Sha256};

use crate::bytes::array;
use crate::cipher::Cipher;
use crate::package::{
    AreaKind, DESCRIBED_LEN, DESCRIPTOR_LEN, Descriptor, HEADER_LEN, Header, MAX_AREAS, MAX_PAYLOAD,
};
use crate::{FirmwareKey, Nonce, PackageId, Product, TAG_LEN};

/// Why a package cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// An area is longer than a device collects ([`MAX_PAYLOAD`]).
    AreaTooLarge,
    /// More areas than [`MAX_AREAS`], or more than 4 GB.
    TooMany,
    /// No area at all, or no configuration area at the end.
    NoConfiguration,
    /// The bytes to seal are not those of the plan.
    NotAsPlanned,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AreaTooLarge => "an area is longer than a device collects",
            Self::TooMany => "there are too many areas for one package",
            Self::NoConfiguration => "the last area is not the configuration",
            Self::NotAsPlanned => "the bytes are not those that were planned",
        })
    }
}

impl core::error::Error for BuildError {}

/// What a package will contain.
#[derive(Clone, Debug)]
pub struct Plan {
    product: Product,
    version: u32,
    least_services: u32,
    token: u32,
    areas: Vec<Descriptor>,
}

impl Plan {
    /// A package without areas. `token` is the address of a flash word that no area uses.
    pub const fn new(product: Product, version: u32, least_services: u32, token: u32) -> Self {
        Self { product, version, least_services, token, areas: Vec::new() }
    }

    /// Adds an area. `hash` is the SHA-256 of its plaintext. Areas with addresses come in ascending order, the configuration last.
    pub fn area(
        &mut self,
        kind: AreaKind,
        address: u32,
        size: usize,
        hash: [u8; 32],
    ) -> Result<&mut Self, BuildError> {
        if size > MAX_PAYLOAD {
            return Err(BuildError::AreaTooLarge);
        }
        if self.areas.len() >= MAX_AREAS {
            return Err(BuildError::TooMany);
        }
        self.areas.push(Descriptor {
            kind,
            index: self.areas.len() as u16 + 1,
            size: size as u32,
            address,
            areas: 0,
            version: self.version,
            hash,
            tag: [0; TAG_LEN],
        });
        Ok(self)
    }

    /// Makes header and table.
    pub fn seal(
        mut self,
        key: &FirmwareKey,
        nonce: Nonce,
        crypto: &mut impl Crypto,
    ) -> Result<Sealer, BuildError> {
        if self.areas.last().map(|area| area.kind) != Some(AreaKind::Configuration) {
            return Err(BuildError::NoConfiguration);
        }
        let count = self.areas.len() as u32;
        let mut sha = crypto.sha256();
        let mut total = (HEADER_LEN + self.areas.len() * DESCRIPTOR_LEN) as u64;
        for area in &mut self.areas {
            area.areas = count;
            total += u64::from(area.size);
            sha.update(&area.encode()[..DESCRIBED_LEN]);
        }
        let header = Header {
            product: self.product,
            version: self.version,
            least_services: self.least_services,
            areas: count,
            total: u32::try_from(total).map_err(|_| BuildError::TooMany)?,
            nonce,
            token: self.token,
            digest: sha.finish(),
        };
        let cipher = key.cipher();
        let mut bytes = header.encode();
        header.seal(&mut bytes, &cipher).ok_or(BuildError::TooMany)?;
        Ok(Sealer { header, bytes, areas: self.areas, cipher })
    }
}

/// An area with its content: what it is, where it goes, and the plaintext.
pub type Area = (AreaKind, u32, Vec<u8>);

/// Makes a small package in one go, and gives what licences name it by. Large ones are made area by area: [`Plan`].
///
/// # Errors
/// As those of [`Plan`].
pub fn package(
    mut plan: Plan,
    areas: &[Area],
    key: &FirmwareKey,
    nonce: Nonce,
    crypto: &mut impl Crypto,
) -> Result<(Vec<u8>, PackageId), BuildError> {
    for (kind, address, data) in areas {
        plan.area(*kind, *address, data.len(), crypto.sha256_of(data))?;
    }
    let mut sealer = plan.seal(key, nonce, crypto)?;
    let mut payloads = Vec::new();
    for (index, (_, _, data)) in areas.iter().enumerate() {
        let start = payloads.len();
        payloads.extend_from_slice(data);
        let tag = sealer.seal(index, payloads.get_mut(start..).unwrap_or_default())?;
        sealer.set_tag(index, tag);
    }
    let mut package = sealer.head();
    package.append(&mut payloads);
    Ok((package, sealer.package_id(crypto)))
}

/// A package whose areas are being encrypted.
#[derive(Clone)]
pub struct Sealer {
    header: Header,
    bytes: [u8; HEADER_LEN],
    areas: Vec<Descriptor>,
    cipher: Cipher,
}

impl Sealer {
    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What licences name the package by.
    pub fn package_id(&self, crypto: &mut impl Crypto) -> PackageId {
        PackageId(array(&crypto.sha256_of(&self.bytes), 0))
    }

    /// The areas, in order.
    pub fn areas(&self) -> &[Descriptor] {
        &self.areas
    }

    /// Where the payload of area `index` (from 0) stands in the package.
    pub fn payload_offset(&self, index: usize) -> u64 {
        let before: u64 = self.areas.iter().take(index).map(|area| u64::from(area.size)).sum();
        self.header.payloads() as u64 + before
    }

    /// Encrypts the payload of area `index` (from 0) in place; the tag is for [`Sealer::set_tag`].
    pub fn seal(&self, index: usize, payload: &mut [u8]) -> Result<[u8; TAG_LEN], BuildError> {
        let area = self.areas.get(index).ok_or(BuildError::NotAsPlanned)?;
        if area.size as usize != payload.len() {
            return Err(BuildError::NotAsPlanned);
        }
        let vector = self.header.nonce.vector(u32::from(area.index));
        self.cipher.seal(&vector, &area.associated(&self.header), payload).ok_or(BuildError::NotAsPlanned)
    }

    /// Puts the tag of area `index` into the table.
    pub fn set_tag(&mut self, index: usize, tag: [u8; TAG_LEN]) {
        if let Some(area) = self.areas.get_mut(index) {
            area.tag = tag;
        }
    }

    /// Header and table, once every tag is set: what stands before the payloads.
    pub fn head(&self) -> Vec<u8> {
        let mut head = self.bytes.to_vec();
        for area in &self.areas {
            head.extend_from_slice(&area.encode());
        }
        head
    }
}
