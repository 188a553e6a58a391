//! The MPU when the image starts, by the tables of `ironroot-layout` that `ironroot boot plan` prints: only the image executes, in the
//! region that the jump enables, and only what the configuration says is open.

use ironroot_layout::stm32h7rs::chip::DTCM;
use ironroot_layout::stm32h7rs::contract::RESERVED;
use ironroot_layout::stm32h7rs::product::{HandOff, Open, Rows, hand_off_table, second_stage_table};
use ironroot_layout::stm32h7rs::stirot::config::{APPLICATION, APPLICATION_WITH_SRAM, SECOND_STAGE};
use ironroot_layout::{Address, Region};

/// What the image is.
#[derive(Clone, Copy)]
pub enum Next {
    /// The application, with this open.
    Application(Open),
    /// A stage that verifies the application: entered at HDPL 2, with the RAM of this one, until it has a table of its own.
    Stage,
}

impl Next {
    /// As the configuration says it.
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            APPLICATION => Some(Self::Application(Open::AhbSram2)),
            APPLICATION_WITH_SRAM => Some(Self::Application(Open::Sram)),
            SECOND_STAGE => Some(Self::Stage),
            _ => None,
        }
    }

    /// The table; `None` if the MPU has no region that is exactly `area`. A larger one would let run what nobody verified.
    pub fn table(self, area: Region) -> Option<Rows> {
        let table = match self {
            Self::Application(open) => hand_off_table(&HandOff { run: area, flash: None, ram: None, open }),
            Self::Stage => second_stage_table(area),
        };
        table.ok().map(|table| table.rows())
    }

    /// Whether a stack that grows down from `top` begins in RAM that the table has open, and that is not the image's own.
    pub fn opens_stack(self, top: u32, area: Region) -> bool {
        // The end of a memory is the first place of a stack.
        let first = Address::new(top.wrapping_sub(4));
        let open = match self {
            Self::Application(open) => open.area(),
            Self::Stage => DTCM,
        };
        open.contains(first) && !area.contains(first) && !RESERVED.contains(first)
    }
}
