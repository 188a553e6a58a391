//! Where the fields of a slot's trailer are: pure arithmetic, written once for the engine on the device and for the tools
//! that pad, confirm and explain.
//!
//! The trailer grows downward from the end of its slot, so every position is told as a distance **before the slot's end**.
//! From the end, with `A` the largest alignment of the system and `w` the write size of the slot's flash:
//!
//! ```text
//! magic          the last 16 bytes, alone in a cell of align_up(16, A) that it ends
//! image_ok       one byte, at the start of a cell of A bytes
//! copy_done      the same
//! swap_info      the same: low nibble type, high nibble image number
//! tlv_sizes      two u16, swap-offset only
//! swap_size      u32
//! saved key 0    two cells, if images are encrypted; key 0 is the nearer to the end
//! saved key 1
//! status         max_sectors x states x w bytes, written upward
//! ```
//!
//! It is MCUboot's layout to the byte, so that either loader can finish what the other began.

/// Length of the magic.
pub const MAGIC_LEN: u32 = 16;
/// The number of sectors of a slot that MCUboot and imgtool assume if nobody says another.
pub const DEFAULT_MAX_SECTORS: u32 = 128;
/// The value of a flag (image_ok, copy_done) that is set. Erased is unset, anything else is damaged.
pub const FLAG_SET: u8 = 0x01;

/// The magic where every flash of the system writes 8 bytes or fewer at a time.
const MAGIC_ALIGN_8: [u8; 16] =
    [0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80];
/// The magic for larger ones, behind its first two bytes: the alignment, little-endian.
const MAGIC_TAIL: [u8; 14] =
    [0x2d, 0xe1, 0x5d, 0x29, 0x41, 0x0b, 0x8d, 0x77, 0x67, 0x9c, 0x11, 0x0f, 0x1f, 0x8a];

/// How an update gets from the secondary slot to where it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Copied over the old image, which is lost.
    OverwriteOnly,
    /// Swapped through a scratch area.
    SwapScratch,
    /// Swapped after the old image was moved up by one sector.
    SwapMove,
    /// Swapped with the update one sector up in its slot.
    SwapOffset,
    /// Copied to RAM and run there; either slot.
    RamLoad,
}

impl Mode {
    /// How many status entries a sector of the image needs; 0 without status.
    pub const fn states(self) -> u32 {
        match self {
            Self::OverwriteOnly | Self::RamLoad => 0,
            Self::SwapScratch | Self::SwapMove => 3,
            Self::SwapOffset => 2,
        }
    }

    /// Whether an update can be interrupted half way through a swap, so that status, sizes and keys must be kept.
    pub const fn swaps(self) -> bool {
        self.states() != 0
    }
}

/// What a swap keeps in the trailer to be able to go on decrypting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SavedKeys {
    /// Nothing: images are not encrypted.
    #[default]
    None,
    /// The image keys in plain, 16 or 32 bytes: MCUboot's default, never ours. For the sizes of other people's trailers.
    Plain(u16),
    /// The encryption TLVs as they are in the images, of this length: MCUboot's SWAP_SAVE_ENCTLV.
    Sealed(u16),
}

/// Where the fields of a trailer are. It follows from the build time configuration of a system and is the same in every
/// trailer of it; nothing of it is stored in flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrailerLayout {
    mode: Mode,
    keys: SavedKeys,
    write_size: u32,
    max_align: u32,
    max_sectors: u32,
    // What follows from these, worked out once: a boot asks for it in many places.
    magic_cell: u32,
    swap_size: u32,
    saved_key_len: u32,
    info_len: u32,
    size: u32,
}

impl TrailerLayout {
    /// The layout for these parameters.
    ///
    /// `write_size` (1, 2, 4, 8, 16, 32) is that of this slot's flash; `max_align` (8, 16, 32) the largest of all slots
    /// and the scratch area, at least 8; `max_sectors` (1..=0xFFFF) the most sectors a slot can have. `None` if one of
    /// them is none of these values or `write_size` is above `max_align`.
    pub const fn new(
        mode: Mode,
        write_size: u32,
        max_align: u32,
        max_sectors: u32,
        keys: SavedKeys,
    ) -> Option<Self> {
        let aligned = max_align.is_power_of_two() && max_align >= 8 && max_align <= 32;
        let writable = write_size.is_power_of_two() && write_size <= max_align;
        if !aligned || !writable || max_sectors == 0 || max_sectors > 0xFFFF {
            return None;
        }
        let magic_cell = align_up(MAGIC_LEN, max_align);
        let swap_info = magic_cell + 3 * max_align;
        let (mut swap_size, mut saved_key_len, mut info_len) = (0, 0, swap_info);
        if mode.swaps() {
            // swap-offset has the sizes of the TLV areas before it.
            let cells = if matches!(mode, Mode::SwapOffset) { 2 } else { 1 };
            swap_size = swap_info + cells * max_align;
            if let SavedKeys::Plain(len) | SavedKeys::Sealed(len) = keys {
                saved_key_len = align_up(len as u32, max_align);
            }
            info_len = swap_size + 2 * saved_key_len;
        }
        let size = info_len + max_sectors * mode.states() * write_size;
        Some(Self {
            mode,
            keys,
            write_size,
            max_align,
            max_sectors,
            magic_cell,
            swap_size,
            saved_key_len,
            info_len,
            size,
        })
    }

