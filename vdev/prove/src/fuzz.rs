//! Hostile input to the core: random bytes as code, random words as vector table, random registers. No panic, no run that
//! makes no progress, no memory that grows without bound.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use ironroot_cpu::machine::{Machine, Stop};
use ironroot_mps2::{Mps2An500, serve};

use crate::batches::effects::Class;
use crate::batches::generate::batch;
use crate::report::{Config, Error, Report};
use crate::rng::Rng;

/// Instructions: full, modest.
const FULL: u64 = 100_000_000;
const MODEST: u64 = 1_000_000;
/// Instructions of one machine, and of one run of it.
const LIFE: u64 = 50_000;
const SLICE: u64 = 1000;
/// Bytes of each memory.
const MEMORY: u32 = 0x1_0000;
const DATA: u32 = 0x2000_0000;
/// A single run of [`SLICE`] instructions that takes this long makes no progress.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where a handler that lets most machines live on lies: it steps over the instruction that faulted. Without it nearly every
/// machine would lock up after a few instructions, and little would be fuzzed.
const SURVIVOR: u32 = 0x200;
/// Picks the stack by EXC_RETURN, adds 2 to the stacked PC, clears IT and sets T in the stacked xPSR, returns.
const SURVIVE: [u16; 19] = [
    0xF01E, 0x0F04, 0xBF0C, 0xF3EF, 0x8108, 0xF3EF, 0x8109, 0x6988, 0x3002, 0x6188, 0x69C8, 0xF020, 0x60C0,
    0xF420, 0x407C, 0xF040, 0x7080, 0x61C8, 0x4770,
];
/// Text that a board keeps at most.
const MAX_OUTPUT: usize = 1 << 20;

/// Runs the campaign. `cases` are instructions.
pub fn run(config: Config) -> Result<Vec<Report>, Error> {
    let mut report = Report::new("fuzz: code, vectors, registers");
    let target = config.pick(FULL, MODEST);
    let mut seed = config.seed << 32;
    while report.cases < target {
        let (sender, receiver) = channel();
        let worker = std::thread::spawn(move || {
            // Each message is a sign of life: instructions done so far, and what was wrong with a machine.
            let mut seed = seed;
            loop {
                let outcome = catch_unwind(AssertUnwindSafe(|| life(seed)));
                let message = match outcome {
                    Ok(Ok(instructions)) => Ok(instructions),
                    Ok(Err(problem)) => Err(format!("seed {seed}: {problem}")),
                    Err(_) => Err(format!("seed {seed}: panic")),
                };
                if sender.send((seed, message)).is_err() {
                    return;
                }
                seed += 1;
            }
        });
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok((at, Ok(instructions))) => {
                    report.cases += instructions;
                    seed = at;
                }
                Ok((at, Err(problem))) => {
                    report.mismatch(problem);
                    seed = at;
                }
                Err(RecvTimeoutError::Timeout) => {
                    // The stuck thread cannot be ended; it is left behind and the campaign goes on without it.
                    seed += 1;
                    report.mismatch(format!("seed {seed}: no progress"));
                    break;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error("the fuzzing thread ended".into()));
                }
            }
            if report.cases >= target || report.mismatches >= 20 {
                drop(receiver);
                // It ends at its next message.
                let _ = worker.join();
                return Ok(vec![report]);
            }
        }
        seed += 1;
    }
    Ok(vec![report])
}

