//! The option bytes of a product: which fields, in which order, and what can be undone.

use super::Product;
use super::choices::BootPath;
use super::entry::Entry;
use crate::Region;
use crate::stm32h7rs::chip::{FLASH, HIDE_PROTECTION_UNIT, SECTOR};
use crate::stm32h7rs::state::{
    DebugAuthentication, IROT_OEM, IROT_ST, NVSTATE_CLOSED, OEM_PROVISIONED, ProductState,
};

/// A programmable option register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OptionRegister {
    /// FLASH_NVSRP.
    Nvsrp,
    /// FLASH_ROTSRP.
    Rotsrp,
    /// FLASH_WRPSRP.
    Wrpsrp,
    /// FLASH_HDPSRP.
    Hdpsrp,
    /// FLASH_OBW1SRP.
    Obw1srp,
    /// FLASH_OBW2SRP.
    Obw2srp,
}

impl OptionRegister {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nvsrp => "NVSRP",
            Self::Rotsrp => "ROTSRP",
            Self::Wrpsrp => "WRPSRP",
            Self::Hdpsrp => "HDPSRP",
            Self::Obw1srp => "OBW1SRP",
            Self::Obw2srp => "OBW2SRP",
        }
    }

    /// Its address: what is programmed. The value in force is 4 bytes before it.
    pub const fn address(self) -> u32 {
        0x5200_2000
            + match self {
                Self::Nvsrp => 0x204,
                Self::Rotsrp => 0x20C,
                Self::Wrpsrp => 0x21C,
                Self::Hdpsrp => 0x234,
                Self::Obw1srp => 0x264,
                Self::Obw2srp => 0x26C,
            }
    }
}

macro_rules! fields {
    ($($value:ident $name:literal $register:ident $shift:literal $width:literal $entry:ident $from:expr;)*) => {
        /// A field of the option bytes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum OptionField { $(#[doc = $name] $value,)* }

        impl OptionField {
            /// All of them.
            pub const ALL: [OptionField; OptionField::COUNT] = [$(Self::$value,)*];
            /// How many there are.
            pub const COUNT: usize = [$($name,)*].len();

            /// The name in the manual.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$value => $name,)* }
            }

            /// The register.
            pub const fn register(self) -> OptionRegister {
                match self { $(Self::$value => OptionRegister::$register,)* }
            }

            /// Its lowest bit.
            pub const fn shift(self) -> u32 {
                match self { $(Self::$value => $shift,)* }
            }

            /// Its bits in the register.
            pub const fn mask(self) -> u32 {
                match self { $(Self::$value => ((1u64 << $width) - 1 << $shift) as u32,)* }
            }

            /// The entry that sets it by hand.
            pub const fn entry(self) -> Entry {
                match self { $(Self::$value => Entry::$entry,)* }
            }

            /// The entry that it follows from; `None` if it may be set by hand.
            pub const fn follows_from(self) -> Option<Entry> {
                match self { $(Self::$value => $from,)* }
            }
        }
    };
}

fields! {
    BorLevel "BOR_LEVEL" Obw1srp 2 2 OptionBor None;
    IwdgHw "IWDG_HW" Obw1srp 4 1 OptionIwdgHw None;
    NrstStop "NRST_STOP" Obw1srp 6 1 OptionNrstStop None;
    NrstStandby "NRST_STBY" Obw1srp 7 1 OptionNrstStandby None;
    Xspi1 "XSPI1_HSLV" Obw1srp 8 1 OptionXspi1 None;
    Xspi2 "XSPI2_HSLV" Obw1srp 9 1 OptionXspi2 None;
    IwdgStop "IWDG_FZ_STOP" Obw1srp 17 1 OptionIwdgStop None;
    IwdgStandby "IWDG_FZ_STBY" Obw1srp 18 1 OptionIwdgStandby None;
    Vddio "VDDIO_HSLV" Obw1srp 29 1 OptionVddio None;
    I2c "I2C_NI3C" Obw2srp 9 1 OptionI2c None;
    Itcm "ITCM_AXI_SHARE" Obw2srp 0 3 OptionItcm Some(Entry::Execute);
    Dtcm "DTCM_AXI_SHARE" Obw2srp 4 3 OptionDtcm Some(Entry::Execute);
    Ecc "ECC_ON_SRAM" Obw2srp 8 1 OptionEcc Some(Entry::RamEcc);
    Wrps "WRPS" Wrpsrp 0 8 OptionWrps Some(Entry::WriteProtect);
    HdpStart "HDP_AREA_START" Hdpsrp 0 8 OptionHdpStart Some(Entry::Hide);
    HdpEnd "HDP_AREA_END" Hdpsrp 16 8 OptionHdpEnd Some(Entry::Hide);
    Irot "IROT_SELECT" Rotsrp 24 8 OptionIrot Some(Entry::Boot);
    DebugAuth "DBG_AUTH" Rotsrp 8 8 OptionDebug Some(Entry::Debug);
    Provisioned "OEM_PROVD" Rotsrp 0 8 OptionProvisioned Some(Entry::State);
    NvState "NVSTATE" Nvsrp 0 8 OptionState Some(Entry::State);
}

