//! Product states, hide protection levels, and the option fields that they are made of.
//!
//! The values are chosen by the chip's makers so that single flipped bits do not turn one into another; what is not listed
//! means the strictest of its kind.

/// Hide protection level (SBS_HDPLSR): what ran before is hidden at the next level, until reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hdpl {
    /// Root security services.
    Level0,
    /// First boot stage (iRoT).
    Level1,
    /// Second boot stage (uRoT).
    Level2,
    /// Application.
    Level3,
}

impl Hdpl {
    /// All, lowest first.
    pub const ALL: [Hdpl; 4] = [Hdpl::Level0, Hdpl::Level1, Hdpl::Level2, Hdpl::Level3];
    /// Written to SBS_HDPLCR it raises the level by one.
    pub const INCREMENT: u8 = 0x6A;

    /// The value in SBS_HDPLSR.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Level0 => 0xB4,
            Self::Level1 => 0x51,
            Self::Level2 => 0x8A,
            Self::Level3 => 0x6F,
        }
    }

    /// From SBS_HDPLSR. What is no level counts as the highest: it hides most.
    pub const fn from_bits(bits: u8) -> Self {
        match bits {
            0xB4 => Self::Level0,
            0x51 => Self::Level1,
            0x8A => Self::Level2,
            _ => Self::Level3,
        }
    }

    /// The number, 0 to 3.
    pub const fn number(self) -> u8 {
        match self {
            Self::Level0 => 0,
            Self::Level1 => 1,
            Self::Level2 => 2,
            Self::Level3 => 3,
        }
    }

    /// The next level; the highest stays.
    pub const fn next(self) -> Self {
        match self {
            Self::Level0 => Self::Level1,
            Self::Level1 => Self::Level2,
            Self::Level2 | Self::Level3 => Self::Level3,
        }
    }
}

/// FLASH_NVSR.NVSTATE: open.
pub const NVSTATE_OPEN: u8 = 0xB4;
/// FLASH_NVSR.NVSTATE: closed.
pub const NVSTATE_CLOSED: u8 = 0x51;
/// FLASH_ROTSR.OEM_PROVD: the product's secrets are in place.
pub const OEM_PROVISIONED: u8 = 0xB4;
/// FLASH_ROTSR.OEM_PROVD: factory value.
pub const OEM_NOT_PROVISIONED: u8 = 0x6A;
/// FLASH_ROTSR.IROT_SELECT: STiRoT, in system flash.
pub const IROT_ST: u8 = 0xB4;
/// FLASH_ROTSR.IROT_SELECT: the product's own first stage, in user flash.
pub const IROT_OEM: u8 = 0x6A;

/// FLASH_ROTSR.DBG_AUTH: how the debug port of a closed device may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DebugAuthentication {
    /// Never again.
    Locked,
    /// By a certificate chain.
    Ecdsa,
    /// By a password.
    Password,
    /// By the first boot stage.
    Delegated,
    /// Not set.
    None,
}

impl DebugAuthentication {
    /// The value in the register.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Locked => 0xB4,
            Self::Ecdsa => 0x51,
            Self::Password => 0x8A,
            Self::Delegated => 0x6F,
            Self::None => 0xFF,
        }
    }

    /// From the register. What is no value counts as locked.
    pub const fn from_bits(bits: u8) -> Self {
        match bits {
            0x51 => Self::Ecdsa,
            0x8A => Self::Password,
            0x6F => Self::Delegated,
            0xFF => Self::None,
            _ => Self::Locked,
        }
    }
}

/// The product state as services and tools name it: a view of NVSTATE, OEM_PROVD and DBG_AUTH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProductState {
    /// Everything can be read, written and debugged.
    Open,
    /// Keys may be put in place; the boot chain runs.
    Provisioning,
    /// Keys are in place; debug needs authentication, regression is possible.
    Closed,
    /// As closed, for ever.
    Locked,
}

impl ProductState {
    /// In the order of a product's life.
    pub const ALL: [ProductState; 4] = [Self::Open, Self::Provisioning, Self::Closed, Self::Locked];

    /// The number that RSSLIB uses (SetProductState, GetProductState).
    pub const fn number(self) -> u8 {
        match self {
            Self::Open => 0x39,
            Self::Provisioning => 0x17,
            Self::Closed => 0x72,
            Self::Locked => 0x5C,
        }
    }

    /// From RSSLIB's number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0x39 => Some(Self::Open),
            0x17 => Some(Self::Provisioning),
            0x72 => Some(Self::Closed),
            0x5C => Some(Self::Locked),
            _ => None,
        }
    }

    /// The state that the three option fields mean. How ST combines them is not published; this is our reading: open as
    /// long as NVSTATE is open and nothing is provisioned; closed without a way back is locked.
    pub const fn of(nvstate: u8, oem_provisioned: u8, debug: DebugAuthentication) -> Self {
        let provisioned = oem_provisioned == OEM_PROVISIONED;
        match (nvstate, provisioned) {
            (NVSTATE_OPEN, false) if matches!(debug, DebugAuthentication::None) => Self::Open,
            (NVSTATE_OPEN, _) => Self::Provisioning,
            _ if matches!(debug, DebugAuthentication::Locked) => Self::Locked,
            _ => Self::Closed,
        }
    }

    /// `Open`, `Provisioning`, `Closed`, `Locked`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Provisioning => "Provisioning",
            Self::Closed => "Closed",
            Self::Locked => "Locked",
        }
    }
}
