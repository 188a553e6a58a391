//! The structure of an image: sizes, areas, TLVs. Nothing here is authenticated yet.

use core::ops::Range;

use ironroot_codes::{Code, image as codes};
use ironroot_crypto::{HashAlgorithm, KeyBits, Sealing};

use crate::header::{u16_at, u32_at};
use crate::tlv::hash_algorithm;
use crate::{Area, Dialect, Error, HEADER_LEN, Header, Kind, ReadAt, Tlv, TlvType, Version};

/// Length of the info header of a TLV area, and of the header of a TLV.
const TLV_HEADER: u32 = 4;

/// What bounds an image from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest image, TLVs included: the slot without its trailer.
    pub max_size: u32,
    /// Whose format.
    pub dialect: Dialect,
}

/// How the payload of an image is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// How the image key is sealed.
    pub sealing: Sealing,
    /// How long the image key is.
    pub bits: KeyBits,
    /// Where the sealed key is.
    pub tlv: Tlv,
}

/// An image that must be installed with this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Number of the other image.
    pub image: u8,
    /// Its least version.
    pub version: Version,
}

/// Kinds of TLV.
const KINDS: usize = Kind::Custom as usize + 1;

/// An image whose structure is sound: every area and TLV lies where it must, and nothing is ambiguous. Its content is
/// not verified.
// Plain bytes and words as far as possible: what is compared and copied is then one block of memory.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    header: Header,
    limits: Limits,
    end: u32,
    dependencies: u16,
    /// The header as it is in the image.
    raw: [u8; HEADER_LEN],
    /// The last TLV of each kind: its offset; its number, and its length shifted by 16. No TLV has the number 0.
    places: [[u32; 2]; KINDS],
    /// What [`VALUES`] names.
    values: [[u8; LONGEST_VALUE]; VALUES.len()],
}

/// The kinds whose value is kept, each of one length.
const VALUES: [Kind; 4] = [Kind::PureSignature, Kind::SecurityCounter, Kind::VendorId, Kind::ClassId];
const LONGEST_VALUE: usize = 16;

impl PartialEq for Image {
    /// `header` is what the bytes say.
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
            && self.places.as_flattened() == other.places.as_flattened()
            && self.values.as_flattened() == other.values.as_flattened()
            && (self.end, self.dependencies) == (other.end, other.dependencies)
            && self.limits == other.limits
    }
}

impl Eq for Image {}

impl Image {
    /// Reads header and TLVs and checks everything that can be checked without a key.
    pub fn parse(source: &(impl ReadAt + ?Sized), limits: Limits) -> Result<Self, Error> {
        Self::parse_dyn(&source, limits)
    }

