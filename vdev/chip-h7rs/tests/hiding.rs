//! Temporal isolation: every cell of level, region, kind and master, by accesses through the bus.

mod common;

use common::*;
use ironroot_chip_h7rs::flash::registers::isr;
use ironroot_cpu::bus::{Bus, BusFault, Kind, Master, Size};
use ironroot_layout::stm32h7rs::state::{Hdpl, ProductState};

/// What a reader of the manual expects of a fetch, a read, a write; said apart from the table in `rules`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Want {
    /// The access is made.
    Yes,
    /// Zero and RDSERRF; WRPERRF for a write.
    Hidden,
    /// A bus fault.
    Fault,
}
use Want::{Fault, Hidden, Yes};

struct Place {
    name: &'static str,
    address: u32,
}

const PLACES: [Place; 7] = [
    Place { name: "RSS", address: RSS + 0x100 },
    Place { name: "STIROT", address: STIROT + 0x100 },
    Place { name: "LIBRARY", address: LIBRARY + 0x100 },
    Place { name: "TABLE", address: TABLE },
    Place { name: "BOOTLOADER", address: BOOTLOADER },
    Place { name: "HDP", address: FLASH + 0x100 },
    Place { name: "USER", address: FLASH + 0x8000 },
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    System,
    Application,
    Debugger,
    Dma,
}

fn wanted(place: &str, level: u8, state: ProductState, who: Who, kind: Kind) -> Want {
    let core = matches!(who, Who::System | Who::Application);
    let unsettled = matches!(state, ProductState::Open | ProductState::Provisioning);
    let open_debug = who == Who::Debugger && state == ProductState::Open;
    match (place, kind) {
        ("USER", _) => Yes,
        ("HDP", _) if level <= 1 => Yes,
        ("HDP", Kind::Fetch) => Fault,
        ("HDP", _) => Hidden,
        (_, Kind::Write) => Hidden,
        ("RSS", Kind::Fetch) => {
            if core && level == 0 {
                Yes
            } else {
                Fault
            }
        }
        ("RSS", Kind::Read) => {
            if (core || open_debug) && level == 0 {
                Yes
            } else {
                Hidden
            }
        }
        ("STIROT", Kind::Fetch) => {
            if core && level <= 1 {
                Yes
            } else {
                Fault
            }
        }
        ("STIROT", Kind::Read) => {
            if (core || open_debug) && level <= 1 {
                Yes
            } else {
                Hidden
            }
        }
        ("LIBRARY", Kind::Fetch) => {
            if core {
                Yes
            } else {
                Fault
            }
        }
        ("LIBRARY", Kind::Read) => {
            if who == Who::System {
                Yes
            } else {
                Hidden
            }
        }
        ("TABLE", Kind::Fetch) => Fault,
        ("TABLE", Kind::Read) => Yes,
        ("BOOTLOADER", Kind::Fetch) => {
            if unsettled && level <= 1 {
                Yes
            } else {
                Fault
            }
        }
        ("BOOTLOADER", Kind::Read) => {
            if unsettled && level <= 1 {
                Yes
            } else {
                Hidden
            }
        }
        _ => unreachable!("{place}"),
    }
}

fn in_state(state: ProductState) -> Bench {
    Bench::with(|board| {
        // Sector 0 is hidden from level 2 on.
        board.options_mut().hdpsr = 0x001F_0000;
        board.preload(FLASH, &[0xA5; 0x1_0000]);
        match state {
            ProductState::Open => {}
            ProductState::Provisioning => board.options_mut().rotsr = 0x6A00_51B4,
            ProductState::Closed => {
                closed(board);
                board.options_mut().rotsr = 0x6A00_51B4;
            }
            ProductState::Locked => {
                closed(board);
                board.options_mut().rotsr = 0x6A00_B4B4;
            }
        }
    })
}

