//! Offsets and bits of the FLASH block (regs-h735, "FLASH interface").

/// Access control.
pub const ACR: u32 = 0x000;
/// Key of CR1.
pub const KEYR: u32 = 0x004;
/// Key of the option registers.
pub const OPTKEYR: u32 = 0x008;
/// Control.
pub const CR: u32 = 0x00C;
/// Status.
pub const SR: u32 = 0x010;
/// Clear flags.
pub const CCR: u32 = 0x014;
/// Option control.
pub const OPTCR: u32 = 0x018;
/// Option status in force.
pub const OPTSR_CUR: u32 = 0x01C;
/// Option status wanted.
pub const OPTSR_PRG: u32 = 0x020;
/// Clear option flags.
pub const OPTCCR: u32 = 0x024;
/// Execute-only area in force.
pub const PRAR_CUR: u32 = 0x028;
/// Execute-only area wanted.
pub const PRAR_PRG: u32 = 0x02C;
/// Secure area in force.
pub const SCAR_CUR: u32 = 0x030;
/// Secure area wanted.
pub const SCAR_PRG: u32 = 0x034;
/// Sector write protection in force.
pub const WPSN_CUR: u32 = 0x038;
/// Sector write protection wanted.
pub const WPSN_PRG: u32 = 0x03C;
/// Boot addresses in force.
pub const BOOT_CUR: u32 = 0x040;
/// Boot addresses wanted.
pub const BOOT_PRG: u32 = 0x044;
/// CRC unit: control.
pub const CRCCR: u32 = 0x050;
/// CRC unit: first address.
pub const CRCSADD: u32 = 0x054;
/// CRC unit: last address.
pub const CRCEADD: u32 = 0x058;
/// CRC unit: result.
pub const CRCDATA: u32 = 0x05C;
/// Failing ECC address.
pub const ECC_FA: u32 = 0x060;
/// Second option status in force.
pub const OPTSR2_CUR: u32 = 0x070;
/// Second option status wanted.
pub const OPTSR2_PRG: u32 = 0x074;

/// First key of CR1.
pub const KEY1: u32 = 0x4567_0123;
/// Second key of CR1.
pub const KEY2: u32 = 0xCDEF_89AB;
/// First key of the option registers.
pub const OPTKEY1: u32 = 0x0819_2A3B;
/// Second key of the option registers.
pub const OPTKEY2: u32 = 0x4C5D_6E7F;

/// Bits of CR1.
pub mod cr {
    /// CR1 is locked.
    pub const LOCK: u32 = 1 << 0;
    /// Programming on.
    pub const PG: u32 = 1 << 1;
    /// Sector erase.
    pub const SER: u32 = 1 << 2;
    /// Bank erase.
    pub const BER: u32 = 1 << 3;
    /// First bit of the internal parallelism.
    pub const PSIZE_SHIFT: u32 = 4;
    /// Write what the buffer holds.
    pub const FW: u32 = 1 << 6;
    /// Start the erase.
    pub const START: u32 = 1 << 7;
    /// First bit of the sector number.
    pub const SNB_SHIFT: u32 = 8;
    /// CRC unit on.
    pub const CRC_EN: u32 = 1 << 15;
    /// Interrupt at the end of an operation; EOP is set only when this is.
    pub const EOPIE: u32 = 1 << 16;
    /// Everything software may write, LOCK, FW and START aside.
    pub const WRITABLE: u32 = 0x1FEF_873E;
    /// Reset value.
    pub const RESET: u32 = 0x0000_0031;
}

/// Bits of SR1.
pub mod sr {
    /// An operation runs.
    pub const BSY: u32 = 1 << 0;
    /// The write buffer is not empty.
    pub const WBNE: u32 = 1 << 1;
    /// An operation waits or runs.
    pub const QW: u32 = 1 << 2;
    /// The CRC unit computes.
    pub const CRC_BUSY: u32 = 1 << 3;
    /// Operation done.
    pub const EOP: u32 = 1 << 16;
    /// Write protection.
    pub const WRPERR: u32 = 1 << 17;
    /// Programming sequence.
    pub const PGSERR: u32 = 1 << 18;
    /// Same byte twice.
    pub const STRBERR: u32 = 1 << 19;
    /// Two words at once.
    pub const INCERR: u32 = 1 << 21;
    /// The memory failed (only by fault injection).
    pub const OPERR: u32 = 1 << 22;
    /// Read protection.
    pub const RDPERR: u32 = 1 << 23;
    /// Read of a closed secure area.
    pub const RDSERR: u32 = 1 << 24;
    /// One wrong bit, corrected.
    pub const SNECCERR: u32 = 1 << 25;
    /// More wrong bits.
    pub const DBECCERR: u32 = 1 << 26;
    /// The CRC unit is done.
    pub const CRCEND: u32 = 1 << 27;
    /// The CRC unit was to read a protected area.
    pub const CRCRDERR: u32 = 1 << 28;
    /// Everything that CCR1 clears, and that has an interrupt enable at the same place in CR1.
    pub const FLAGS: u32 = 0x1FEF_0000;
}

/// Bits of CRCCR1.
pub mod crccr {
    /// Sector for ADD_SECT.
    pub const CRC_SECT: u32 = 7;
    /// The range is the list of sectors.
    pub const CRC_BY_SECT: u32 = 1 << 8;
    /// Adds a sector to the list.
    pub const ADD_SECT: u32 = 1 << 9;
    /// Empties the list.
    pub const CLEAN_SECT: u32 = 1 << 10;
    /// Starts; reads 1 while the unit computes.
    pub const START_CRC: u32 = 1 << 16;
    /// Back to the initial value.
    pub const CLEAN_CRC: u32 = 1 << 17;
    /// First bit of the burst size: 4, 16, 64 or 256 flash words.
    pub const CRC_BURST_SHIFT: u32 = 20;
    /// The range is the whole bank.
    pub const ALL_BANK: u32 = 1 << 22;
    /// What is kept and read back.
    pub const STORED: u32 = CRC_SECT | CRC_BY_SECT | 3 << CRC_BURST_SHIFT | ALL_BANK;
}

/// Bits of OPTCR.
pub mod optcr {
    /// The option registers are locked.
    pub const OPTLOCK: u32 = 1 << 0;
    /// Start the change.
    pub const OPTSTART: u32 = 1 << 1;
    /// Interrupt when a change is refused.
    pub const OPTCHANGEERRIE: u32 = 1 << 30;
}

/// Bits of OPTSR_CUR that are no option, and of OPTCCR.
pub mod optsr {
    /// A change runs.
    pub const OPT_BUSY: u32 = 1 << 0;
    /// Secure access mode, from the next reset on.
    pub const SECURITY: u32 = 1 << 21;
    /// A change was refused.
    pub const OPTCHANGEERR: u32 = 1 << 30;
}
