//! The memory map: storage regions with their place in the arena, and the register blocks by base address.

use ironroot_layout::Region as Place;
use ironroot_layout::stm32h735 as layout;

use crate::peripherals::rcc::{AHB2ENR, AHB3ENR, AHB4ENR, APB1LENR, APB2ENR, APB4ENR};

/// A memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Storage {
    /// Instruction TCM.
    Itcm,
    /// Part of AXI SRAM that TCM_AXI_SHARED gives to ITCM.
    ItcmShared,
    /// User flash.
    UserFlash,
    /// System flash.
    SystemFlash,
    /// Data TCM.
    Dtcm,
    /// AXI SRAM.
    AxiSram,
    /// SRAM1.
    Sram1,
    /// SRAM2.
    Sram2,
    /// SRAM4.
    Sram4,
    /// Backup SRAM.
    BackupSram,
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
const ITCM_OFFSET: u32 = SYSTEM_FLASH_OFFSET + layout::SYSTEM_FLASH.size().bytes();
const AXI_OFFSET: u32 = ITCM_OFFSET + layout::ITCM.size().bytes();
const DTCM_OFFSET: u32 = AXI_OFFSET + layout::AXI_SRAM.size().bytes();
const SRAM1_OFFSET: u32 = DTCM_OFFSET + layout::DTCM.size().bytes();
const SRAM2_OFFSET: u32 = SRAM1_OFFSET + layout::SRAM1.size().bytes();
const SRAM4_OFFSET: u32 = SRAM2_OFFSET + layout::SRAM2.size().bytes();
const BACKUP_OFFSET: u32 = SRAM4_OFFSET + layout::SRAM4.size().bytes();
/// Size of the arena.
pub const ARENA: u32 = BACKUP_OFFSET + layout::BACKUP_SRAM.size().bytes();
/// All memories that lose their content with the power: everything behind the flashes.
pub const VOLATILE: std::ops::Range<u32> = ITCM_OFFSET..ARENA;

/// What one step of TCM_AXI_SHARED moves.
const SHARED_BLOCK: u32 = 64 * 1024;

/// The storage regions for a value of TCM_AXI_SHARED.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Regions {
    shared: u32,
}

impl Regions {
    /// The map for TCM_AXI_SHARED = `shared` (0 to 3).
    pub fn new(shared: u8) -> Self {
        Regions { shared: u32::from(shared & 3) * SHARED_BLOCK }
    }

    fn region(&self, storage: Storage) -> Region {
        let fixed = |place: Place, offset| (place.start().value(), place.size().bytes(), offset);
        let axi = layout::AXI_SRAM;
        let (base, size, offset) = match storage {
            Storage::Itcm => fixed(layout::ITCM, ITCM_OFFSET),
            // The blocks that move are the last ones of AXI SRAM (which of them comes first in ITCM is unverified).
            Storage::ItcmShared => {
                (layout::ITCM.end().value(), self.shared, AXI_OFFSET + axi.size().bytes() - self.shared)
            }
            Storage::UserFlash => fixed(layout::FLASH, USER_FLASH_OFFSET),
            Storage::SystemFlash => fixed(layout::SYSTEM_FLASH, SYSTEM_FLASH_OFFSET),
            Storage::Dtcm => fixed(layout::DTCM, DTCM_OFFSET),
            Storage::AxiSram => (axi.start().value(), axi.size().bytes() - self.shared, AXI_OFFSET),
            Storage::Sram1 => fixed(layout::SRAM1, SRAM1_OFFSET),
            Storage::Sram2 => fixed(layout::SRAM2, SRAM2_OFFSET),
            Storage::Sram4 => fixed(layout::SRAM4, SRAM4_OFFSET),
            Storage::BackupSram => fixed(layout::BACKUP_SRAM, BACKUP_OFFSET),
        };
        Region { storage, base, size, offset }
    }

