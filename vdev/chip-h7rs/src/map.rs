//! The memory map: storage regions with their place in the arena, and the register blocks by base address.
//!
//! What the sharing of RAM does exactly is published nowhere that we could read; every guess about it is in [`sharing`].

use ironroot_layout::Region as Place;
use ironroot_layout::stm32h7rs::chip as layout;

use crate::peripherals::rcc::{AHB2ENR, AHB3ENR, AHB4ENR, AHB5ENR, APB1ENR1, APB2ENR, APB4ENR};

/// A memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Storage {
    /// Instruction TCM.
    Itcm,
    /// Part of AXI SRAM1 that ITCM_AXI_SHARE gives to ITCM.
    ItcmShared,
    /// User flash.
    UserFlash,
    /// One-time programmable words.
    Otp,
    /// Unique id and package.
    Information,
    /// System flash.
    SystemFlash,
    /// Data TCM.
    Dtcm,
    /// Part of AXI SRAM3 that DTCM_AXI_SHARE gives to DTCM.
    DtcmShared,
    /// AXI SRAM1.
    AxiSram1,
    /// AXI SRAM2.
    AxiSram2,
    /// AXI SRAM3.
    AxiSram3,
    /// AXI SRAM4.
    AxiSram4,
    /// AHB SRAM1.
    AhbSram1,
    /// AHB SRAM2.
    AhbSram2,
    /// Backup SRAM.
    BackupSram,
}

impl Storage {
    /// Enable register (offset in RCC) and bit without which the memory is dead.
    pub const fn clock(self) -> Option<(u16, u8)> {
        match self {
            Storage::AhbSram1 => Some((AHB2ENR, 29)),
            Storage::AhbSram2 => Some((AHB2ENR, 30)),
            Storage::BackupSram => Some((AHB4ENR, 28)),
            _ => None,
        }
    }

    /// The name in warnings.
    pub const fn name(self) -> &'static str {
        match self {
            Storage::AhbSram1 => "AHB SRAM1",
            Storage::AhbSram2 => "AHB SRAM2",
            Storage::BackupSram => "backup SRAM",
            _ => "a memory",
        }
    }
}

/// A memory in the address space and in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// Which.
    pub storage: Storage,
    /// First address.
    pub base: u32,
    /// Size in bytes.
    pub size: u32,
    /// Offset of its first byte in the arena.
    pub offset: u32,
}

/// Arena offset of user flash.
pub const USER_FLASH_OFFSET: u32 = 0;
/// Arena offset of system flash.
pub const SYSTEM_FLASH_OFFSET: u32 = USER_FLASH_OFFSET + layout::FLASH.size().bytes();
/// Arena offset of the one-time programmable words.
pub const OTP_OFFSET: u32 = SYSTEM_FLASH_OFFSET + layout::SYSTEM_FLASH.size().bytes();
/// Arena offset of unique id and package.
pub const INFORMATION_OFFSET: u32 = OTP_OFFSET + layout::OTP.size().bytes();
/// Unique id and package, with the rest of their kilobyte.
pub const INFORMATION: Place = Place::between(0x08FF_F800, 0x08FF_FC00);
const ITCM_OFFSET: u32 = INFORMATION_OFFSET + 3 * 1024;
const DTCM_OFFSET: u32 = ITCM_OFFSET + layout::ITCM.size().bytes();
const SRAM1_OFFSET: u32 = DTCM_OFFSET + layout::DTCM.size().bytes();
const SRAM2_OFFSET: u32 = SRAM1_OFFSET + layout::AXI_SRAM1.size().bytes();
const SRAM3_OFFSET: u32 = SRAM2_OFFSET + layout::AXI_SRAM2.size().bytes();
const SRAM4_OFFSET: u32 = SRAM3_OFFSET + layout::AXI_SRAM3.size().bytes();
const AHB1_OFFSET: u32 = SRAM4_OFFSET + layout::AXI_SRAM4.size().bytes();
const AHB2_OFFSET: u32 = AHB1_OFFSET + layout::AHB_SRAM1.size().bytes();
/// Arena offset of backup SRAM.
pub const BACKUP_OFFSET: u32 = AHB2_OFFSET + layout::AHB_SRAM2.size().bytes();
/// Size of the arena.
pub const ARENA: u32 = BACKUP_OFFSET + layout::BACKUP_SRAM.size().bytes();
/// All memories that lose their content with the power; backup SRAM hangs on VBAT and keeps it.
pub const VOLATILE: std::ops::Range<u32> = ITCM_OFFSET..BACKUP_OFFSET;

