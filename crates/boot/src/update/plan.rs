//! The plan of a swap: what a swap in progress needs to go on, in the trailer of the area that has its status.

use ironroot_image::trailer::Mode;
use ironroot_image::{HEADER_LEN, Header, ReadAt};

use super::areas::Area;
use super::copy::Copy;
use super::trailer::Kind;
use super::work::Work;
use crate::crc::crc32;

/// A swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub kind: Kind,
    pub image: u8,
    /// Bytes that are swapped.
    pub size: u32,
    /// Ties the plan to the two images that it was made for, and tells a plan from stray bytes: their identity, and behind
    /// it a checksum. 0: MCUboot began this swap. It stands behind the swap size, in bytes that MCUboot leaves erased and
    /// does not read.
    ///
    /// Without it, a trailer that is left from the last swap and half erased could not be told from one that was just set
    /// up.
    pub tag: u32,
    /// How the image leaves the primary slot, as it was when the swap was planned. Only kept where images are encrypted.
    /// It stands behind swap_info, in bytes that MCUboot leaves erased and does not read: the header that says the same is
    /// soon in the secondary slot, where somebody could make it say that nothing is to be encrypted.
    pub old: OldImage,
}

/// Where the payload of the old image is: start and size.
///
/// (0, 0): plain, it leaves as it is. (0, other): it is damaged, and with it the knowledge of how to encrypt it.
pub(crate) type OldImage = (u16, u32);

pub(crate) const PLAIN: OldImage = (0, 0);
const LOST: OldImage = (0, u32::MAX);

impl Plan {
    /// No plan.
    pub const NONE: Self = Self { kind: Kind::Test, image: 0, size: 0, tag: 0, old: PLAIN };

    /// The tag of this plan for two images of this identity.
    fn seal(&self, identity: u16) -> u32 {
        let [a, b, c, d] = self.size.to_le_bytes();
        let [e, f] = identity.to_le_bytes();
        let check = crc32(&[self.info(), a, b, c, d, e, f]) as u16;
        // Neither erased value: an erased tag is none.
        let check = if check == 0 || check == u16::MAX { 0x5AA5 } else { check };
        u32::from(check) << 16 | u32::from(identity)
    }

    /// The byte swap_info.
    const fn info(&self) -> u8 {
        self.kind as u8 | self.image << 4
    }
}

