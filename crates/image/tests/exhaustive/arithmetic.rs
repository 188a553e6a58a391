//! Sizes at the edges of their fields: in the header, in the TLV areas, in the slot.

use ironroot_codes::image as codes;
use ironroot_image::{Dialect, Image, Limits, MAGIC, ReadAt, ReadError};

/// Edges of 16 and of 32 bits.
const SIZES: [u16; 12] = [0, 1, 3, 4, 5, 31, 32, 33, 0x100, 0x7FFF, 0xFFFC, 0xFFFF];
const LARGE: [u32; 14] = [
    0,
    1,
    32,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_0000,
    0xFFFF_FFDF,
    0xFFFF_FFE0,
    0xFFFF_FFFB,
    0xFFFF_FFFC,
    0xFFFF_FFFE,
    u32::MAX,
];

/// A slot of up to 4 GB that has a header at its start, a TLV area wherever one is looked for, and zeros elsewhere. Reading
/// behind its end is the fault that is looked for.
struct Vast {
    header: [u8; 32],
    len: u32,
    /// Totals in the info headers: protected, unprotected.
    totals: [u16; 2],
    /// Where they are.
    areas: [u64; 2],
}

impl ReadAt for Vast {
    fn len(&self) -> u32 {
        self.len
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        let end = u64::from(offset) + buffer.len() as u64;
        // The header is asked for before anything is known; that it is not there is the slot's to say.
        if offset == 0 && end > u64::from(self.len) {
            return Err(ReadError::OutOfBounds);
        }
        assert!(end <= u64::from(self.len), "read {offset:#x}..{end:#x} of {:#x} bytes", self.len);
        for (at, byte) in (u64::from(offset)..).zip(buffer) {
            let info = |index: usize, magic: u16| {
                let [a, b] = magic.to_le_bytes();
                let [c, d] = self.totals[index].to_le_bytes();
                at.checked_sub(self.areas[index]).and_then(|i| [a, b, c, d].get(i as usize).copied())
            };
            *byte = match self.header.get(at as usize) {
                Some(byte) => *byte,
                None => info(1, 0x6907).or_else(|| info(0, 0x6908)).unwrap_or(0),
            };
        }
        Ok(())
    }
}

fn vast(header_size: u16, protected_size: u16, payload_size: u32, totals: [u16; 2], len: u32) -> Vast {
    let mut header = [0; 32];
    header[..4].copy_from_slice(&MAGIC.to_le_bytes());
    header[8..10].copy_from_slice(&header_size.to_le_bytes());
    header[10..12].copy_from_slice(&protected_size.to_le_bytes());
    header[12..16].copy_from_slice(&payload_size.to_le_bytes());
    let protected = u64::from(header_size) + u64::from(payload_size);
    Vast { header, len, totals, areas: [protected, protected + u64::from(protected_size)] }
}

/// All combinations: nothing overflows, nothing is read behind the end, and what is accepted fits.
#[test]
fn no_size_overflows() {
    let (mut accepted, mut cases) = (0, 0);
    for header_size in SIZES {
        for protected_size in SIZES {
            for payload_size in LARGE {
                for total in SIZES {
                    for (len, max_size) in [
                        (0, u32::MAX),
                        (32, u32::MAX),
                        (0x2_0000, 0x1_0000),
                        (u32::MAX, u32::MAX),
                        (u32::MAX, 0),
                        (u32::MAX - 1, u32::MAX),
                    ] {
                        cases += 1;
                        let slot =
                            vast(header_size, protected_size, payload_size, [protected_size, total], len);
                        let limits = Limits { max_size, dialect: Dialect::Mcuboot };
                        let Ok(image) = Image::parse(&slot, limits) else { continue };
                        accepted += 1;
                        let size = u64::from(header_size)
                            + u64::from(payload_size)
                            + u64::from(protected_size)
                            + u64::from(total);
                        assert_eq!(u64::from(image.size()), size);
                        assert!(image.size() <= max_size && image.size() <= len);
                        assert!(header_size >= 32 && payload_size > 0);
                    }
                }
            }
        }
    }
    println!("{cases} combinations, {accepted} of them images");
    assert!(accepted > 0, "no combination is one that must be accepted");
}

/// An image that ends with the last byte of 4 GB is one; a byte more is none.
#[test]
fn an_image_may_end_at_the_very_top() {
    let limits = Limits { max_size: u32::MAX, dialect: Dialect::Mcuboot };
    let most = u32::MAX - 32 - 4;
    let slot = vast(32, 0, most, [0, 4], u32::MAX);
    assert_eq!(Image::parse(&slot, limits).map(|image| image.size()), Ok(u32::MAX));
    let code = |slot: &Vast, limits| Image::parse(slot, limits).err().map(|error| error.code());
    assert_eq!(code(&vast(32, 0, most + 1, [0, 4], u32::MAX), limits), Some(codes::TOO_LARGE));
    assert_eq!(code(&vast(32, 0, most, [0, 5], u32::MAX), limits), Some(codes::TOO_LARGE));
    assert_eq!(code(&vast(33, 0, most, [0, 4], u32::MAX), limits), Some(codes::TOO_LARGE));
    assert_eq!(code(&vast(32, 0, most, [0, 4], u32::MAX - 1), limits), Some(codes::TRUNCATED));
    let bounded = Limits { max_size: u32::MAX - 1, ..limits };
    assert_eq!(code(&slot, bounded), Some(codes::TOO_LARGE));
    // The largest header and the largest areas; what is in them is no TLV, so zeros are where a type should be.
    assert_eq!(code(&vast(0xFFFF, 4, 1, [4, 4], u32::MAX), limits), None);
    assert_eq!(code(&vast(0xFFFF, 0xFFFF, 1, [0xFFFF, 4], u32::MAX), limits), Some(codes::TLV_UNKNOWN));
    assert_eq!(code(&vast(0xFFFF, 0, 1, [0, 0xFFFF], u32::MAX), limits), Some(codes::TLV_UNKNOWN));
}
