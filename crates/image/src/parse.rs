//! The structure of an image: sizes, areas, TLVs. Nothing here is authenticated yet.

use core::ops::Range;

use ironroot_codes::{Code, image as codes};
use ironroot_crypto::{HashAlgorithm, KeyBits, Sealing};

use crate::header::{u16_at, u32_at};
use crate::{Area, Dialect, Error, Header, Kind, ReadAt, Tlv, TlvType, Version};

/// Length of the info header of a TLV area, and of the header of a TLV.
const TLV_HEADER: u32 = 4;

// Which kinds were seen is kept in the bits of a u16.
const _: () = assert!((Kind::Custom as u32) < u16::BITS);

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

/// An image whose structure is sound: every area and TLV lies where it must, and nothing is ambiguous. Its content is
/// not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    header: Header,
    limits: Limits,
    end: u32,
    hash: Option<Tlv>,
    key_id: Option<Tlv>,
    signature: Option<Tlv>,
    pure: bool,
    encrypted_key: Option<Tlv>,
    security_counter: Option<u32>,
    vendor_id: Option<[u8; 16]>,
    class_id: Option<[u8; 16]>,
    dependencies: u16,
}

impl Image {
    /// Reads header and TLVs and checks everything that can be checked without a key.
    pub fn parse(source: &(impl ReadAt + ?Sized), limits: Limits) -> Result<Self, Error> {
        Self::parse_from(&source, limits)
    }