    /// How updates are made.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The write size of the slot's flash: the length of a status entry.
    pub const fn write_size(&self) -> u32 {
        self.write_size
    }

    /// The largest alignment of the system: the length of a flag's cell.
    pub const fn max_align(&self) -> u32 {
        self.max_align
    }

    /// The most sectors a slot can have.
    pub const fn max_sectors(&self) -> u32 {
        self.max_sectors
    }

    /// What of the encryption is kept.
    pub const fn keys(&self) -> SavedKeys {
        self.keys
    }

    /// The 16 bytes that make a trailer one.
    pub const fn magic_bytes(&self) -> [u8; MAGIC_LEN as usize] {
        magic_bytes(self.max_align)
    }

    /// The magic itself, 16 bytes.
    pub const fn magic(&self) -> u32 {
        MAGIC_LEN
    }

    /// The start of the magic's cell, [`Self::magic_cell_len`] bytes: what is written, the rest erased bytes.
    pub const fn magic_cell(&self) -> u32 {
        self.magic_cell
    }

    /// Length of the magic's cell.
    pub const fn magic_cell_len(&self) -> u32 {
        self.magic_cell
    }

    /// The flag by which an application says that it works.
    pub const fn image_ok(&self) -> u32 {
        self.magic_cell + self.max_align
    }

    /// The flag that says that a swap is complete.
    pub const fn copy_done(&self) -> u32 {
        self.magic_cell + 2 * self.max_align
    }

    /// Type of swap and number of image.
    pub const fn swap_info(&self) -> u32 {
        self.magic_cell + 3 * self.max_align
    }

    /// The sizes of both unprotected TLV areas; only swap-offset has them.
    pub const fn tlv_sizes(&self) -> Option<u32> {
        match self.mode {
            Mode::SwapOffset => Some(self.magic_cell + 4 * self.max_align),
            _ => None,
        }
    }

    /// How many bytes are swapped; only swaps have it.
    pub const fn swap_size(&self) -> Option<u32> {
        if self.swap_size != 0 { Some(self.swap_size) } else { None }
    }

    /// The saved key of slot 0 (primary) or 1 (secondary), [`Self::saved_key_len`] bytes; only swaps of encrypted images
    /// have it.
    pub const fn saved_key(&self, slot: u32) -> Option<u32> {
        match self.saved_key_len {
            0 => None,
            len if slot < 2 => Some(self.swap_size + (slot + 1) * len),
            _ => None,
        }
    }

    /// Length of a saved key's cell; 0 if none is saved.
    pub const fn saved_key_len(&self) -> u32 {
        self.saved_key_len
    }

    /// Everything but the status: the distance at which the status ends.
    pub const fn info_len(&self) -> u32 {
        self.info_len
    }

    /// Number of status entries, each of one write size.
    pub const fn status_entries(&self) -> u32 {
        self.max_sectors * self.mode.states()
    }

    /// Length of the status.
    pub const fn status_len(&self) -> u32 {
        self.size - self.info_len
    }

    /// The first status entry; entry `n` is `n` write sizes nearer to the end. Equal to [`Self::info_len`] without
    /// status.
    pub const fn status(&self) -> u32 {
        self.size
    }

    /// The whole trailer: an image in this slot must end at least this far before the slot's end.
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// The trailer in a scratch area, which has status entries for one sector only, and its first status entry.
    pub const fn scratch_size(&self) -> u32 {
        self.info_len() + self.mode.states() * self.write_size
    }

    /// The room that imgtool leaves for a trailer with these parameters. It knows no status of its own for swap-offset,
    /// reserves plain keys of 16 bytes whatever their length, and nothing for swap_info in overwrite-only.
    pub const fn imgtool_size(&self) -> u32 {
        if !self.mode.swaps() {
            return self.copy_done();
        }
        let key = match self.keys {
            SavedKeys::None => 0,
            SavedKeys::Plain(_) => align_up(16, self.max_align),
            SavedKeys::Sealed(len) => align_up(len as u32, self.max_align),
        };
        self.magic_cell() + 4 * self.max_align + 2 * key + self.max_sectors * 3 * self.write_size
    }
}

/// The magic of a system with this alignment.
#[inline(never)] // asked for in two places of a boot
pub const fn magic_bytes(max_align: u32) -> [u8; MAGIC_LEN as usize] {
    if max_align == 8 {
        return MAGIC_ALIGN_8;
    }
    let [low, high, ..] = max_align.to_le_bytes();
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = MAGIC_TAIL;
    [low, high, a, b, c, d, e, f, g, h, i, j, k, l, m, n]
}

