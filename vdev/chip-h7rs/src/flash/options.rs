//! The option words as values, and the rules of their change as one table.

use ironroot_layout::stm32h7rs::state::{
    DebugAuthentication, Hdpl, IROT_OEM, IROT_ST, NVSTATE_CLOSED, NVSTATE_OPEN, OEM_NOT_PROVISIONED,
    ProductState,
};
use ironroot_layout::stm32h7rs::{FLASH, HIDE_PROTECTION_UNIT, Part, SECTOR, SECTOR_COUNT};

use super::registers::OPTIONS;

/// The option words in force (xxxSR).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OptionWords {
    /// Non-volatile state.
    pub nvsr: u32,
    /// Root of trust: OEM_PROVD, DBG_AUTH, IROT_SELECT.
    pub rotsr: u32,
    /// Locks of the OTP blocks.
    pub otplsr: u32,
    /// Write protection of sectors; 0 protects.
    pub wrpsr: u32,
    /// Hide-protection area of user flash.
    pub hdpsr: u32,
    /// Epoch.
    pub epochsr: u32,
    /// User options 1.
    pub obw1sr: u32,
    /// User options 2: division of the RAM.
    pub obw2sr: u32,
}

/// One of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Word {
    /// NVSR.
    Nvs,
    /// ROTSR.
    Rots,
    /// OTPLSR.
    Otpls,
    /// WRPSR.
    Wrps,
    /// HDPSR.
    Hdps,
    /// EPOCHSR.
    Epochs,
    /// OBW1SR.
    Obw1s,
    /// OBW2SR.
    Obw2s,
}

impl Word {
    /// All words.
    pub const ALL: [Word; 8] =
        [Word::Nvs, Word::Rots, Word::Otpls, Word::Wrps, Word::Hdps, Word::Epochs, Word::Obw1s, Word::Obw2s];

    /// Offset of the xxxSR register in the FLASH block; xxxSRP is the next word.
    pub const fn offset(self) -> u32 {
        OPTIONS
            + match self {
                Word::Nvs => 0x00,
                Word::Rots => 0x08,
                Word::Otpls => 0x10,
                Word::Wrps => 0x18,
                Word::Hdps => 0x30,
                Word::Epochs => 0x50,
                Word::Obw1s => 0x60,
                Word::Obw2s => 0x68,
            }
    }

    /// The word whose xxxSR or xxxSRP is at an offset, and whether it is xxxSRP.
    pub fn at(offset: u32) -> Option<(Word, bool)> {
        let word = Word::ALL.into_iter().find(|word| word.offset() == offset & !4)?;
        Some((word, offset & 4 != 0))
    }
}

/// What decides about a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Anybody may write it.
    Free,
    /// Ignored above this level.
    UpTo(Hdpl),
    /// Ignored above this level unless NVSTATE is open.
    UpToOrOpen(Hdpl),
    /// The same, and ignored on a part without crypto blocks.
    WithCrypto(Hdpl),
    /// Bits can be set, not cleared: clearing them is ignored.
    SetOnly,
    /// The value never falls: OPTERRF.
    Monotonic,
    /// NVSTATE: only from open to closed, or back when flash and keys are erased: else OPTERRF.
    State,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The word.
    pub word: Word,
    /// The bits.
    pub mask: u32,
    /// What decides.
    pub rule: Rule,
    /// Where it is written.
    pub source: &'static str,
}

const fn field(word: Word, mask: u32, rule: Rule, source: &'static str) -> Field {
    Field { word, mask, rule, source }
}