    /// One for all kinds of source: a device that reads its slots in three ways has the parser once.
    #[inline(never)]
    fn parse_from(source: &dyn ReadAt, limits: Limits) -> Result<Self, Error> {
        let header = Header::parse(source, limits.dialect)?;
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
        let mut image = Self {
            header,
            limits,
            end: bounds.extend(protected_end, u32::from(total))?,
            hash: None,
            key_id: None,
            signature: None,
            pure: false,
            encrypted_key: None,
            security_counter: None,
            vendor_id: None,
            class_id: None,
            dependencies: 0,
        };
        let mut seen = 0;
        for tlv in image.tlvs(source) {
            image.take(source, tlv?, &mut seen)?;
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

    /// The hash TLV, of whatever algorithm.
    pub fn hash(&self) -> Option<Tlv> {
        self.hash
    }

    /// The algorithm of the hash.
    pub fn hash_algorithm(&self) -> Option<HashAlgorithm> {
        self.hash.and_then(|tlv| tlv.ty.hash_algorithm())
    }

    /// The TLV that names the key of the signature: [`TlvType::KEYHASH`] or [`TlvType::PUBKEY`].
    pub fn key_id(&self) -> Option<Tlv> {
        self.key_id
    }

    /// How the payload is encrypted; `None` if it is not. Says what header and TLV say: an image that was decrypted where
    /// it lies, or was installed in plain with `--clear`, says the same.
    pub fn encryption(&self) -> Option<Encryption> {
        let tlv = self.encrypted_key?;
        let bits = self.key_bits().ok()??;
        Some(Encryption { sealing: tlv.ty.sealing()?, bits, tlv })
    }

    /// The signature TLV, of whatever algorithm.
    pub fn signature(&self) -> Option<Tlv> {
        self.signature
    }

    /// Whether the signature is over the content instead of the digest.
    pub fn has_pure_signature(&self) -> bool {
        self.pure
    }

    /// The security counter.
    pub fn security_counter(&self) -> Option<u32> {
        self.security_counter
    }

    /// The vendor's UUID.
    pub fn vendor_id(&self) -> Option<&[u8; 16]> {
        self.vendor_id.as_ref()
    }

    /// The UUID of the class of devices.
    pub fn class_id(&self) -> Option<&[u8; 16]> {
        self.class_id.as_ref()
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
        let (protected, unprotected) = (self.protected(), self.unprotected());
        let position = protected.start;
        let dialect = self.limits.dialect;
        Tlvs { source, dialect, protected, unprotected, position, area: Area::Protected, started: false }
    }

    /// Takes the meaning of one TLV into the image.
    fn take(&mut self, source: &(impl ReadAt + ?Sized), tlv: Tlv, seen: &mut u16) -> Result<(), Error> {
        let bit = 1_u16 << tlv.ty.kind as u16;
        if *seen & bit != 0 && !tlv.ty.may_repeat() {
            return Err(Error::new(codes::TLV_DUPLICATE, tlv.offset));
        }
        *seen |= bit;
        match tlv.ty.kind {
            Kind::Hash => self.hash = Some(tlv),
            Kind::KeyId => {
                // A key named after its signature would name it for the next one, of which there is none.
                if self.signature.is_some() {
                    return Err(Error::new(codes::TLV_ORDER, tlv.offset));
                }
                self.key_id = Some(tlv);
            }
            Kind::Signature => self.signature = Some(tlv),
            // Its presence is what other loaders go by, so another value must not mean its absence here.
            Kind::PureSignature => match value::<1>(source, tlv)? {
                [1] => self.pure = true,
                _ => return Err(Error::new(codes::TLV_VALUE, tlv.offset)),
            },
            Kind::EncryptedKey => self.encrypted_key = Some(tlv),
            Kind::SecurityCounter => self.security_counter = Some(u32_at(&value::<4>(source, tlv)?, 0)),
            Kind::VendorId => self.vendor_id = Some(value(source, tlv)?),
            Kind::ClassId => self.class_id = Some(value(source, tlv)?),
            Kind::Dependency => self.dependencies = self.dependencies.saturating_add(1),
            Kind::BootRecord | Kind::Compression | Kind::Custom => {}
        }
        Ok(())
    }

    /// A key is named by the hash that the image has. Of another length, it would be compared with a part.
    fn check_key_hash(&self) -> Result<(), Error> {
        match (self.key_id, self.hash) {
            (Some(id), Some(hash)) if id.ty == TlvType::KEYHASH && id.len != hash.len => {
                Err(Error::new(codes::TLV_LENGTH, id.offset))
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
        let consistent = match (self.key_bits()?, self.encrypted_key) {
            (None, None) => true,
            (Some(bits), Some(tlv)) => {
                tlv.len == if bits == KeyBits::Aes128 { tlv.ty.min } else { tlv.ty.max }
            }
            _ => false,
        };
        let offset = self.encrypted_key.map_or(16, |tlv| tlv.offset);
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
        match start.checked_add(size) {
            Some(end) if end > self.max => Err(Error::new(codes::TOO_LARGE, start)),
            Some(end) if end > self.len => Err(Error::new(codes::TRUNCATED, start)),
            Some(end) => Ok(end),
            None => Err(Error::new(codes::TOO_LARGE, start)),
        }
    }
}

/// The total of the info header at `offset`, which must be that of `area`.
fn area_total(source: &(impl ReadAt + ?Sized), offset: u32, area: Area, missing: Code) -> Result<u16, Error> {
    let bytes: [u8; TLV_HEADER as usize] = read(source, offset)?;
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

fn read<const N: usize>(source: &(impl ReadAt + ?Sized), offset: u32) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    source.read_at(offset, &mut bytes).map_err(|error| Error::read(error, offset))?;
    Ok(bytes)
}

/// The value of a TLV whose type has exactly `N` bytes.
fn value<const N: usize>(source: &(impl ReadAt + ?Sized), tlv: Tlv) -> Result<[u8; N], Error> {
    if usize::from(tlv.len) != N {
        return Err(Error::new(codes::TLV_LENGTH, tlv.offset));
    }
    read(source, tlv.offset)
}

fn dependency(source: &(impl ReadAt + ?Sized), tlv: Tlv) -> Result<Dependency, Error> {
    let [image, 0, 0, 0, version @ ..] = value::<12>(source, tlv)? else {
        return Err(Error::new(codes::TLV_VALUE, tlv.offset));
    };
    Ok(Dependency { image, version: Version::decode(&version) })
}

/// The TLVs of an image in order. After an error it ends: what follows a malformed TLV has no position.
pub struct Tlvs<'s, S: ReadAt + ?Sized> {
    source: &'s S,
    dialect: Dialect,
    protected: Range<u32>,
    unprotected: Range<u32>,
    position: u32,
    area: Area,
    /// Whether the info header of the current area was passed.
    started: bool,
}

impl<S: ReadAt + ?Sized> Tlvs<'_, S> {
    fn step(&mut self) -> Result<Option<Tlv>, Error> {
        loop {
            let bounds = match self.area {
                Area::Protected => &self.protected,
                Area::Unprotected => &self.unprotected,
            };
            if !self.started && !bounds.is_empty() {
                self.position = bounds.start.saturating_add(TLV_HEADER);
            }
            self.started = true;
            if self.position < bounds.end {
                let (tlv, next) = self.tlv(bounds.end)?;
                self.position = next;
                return Ok(Some(tlv));
            }
            if self.area == Area::Unprotected {
                return Ok(None);
            }
            self.area = Area::Unprotected;
            self.started = false;
        }
    }

    /// The TLV at the position, and where the next one is.
    fn tlv(&self, end: u32) -> Result<(Tlv, u32), Error> {
        let at = self.position;
        let out_of_area = Error::new(codes::TLV_OUT_OF_AREA, at);
        let offset = at.checked_add(TLV_HEADER).filter(|offset| *offset <= end).ok_or(out_of_area)?;
        let bytes: [u8; TLV_HEADER as usize] = read(self.source, at)?;
        let len = u16_at(&bytes, 2);
        let next = offset.checked_add(u32::from(len)).filter(|next| *next <= end).ok_or(out_of_area)?;
        let ty = TlvType::of(u16_at(&bytes, 0)).filter(|ty| ty.is_of(self.dialect));
        let ty = ty.ok_or(Error::new(codes::TLV_UNKNOWN, at))?;
        if ty.area != self.area {
            return Err(Error::new(codes::TLV_WRONG_SECTION, at));
        }
        if !(ty.min..=ty.max).contains(&len) {
            return Err(Error::new(codes::TLV_LENGTH, at));
        }
        Ok((Tlv { ty, offset, len }, next))
    }
}

impl<S: ReadAt + ?Sized> Iterator for Tlvs<'_, S> {
    type Item = Result<Tlv, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.area = Area::Unprotected;
            self.started = true;
            self.position = self.unprotected.end;
        }
        step.transpose()
    }
}
