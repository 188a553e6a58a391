//! How fast the SHA-256 part of the boot is simulated.

use std::time::Instant;

use ironroot_codes::{input, vdev as codes};
use ironroot_cpu::machine::Stop;
use serde_json::json;

use super::Bench;
use super::story::Story;
use crate::error::{Failure, Result};
use crate::input::elf;
use crate::vdev::session::Session;
use crate::{firmware, vdev};

/// Numbers that the secure boot hands to its function `stage`: see `stage.rs` there.
const HASH_BEGIN: u32 = 3;
const HASH_END: u32 = 4;
/// Repetitions; the median counts.
const RUNS: usize = 5;
/// More than a boot takes.
const LIMIT: u64 = 200_000_000;

/// Instructions of the SHA-256 part, and how long they took.
pub struct Measured {
    /// Simulated instructions.
    pub instructions: u64,
    /// Seconds on this machine.
    pub seconds: f64,
}

impl Measured {
    /// Million instructions a second.
    pub fn mips(&self) -> f64 {
        self.instructions as f64 / self.seconds.max(1e-9) / 1e6
    }
}

/// Boots to the hash of the image, then runs just that part again and again from a snapshot.
pub fn sha256(bench: &Bench, story: &mut Story<'_, '_>) -> Result<Measured> {
    story.begin("speed", "the SHA-256 part of the boot again, from a snapshot");
    let board = vdev::load(&bench.board_file())?.board;
    let stage = elf::symbol_address(firmware::SECURE_BOOT.require()?, "stage").ok_or_else(|| {
        Failure::new(input::FIRMWARE_INVALID, "there is no symbol `stage`").about(firmware::SECURE_BOOT.name)
    })?;
    let mut session = Session::power_on(&board, &bench.rom);
    session.machine.set_breakpoints([stage]);
    run_to(&mut session, HASH_BEGIN)?;
    let start = session.machine.snapshot();
    let before = session.machine.core.instructions;
    run_to(&mut session, HASH_END)?;
    let instructions = session.machine.core.instructions - before;
    let end = session.machine.state_hash();
    session.machine.set_breakpoints([]);
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        session.machine.restore(&start);
        let clock = Instant::now();
        let stop = session.machine.run(instructions);
        times.push(clock.elapsed().as_secs_f64());
        story.check("the repeated part's end", &stop, &Stop::Limit)?;
        story.check("the repeated part's state", &session.machine.state_hash(), &end)?;
    }
    times.sort_by(f64::total_cmp);
    let measured = Measured { instructions, seconds: times.get(RUNS / 2).copied().unwrap_or(f64::MAX) };
    story.at(session.now());
    story.done(
        &format!("{instructions} instructions, {:.0} MIPS (median of {RUNS})", measured.mips()),
        json!({ "hash_instructions": instructions, "seconds": measured.seconds, "mips": measured.mips() }),
    );
    Ok(measured)
}

/// Runs until the secure boot reports `wanted`.
fn run_to(session: &mut Session, wanted: u32) -> Result {
    loop {
        match session.machine.run(LIMIT) {
            Stop::Breakpoint(_) if session.machine.core.r[0] == wanted => return Ok(()),
            Stop::Breakpoint(_) => {}
            stop => {
                let cause = format!("stage {wanted} of the secure boot was not reached: {stop:?}");
                return Err(Failure::new(codes::BOOT_NOT_AS_EXPECTED, cause));
            }
        }
    }
}