/// A machine whose code, vectors and registers are random; runs to the end of its life. Instructions that it ran.
fn life(seed: u64) -> Result<u64, String> {
    let mut rng = Rng::new(seed);
    let mut machine = hostile(&mut rng);
    let mut pokes = 0;
    while machine.core.instructions < LIFE && pokes < LIFE / SLICE * 20 {
        let before = machine.core.instructions;
        let limit = 1 + rng.below(SLICE as usize) as u64;
        match machine.run(limit) {
            Stop::Limit => {
                if machine.core.instructions < before + limit {
                    return Err("the limit was reported before it was reached".into());
                }
            }
            Stop::Lockup | Stop::Halted => {
                machine.system_reset();
                disturb(&mut machine, &mut rng);
                machine.core.lockup = false;
                machine.core.thumb = true;
                machine.core.r[15] = (rng.word() % MEMORY) & !1;
            }
            Stop::Bkpt { .. } => {
                if serve(&mut machine).is_some() {
                    machine.system_reset();
                }
            }
            Stop::Idle => machine.core.bus.set_line(rng.below(32) as u32, rng.one_in(2)),
            Stop::Breakpoint(_) | Stop::Watchpoint(_) | Stop::Chip(_) | Stop::Hook => {}
        }
        pokes += 1;
        if rng.one_in(8) {
            disturb(&mut machine, &mut rng);
        }
        if machine.core.bus.output().len() > MAX_OUTPUT {
            return Err("the console grows without bound".into());
        }
    }
    Ok(machine.core.instructions)
}

fn hostile(rng: &mut Rng) -> Machine<Mps2An500> {
    let mut board = Mps2An500::with_sizes(MEMORY, MEMORY, 0);
    let style = rng.below(3);
    let mut code = Vec::new();
    while code.len() < MEMORY as usize {
        if style > 0 && !rng.one_in(4) {
            // Legal instructions run longer and reach more than noise.
            let class = *rng.pick(&Class::ALL);
            for unit in batch(class, 4, rng).units {
                code.extend(unit.code.iter().flat_map(|half| half.to_le_bytes()));
            }
        } else {
            code.extend(rng.word().to_le_bytes());
        }
    }
    code.truncate(MEMORY as usize);
    board.put(0, &code);
    let data: Vec<u8> = (0..MEMORY / 4).flat_map(|_| wild(rng).to_le_bytes()).collect();
    board.put(DATA, &data);
    for vector in 0..48 {
        let value = if style == 2 && rng.one_in(2) { rng.word() } else { wild(rng) };
        board.put(vector * 4, &value.to_le_bytes());
    }
    if !rng.one_in(4) {
        for vector in 2..7 {
            board.put(vector * 4, &(SURVIVOR | 1).to_le_bytes());
        }
        let survivor: Vec<u8> = SURVIVE.iter().flat_map(|half| half.to_le_bytes()).collect();
        board.put(SURVIVOR, &survivor);
    }
    let mut machine = Machine::new(board);
    machine.core.semihosting = rng.one_in(2);
    machine.core.halting_debug = rng.one_in(8);
    disturb(&mut machine, rng);
    machine
}

/// An address in code, data or the system space, or anything.
fn wild(rng: &mut Rng) -> u32 {
    match rng.below(8) {
        0..=1 => (rng.word() % MEMORY) | 1,
        2..=4 => DATA + rng.word() % MEMORY,
        5 => 0xE000_E000 + (rng.word() & 0xFFF),
        6 => 0xFFFF_FF00 | rng.word() & 0xFF,
        _ => rng.word(),
    }
}

/// Changes state from outside, as a debugger or a glitch would.
fn disturb(machine: &mut Machine<Mps2An500>, rng: &mut Rng) {
    let core = &mut machine.core;
    for register in &mut core.r[..15] {
        if rng.one_in(2) {
            *register = wild(rng);
        }
    }
    core.r[13] = if rng.one_in(8) { wild(rng) & !3 } else { DATA + ((rng.word() % MEMORY) & !3) };
    match rng.below(8) {
        0 => core.r[15] = wild(rng) & !1,
        1 => core.fp.fpscr = rng.word() & 0xF7C0_009F,
        2 => {
            core.scs.cpacr = rng.word() & 0x00F0_0000;
        }
        3 => core.bus.set_line(rng.below(32) as u32, rng.one_in(2)),
        4 => core.scs.vtor = (rng.word() % MEMORY) & !0x7F,
        5 => core.other_sp = wild(rng) & !3,
        _ => {}
    }
    machine.poke();
}