const _: () = assert!(ITCM_OFFSET.is_multiple_of(4096) && ARENA.is_multiple_of(1024));

/// How OBW2 divides the RAM. The sizes of the TCMs are those of the public register description, which says of the codes from 4 on
/// that bit 2 is to be kept 0; which blocks move is not verified. That ECC costs capacity of AXI SRAM4 is documented, how much is not.
pub mod sharing {
    /// What one step of ITCM_AXI_SHARE and DTCM_AXI_SHARE moves.
    pub const STEP: u32 = 64 * 1024;

    /// Bytes that a share code moves from AXI SRAM1 (3) to ITCM (DTCM): 0, 64 KB, 128 KB; all others as 0. The
    /// blocks that move are the last ones of the SRAM and follow behind the TCM's own 64 KB.
    pub const fn moved(code: u8) -> u32 {
        match code {
            1 => STEP,
            2 => 2 * STEP,
            _ => 0,
        }
    }

    /// Bytes at the end of AXI SRAM4 that ECC_ON_SRAM takes: 72 KB are 64 KB with their check bits (8 for 64).
    pub const fn taken_by_ecc(on: bool) -> u32 {
        if on { 8 * 1024 } else { 0 }
    }
}

/// The storage regions for a division of the RAM, as it was at the last reset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Regions {
    itcm: u32,
    dtcm: u32,
    ecc: u32,
}

impl Regions {
    /// The map for the values of ITCM_AXI_SHARE, DTCM_AXI_SHARE and ECC_ON_SRAM.
    pub fn new(itcm_share: u8, dtcm_share: u8, ecc: bool) -> Self {
        Regions {
            itcm: sharing::moved(itcm_share),
            dtcm: sharing::moved(dtcm_share),
            ecc: sharing::taken_by_ecc(ecc),
        }
    }

    fn region(&self, storage: Storage) -> Region {
        let fixed = |place: Place, offset| (place.start().value(), place.size().bytes(), offset);
        let shortened = |place: Place, offset, by| (place.start().value(), place.size().bytes() - by, offset);
        let moved =
            |tcm: Place, from: Place, offset, by| (tcm.end().value(), by, offset + from.size().bytes() - by);
        let (base, size, offset) = match storage {
            Storage::Itcm => fixed(layout::ITCM, ITCM_OFFSET),
            Storage::ItcmShared => moved(layout::ITCM, layout::AXI_SRAM1, SRAM1_OFFSET, self.itcm),
            Storage::UserFlash => fixed(layout::FLASH, USER_FLASH_OFFSET),
            Storage::Otp => fixed(layout::OTP, OTP_OFFSET),
            Storage::Information => fixed(INFORMATION, INFORMATION_OFFSET),
            Storage::SystemFlash => fixed(layout::SYSTEM_FLASH, SYSTEM_FLASH_OFFSET),
            Storage::Dtcm => fixed(layout::DTCM, DTCM_OFFSET),
            Storage::DtcmShared => moved(layout::DTCM, layout::AXI_SRAM3, SRAM3_OFFSET, self.dtcm),
            Storage::AxiSram1 => shortened(layout::AXI_SRAM1, SRAM1_OFFSET, self.itcm),
            Storage::AxiSram2 => fixed(layout::AXI_SRAM2, SRAM2_OFFSET),
            Storage::AxiSram3 => shortened(layout::AXI_SRAM3, SRAM3_OFFSET, self.dtcm),
            Storage::AxiSram4 => shortened(layout::AXI_SRAM4, SRAM4_OFFSET, self.ecc),
            Storage::AhbSram1 => fixed(layout::AHB_SRAM1, AHB1_OFFSET),
            Storage::AhbSram2 => fixed(layout::AHB_SRAM2, AHB2_OFFSET),
            Storage::BackupSram => fixed(layout::BACKUP_SRAM, BACKUP_OFFSET),
        };
        Region { storage, base, size, offset }
    }

