//! CoreSight identification of the core's components, and the ROM tables that list them (Cortex-M7 TRM, 3.3; the layout of
//! the identification registers is that of IHI 0029). Debuggers find their way by it.

/// Component classes.
const ROM_TABLE: u32 = 1;
const GENERIC_IP: u32 = 0xE;

/// Page, part number and class of each component; all are Arm's.
const COMPONENTS: &[(u32, u32, u32)] = &[
    (0xE000_0000, 0x001, GENERIC_IP), // ITM
    (0xE000_1000, 0x002, GENERIC_IP), // DWT
    (0xE000_2000, 0x00E, GENERIC_IP), // FPB
    (0xE000_E000, 0x00C, GENERIC_IP), // SCS
    (PROCESSOR, 0x4C8, ROM_TABLE),
    (PRIVATE_BUS, 0x4C7, ROM_TABLE),
];

/// The table of the processor: it has the other one in it.
const PROCESSOR: u32 = 0xE00F_E000;
/// The table of the private peripheral bus.
const PRIVATE_BUS: u32 = 0xE00F_F000;
const LISTED: [u32; 4] = [0xE000_E000, 0xE000_1000, 0xE000_2000, 0xE000_0000];

/// An entry: where a component is, seen from the table; it is there, and entries are 32 bits.
fn entry(table: u32, component: u32) -> u32 {
    component.wrapping_sub(table) | 3
}

/// The word at an address, if it identifies something or belongs to a ROM table.
pub(crate) fn read(address: u32) -> Option<u32> {
    let (page, offset) = (address & !0xFFF, address & 0xFFF);
    let (_, part, class) = COMPONENTS.iter().find(|(base, ..)| *base == page)?;
    Some(match offset {
        0xFD0 => 0x04,
        0xFE0 => part & 0xFF,
        0xFE4 => 0xB0 | (part >> 8),
        0xFE8 => 0x0B,
        0xFF0 => 0x0D,
        0xFF4 => class << 4,
        0xFF8 => 0x05,
        0xFFC => 0xB1,
        // MEMTYPE: the tables' bus has system memory too.
        0xFCC if *class == ROM_TABLE => 1,
        0 if page == PROCESSOR => entry(PROCESSOR, PRIVATE_BUS),
        _ if page == PRIVATE_BUS => {
            LISTED.get((offset / 4) as usize).map_or(0, |component| entry(PRIVATE_BUS, *component))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debugger_finds_every_component_from_the_first_table() {
        let follow = |table: u32, index: u32| match read(table + 4 * index) {
            None | Some(0) => None,
            Some(entry) => Some(table.wrapping_add(entry & !0xFFF)),
        };
        let second = follow(PROCESSOR, 0);
        assert_eq!((second, follow(PROCESSOR, 1)), (Some(PRIVATE_BUS), None));
        let found: Vec<u32> = (0..).map_while(|index| follow(PRIVATE_BUS, index)).collect();
        assert_eq!(found, LISTED);
        for page in found {
            assert_eq!(
                [0xFF0, 0xFF4, 0xFF8, 0xFFC].map(|at| read(page + at)),
                [0x0D, 0xE0, 0x05, 0xB1].map(Some)
            );
        }
    }
}