/// Who makes a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The host, through the debug port or the bootloader, while the product is open.
    Host,
    /// The root security services: part of a key's provisioning, or of a change of the product state.
    RootServices,
}

/// When a change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before anything is written.
    First,
    /// With the keys, in product state Provisioning.
    Keys,
    /// When boot code and images are written and read back.
    Images,
    /// At the end.
    Closing,
}

impl Phase {
    /// For tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Keys => "with the keys",
            Self::Images => "after the images",
            Self::Closing => "closing",
        }
    }
}

/// How a change is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// As it was made, while the product is open.
    Freely,
    /// By a regression, which needs debug authentication and erases flash and keys.
    Regression,
    /// Never.
    Never,
}

impl Undo {
    /// For tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Freely => "freely",
            Self::Regression => "by regression (erases flash and keys)",
            Self::Never => "never",
        }
    }
}

/// One change of one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionStep {
    /// When.
    pub phase: Phase,
    /// Who.
    pub actor: Actor,
    /// Where.
    pub register: OptionRegister,
    /// Which bits.
    pub mask: u32,
    /// Their value, in place.
    pub value: u32,
    /// The way back.
    pub undo: Undo,
    /// What for.
    pub reason: &'static str,
}

/// A protection that a boot stage of a closed product insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guarded {
    /// The option register with the value in force.
    pub address: u32,
    /// Which bits.
    pub mask: u32,
    /// What they must be, in place.
    pub value: u32,
}

impl OptionStep {
    /// What of this change must be in force whenever a boot stage of the closed product runs: write protection, hidden area, RAM
    /// ECC that is on, brown-out level. Not the watchdog and the pins: they take nothing from the protection.
    pub const fn guarded(&self) -> Option<Guarded> {
        let bits = match self.register {
            // A cleared bit protects; more may be protected than was planned.
            OptionRegister::Wrpsrp => self.mask & !self.value,
            OptionRegister::Hdpsrp => self.mask,
            OptionRegister::Obw2srp => self.mask & self.value & OptionField::Ecc.mask(),
            OptionRegister::Obw1srp => self.mask & OptionField::BorLevel.mask(),
            // What the product state follows from.
            OptionRegister::Nvsrp | OptionRegister::Rotsrp => 0,
        };
        if bits == 0 {
            return None;
        }
        Some(Guarded { address: self.register.address() - 4, mask: bits, value: self.value & bits })
    }
}

/// The most steps.
pub(super) const STEPS: usize = 8;

/// The sectors that hold boot code, one bit each.
const fn sectors(of: Region) -> u32 {
    let mut bits = 0;
    let mut sector = 0;
    let mut start = FLASH.start().value();
    while sector < 8 {
        let next = start + SECTOR.bytes();
        if of.overlaps(Region::between(start, next)) {
            bits |= 1 << sector;
        }
        start = next;
        sector += 1;
    }
    bits
}