    /// The memory at an address and the arena offset of that address. The candidates follow from the top byte.
    #[inline]
    pub fn locate(&self, address: u32) -> Option<(Storage, u32)> {
        let candidates: &[Storage] = match address >> 24 {
            0x00 => &[Storage::Itcm, Storage::ItcmShared],
            0x08 => &[Storage::UserFlash, Storage::Otp, Storage::Information],
            0x1F => &[Storage::SystemFlash],
            0x20 => &[Storage::Dtcm, Storage::DtcmShared],
            0x24 => &[Storage::AxiSram1, Storage::AxiSram2, Storage::AxiSram3, Storage::AxiSram4],
            0x30 => &[Storage::AhbSram1, Storage::AhbSram2],
            0x38 => &[Storage::BackupSram],
            _ => return None,
        };
        candidates.iter().find_map(|&storage| {
            let region = self.region(storage);
            let at = address.wrapping_sub(region.base);
            (at < region.size).then(|| (storage, region.offset + at))
        })
    }

    /// All memories, in address order.
    pub fn all(&self) -> impl Iterator<Item = Region> {
        [
            Storage::Itcm,
            Storage::ItcmShared,
            Storage::UserFlash,
            Storage::Otp,
            Storage::Information,
            Storage::SystemFlash,
            Storage::Dtcm,
            Storage::DtcmShared,
            Storage::AxiSram1,
            Storage::AxiSram2,
            Storage::AxiSram3,
            Storage::AxiSram4,
            Storage::AhbSram1,
            Storage::AhbSram2,
            Storage::BackupSram,
        ]
        .map(|storage| self.region(storage))
        .into_iter()
        .filter(|region| region.size > 0)
    }
}

/// What answers for a register block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// FLASH.
    Flash,
    /// RCC.
    Rcc,
    /// PWR.
    Pwr,
    /// SBS.
    Sbs,
    /// GPIO port by index (A to H, M to P).
    Gpio(u8),
    /// Index into [`crate::peripherals::usart::INSTANCES`].
    Usart(u8),
    /// EXTI.
    Exti,
    /// RTC.
    Rtc,
    /// TAMP and backup registers.
    Tamp,
    /// IWDG.
    Iwdg,
    /// DBGMCU.
    Dbgmcu,
    /// RAMECC1 or RAMECC2.
    RamEcc(u8),
    /// CRC.
    Crc,
    /// XSPI by number of its window.
    Xspi(u8),
    /// XSPIM.
    Xspim,
    /// MCE by number.
    Mce(u8),
    /// RNG.
    Rng,
    /// HASH.
    Hash,
    /// CRYP.
    Cryp,
    /// SAES.
    Saes,
    /// PKA.
    Pka,
    /// Known by name, not modelled.
    Unmodelled,
}

impl Target {
    /// True for the blocks that an STM32H7R does not have.
    pub const fn is_crypto(self) -> bool {
        matches!(self, Target::Mce(_) | Target::Cryp | Target::Saes | Target::Pka)
    }
}

/// A register block.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// First address.
    pub base: u32,
    /// Size in bytes.
    pub size: u32,
    /// Name in the manual.
    pub name: &'static str,
    /// Who answers.
    pub target: Target,
    /// Enable register (offset in RCC) and bit without which the block is dead.
    pub clock: Option<(u16, u8)>,
}

const fn unmodelled(base: u32, name: &'static str) -> Block {
    Block { base, size: 0x400, name, target: Target::Unmodelled, clock: None }
}

const fn block(base: u32, size: u32, name: &'static str, target: Target) -> Block {
    Block { base, size, name, target, clock: None }
}

const fn clocked(base: u32, name: &'static str, target: Target, register: u16, bit: u8) -> Block {
    Block { base, size: 0x400, name, target, clock: Some((register, bit)) }
}

const fn large(base: u32, size: u32, name: &'static str, target: Target, register: u16, bit: u8) -> Block {
    Block { base, size, name, target, clock: Some((register, bit)) }
}