#[test]
fn every_cell() {
    let mut cells = 0;
    for state in ProductState::ALL {
        for level in Hdpl::ALL {
            let mut bench = in_state(state);
            assert_eq!(bench.chip.product_state(), state);
            bench.raise_to(level);
            bench.unlock();
            for (place, who, kind) in PLACES.iter().flat_map(|place| {
                [Who::System, Who::Application, Who::Debugger, Who::Dma].into_iter().flat_map(move |who| {
                    [Kind::Fetch, Kind::Read, Kind::Write].into_iter().map(move |kind| (place, who, kind))
                })
            }) {
                let mut bench = bench.clone();
                bench.flags();
                let (master, pc) = match who {
                    Who::System => (Master::Cpu, LIBRARY),
                    Who::Application => (Master::Cpu, FLASH + 0x9000),
                    Who::Debugger => (Master::Debugger, 0),
                    Who::Dma => (Master::Dma, 0),
                };
                // A fetch is made by the instruction that is fetched.
                bench.pc = if kind == Kind::Fetch { place.address } else { pc };
                let access = bench.access(master, kind, Size::Word);
                let result = match kind {
                    Kind::Write => bench.chip.write(place.address, 0, access).map(|()| 0),
                    _ => bench.chip.read(place.address, access),
                };
                let flags = bench.flags() & !isr::PGSERRF;
                let want = wanted(place.name, level.number(), state, who, kind);
                let context = format!("{} {level:?} {state:?} {who:?} {kind:?}", place.name);
                match (want, kind) {
                    (Fault, _) => assert_eq!(result, Err(BusFault), "{context}"),
                    (Hidden, Kind::Write) if place.name == "HDP" => {
                        // The controller refuses when the word is complete: see `flash.rs`.
                        assert_eq!(result, Ok(0), "{context}");
                    }
                    (Hidden, Kind::Write) => {
                        assert_eq!((result, flags), (Ok(0), isr::WRPERRF), "{context}");
                    }
                    (Hidden, _) => assert_eq!((result, flags), (Ok(0), isr::RDSERRF), "{context}"),
                    (Yes, Kind::Write) => assert_eq!((result, flags), (Ok(0), 0), "{context}"),
                    (Yes, _) => {
                        assert_eq!(flags, 0, "{context}");
                        assert!(result.is_ok_and(|value| value != 0), "{context}: {result:?}");
                    }
                }
                // The fast path gives nothing that the bus would not, and not to an instruction that the bus would refuse.
                if master == Master::Cpu && kind != Kind::Write && bench.map(place.address, kind).is_some() {
                    assert_eq!(want, Yes, "{context}");
                    let other = if who == Who::System { Who::Application } else { Who::System };
                    assert_eq!(wanted(place.name, level.number(), state, other, kind), Yes, "{context}");
                }
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 4 * 4 * 7 * 4 * 3);
}

#[test]
fn raising_the_level_moves_the_epoch_and_only_a_reset_lowers_it() {
    let mut bench = in_state(ProductState::Open);
    let rss = bench.map(RSS, Kind::Fetch);
    assert!(rss.is_some());
    let epoch = bench.chip.epoch();
    bench.raise_to(Hdpl::Level1);
    assert_ne!(bench.chip.epoch(), epoch);
    assert!(bench.map(RSS, Kind::Fetch).is_none() && bench.map(STIROT, Kind::Fetch).is_some());
    assert_eq!(bench.fetch(RSS + 0x10), Err(BusFault));
    bench.raise_to(Hdpl::Level3);
    bench.write(SBS + 0x14, 0xB4);
    assert_eq!((bench.chip.hdpl(), bench.read(SBS + 0x14)), (Hdpl::Level3, 0x6F));
    bench.reset();
    assert_eq!(bench.chip.hdpl(), Hdpl::Level0);
    assert!(bench.fetch(RSS + 0x10).is_ok());
}

#[test]
fn end_equal_to_start_hides_all_and_end_before_start_nothing() {
    for (hdpsr, hidden) in [
        (0x0000_00FF, [false, false, false]),
        (0x0010_0010, [true, true, true]),
        (0x0001_0000, [true, false, false]),
        (0x00FF_0080, [false, true, true]),
    ] {
        let mut bench = Bench::with(|board| {
            board.options_mut().hdpsr = hdpsr;
            board.preload(FLASH, &[0xA5; 0x1_0000]);
        });
        bench.raise_to(Hdpl::Level2);
        let seen = [FLASH + 0x1FC, FLASH + 0x8000, FLASH + 0xFFFC].map(|address| bench.read(address) == 0);
        assert_eq!(seen, hidden, "{hdpsr:#x}");
        assert!(bench.flags() & isr::RDSERRF != 0 || hidden == [false; 3]);
        // The edge to the byte: the last hidden unit and the first free one.
        if hdpsr == 0x0001_0000 {
            assert_ne!(bench.read(FLASH + 0x200), 0);
        }
    }
}