    /// [`Self::parse`], once for all kinds of source.
    #[inline(never)]
    pub fn parse_dyn(source: &dyn ReadAt, limits: Limits) -> Result<Self, Error> {
        // Filled where it is: it is a few hundred bytes.
        let mut image = Self {
            header: Header::BLANK,
            limits,
            end: 0,
            dependencies: 0,
            raw: [0; HEADER_LEN],
            places: [[0; 2]; KINDS],
            values: [[0; LONGEST_VALUE]; VALUES.len()],
        };
        fetch(source, 0, &mut image.raw)?;
        image.header.set(&image.raw);
        image.header.check(&image.raw, limits.dialect)?;
        let header = image.header;
        let bounds = Bounds { len: source.len(), max: limits.max_size };
        let payload_end = bounds.extend(u32::from(header.header_size), header.payload_size)?;
        let protected_end = bounds.extend(payload_end, u32::from(header.protected_size))?;
        if header.protected_size != 0 {
            // Before its info header is read, which a smaller area would not have: it may lie behind the end.
            if u32::from(header.protected_size) < TLV_HEADER {
                return Err(Error::new(codes::PROTECTED_SIZE, payload_end));
            }
            let total = area_total(source, payload_end, Area::Protected, codes::PROTECTED_MISSING)?;
            if total != header.protected_size {
                return Err(Error::new(codes::PROTECTED_SIZE, payload_end));
            }
        }
        bounds.extend(protected_end, TLV_HEADER)?;
        let total = area_total(source, protected_end, Area::Unprotected, codes::TLV_INFO_MISSING)?;
        if u32::from(total) < TLV_HEADER {
            return Err(Error::new(codes::TLV_SIZE, protected_end));
        }
        image.end = bounds.extend(protected_end, u32::from(total))?;
        let mut tlvs = image.tlvs(source);
        while let Some(tlv) = tlvs.step()? {
            image.take(source, tlv)?;
        }
        image.check_key_hash()?;
        image.check_encryption()?;
        Ok(image)
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The limits under which it was parsed.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Where the payload is.
    pub fn payload(&self) -> Range<u32> {
        let start = u32::from(self.header.header_size);
        start..start.saturating_add(self.header.payload_size)
    }

    /// Where the protected TLV area is, its info header included; empty if there is none.
    pub fn protected(&self) -> Range<u32> {
        let start = self.payload().end;
        start..start.saturating_add(u32::from(self.header.protected_size))
    }

    /// Where the unprotected TLV area is, its info header included.
    pub fn unprotected(&self) -> Range<u32> {
        self.protected().end..self.end
    }

    /// Number of bytes of the whole image.
    pub fn size(&self) -> u32 {
        self.end
    }

    /// The number of the last TLV of a kind; 0 if there is none.
    pub(crate) fn number(&self, kind: Kind) -> u16 {
        self.places.get(kind as usize).map_or(0, |[_, word]| *word as u16)
    }

    /// Offset and length of the value of the last TLV of a kind.
    pub(crate) fn at(&self, kind: Kind) -> Option<(u32, usize)> {
        let [offset, word] = *self.places.get(kind as usize)?;
        (word != 0).then_some((offset, (word >> 16) as usize))
    }

    /// The last TLV of a kind.
    fn last(&self, kind: Kind) -> Option<Tlv> {
        let [offset, word] = *self.places.get(kind as usize)?;
        Some(Tlv { ty: TlvType::of(word as u16)?, offset, len: (word >> 16) as u16 })
    }

    /// The value of a kind, if the image has it.
    fn value(&self, kind: Kind) -> Option<&[u8; LONGEST_VALUE]> {
        let index = VALUES.iter().position(|known| *known == kind)?;
        self.has(kind).then_some(self.values.get(index)?)
    }

    /// Whether it has a TLV of this kind.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.number(kind) != 0
    }

    /// The hash TLV, of whatever algorithm.
    pub fn hash(&self) -> Option<Tlv> {
        self.last(Kind::Hash)
    }

    /// The algorithm of the hash.
    pub fn hash_algorithm(&self) -> Option<HashAlgorithm> {
        hash_algorithm(self.number(Kind::Hash))
    }

    /// The TLV that names the key of the signature: [`TlvType::KEYHASH`] or [`TlvType::PUBKEY`].
    pub fn key_id(&self) -> Option<Tlv> {
        self.last(Kind::KeyId)
    }

    /// How the payload is encrypted; `None` if it is not. Says what header and TLV say: an image that was decrypted where
    /// it lies, or was installed in plain with `--clear`, says the same.
    pub fn encryption(&self) -> Option<Encryption> {
        let tlv = self.last(Kind::EncryptedKey)?;
        let bits = self.key_bits().ok()??;
        Some(Encryption { sealing: tlv.ty.sealing()?, bits, tlv })
    }

    /// The signature TLV, of whatever algorithm.
    pub fn signature(&self) -> Option<Tlv> {
        self.last(Kind::Signature)
    }

    /// Whether the signature is over the content instead of the digest.
    pub fn has_pure_signature(&self) -> bool {
        self.has(Kind::PureSignature)
    }

    /// The security counter.
    pub fn security_counter(&self) -> Option<u32> {
        self.value(Kind::SecurityCounter).map(|value| u32_at(value, 0))
    }

    /// The vendor's UUID.
    pub fn vendor_id(&self) -> Option<&[u8; 16]> {
        self.value(Kind::VendorId)
    }

    /// The UUID of the class of devices.
    pub fn class_id(&self) -> Option<&[u8; 16]> {
        self.value(Kind::ClassId)
    }

    /// How many other images this one depends on.
    pub fn dependencies(&self) -> u16 {
        self.dependencies
    }