    /// The memory at an address and the arena offset of that address. The candidates follow from the top byte.
    #[inline]
    pub fn locate(&self, address: u32) -> Option<(Storage, u32)> {
        let candidates: &[Storage] = match address >> 24 {
            0x00 => &[Storage::Itcm, Storage::ItcmShared],
            0x08 => &[Storage::UserFlash],
            0x1F => &[Storage::SystemFlash],
            0x20 => &[Storage::Dtcm],
            0x24 => &[Storage::AxiSram],
            0x30 => &[Storage::Sram1, Storage::Sram2],
            0x38 => &[Storage::Sram4, Storage::BackupSram],
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
            Storage::SystemFlash,
            Storage::Dtcm,
            Storage::AxiSram,
            Storage::Sram1,
            Storage::Sram2,
            Storage::Sram4,
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
    /// FLASH and the RSS controller.
    Flash,
    /// RCC.
    Rcc,
    /// PWR.
    Pwr,
    /// SYSCFG.
    Syscfg,
    /// GPIO port by index (A to H, J, K).
    Gpio(u8),
    /// Index into [`crate::peripherals::usart::INSTANCES`].
    Usart(u8),
    /// EXTI.
    Exti,
    /// RTC and backup registers.
    Rtc,
    /// DBGMCU.
    Dbgmcu,
    /// FMC.
    Fmc,
    /// OCTOSPI by number of its window.
    Octospi(u8),
    /// OTFDEC by number of its window.
    Otfdec(u8),
    /// Generator of random numbers.
    Rng,
    /// Known by name, not modelled.
    Unmodelled,
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

const fn large(base: u32, name: &'static str, target: Target, register: u16, bit: u8) -> Block {
    Block { base, size: 0x1000, name, target, clock: Some((register, bit)) }
}

/// All register blocks of the part, by base address (regs-h735, "Complete base-address list").
#[rustfmt::skip]
pub const BLOCKS: &[Block] = &[
    unmodelled(0x4000_0000, "TIM2"), unmodelled(0x4000_0400, "TIM3"), unmodelled(0x4000_0800, "TIM4"),
    unmodelled(0x4000_0C00, "TIM5"), unmodelled(0x4000_1000, "TIM6"), unmodelled(0x4000_1400, "TIM7"),
    unmodelled(0x4000_1800, "TIM12"), unmodelled(0x4000_1C00, "TIM13"), unmodelled(0x4000_2000, "TIM14"),
    unmodelled(0x4000_2400, "LPTIM1"), unmodelled(0x4000_3800, "SPI2"), unmodelled(0x4000_3C00, "SPI3"),
    unmodelled(0x4000_4000, "SPDIFRX"),
    clocked(0x4000_4400, "USART2", Target::Usart(1), APB1LENR, 17),
    clocked(0x4000_4800, "USART3", Target::Usart(2), APB1LENR, 18),
    clocked(0x4000_4C00, "UART4", Target::Usart(3), APB1LENR, 19),
    clocked(0x4000_5000, "UART5", Target::Usart(4), APB1LENR, 20),
    unmodelled(0x4000_5400, "I2C1"), unmodelled(0x4000_5800, "I2C2"), unmodelled(0x4000_5C00, "I2C3"),
    unmodelled(0x4000_6400, "I2C5"), unmodelled(0x4000_6C00, "CEC"), unmodelled(0x4000_7400, "DAC1"),
    clocked(0x4000_7800, "UART7", Target::Usart(6), APB1LENR, 30),
    clocked(0x4000_7C00, "UART8", Target::Usart(7), APB1LENR, 31),
    unmodelled(0x4000_8400, "CRS"), unmodelled(0x4000_8800, "SWPMI1"), unmodelled(0x4000_9000, "OPAMP"),
    unmodelled(0x4000_9400, "MDIOS"), unmodelled(0x4000_A000, "FDCAN1"), unmodelled(0x4000_A400, "FDCAN2"),
    unmodelled(0x4000_A800, "FDCAN_CCU"), block(0x4000_AC00, 0x2800, "SRAMCAN", Target::Unmodelled),
    unmodelled(0x4000_D400, "FDCAN3"), unmodelled(0x4000_E000, "TIM23"), unmodelled(0x4000_E400, "TIM24"),
    unmodelled(0x4001_0000, "TIM1"), unmodelled(0x4001_0400, "TIM8"),
    clocked(0x4001_1000, "USART1", Target::Usart(0), APB2ENR, 4),
    clocked(0x4001_1400, "USART6", Target::Usart(5), APB2ENR, 5),
    clocked(0x4001_1800, "UART9", Target::Usart(8), APB2ENR, 6),
    clocked(0x4001_1C00, "USART10", Target::Usart(9), APB2ENR, 7),
    unmodelled(0x4001_3000, "SPI1"), unmodelled(0x4001_3400, "SPI4"), unmodelled(0x4001_4000, "TIM15"),
    unmodelled(0x4001_4400, "TIM16"), unmodelled(0x4001_4800, "TIM17"), unmodelled(0x4001_5000, "SPI5"),
    unmodelled(0x4001_5800, "SAI1"), unmodelled(0x4001_7800, "DFSDM1"),
    unmodelled(0x4002_0000, "DMA1"), unmodelled(0x4002_0400, "DMA2"), unmodelled(0x4002_0800, "DMAMUX1"),
    unmodelled(0x4002_2000, "ADC1/2"), block(0x4002_8000, 0x1400, "ETH", Target::Unmodelled),
    block(0x4004_0000, 0x4_0000, "USB1_OTG_HS", Target::Unmodelled),
    unmodelled(0x4802_0000, "DCMI"), unmodelled(0x4802_0400, "PSSI"), unmodelled(0x4802_1000, "CRYP"),
    unmodelled(0x4802_1400, "HASH"), clocked(0x4802_1800, "RNG", Target::Rng, AHB2ENR, 6), unmodelled(0x4802_2400, "SDMMC2"),
    unmodelled(0x4802_2800, "DLYB_SDMMC2"), unmodelled(0x4802_3000, "RAMECC2"), unmodelled(0x4802_4000, "FMAC"),
    unmodelled(0x4802_4400, "CORDIC"),
    block(0x5000_1000, 0x1000, "LTDC", Target::Unmodelled), unmodelled(0x5000_3000, "WWDG1"),
    block(0x5100_0000, 0x10_0000, "GPV", Target::Unmodelled),
    block(0x5200_0000, 0x1000, "MDMA", Target::Unmodelled), block(0x5200_1000, 0x1000, "DMA2D", Target::Unmodelled),
    block(FLASH_REGISTERS, 0x1000, "FLASH", Target::Flash),
    block(0x5200_4000, 0x1000, "FMC", Target::Fmc),
    large(0x5200_5000, "OCTOSPI1", Target::Octospi(0), AHB3ENR, 14),
    block(0x5200_6000, 0x1000, "DLYB_OCTOSPI1", Target::Unmodelled),
    block(0x5200_7000, 0x1000, "SDMMC1", Target::Unmodelled),
    block(0x5200_8000, 0x1000, "DLYB_SDMMC1", Target::Unmodelled),
    block(0x5200_9000, 0x400, "RAMECC1", Target::Unmodelled),
    large(0x5200_A000, "OCTOSPI2", Target::Octospi(1), AHB3ENR, 19),
    unmodelled(0x5200_B000, "DLYB_OCTOSPI2"), unmodelled(0x5200_B400, "OCTOSPIM"),
    clocked(0x5200_B800, "OTFDEC1", Target::Otfdec(0), AHB3ENR, 22),
    clocked(0x5200_BC00, "OTFDEC2", Target::Otfdec(1), AHB3ENR, 23),
    block(0x5800_0000, 0x400, "EXTI", Target::Exti),
    clocked(0x5800_0400, "SYSCFG", Target::Syscfg, APB4ENR, 1),
    clocked(0x5800_0C00, "LPUART1", Target::Usart(10), APB4ENR, 3),
    unmodelled(0x5800_1400, "SPI6"), unmodelled(0x5800_1C00, "I2C4"), unmodelled(0x5800_2400, "LPTIM2"),
    unmodelled(0x5800_2800, "LPTIM3"), unmodelled(0x5800_2C00, "LPTIM4"), unmodelled(0x5800_3000, "LPTIM5"),
    unmodelled(0x5800_3800, "COMP12"), unmodelled(0x5800_3C00, "VREFBUF"),
    clocked(0x5800_4000, "RTC", Target::Rtc, APB4ENR, 16),
    unmodelled(0x5800_4800, "IWDG1"), unmodelled(0x5800_5400, "SAI4"), unmodelled(0x5800_6800, "DTS"),
    clocked(0x5802_0000, "GPIOA", Target::Gpio(0), AHB4ENR, 0),
    clocked(0x5802_0400, "GPIOB", Target::Gpio(1), AHB4ENR, 1),
    clocked(0x5802_0800, "GPIOC", Target::Gpio(2), AHB4ENR, 2),
    clocked(0x5802_0C00, "GPIOD", Target::Gpio(3), AHB4ENR, 3),
    clocked(0x5802_1000, "GPIOE", Target::Gpio(4), AHB4ENR, 4),
    clocked(0x5802_1400, "GPIOF", Target::Gpio(5), AHB4ENR, 5),
    clocked(0x5802_1800, "GPIOG", Target::Gpio(6), AHB4ENR, 6),
    clocked(0x5802_1C00, "GPIOH", Target::Gpio(7), AHB4ENR, 7),
    clocked(0x5802_2400, "GPIOJ", Target::Gpio(8), AHB4ENR, 9),
    clocked(0x5802_2800, "GPIOK", Target::Gpio(9), AHB4ENR, 10),
    block(0x5802_4400, 0x400, "RCC", Target::Rcc),
    block(0x5802_4800, 0x400, "PWR", Target::Pwr),
    unmodelled(0x5802_4C00, "CRC"), unmodelled(0x5802_5400, "BDMA"), unmodelled(0x5802_5800, "DMAMUX2"),
    unmodelled(0x5802_6000, "ADC3"), unmodelled(0x5802_6400, "HSEM"), unmodelled(0x5802_7000, "RAMECC3"),
    block(0x5C00_1000, 0x1000, "DBGMCU", Target::Dbgmcu),
    block(0x5C00_4000, 0x1000, "SWTF", Target::Unmodelled),
];

/// Base of the FLASH block.
pub const FLASH_REGISTERS: u32 = 0x5200_2000;

/// The register block at an address.
pub fn block_at(address: u32) -> Option<&'static Block> {
    let after = BLOCKS.partition_point(|block| block.base <= address);
    let block = BLOCKS.get(after.checked_sub(1)?)?;
    (address - block.base < block.size).then_some(block)
}

/// True if the address is in a window of buses with peripherals: what is not modelled there reads 0, elsewhere is nothing.
pub fn is_peripheral(address: u32) -> bool {
    matches!(address >> 20, 0x400 | 0x480 | 0x500 | 0x510..=0x511 | 0x520 | 0x580 | 0x5C0)
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
        for shared in 0..4 {
            let regions = Regions::new(shared);
            for region in regions.all() {
                assert_eq!(regions.locate(region.base), Some((region.storage, region.offset)));
                let last = region.base + (region.size - 1);
                assert_eq!(regions.locate(last).map(|found| found.0), Some(region.storage));
                assert_ne!(regions.locate(region.base + region.size).map(|f| f.0), Some(region.storage));
                assert!(region.offset + region.size <= ARENA);
            }
        }
    }

    #[test]
    fn tcm_axi_shared_moves_blocks_of_64_kb() {
        let size = |shared, wanted| -> u32 {
            let regions = Regions::new(shared);
            let sizes = regions.all().filter(|region| region.storage == wanted).map(|region| region.size);
            sizes.sum()
        };
        let expected = [(64, 320), (128, 256), (192, 192), (256, 128)];
        for (shared, (itcm, axi)) in (0..).zip(expected) {
            let tcm = size(shared, Storage::Itcm) + size(shared, Storage::ItcmShared);
            assert_eq!((tcm / 1024, size(shared, Storage::AxiSram) / 1024), (itcm, axi));
        }
    }

    #[test]
    fn unknown_addresses_are_nothing() {
        for address in
            [0x0001_0000, 0x0810_0000, 0x1FEF_FFFF, 0x2002_0000, 0x6000_0000, 0x9000_0000, u32::MAX]
        {
            assert_eq!(Regions::new(0).locate(address), None);
            assert!(!is_peripheral(address));
        }
        assert_eq!(block_at(0x5200_2F00).map(|block| block.name), Some("FLASH"));
        assert!(block_at(0x5802_2000).is_none(), "there is no port I");
    }
}