/// All register blocks of the part, by base address (regs-h7s7, "Complete base-address list").
#[rustfmt::skip]
pub const BLOCKS: &[Block] = &[
    unmodelled(0x4000_0000, "TIM2"), unmodelled(0x4000_0400, "TIM3"), unmodelled(0x4000_0800, "TIM4"),
    unmodelled(0x4000_0C00, "TIM5"), unmodelled(0x4000_1000, "TIM6"), unmodelled(0x4000_1400, "TIM7"),
    unmodelled(0x4000_1800, "TIM12"), unmodelled(0x4000_1C00, "TIM13"), unmodelled(0x4000_2000, "TIM14"),
    unmodelled(0x4000_2400, "LPTIM1"), unmodelled(0x4000_2C00, "WWDG"), unmodelled(0x4000_3800, "SPI2"),
    unmodelled(0x4000_3C00, "SPI3"), unmodelled(0x4000_4000, "SPDIFRX"),
    clocked(0x4000_4400, "USART2", Target::Usart(1), APB1ENR1, 17),
    clocked(0x4000_4800, "USART3", Target::Usart(2), APB1ENR1, 18),
    clocked(0x4000_4C00, "UART4", Target::Usart(3), APB1ENR1, 19),
    clocked(0x4000_5000, "UART5", Target::Usart(4), APB1ENR1, 20),
    unmodelled(0x4000_5400, "I2C1"), unmodelled(0x4000_5800, "I2C2"), unmodelled(0x4000_5C00, "I2C3"),
    unmodelled(0x4000_6C00, "CEC"),
    clocked(0x4000_7800, "UART7", Target::Usart(5), APB1ENR1, 30),
    clocked(0x4000_7C00, "UART8", Target::Usart(6), APB1ENR1, 31),
    unmodelled(0x4000_8400, "CRS"), unmodelled(0x4000_9400, "MDIOS"), unmodelled(0x4000_A000, "FDCAN1"),
    unmodelled(0x4000_A400, "FDCAN2"), block(0x4000_AC00, 0x2800, "SRAMCAN", Target::Unmodelled),
    unmodelled(0x4000_EC00, "UCPD1"),
    block(0x4002_1000, 0x1000, "GPDMA1", Target::Unmodelled), unmodelled(0x4002_2000, "ADC12"),
    block(0x4002_8000, 0x1400, "ETH", Target::Unmodelled), block(0x4002_F000, 0x1000, "ADF1", Target::Unmodelled),
    block(0x4004_0000, 0x4_0000, "USB_OTG_HS", Target::Unmodelled),
    block(0x4008_0000, 0x4_0000, "USB_OTG_FS", Target::Unmodelled),
    unmodelled(0x4200_0000, "TIM1"),
    clocked(0x4200_1000, "USART1", Target::Usart(0), APB2ENR, 4),
    unmodelled(0x4200_3000, "SPI1"), unmodelled(0x4200_3400, "SPI4"), unmodelled(0x4200_4000, "TIM15"),
    unmodelled(0x4200_4400, "TIM16"), unmodelled(0x4200_4800, "TIM17"), unmodelled(0x4200_4C00, "TIM9"),
    unmodelled(0x4200_5000, "SPI5"), unmodelled(0x4200_5800, "SAI1"), unmodelled(0x4200_5C00, "SAI2"),
    unmodelled(0x4800_0400, "PSSI"), unmodelled(0x4800_2400, "SDMMC2"), unmodelled(0x4800_2800, "DLYB_SDMMC2"),
    unmodelled(0x4800_4400, "CORDIC"),
    clocked(0x4802_0000, "RNG", Target::Rng, AHB3ENR, 0),
    clocked(0x4802_0400, "HASH", Target::Hash, AHB3ENR, 1),
    clocked(0x4802_0800, "CRYP", Target::Cryp, AHB3ENR, 2),
    clocked(0x4802_1000, "SAES", Target::Saes, AHB3ENR, 4),
    large(0x4802_2000, 0x2000, "PKA", Target::Pka, AHB3ENR, 6),
    block(0x5000_1000, 0x1000, "LTDC", Target::Unmodelled), block(0x5000_2000, 0x1000, "DCMIPP", Target::Unmodelled),
    unmodelled(0x5000_4000, "GFXTIM"),
    block(0x5200_0000, 0x1000, "HPDMA1", Target::Unmodelled), block(0x5200_1000, 0x1000, "DMA2D", Target::Unmodelled),
    block(FLASH_REGISTERS, 0x800, "FLASH", Target::Flash),
    block(0x5200_2800, 0x800, "ENGI_BYTES", Target::Unmodelled),
    block(0x5200_3000, 0x1000, "JPEG", Target::Unmodelled), block(0x5200_4000, 0x1000, "FMC", Target::Unmodelled),
    large(0x5200_5000, 0x1000, "XSPI1", Target::Xspi(0), AHB5ENR, 5),
    block(0x5200_7000, 0x1000, "SDMMC1", Target::Unmodelled),
    block(0x5200_8000, 0x1000, "DLYB_SDMMC1", Target::Unmodelled),
    block(0x5200_9000, 0x400, "RAMECC1", Target::RamEcc(0)),
    large(0x5200_A000, 0x1000, "XSPI2", Target::Xspi(1), AHB5ENR, 12),
    clocked(0x5200_B400, "XSPIM", Target::Xspim, AHB5ENR, 14),
    clocked(0x5200_B800, "MCE1", Target::Mce(0), AHB5ENR, 5),
    clocked(0x5200_BC00, "MCE2", Target::Mce(1), AHB5ENR, 12),
    clocked(0x5200_C000, "MCE3", Target::Mce(2), AHB5ENR, 4),
    block(0x5201_0000, 0x4000, "GFXMMU", Target::Unmodelled), block(0x5201_4000, 0x1000, "GPU2D", Target::Unmodelled),
    unmodelled(0x5201_5000, "ICACHE"),
    block(0x5800_0000, 0x400, "EXTI", Target::Exti),
    clocked(0x5800_0400, "SBS", Target::Sbs, APB4ENR, 1),
    clocked(0x5800_0C00, "LPUART1", Target::Usart(7), APB4ENR, 3),
    unmodelled(0x5800_1400, "SPI6"), unmodelled(0x5800_2400, "LPTIM2"), unmodelled(0x5800_2800, "LPTIM3"),
    unmodelled(0x5800_2C00, "LPTIM4"), unmodelled(0x5800_3000, "LPTIM5"), unmodelled(0x5800_3C00, "VREFBUF"),
    clocked(0x5800_4000, "RTC", Target::Rtc, APB4ENR, 16),
    clocked(0x5800_4400, "TAMP", Target::Tamp, APB4ENR, 16),
    block(0x5800_4800, 0x400, "IWDG", Target::Iwdg), unmodelled(0x5800_6800, "DTS"),
    clocked(0x5802_0000, "GPIOA", Target::Gpio(0), AHB4ENR, 0),
    clocked(0x5802_0400, "GPIOB", Target::Gpio(1), AHB4ENR, 1),
    clocked(0x5802_0800, "GPIOC", Target::Gpio(2), AHB4ENR, 2),
    clocked(0x5802_0C00, "GPIOD", Target::Gpio(3), AHB4ENR, 3),
    clocked(0x5802_1000, "GPIOE", Target::Gpio(4), AHB4ENR, 4),
    clocked(0x5802_1400, "GPIOF", Target::Gpio(5), AHB4ENR, 5),
    clocked(0x5802_1800, "GPIOG", Target::Gpio(6), AHB4ENR, 6),
    clocked(0x5802_1C00, "GPIOH", Target::Gpio(7), AHB4ENR, 7),
    clocked(0x5802_3000, "GPIOM", Target::Gpio(8), AHB4ENR, 12),
    clocked(0x5802_3400, "GPION", Target::Gpio(9), AHB4ENR, 13),
    clocked(0x5802_3800, "GPIOO", Target::Gpio(10), AHB4ENR, 14),
    clocked(0x5802_3C00, "GPIOP", Target::Gpio(11), AHB4ENR, 15),
    block(0x5802_4400, 0x400, "RCC", Target::Rcc),
    block(0x5802_4800, 0x400, "PWR", Target::Pwr),
    clocked(0x5802_4C00, "CRC", Target::Crc, AHB4ENR, 19),
    block(0x5802_7000, 0x400, "RAMECC2", Target::RamEcc(1)),
    block(DBGMCU, 0x1000, "DBGMCU", Target::Dbgmcu),
];