    /// The images that this one depends on, in order.
    pub fn dependency_list<'s, S: ReadAt + ?Sized>(
        &self,
        source: &'s S,
    ) -> impl Iterator<Item = Result<Dependency, Error>> + use<'s, S> {
        self.tlvs(source).filter_map(move |tlv| match tlv {
            Ok(tlv) if tlv.ty.kind == Kind::Dependency => Some(dependency(source, tlv)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }

    /// Walks the TLVs of both areas, protected first.
    pub fn tlvs<'s, S: ReadAt + ?Sized>(&self, source: &'s S) -> Tlvs<'s, S> {
        let Range { start, end: protected_end } = self.protected();
        // Behind the info header, if there is a protected area.
        let position = if start == protected_end { start } else { start.saturating_add(TLV_HEADER) };
        let (end, dialect) = (self.end, self.limits.dialect);
        Tlvs { source, dialect, protected_end, end, position, area: Area::Protected }
    }

    /// Takes the meaning of one TLV into the image.
    fn take(&mut self, source: &dyn ReadAt, tlv: Tlv) -> Result<(), Error> {
        let kind = tlv.ty.kind;
        if self.has(kind) && !tlv.ty.may_repeat() {
            return Err(Error::new(codes::TLV_DUPLICATE, tlv.offset));
        }
        // A key named after its signature would name it for the next one, of which there is none.
        if kind == Kind::KeyId && self.has(Kind::Signature) {
            return Err(Error::new(codes::TLV_ORDER, tlv.offset));
        }
        if let Some(place) = self.places.get_mut(kind as usize) {
            *place = [tlv.offset, u32::from(tlv.ty.number) | u32::from(tlv.len) << 16];
        }
        if kind == Kind::Dependency {
            self.dependencies = self.dependencies.saturating_add(1);
        }
        for (value, known) in self.values.iter_mut().zip(VALUES) {
            if kind == known
                // The table of types gives these kinds one length, which fits.
                && let Some(value) = value.get_mut(..usize::from(tlv.len))
            {
                fetch(source, tlv.offset, value)?;
                // Its presence is what other loaders go by, so another value must not mean its absence here.
                if kind == Kind::PureSignature && *value != [1] {
                    return Err(Error::new(codes::TLV_VALUE, tlv.offset));
                }
            }
        }
        Ok(())
    }

    /// A key is named by the hash that the image has. Of another length, it would be compared with a part.
    fn check_key_hash(&self) -> Result<(), Error> {
        match (self.at(Kind::KeyId), self.at(Kind::Hash)) {
            (Some((offset, id)), Some((_, hash)))
                if self.number(Kind::KeyId) == TlvType::KEYHASH.number && id != hash =>
            {
                Err(Error::new(codes::TLV_LENGTH, offset))
            }
            _ => Ok(()),
        }
    }

    /// The length of the image key by the flags; an error if they name two.
    fn key_bits(&self) -> Result<Option<KeyBits>, Error> {
        let dialect = self.limits.dialect;
        let has = |bits| self.header.flags.intersects(dialect.encryption_flag(bits));
        match (has(KeyBits::Aes128), has(KeyBits::Aes256)) {
            (false, false) => Ok(None),
            (true, false) => Ok(Some(KeyBits::Aes128)),
            (false, true) => Ok(Some(KeyBits::Aes256)),
            (true, true) => Err(Error::new(codes::ENCRYPTION_MISMATCH, 16)),
        }
    }

    /// The flags say whether and how the payload is encrypted, the TLV how to get the key: one without the other would
    /// be taken for plain by one reader and for encrypted by another.
    fn check_encryption(&self) -> Result<(), Error> {
        let encrypted_key = self.last(Kind::EncryptedKey);
        let consistent = match (self.key_bits()?, encrypted_key) {
            (None, None) => true,
            (Some(bits), Some(tlv)) => {
                tlv.len == if bits == KeyBits::Aes128 { tlv.ty.min } else { tlv.ty.max }
            }
            _ => false,
        };
        let offset = encrypted_key.map_or(16, |tlv| tlv.offset);
        if consistent { Ok(()) } else { Err(Error::new(codes::ENCRYPTION_MISMATCH, offset)) }
    }
}

