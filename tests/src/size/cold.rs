//! What a cold boot of a 256 KB application takes, on each boot path of the STM32H7R/7S: from power-on, through our whole system
//! flash, to the application's first instruction.
//!
//! Instructions are those of the virtual core, the same on every host. Virtual time is their time at the clocks that the
//! firmware sets, with what the models of the blocks and of the external memories wait. Those waits are estimates.

use ironroot_chip_h7rs::BoardH7;
use ironroot_cpu::machine::Stop;
use ironroot_layout::stm32h7rs::obkeys::IROT_CONFIG;
use ironroot_layout::stm32h7rs::{Part, stirot::config as at};

use crate::demo_h7s::{closed, two_stages};
use crate::h7rs::{self, LIMIT, Run, Stage, set_keys, signing_key};
use crate::h7rs_system::{
    self as system, AREA, INSTALL, Recipe, config, install_iloader, program, stirot_board,
};

/// The application, its header and TLVs aside.
const SIZE: usize = 256 * 1024;
/// What is allowed with and without the crypto blocks.
const HARDWARE: u64 = 3_000_000;
const SOFTWARE: u64 = 25_000_000;

/// A boot.
pub struct ColdBoot {
    /// The path.
    pub what: String,
    /// Whether the part has the blocks.
    pub hardware: bool,
    /// Bytes of the application.
    pub size: usize,
    /// Instructions from power-on to the application's first.
    pub instructions: u64,
    /// The same in virtual time.
    pub microseconds: u64,
    /// What must not be exceeded.
    pub limit: u64,
}

const S: Part = Part::Stm32h7s7;
const R: Part = Part::Stm32h7r7;

/// Every path; an application in internal RAM behind a stage of ours has the size that its slot holds.
pub fn boots() -> Vec<ColdBoot> {
    let mut boots = Vec::new();
    for part in [S, R] {
        for run in [Run::ExternalFlash, Run::ExternalRam] {
            for swap in [false, true] {
                boots.push(own_stage(Stage::new(part, run, swap), SIZE));
            }
        }
    }
    boots.push(own_stage(Stage::new(S, Run::InternalRam, true), 112 * 1024));
    boots.push(own_stage(Stage::new(R, Run::InternalRam, false), 112 * 1024));
    boots.push(stirot());
    for run in [Run::ExternalFlash, Run::ExternalRam] {
        for swap in [false, true] {
            boots.push(own_stage(Stage::new(S, run, swap).behind_another(), SIZE));
        }
    }
    boots.push(own_stage(Stage::new(S, Run::InternalRam, true).behind_another(), 112 * 1024));
    boots
}

/// A stage of the product's own, with or without STiRoT in front.
fn own_stage(stage: Stage, size: usize) -> ColdBoot {
    let mut payload = stage.application("hello");
    let mut value = 1_u32;
    while payload.len() < size {
        value = value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        payload.extend_from_slice(&value.to_be_bytes());
    }
    let mut board = if stage.second { two_stages(&stage) } else { closed(&stage) };
    h7rs::download(&mut board, &stage, &h7rs::signed(1, &payload), true);
    let place = match stage.run {
        Run::ExternalFlash => "external flash",
        Run::ExternalRam => "external RAM",
        Run::InternalRam => "internal RAM",
    };
    let name = if stage.second { "STiRoT + OEMuRoT" } else { "OEMiRoT" };
    let what = format!("{name}, {place}, {}", if stage.swap { "swap" } else { "overwrite" });
    measure(what, stage.part, size, &board, &payload)
}

/// STiRoT alone, with the iLoader's copy.
fn stirot() -> ColdBoot {
    let mut board = stirot_board(1);
    let area = 0x5_0000_u32;
    let content = config(&signing_key(), |bytes| {
        bytes[at::AREA_SIZE..at::AREA_SIZE + 4].copy_from_slice(&area.to_le_bytes());
        bytes[at::DOWNLOAD..at::DOWNLOAD + 4].copy_from_slice(&(INSTALL + area).to_le_bytes());
    });
    set_keys(&mut board, IROT_CONFIG, &content);
    install_iloader(&mut board);
    assert!(board.preload_external(INSTALL, &Recipe::default().application(1, SIZE)));
    let payload = program("h7rs_app", AREA.0 + 0x400, &[1]);
    measure("STiRoT, internal RAM".to_owned(), S, SIZE, &board, &payload)
}

/// Boots once, so that the image is installed and keys are made, then from power-on with a count.
fn measure(what: String, part: Part, size: usize, board: &BoardH7, payload: &[u8]) -> ColdBoot {
    let entry = u32::from_le_bytes(payload[4..8].try_into().expect("four bytes")) & !1;
    let mut first = system::device(board);
    first.boot();
    let mut device = system::device(&first.machine.core.bus.to_board());
    device.machine.set_breakpoints([entry]);
    let stop = device.run(LIMIT);
    assert!(matches!(stop, Stop::Breakpoint(_)), "{what}: {stop:?}\n{}", device.console);
    let core = &device.machine.core;
    let hardware = part.has_crypto();
    ColdBoot {
        what,
        hardware,
        size,
        instructions: core.instructions,
        microseconds: core.bus.nanoseconds(core.cycles) / 1000,
        limit: if hardware { HARDWARE } else { SOFTWARE },
    }
}
