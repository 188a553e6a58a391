//! Offsets and bits of the FLASH block (regs-h7s7, "FLASH interface").

/// Access control.
pub const ACR: u32 = 0x000;
/// Key of CR.
pub const KEYR: u32 = 0x004;
/// Control.
pub const CR: u32 = 0x010;
/// Status.
pub const SR: u32 = 0x014;
/// Interrupt enable.
pub const IER: u32 = 0x020;
/// Flags.
pub const ISR: u32 = 0x024;
/// Clear flags.
pub const ICR: u32 = 0x028;
/// Address of the last single error.
pub const ECCSFADDR: u32 = 0x040;
/// Address of the last double error.
pub const ECCDFADDR: u32 = 0x044;
/// Key of the option registers.
pub const OPTKEYR: u32 = 0x100;
/// Option control.
pub const OPTCR: u32 = 0x104;
/// Option flags.
pub const OPTISR: u32 = 0x108;
/// Clear option flags.
pub const OPTICR: u32 = 0x10C;
/// Key control.
pub const OBKCR: u32 = 0x110;
/// The eight words of a key.
pub const OBKDR: u32 = 0x118;
/// The first option word; each has its value in force, then its programming register.
pub const OPTIONS: u32 = 0x200;
/// The last option word's programming register.
pub const OPTIONS_END: u32 = 0x26C;

/// Ours: erases all OBKeys. Writing 1 at HDPL 0 starts it. ST's RSS has some such command that nobody publishes.
pub const OBKERASE: u32 = 0x300;
/// Ours: what RSS must know of a reset. Read at HDPL 0.
pub const BOOTPIN: u32 = 0x304;

/// First key of CR.
pub const KEY1: u32 = 0x4567_0123;
/// Second key of CR.
pub const KEY2: u32 = 0xCDEF_89AB;
/// First key of the option registers.
pub const OPTKEY1: u32 = 0x0819_2A3B;
/// Second key of the option registers.
pub const OPTKEY2: u32 = 0x4C5D_6E7F;

/// Bits of CR.
pub mod cr {
    /// CR is locked.
    pub const LOCK: u32 = 1 << 0;
    /// Programming on.
    pub const PG: u32 = 1 << 1;
    /// Sector erase.
    pub const SER: u32 = 1 << 2;
    /// Bank erase.
    pub const BER: u32 = 1 << 3;
    /// Write what the buffer holds.
    pub const FW: u32 = 1 << 4;
    /// Start the erase.
    pub const START: u32 = 1 << 5;
    /// First bit of the sector number.
    pub const SSN_SHIFT: u32 = 6;
    /// Programming of one-time programmable words on.
    pub const PG_OTP: u32 = 1 << 16;
    /// CRC unit on.
    pub const CRC_EN: u32 = 1 << 17;
    /// Everything software may write, LOCK, FW and START aside.
    pub const WRITABLE: u32 = PG | SER | BER | 7 << SSN_SHIFT | PG_OTP | CRC_EN | 1 << 24;
}

/// Bits of SR.
pub mod sr {
    /// An operation runs.
    pub const BUSY: u32 = 1 << 0;
    /// The write buffer is not empty.
    pub const WBNE: u32 = 1 << 1;
    /// An operation waits or runs.
    pub const QW: u32 = 1 << 2;
    /// It is a program.
    pub const IS_PROGRAM: u32 = 1 << 4;
    /// It is an erase.
    pub const IS_ERASE: u32 = 1 << 5;
    /// It is a change of options or keys.
    pub const IS_OPTCHANGE: u32 = 1 << 6;
}

/// Bits of ISR, ICR and IER.
pub mod isr {
    /// Operation done.
    pub const EOPF: u32 = 1 << 16;
    /// Write protection.
    pub const WRPERRF: u32 = 1 << 17;
    /// Programming sequence.
    pub const PGSERRF: u32 = 1 << 18;
    /// Same byte twice.
    pub const STRBERRF: u32 = 1 << 19;
    /// Two words at once.
    pub const INCERRF: u32 = 1 << 21;
    /// Read of what is hidden.
    pub const RDSERRF: u32 = 1 << 24;
    /// One wrong bit, corrected.
    pub const SNECCERRF: u32 = 1 << 25;
    /// More wrong bits.
    pub const DBECCERRF: u32 = 1 << 26;
    /// All of them.
    pub const FLAGS: u32 = 0x1F3F_0000;
}

/// Bits of OPTCR.
pub mod optcr {
    /// The option registers are locked.
    pub const OPTLOCK: u32 = 1 << 0;
    /// Changes are allowed.
    pub const PG_OPT: u32 = 1 << 1;
    /// PG_OPT and the interrupt enables.
    pub const WRITABLE: u32 = PG_OPT | super::optisr::FLAGS;
}

/// Bits of OPTISR, OPTICR, and the enables in OPTCR.
pub mod optisr {
    /// The key is not there, or not of this level.
    pub const KVEF: u32 = 1 << 27;
    /// The key does not fit SAES.
    pub const KTEF: u32 = 1 << 28;
    /// An option change was refused.
    pub const OPTERRF: u32 = 1 << 30;
    /// All of them.
    pub const FLAGS: u32 = KVEF | KTEF | OPTERRF;
}

/// Bits of OBKCR.
pub mod obkcr {
    /// Index of the key.
    pub const INDEX: u32 = 0x1F;
    /// First bit of the level: 0 is the present one, 1 the next, 2 the one after.
    pub const NEXTKL_SHIFT: u32 = 8;
    /// First bit of the size: 32, 64, 128, 256 bits.
    pub const SIZE_SHIFT: u32 = 10;
    /// Program rather than read.
    pub const KEYPROG: u32 = 1 << 14;
    /// Start.
    pub const KEYSTART: u32 = 1 << 15;
    /// What is kept and read back.
    pub const STORED: u32 = INDEX | 3 << NEXTKL_SHIFT | 3 << SIZE_SHIFT | KEYPROG;
    /// Reset value.
    pub const RESET: u32 = 0x0000_0C00;
}

/// Bits of [`BOOTPIN`].
pub mod bootpin {
    /// Level of BOOT0 at the reset.
    pub const BOOT0: u32 = 1 << 0;
    /// The reset was power-on.
    pub const POWER_ON: u32 = 1 << 1;
    /// The part has SAES, PKA, CRYP and MCE.
    pub const CRYPTO: u32 = 1 << 2;
}
