//! The part of Arm semihosting (Arm document 100863) that programs on a virtual device use: text to the console, and the
//! end. Memory is read as the program itself could read it: protections apply to its host, too.

use crate::access::Origin;
use crate::bus::{Bus, Size};
use crate::core::Core;
use crate::machine::{Machine, Stop};

/// The immediate of BKPT that makes it a semihosting call.
pub const CALL: u8 = 0xAB;

const SYS_OPEN: u32 = 0x01;
const SYS_WRITEC: u32 = 0x03;
const SYS_WRITE0: u32 = 0x04;
const SYS_WRITE: u32 = 0x05;
const SYS_EXIT: u32 = 0x18;
/// The exit reason of a program that ended well (ADP_Stopped_ApplicationExit).
const APPLICATION_EXIT: u32 = 0x2_0026;
/// Longest text of one call, against a program without a terminator.
const MAX_TEXT: u32 = 1 << 16;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SYS_EXIT: true for a program that ended well.
    Exit(bool),
    /// Anything else that stopped the machine.
    Stop(Stop),
}

/// Runs until the program exits or something else stops it, at most `limit` instructions.
pub fn run<B: Bus>(machine: &mut Machine<B>, limit: u64) -> End {
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
pub fn serve<B: Bus>(machine: &mut Machine<B>) -> Option<bool> {
    let core = &mut machine.core;
    let (operation, argument) = (core.r[0], core.r[1]);
    let result = match operation {
        SYS_EXIT => return Some(argument == APPLICATION_EXIT),
        SYS_OPEN => 1,
        SYS_WRITEC => {
            let text = bytes(core, argument, 1);
            core.bus.console(&text);
            operation
        }
        SYS_WRITE0 => {
            let text = text(core, argument);
            core.bus.console(&text);
            operation
        }
        SYS_WRITE => {
            let mut word = |n: u32| {
                let raw = bytes(core, argument.wrapping_add(4 * n), 4);
                raw.first_chunk().map_or(0, |raw| u32::from_le_bytes(*raw))
            };
            let (start, length) = (word(1), word(2));
            let text = bytes(core, start, length.min(MAX_TEXT));
            core.bus.console(&text);
            0
        }
        _ => u32::MAX,
    };
    core.r[0] = result;
    core.r[15] = core.r[15].wrapping_add(2);
    core.it = Core::<B>::it_advance(core.it);
    core.instructions += 1;
    core.cycles += 1;
    None
}

fn byte<B: Bus>(core: &mut Core<B>, address: u32) -> Option<u8> {
    let origin = Origin { pc: core.r[15], now: core.cycles, privileged: core.privileged() };
    core.load_once(address, Size::Byte, origin).ok().map(|value| value as u8)
}

/// Up to `length` bytes; ends early where the program could not read.
fn bytes<B: Bus>(core: &mut Core<B>, address: u32, length: u32) -> Vec<u8> {
    (0..length).map_while(|i| byte(core, address.wrapping_add(i))).collect()
}

/// Bytes up to a zero.
fn text<B: Bus>(core: &mut Core<B>, address: u32) -> Vec<u8> {
    (0..MAX_TEXT).map_while(|i| byte(core, address.wrapping_add(i)).filter(|&b| b != 0)).collect()
}