/// The fields that can be written at all. Bits of no field keep their factory value.
#[rustfmt::skip]
pub const FIELDS: &[Field] = &[
    field(Word::Nvs, 0x0000_00FF, Rule::State, "NVSRP.NVSTATE"),
    field(Word::Rots, 0x0000_00FF, Rule::UpTo(Hdpl::Level1), "ROTSRP.OEM_PROVD"),
    field(Word::Rots, 0x0000_FF00, Rule::UpTo(Hdpl::Level0), "ROTSRP.DBG_AUTH"),
    field(Word::Rots, 0xFF00_0000, Rule::WithCrypto(Hdpl::Level1), "ROTSRP.IROT_SELECT"),
    field(Word::Otpls, 0x0000_FFFF, Rule::SetOnly, "OTPLSRP.OTPL"),
    // Unverified: without such a rule an application could take the protections of its boot stage away.
    field(Word::Wrps, 0x0000_00FF, Rule::UpToOrOpen(Hdpl::Level1), "WRPSRP.WRPS (unverified)"),
    field(Word::Hdps, 0x00FF_00FF, Rule::UpToOrOpen(Hdpl::Level1), "HDPSRP (unverified)"),
    field(Word::Epochs, 0x00FF_FFFF, Rule::Monotonic, "EPOCHSRP.EPOCH"),
    // PERSO_OK (bit 28) is the maker's.
    field(Word::Obw1s, 0x2006_03DC, Rule::Free, "OBW1SRP"),
    field(Word::Obw2s, 0x0000_0377, Rule::Free, "OBW2SRP"),
];

/// Why a change was refused with OPTERRF. Silicon does not tell; the tools do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BrokenRule {
    /// NVSTATE can only become the other of its two values.
    StateValue,
    /// Closed to open needs erased user flash and no keys.
    NotErased,
    /// The epoch does not fall.
    EpochFalls,
    /// An operation was under way.
    Busy,
}

/// Who asks for a change, and in which situation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester {
    /// Level of the code (or of the debugger's moment).
    pub level: Hdpl,
    /// The part.
    pub part: Part,
    /// All of user flash is erased and there is no key.
    pub erased: bool,
}

/// What the word becomes when `value` is written to its programming register.
pub fn plan(current: &OptionWords, word: Word, value: u32, who: Requester) -> Result<u32, BrokenRule> {
    let old = current.get(word);
    let open = current.is_open();
    let mut new = old;
    for field in FIELDS.iter().filter(|field| field.word == word) {
        let (was, wanted) = (old & field.mask, value & field.mask);
        let taken = match field.rule {
            Rule::Free => wanted,
            Rule::UpTo(level) if who.level <= level => wanted,
            Rule::UpToOrOpen(level) if who.level <= level || open => wanted,
            Rule::WithCrypto(level) if who.part.has_crypto() && (who.level <= level || open) => wanted,
            Rule::UpTo(_) | Rule::UpToOrOpen(_) | Rule::WithCrypto(_) => was,
            Rule::SetOnly => was | wanted,
            Rule::Monotonic if wanted < was => return Err(BrokenRule::EpochFalls),
            Rule::Monotonic => wanted,
            Rule::State => {
                let target = if open { NVSTATE_CLOSED } else { NVSTATE_OPEN };
                if wanted != u32::from(target) {
                    return Err(BrokenRule::StateValue);
                }
                if !open && !who.erased {
                    return Err(BrokenRule::NotErased);
                }
                wanted
            }
        };
        new = new & !field.mask | taken;
    }
    Ok(new)
}

/// The hide-protection area, as a range of offsets in user flash; `None` hides nothing.
pub fn hidden_range(hdpsr: u32) -> Option<std::ops::Range<u32>> {
    let (start, end) = (hdpsr & 0xFF, hdpsr >> 16 & 0xFF);
    let unit = HIDE_PROTECTION_UNIT.bytes();
    match end.cmp(&start) {
        std::cmp::Ordering::Equal => Some(0..FLASH.size().bytes()),
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Greater => Some(start * unit..(end + 1) * unit),
    }
}

/// OBW1SR: IWDG_HW. Clear, the watchdog is started by hardware. That a new part has it set is our reading: the value that ST
/// delivers is not published.
pub(crate) const IWDG_SOFTWARE: u32 = 1 << 4;

