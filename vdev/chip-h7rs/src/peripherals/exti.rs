//! The lines of the extended interrupts; the block is [`ironroot_chip::peripherals::exti`].

use ironroot_chip::peripherals::exti::Part;
use ironroot_chip::peripherals::registers::register;

/// This part's block: each pin has an interrupt of its own.
pub static H7RS: Part = Part {
    table: &[
        register(0x000, "RTSR1", 0, 0x003F_FFFF),
        register(0x004, "FTSR1", 0, 0x003F_FFFF),
        register(0x008, "SWIER1", 0, 0x003F_FFFF),
        register(0x020, "RTSR2", 0, 0x004A_4004),
        register(0x024, "FTSR2", 0, 0x004A_4004),
        register(0x028, "SWIER2", 0, 0x004A_4004),
        register(0x080, "IMR1", 0xFFC0_0000, u32::MAX),
        register(0x084, "EMR1", 0, 0xDFFF_FFFF),
        register(0x088, "PR1", 0, 0),
        register(0x090, "IMR2", 0, 0x0FFF_FFFF),
        register(0x094, "EMR2", 0, 0x0FFF_FFFF),
        register(0x098, "PR2", 0, 0),
        register(0x0A0, "IMR3", 0, 0x0000_2000),
        register(0x0A4, "EMR3", 0, 0x0000_2000),
    ],
    groups: &[(0x008, 0x088), (0x028, 0x098)],
    pins: &[
        (1 << 0, 16),
        (1 << 1, 17),
        (1 << 2, 18),
        (1 << 3, 19),
        (1 << 4, 20),
        (1 << 5, 21),
        (1 << 6, 22),
        (1 << 7, 23),
        (1 << 8, 24),
        (1 << 9, 25),
        (1 << 10, 26),
        (1 << 11, 27),
        (1 << 12, 28),
        (1 << 13, 29),
        (1 << 14, 30),
        (1 << 15, 31),
    ],
};