/// `value` rounded up to a multiple of `align`, a power of two. Both are small here: nothing overflows.
const fn align_up(value: u32, align: u32) -> u32 {
    (value + align - 1) & !(align - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(mode: Mode, write: u32, align: u32, sectors: u32, keys: SavedKeys) -> TrailerLayout {
        TrailerLayout::new(mode, write, align, sectors, keys).expect("valid")
    }

    /// Positions of image_ok, as read from dumps of imgtool's output.
    #[test]
    fn image_ok_is_where_dumps_have_it() {
        for (align, expected) in [(8, 24), (16, 32), (32, 64)] {
            assert_eq!(layout(Mode::SwapMove, 8, align, 128, SavedKeys::None).image_ok(), expected);
        }
    }

    /// MCUboot's own formulas, worked out by hand.
    #[test]
    fn sizes_are_those_of_the_reference() {
        use Mode::*;
        let sealed = SavedKeys::Sealed(113);
        let cases = [
            (SwapScratch, 8, 8, SavedKeys::None, 128 * 3 * 8 + 4 * 8 + 16),
            (SwapMove, 4, 8, SavedKeys::None, 128 * 3 * 4 + 4 * 8 + 16),
            (SwapOffset, 4, 8, SavedKeys::None, 128 * 2 * 4 + 5 * 8 + 16),
            (SwapMove, 32, 32, SavedKeys::Plain(16), 128 * 3 * 32 + 2 * 32 + 4 * 32 + 32),
            (SwapMove, 32, 32, sealed, 128 * 3 * 32 + 2 * 128 + 4 * 32 + 32),
            (SwapOffset, 16, 16, sealed, 128 * 2 * 16 + 2 * 128 + 5 * 16 + 16),
            (OverwriteOnly, 8, 8, sealed, 3 * 8 + 16),
            (RamLoad, 32, 32, SavedKeys::None, 3 * 32 + 32),
        ];
        for (mode, write, align, keys, expected) in cases {
            assert_eq!(layout(mode, write, align, 128, keys).size(), expected, "{mode:?} {write} {align}");
        }
    }

    /// imgtool 2.5.0's `_trailer_size`, worked out by hand.
    #[test]
    fn room_is_that_of_imgtool() {
        let cases = [
            (Mode::OverwriteOnly, 8, SavedKeys::None, 2 * 8 + 16),
            (Mode::SwapMove, 8, SavedKeys::None, 128 * 3 * 8 + 4 * 8 + 16),
            (Mode::SwapOffset, 32, SavedKeys::Plain(32), 128 * 3 * 8 + 2 * 32 + 4 * 32 + 32),
            (Mode::SwapScratch, 16, SavedKeys::Sealed(113), 128 * 3 * 8 + 2 * 128 + 4 * 16 + 16),
        ];
        for (mode, align, keys, expected) in cases {
            assert_eq!(layout(mode, 8, align, 128, keys).imgtool_size(), expected, "{mode:?} {align}");
        }
    }

    #[test]
    fn fields_follow_each_other_without_overlap() {
        for mode in [Mode::OverwriteOnly, Mode::SwapScratch, Mode::SwapMove, Mode::SwapOffset, Mode::RamLoad]
        {
            for align in [8, 16, 32] {
                let keys = SavedKeys::Sealed(113);
                let layout = layout(mode, 8, align, 16, keys);
                let fixed = [layout.image_ok(), layout.copy_done(), layout.swap_info()];
                let optional =
                    [layout.tlv_sizes(), layout.swap_size(), layout.saved_key(0), layout.saved_key(1)];
                assert_eq!(layout.saved_key(2), None);
                let mut last = layout.magic_cell();
                for field in fixed.into_iter().chain(optional.into_iter().flatten()) {
                    assert!(field >= last + align && field % align == 0, "{mode:?} {align}: {field}");
                    last = field;
                }
                assert_eq!(last, layout.info_len());
                assert_eq!(layout.status() - layout.status_len(), layout.info_len());
            }
        }
    }

    #[test]
    fn impossible_parameters_have_no_layout() {
        for (write, align, sectors) in
            [(3, 8, 1), (0, 8, 1), (64, 64, 1), (16, 8, 1), (8, 4, 1), (8, 8, 0), (8, 8, 65536)]
        {
            assert_eq!(TrailerLayout::new(Mode::SwapMove, write, align, sectors, SavedKeys::None), None);
        }
    }

    #[test]
    fn magic_names_the_alignment() {
        assert_eq!(magic_bytes(8)[..4], [0x77, 0xc2, 0x95, 0xf3]);
        assert_eq!(magic_bytes(16)[..4], [0x10, 0x00, 0x2d, 0xe1]);
        assert_eq!(magic_bytes(32)[..4], [0x20, 0x00, 0x2d, 0xe1]);
    }
}