/// What every extent of an image must stay below.
struct Bounds {
    len: u32,
    max: u32,
}

impl Bounds {
    /// The end of `size` more bytes at `start`.
    fn extend(&self, start: u32, size: u32) -> Result<u32, Error> {
        match start.checked_add(size).filter(|end| *end <= self.max) {
            Some(end) if end > self.len => Err(Error::new(codes::TRUNCATED, start)),
            Some(end) => Ok(end),
            None => Err(Error::new(codes::TOO_LARGE, start)),
        }
    }
}

/// The total of the info header at `offset`, which must be that of `area`.
fn area_total(source: &dyn ReadAt, offset: u32, area: Area, missing: Code) -> Result<u16, Error> {
    let mut bytes = [0; TLV_HEADER as usize];
    fetch(source, offset, &mut bytes)?;
    let magic = u16_at(&bytes, 0);
    if magic == area.magic() {
        Ok(u16_at(&bytes, 2))
    } else if area == Area::Unprotected && magic == Area::Protected.magic() {
        // A protected area that the header does not state would be left out of the hash.
        Err(Error::new(codes::PROTECTED_SIZE, offset))
    } else {
        Err(Error::new(missing, offset))
    }
}

/// Fills `buffer` from `offset`.
fn fetch(source: &(impl ReadAt + ?Sized), offset: u32, buffer: &mut [u8]) -> Result<(), Error> {
    source.read_at(offset, buffer).map_err(|error| Error::read(error, offset))
}

/// Length of the value of a dependency.
const DEPENDENCY_LEN: usize = 12;

fn dependency(source: &(impl ReadAt + ?Sized), tlv: Tlv) -> Result<Dependency, Error> {
    let mut value = [0; DEPENDENCY_LEN];
    if usize::from(tlv.len) != DEPENDENCY_LEN {
        return Err(Error::new(codes::TLV_LENGTH, tlv.offset));
    }
    fetch(source, tlv.offset, &mut value)?;
    let [image, 0, 0, 0, version @ ..] = value else {
        return Err(Error::new(codes::TLV_VALUE, tlv.offset));
    };
    Ok(Dependency { image, version: Version::decode(&version) })
}

/// The TLVs of an image in order. After an error it ends: what follows a malformed TLV has no position.
pub struct Tlvs<'s, S: ReadAt + ?Sized> {
    source: &'s S,
    dialect: Dialect,
    protected_end: u32,
    end: u32,
    position: u32,
    area: Area,
}

impl<S: ReadAt + ?Sized> Tlvs<'_, S> {
    fn step(&mut self) -> Result<Option<Tlv>, Error> {
        if self.area == Area::Protected && self.position >= self.protected_end {
            self.area = Area::Unprotected;
            self.position = self.protected_end.saturating_add(TLV_HEADER);
        }
        let end = if self.area == Area::Protected { self.protected_end } else { self.end };
        let at = self.position;
        if at >= end {
            return Ok(None);
        }
        let out_of_area = Error::new(codes::TLV_OUT_OF_AREA, at);
        let offset = at.checked_add(TLV_HEADER).filter(|offset| *offset <= end).ok_or(out_of_area)?;
        let mut bytes = [0; TLV_HEADER as usize];
        fetch(self.source, at, &mut bytes)?;
        let len = u16_at(&bytes, 2);
        if u32::from(len) > end.saturating_sub(offset) {
            return Err(out_of_area);
        }
        let ty = TlvType::of(u16_at(&bytes, 0)).filter(|ty| ty.is_of(self.dialect));
        let ty = ty.ok_or(Error::new(codes::TLV_UNKNOWN, at))?;
        if ty.area != self.area {
            return Err(Error::new(codes::TLV_WRONG_SECTION, at));
        }
        if !(ty.min..=ty.max).contains(&len) {
            return Err(Error::new(codes::TLV_LENGTH, at));
        }
        self.position = offset.saturating_add(u32::from(len));
        Ok(Some(Tlv { ty, offset, len }))
    }
}

impl<S: ReadAt + ?Sized> Iterator for Tlvs<'_, S> {
    type Item = Result<Tlv, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.area = Area::Unprotected;
            self.position = self.end;
        }
        step.transpose()
    }
}