/// The changes in order; `code` is the boot code in user flash: OEMiRoT, or the iLoader.
pub(super) fn steps(product: &Product, code: Region) -> [Option<OptionStep>; STEPS] {
    use OptionField as F;
    use OptionRegister as R;
    let first = |register, mask, value, reason| OptionStep {
        phase: Phase::First,
        actor: Actor::Host,
        register,
        mask,
        value,
        undo: Undo::Freely,
        reason,
    };
    // What is set by hand; the two interfaces of the external memories are fast at 1.8 V unless that is said otherwise.
    let mut user =
        [(R::Obw1srp, 0, 0), (R::Obw2srp, F::Ecc.mask(), u32::from(product.ram_ecc) << F::Ecc.shift())];
    for (field, set) in F::ALL.into_iter().zip(product.options) {
        let by_default = if matches!(field, F::Xspi1 | F::Xspi2) { Some(1) } else { None };
        let Some(value) = set.or(by_default) else { continue };
        for (register, mask, bits) in &mut user {
            if *register == field.register() {
                *mask |= field.mask();
                *bits |= value << field.shift() & field.mask();
            }
        }
    }
    let [(_, mask1, value1), (_, mask2, value2)] = user;
    let irot = if product.boot.begins_with_stirot() { IROT_ST } else { IROT_OEM };
    let protections = product.protections;
    let units = |address: u32| address.wrapping_sub(FLASH.start().value()) / HIDE_PROTECTION_UNIT.bytes();
    let hidden = units(code.end().value()).saturating_sub(1) << F::HdpEnd.shift()
        | units(code.start().value()) << F::HdpStart.shift();
    let final_debug = matches!(protections.debug, DebugAuthentication::Locked);
    let (closes, locks) = match protections.state {
        ProductState::Open | ProductState::Provisioning => (false, false),
        ProductState::Closed => (true, false),
        ProductState::Locked => (true, true),
    };
    let closing = |register, mask, value, reason| OptionStep {
        phase: Phase::Closing,
        actor: Actor::RootServices,
        register,
        mask,
        value,
        undo: if locks { Undo::Never } else { Undo::Regression },
        reason,
    };
    let after = |register, mask, value, reason| OptionStep {
        phase: Phase::Images,
        ..first(register, mask, value, reason)
    };
    [
        Some(first(R::Obw1srp, mask1, value1, "supply, watchdog and pins")),
        Some(first(R::Obw2srp, mask2, value2, "ECC on the internal RAM")),
        // The H7R ignores it.
        product.part.has_crypto().then(|| {
            first(R::Rotsrp, F::Irot.mask(), u32::from(irot) << F::Irot.shift(), "which stage comes first")
        }),
        (!matches!(protections.debug, DebugAuthentication::None)).then(|| OptionStep {
            phase: Phase::Keys,
            actor: Actor::RootServices,
            register: R::Rotsrp,
            mask: F::DebugAuth.mask(),
            value: u32::from(protections.debug.bits()) << F::DebugAuth.shift(),
            undo: if final_debug { Undo::Never } else { Undo::Regression },
            reason: "how a closed product is opened again",
        }),
        protections.write_protect.then(|| {
            // A protected sector has its bit cleared.
            after(R::Wrpsrp, F::Wrps.mask(), !sectors(code) & F::Wrps.mask(), "boot code cannot be changed")
        }),
        product.hides().then(|| {
            after(
                R::Hdpsrp,
                F::HdpStart.mask() | F::HdpEnd.mask(),
                hidden,
                "boot code is hidden from HDPL 2 on",
            )
        }),
        closes.then(|| {
            closing(
                R::Rotsrp,
                F::Provisioned.mask(),
                u32::from(OEM_PROVISIONED) << F::Provisioned.shift(),
                "the product's keys are in place",
            )
        }),
        closes.then(|| {
            closing(
                R::Nvsrp,
                F::NvState.mask(),
                u32::from(NVSTATE_CLOSED) << F::NvState.shift(),
                "flash and keys are closed",
            )
        }),
    ]
}

impl Product {
    /// Whether boot code in user flash is hidden from HDPL 2 on.
    pub const fn hides(&self) -> bool {
        match self.protections.hide {
            Some(hide) => hide,
            None => matches!(self.boot, BootPath::Oemirot),
        }
    }
}