/// Base of the FLASH block.
pub const FLASH_REGISTERS: u32 = 0x5200_2000;
/// Base of the DBGMCU block.
pub const DBGMCU: u32 = 0x5C00_1000;
/// Names of the GPIO ports, by index.
pub const PORTS: &str = "ABCDEFGHMNOP";

/// The register block at an address.
pub fn block_at(address: u32) -> Option<&'static Block> {
    let after = BLOCKS.partition_point(|block| block.base <= address);
    let block = BLOCKS.get(after.checked_sub(1)?)?;
    (address - block.base < block.size).then_some(block)
}

/// True if the address is in a window of buses with peripherals: what is not modelled there reads 0, elsewhere is nothing.
pub fn is_peripheral(address: u32) -> bool {
    matches!(address >> 20, 0x400 | 0x420 | 0x480 | 0x500 | 0x520 | 0x580 | 0x5C0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_sorted_and_do_not_overlap() {
        for pair in BLOCKS.windows(2) {
            assert!(pair[0].base + pair[0].size <= pair[1].base, "{} {}", pair[0].name, pair[1].name);
        }
        assert!(BLOCKS.iter().all(|block| is_peripheral(block.base)));
    }

    #[test]
    fn every_memory_is_found_at_both_ends_and_not_beyond() {
        for (itcm, dtcm, ecc) in (0..8).flat_map(|i| (0..8).map(move |d| (i, d, (i + d) % 2 == 1))) {
            let regions = Regions::new(itcm, dtcm, ecc);
            for region in regions.all() {
                assert_eq!(regions.locate(region.base), Some((region.storage, region.offset)));
                let last = region.base + (region.size - 1);
                assert_eq!(regions.locate(last).map(|found| found.0), Some(region.storage));
                assert_ne!(regions.locate(region.base + region.size).map(|f| f.0), Some(region.storage));
                assert!(region.offset + region.size <= ARENA && region.offset.is_multiple_of(1024));
            }
        }
    }

    #[test]
    fn sharing_moves_blocks_and_no_byte_is_in_two_memories() {
        let size = |regions: &Regions, wanted: &[Storage]| -> u32 {
            regions
                .all()
                .filter(|region| wanted.contains(&region.storage))
                .map(|region| region.size / 1024)
                .sum()
        };
        for (code, (tcm, axi)) in (0..).zip([(64, 128), (128, 64), (192, 0), (64, 128)]) {
            let regions = Regions::new(code, 0, false);
            assert_eq!(size(&regions, &[Storage::Itcm, Storage::ItcmShared]), tcm);
            assert_eq!(size(&regions, &[Storage::AxiSram1]), axi);
            assert_eq!(size(&regions, &[Storage::AxiSram3]), 128);
            let regions = Regions::new(0, code, true);
            assert_eq!(size(&regions, &[Storage::Dtcm, Storage::DtcmShared]), tcm);
            assert_eq!(size(&regions, &[Storage::AxiSram3]), axi);
            assert_eq!(size(&regions, &[Storage::AxiSram4]), 64);
            let mut places: Vec<(u32, u32)> =
                regions.all().map(|region| (region.offset, region.offset + region.size)).collect();
            places.sort_unstable();
            assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{places:?}");
        }
    }

    #[test]
    fn unknown_addresses_are_nothing() {
        for address in [
            0x0001_0000,
            0x0801_0000,
            0x08FF_EFFF,
            0x08FF_F400,
            0x1FEF_FFFF,
            0x1FF2_0000,
            0x2001_0000,
            0x2407_2000,
            0x3000_8000,
            0x3880_1000,
            0x6000_0000,
            0x9000_0000,
            u32::MAX,
        ] {
            assert_eq!(Regions::new(0, 0, false).locate(address), None, "{address:#x}");
            assert!(!is_peripheral(address));
        }
        assert_eq!(block_at(0x5200_2254).map(|block| block.name), Some("FLASH"));
        assert!(block_at(0x5802_2000).is_none(), "there is no port I");
    }
}