impl OptionWords {
    /// What a new part has. The product is open, nothing is hidden or protected, no debug authentication.
    pub const FACTORY: OptionWords = OptionWords {
        nvsr: NVSTATE_OPEN as u32,
        rotsr: (IROT_OEM as u32) << 24
            | (DebugAuthentication::None.bits() as u32) << 8
            | OEM_NOT_PROVISIONED as u32,
        otplsr: 0,
        wrpsr: 0xFF,
        hdpsr: 0x0000_00FF,
        epochsr: 0,
        obw1sr: 0x1000_0000 | IWDG_SOFTWARE | 0xC0,
        obw2sr: 0,
    };

    /// The value of a word.
    pub const fn get(&self, word: Word) -> u32 {
        match word {
            Word::Nvs => self.nvsr,
            Word::Rots => self.rotsr,
            Word::Otpls => self.otplsr,
            Word::Wrps => self.wrpsr,
            Word::Hdps => self.hdpsr,
            Word::Epochs => self.epochsr,
            Word::Obw1s => self.obw1sr,
            Word::Obw2s => self.obw2sr,
        }
    }

    /// A word, to write.
    pub fn word_mut(&mut self, word: Word) -> &mut u32 {
        match word {
            Word::Nvs => &mut self.nvsr,
            Word::Rots => &mut self.rotsr,
            Word::Otpls => &mut self.otplsr,
            Word::Wrps => &mut self.wrpsr,
            Word::Hdps => &mut self.hdpsr,
            Word::Epochs => &mut self.epochsr,
            Word::Obw1s => &mut self.obw1sr,
            Word::Obw2s => &mut self.obw2sr,
        }
    }

    /// NVSTATE is open.
    pub const fn is_open(&self) -> bool {
        self.nvsr & 0xFF == NVSTATE_OPEN as u32
    }

    /// DBG_AUTH.
    pub const fn debug_authentication(&self) -> DebugAuthentication {
        DebugAuthentication::from_bits((self.rotsr >> 8) as u8)
    }

    /// The product state that the fields mean.
    pub const fn product_state(&self) -> ProductState {
        ProductState::of(self.nvsr as u8, self.rotsr as u8, self.debug_authentication())
    }

    /// IROT_SELECT names STiRoT. On a part without crypto blocks it is ignored.
    pub const fn selects_stirot(&self, part: Part) -> bool {
        part.has_crypto() && self.rotsr >> 24 == IROT_ST as u32
    }

    /// True if the sector is write-protected.
    pub const fn write_protected(&self, sector: u32) -> bool {
        sector < SECTOR_COUNT && self.wrpsr >> sector & 1 == 0
    }

    /// The hide-protection area, as a range of offsets in user flash.
    pub fn hidden(&self) -> Option<std::ops::Range<u32>> {
        hidden_range(self.hdpsr)
    }

    /// True if part of a sector is in the hide-protection area.
    pub fn hides_sector(&self, sector: u32) -> bool {
        let (start, size) = (sector * SECTOR.bytes(), SECTOR.bytes());
        self.hidden().is_some_and(|area| area.start < start + size && start < area.end)
    }

    /// ITCM_AXI_SHARE.
    pub const fn itcm_share(&self) -> u8 {
        (self.obw2sr & 7) as u8
    }

    /// DTCM_AXI_SHARE.
    pub const fn dtcm_share(&self) -> u8 {
        (self.obw2sr >> 4 & 7) as u8
    }

    /// IWDG_HW, which is set where software starts the watchdog: each reset starts it.
    pub const fn iwdg_by_hardware(&self) -> bool {
        self.obw1sr & IWDG_SOFTWARE == 0
    }

    /// ECC_ON_SRAM.
    pub const fn ecc_on_sram(&self) -> bool {
        self.obw2sr & 1 << 8 != 0
    }
}