impl Work<'_> {
    /// Takes up the plan in the trailer of an area; `false`, and the plan stays what it is, if there is none, it is damaged,
    /// or these slots have no room for it.
    pub fn read_plan(&mut self, area: Area) -> bool {
        let Some(distance) = self.layout().swap_size() else { return false };
        let (mut bytes, mut info) = ([0; 8], [0; 8]);
        let (at, info_at) =
            (self.areas.field(area, distance), self.areas.field(area, self.layout().swap_info()));
        if !self.areas.read(area, at, &mut bytes) || !self.areas.read(area, info_at, &mut info) {
            return false;
        }
        let [info, _, i, j, k, l, m, n] = info;
        let Some(kind) = Kind::of_info(info) else { return false };
        let old = (u16::from_le_bytes([i, j]), u32::from_le_bytes([k, l, m, n]));
        let [a, b, c, d, t @ ..] = bytes;
        let size = u32::from_le_bytes([a, b, c, d]);
        let tagged = !self.areas.is_erased(area, &t);
        let mut plan = Plan { kind, image: info >> 4, size, tag: u32::from_le_bytes(t), old };
        if !tagged {
            plan.tag = 0;
        }
        let whole = !tagged || plan.tag == plan.seal(plan.tag as u16);
        let sound = whole && plan.image == self.image && size != 0 && size <= self.geometry.max_size;
        if sound {
            self.plan = plan;
        }
        sound
    }

    /// Makes the plan of a swap of `size` bytes. Not written yet.
    pub fn make_plan(&mut self, kind: Kind, size: u32) {
        let old = if self.encrypts() { self.old_image() } else { PLAIN };
        // The trailer of the last swap stays until this one's replaces it; the two must differ.
        let stale = if self.read_plan(Area::Primary) { self.plan.tag } else { 0 };
        self.plan = Plan { kind, image: self.image, size, tag: 0, old };
        let identity = self.identity(kind);
        self.plan.tag = self.plan.seal(identity);
        if self.plan.tag == stale {
            self.plan.tag = self.plan.seal(!identity);
        }
    }

    fn old_image(&mut self) -> OldImage {
        match self.facts(Area::Primary, 0) {
            Some(image) if image.sealed_len != 0 => (image.header_size, image.payload_size),
            Some(_) => PLAIN,
            None => LOST,
        }
    }

    /// Whether the plan was made for the images as they lie now, and nothing of it was done.
    pub fn is_fresh(&mut self) -> bool {
        let (found, expected) = (self.plan.tag as u16, self.identity(self.plan.kind));
        self.plan.tag != 0 && (found == expected || found == !expected) && self.steps_done() == 0
    }

    /// Writes the plan and everything a trailer needs to be one, the magic last: an interrupted one is none.
    pub fn write_plan(&mut self, area: Area, keys: Keys) {
        let layout = *self.layout();
        let mut plan = self.plan;
        if keys == Keys::None {
            (plan.image, plan.tag) = (0, 0);
        }
        let (start, size) = plan.old;
        let ([a, b], [c, d, e, f]) = (start.to_le_bytes(), size.to_le_bytes());
        let info = [plan.info(), self.areas.erased(area), a, b, c, d, e, f];
        let noted = if keys == Keys::None || !self.encrypts() { 1 } else { info.len() };
        self.areas.write_field(area, layout.swap_info(), info.get(..noted).unwrap_or_default());
        // swap-offset tells the request of a revert by copy_done, because the image is then in another place.
        let offset = self.mode() == Mode::SwapOffset;
        let flag = if keys == Keys::None && offset { layout.copy_done() } else { layout.image_ok() };
        if plan.kind != Kind::Test {
            self.areas.set_flag(area, flag);
        }
        if keys != Keys::None && (offset || self.encrypts()) {
            self.write_keys(area, plan.kind, keys);
        }
        let ([a, b, c, d], [e, f, g, h]) = (plan.size.to_le_bytes(), plan.tag.to_le_bytes());
        let size = [a, b, c, d, e, f, g, h];
        let tagged = if plan.tag == 0 { 4 } else { size.len() };
        if let Some(distance) = layout.swap_size() {
            self.areas.write_field(area, distance, size.get(..tagged).unwrap_or_default());
        }
        self.areas.write_magic(area);
    }

    /// What a trailer keeps of the two images: the sizes of their TLV areas, and their sealed keys.
    fn write_keys(&mut self, area: Area, kind: Kind, keys: Keys) {
        let [a, b] = self.write_key(area, 0, keys, Area::Primary, 0);
        let [c, d] = self.write_key(area, 1, keys, Area::Secondary, self.secondary_offset(kind));
        if let (Mode::SwapOffset, Some(distance)) = (self.mode(), self.layout().tlv_sizes()) {
            self.areas.write_field(area, distance, &[a, b, c, d]);
        }
    }

    /// The sealed key of one image, if it has one. The size of its TLV area.
    #[inline(never)]
    fn write_key(&mut self, area: Area, slot: u32, keys: Keys, image: Area, offset: u32) -> [u8; 2] {
        let facts = self.facts(image, offset).unwrap_or_default();
        if let (true, Some(distance)) = (super::ENCRYPTS, self.layout().saved_key(slot)) {
            let mut from = (image, offset.wrapping_add(facts.sealed_at));
            let mut len = self.layout().saved_key_len();
            if keys == Keys::Scratch {
                from = (Area::Scratch, self.areas.field(Area::Scratch, distance));
            } else {
                len = len.min(u32::from(facts.sealed_len));
            }
            let to = (area, self.areas.field(area, distance));
            self.copy(&Copy { from, to, len, recode: None });
        }
        facts.tlv_size.to_le_bytes()
    }

    /// What tells the two images apart from any others: their headers and the starts of their TLVs, where the hashes are.
    fn identity(&mut self, kind: Kind) -> u16 {
        let [a, b, c, d] = self.identity_at(Area::Primary, 0).to_le_bytes();
        let [e, f, g, h] = self.identity_at(Area::Secondary, self.secondary_offset(kind)).to_le_bytes();
        crc32(&[a, b, c, d, e, f, g, h]) as u16
    }

    /// Whatever cannot be read counts as zero.
    fn identity_at(&self, area: Area, offset: u32) -> u32 {
        let view = self.areas.view(area, offset);
        let mut bytes = [0; 72];
        let (head, tail) = bytes.split_at_mut(HEADER_LEN);
        if view.read_at(0, head).is_err() {
            head.fill(0);
        }
        if let Ok(header) = Header::parse(&view, self.config.dialect) {
            let tlvs = u32::from(header.header_size)
                .saturating_add(header.payload_size)
                .saturating_add(u32::from(header.protected_size));
            if view.read_at(tlvs, tail).is_err() {
                tail.fill(0);
            }
        }
        crc32(&bytes)
    }
}

/// What a trailer has besides the plan.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Nothing. It is no swap in progress but the request of one.
    None,
    /// The sealed keys of the two images as they lie before the swap.
    Images,
    /// The sealed keys in the trailer of the scratch area, from where the plan moves.
    Scratch,
}
