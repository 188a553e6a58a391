//! The part of Arm semihosting that test programs use: text to the console, and the end.

use ironroot_cpu::bus::Bus;
use ironroot_cpu::core::Core;
use ironroot_cpu::machine::{Machine, Stop};

use crate::Mps2An500;

/// The immediate of BKPT that makes it a semihosting call.
const CALL: u8 = 0xAB;

const SYS_OPEN: u32 = 0x01;
const SYS_WRITEC: u32 = 0x03;
const SYS_WRITE0: u32 = 0x04;
const SYS_WRITE: u32 = 0x05;
const SYS_EXIT: u32 = 0x18;
/// The exit reason of a program that ended well (ADP_Stopped_ApplicationExit).
const APPLICATION_EXIT: u32 = 0x2_0026;
/// Longest text of one call, against a program without a terminator.
const MAX_TEXT: usize = 1 << 16;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SYS_EXIT: true for a program that ended well.
    Exit(bool),
    /// Anything else that stopped the machine.
    Stop(Stop),
}

/// Runs until the program exits or something else stops it, at most `limit` instructions.
pub fn run(machine: &mut Machine<Mps2An500>, limit: u64) -> End {
    let end = machine.core.instructions.saturating_add(limit);
    loop {
        let left = end.saturating_sub(machine.core.instructions);
        match machine.run(left) {
            Stop::Bkpt { imm: CALL, .. } => {
                if let Some(well) = serve(machine) {
                    return End::Exit(well);
                }
            }
            stop => return End::Stop(stop),
        }
    }
}

/// Does the call that the machine stopped at and steps over it. Some: the program exited (true: well).
pub fn serve(machine: &mut Machine<Mps2An500>) -> Option<bool> {
    let core = &mut machine.core;
    let (operation, argument) = (core.r[0], core.r[1]);
    let result = match operation {
        SYS_EXIT => return Some(argument == APPLICATION_EXIT),
        SYS_OPEN => 1,
        SYS_WRITEC => {
            let text = core.bus.bytes_at(argument, 1).to_vec();
            core.bus.console(&text);
            operation
        }
        SYS_WRITE0 => {
            let text: Vec<u8> =
                core.bus.bytes_at(argument, MAX_TEXT).iter().copied().take_while(|&b| b != 0).collect();
            core.bus.console(&text);
            operation
        }
        SYS_WRITE => {
            let word = |n: u32| {
                let bytes = core.bus.bytes_at(argument.wrapping_add(4 * n), 4);
                bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
            };
            let text = core.bus.bytes_at(word(1), (word(2) as usize).min(MAX_TEXT)).to_vec();
            core.bus.console(&text);
            0
        }
        _ => u32::MAX,
    };
    core.r[0] = result;
    core.r[15] = core.r[15].wrapping_add(2);
    core.it = Core::<Mps2An500>::it_advance(core.it);
    core.instructions += 1;
    core.cycles += 1;
    None
}
