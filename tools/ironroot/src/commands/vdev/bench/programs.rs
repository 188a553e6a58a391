//! The benchmark programs on the board that QEMU has too.

use std::time::Instant;

use ironroot_codes::{input, vdev as codes};
use ironroot_cpu::machine::{Machine, Stop};
use ironroot_mps2::{Mps2An500, Program};

use super::{Bench, Figure, Row, contradiction, qemu, quantile};
use crate::error::{Failure, Result};
use crate::{firmware, interrupt};

/// The benchmarks of this group.
pub const NAMES: &[&str] = &["sha256", "ecdsa", "memcpy", "interrupts"];

const FIRMWARE: [firmware::Program; 4] =
    [firmware::BENCH_SHA256, firmware::BENCH_ECDSA, firmware::BENCH_MEMCPY, firmware::BENCH_INTERRUPTS];

/// More than any of them takes to its end.
const LIMIT: u64 = 2_000_000_000;

/// A program that stands at its first mark, and how its timed part goes.
struct Prepared {
    machine: Machine<Mps2An500>,
    instructions: u64,
    end: u64,
}

/// Measures the benchmarks in `names`.
pub fn run(args: &Bench, names: &[&'static str], row: &mut dyn FnMut(Row)) -> Result {
    let mut qemu = if args.vs_qemu { Some(qemu::Qemu::new()?) } else { None };
    for (name, program) in NAMES.iter().zip(FIRMWARE).filter(|(name, _)| names.contains(name)) {
        let elf = program.require()?;
        let mut ready = prepare(&program, elf)?;
        let start = ready.machine.snapshot();
        if let Some(qemu) = &mut qemu {
            qemu.load(elf)?;
        }
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for run in 0..=args.runs {
            interrupt::check()?;
            ready.machine.restore(&start);
            let clock = Instant::now();
            let stop = ready.machine.run(ready.instructions);
            let seconds = clock.elapsed().as_secs_f64();
            if stop != Stop::Limit || ready.machine.state_hash() != ready.end {
                return Err(contradiction(name));
            }
            let qemu_seconds = qemu.as_mut().map(qemu::Qemu::run).transpose()?;
            // The first run warms up.
            if run > 0 {
                ours.push(seconds);
                theirs.extend(qemu_seconds);
            }
        }
        let figure = Figure::Speed {
            instructions: ready.instructions,
            seconds: quantile(&mut ours, 0.5),
            qemu_seconds: (!theirs.is_empty()).then(|| quantile(&mut theirs, 0.5)),
        };
        row(Row { benchmark: name, figure });
    }
    Ok(())
}

/// Runs a program to its end once, which must be a good one, and returns to its first mark.
fn prepare(program: &firmware::Program, elf: &[u8]) -> Result<Prepared> {
    let invalid = |cause: String| Failure::new(input::FIRMWARE_INVALID, cause).about(program.name);
    let parsed = Program::parse(elf).map_err(|e| invalid(e.to_string()))?;
    let mut machine = parsed.machine().map_err(|e| invalid(e.to_string()))?;
    let mark =
        |name: &str| parsed.symbol(name).ok_or_else(|| invalid(format!("there is no symbol `{name}`")));
    let (begin, end) = (mark("bench_begin")?, mark("bench_end")?);
    machine.set_breakpoints([begin, end]);
    reach(&mut machine, begin).map_err(|f| f.about(program.name))?;
    let start = machine.snapshot();
    let before = machine.core.instructions;
    reach(&mut machine, end).map_err(|f| f.about(program.name))?;
    let (instructions, state) = (machine.core.instructions - before, machine.state_hash());
    machine.set_breakpoints([]);
    let outcome = ironroot_mps2::run(&mut machine, LIMIT);
    if outcome != ironroot_mps2::End::Exit(true) {
        let said = String::from_utf8_lossy(machine.core.bus.output()).into_owned();
        let cause = format!("the program did not end well: {outcome:?}; it said {said:?}");
        return Err(Failure::new(codes::OUTPUT_MISMATCH, cause).about(program.name));
    }
    machine.restore(&start);
    Ok(Prepared { machine, instructions, end: state })
}

fn reach(machine: &mut Machine<Mps2An500>, mark: u32) -> Result {
    match machine.run(LIMIT) {
        Stop::Breakpoint(at) if at == mark => Ok(()),
        stop => {
            Err(Failure::new(codes::BUDGET, format!("the mark at {mark:#010x} was not reached: {stop:?}")))
        }
    }
}
