//! The machine against itself: stepping, blocks of any cut, an active hook, and snapshot, restore and replay give the same
//! state hash at every 1000th instruction of random programs with interrupts, faults and code that rewrites itself.

use ironroot_cpu::bus::Bus;
use ironroot_cpu::core::Core;
use ironroot_cpu::machine::{Action, Hook, Machine, Stop};
use ironroot_cpu::op::Args;
use ironroot_mps2::{Mps2An500, Program};

use crate::batches::effects::Class;
use crate::batches::generate::batch;
use crate::batches::image::assemble;
use crate::report::{Config, Error, Report};
use crate::rng::Rng;

/// Instructions between two comparisons.
const STRIDE: u64 = 1000;
/// Comparisons in one program.
const POINTS: usize = 20;
/// Programs: full, modest.
const FULL: u64 = 2000;
const MODEST: u64 = 30;
/// Bytes of each of the two memories: all that a program uses, and little to hash.
const MEMORY: u32 = 0x1_0000;

const BATCHES: u32 = 0x1000;
const RELOAD: u32 = 0x2000_0000;
const RESUME: u32 = 0x2000_0004;
/// Batches in a program at most.
const MAX_BATCHES: usize = 24;

/// Runs the campaign.
pub fn run(config: Config) -> Result<Vec<Report>, Error> {
    let frame = Frame::new()?;
    let mut report = Report::new("step = blocks = replay");
    let programs = config.pick(FULL, MODEST);
    let mut outside = 0;
    for n in 0..programs {
        let seed = config.seed.wrapping_mul(1_000_003).wrapping_add(n);
        report.cases += (POINTS * MODES.len()) as u64;
        match frame.check(seed) {
            Ok(seen) => outside += seen,
            Err(difference) => report.mismatch(difference),
        }
    }
    if outside < programs as usize * POINTS / 3 {
        report.mismatch(format!(
            "only {outside} comparisons outside of handlers: the programs are not what they should be"
        ));
    }
    Ok(vec![report])
}

/// The ways of running that must agree with plain runs of [`STRIDE`] instructions.
const MODES: &[(&str, Mode)] = &[
    ("steps", Mode::Step),
    ("pieces", Mode::Pieces),
    ("a hook", Mode::Hooked),
    ("the slow path", Mode::Watched),
    ("restore and replay", Mode::Replay),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Step,
    Pieces,
    Hooked,
    Watched,
    Replay,
}

/// Looks and lets run.
struct Onlooker(u64);

impl<B: Bus> Hook<B> for Onlooker {
    fn before(&mut self, _: &mut Core<B>, _: u32, _: &Args) -> Action {
        self.0 += 1;
        Action::Run
    }
}

/// What all programs share.
pub struct Frame(Program);

impl Frame {
    /// Assembles it.
    pub fn new() -> Result<Frame, Error> {
        let directory = tempfile::tempdir().map_err(|error| Error::new("temporary directory", error))?;
        let (_, program) = assemble(include_str!("consistency/runtime.s"), directory.path())?;
        Ok(Frame(program))
    }

    /// The program of a seed, at its reset.
    pub fn machine(&self, seed: u64) -> Machine<Mps2An500> {
        let mut rng = Rng::new(seed);
        let mut board = Mps2An500::with_sizes(MEMORY, MEMORY, 0);
        for (address, bytes) in &self.0.segments {
            board.put(*address, bytes);
        }
        let mut code = Vec::new();
        for _ in 0..1 + rng.below(MAX_BATCHES) {
            push_batch(&mut code, &mut rng);
        }
        if rng.one_in(2) {
            code.push(0xBF30); // WFI: the next tick wakes
        }
        // B.W back to the first batch.
        let back = -(2 * code.len() as i32 + 4);
        code.extend(branch_wide(back));
        let bytes: Vec<u8> = code.iter().flat_map(|half| half.to_le_bytes()).collect();
        board.put(BATCHES, &bytes);
        // Longer than the handlers take, or nothing else would run.
        let reload = 150 + rng.below(900) as u32;
        board.put(RELOAD, &reload.to_le_bytes());
        Machine::new(board)
    }

    /// Runs the program of a seed in every way. Err: where they part. Ok: how many comparisons found it outside of its handlers.
    pub fn check(&self, seed: u64) -> Result<usize, String> {
        let fresh = self.machine(seed);
        let mut plain = fresh.clone();
        let mut golden = Vec::with_capacity(POINTS);
        for point in 0..POINTS {
            let stop = plain.run(STRIDE);
            golden.push((plain.state_hash(), plain.core.r[15]));
            match stop {
                Stop::Limit => {}
                // An interrupt found SP in between being written and repaired, or a fault sent a handler on into the batches:
                // the same end in every way.
                Stop::Lockup | Stop::Idle => break,
                stop => {
                    let end = (point as u64 + 1) * STRIDE;
                    return Err(format!("program {seed}: {stop:?} before instruction {end}"));
                }
            }
        }
        for &(name, mode) in MODES {
            let mut rng = Rng::new(seed ^ 0x5EED);
            let mut machine = fresh.clone();
            if mode == Mode::Watched {
                machine.watch_everything(true);
            }
            for (point, &(hash, pc)) in golden.iter().enumerate() {
                advance(&mut machine, mode, &mut rng);
                if machine.state_hash() != hash {
                    let at = machine.core.r[15];
                    return Err(format!(
                        "program {seed}: {name} part from plain runs before instruction {} (pc {at:#x}, plain {pc:#x})",
                        (point as u64 + 1) * STRIDE
                    ));
                }
            }
        }
        Ok(golden.iter().filter(|&&(_, pc)| pc >= BATCHES).count())
    }
}

fn advance(machine: &mut Machine<Mps2An500>, mode: Mode, rng: &mut Rng) {
    let end = machine.core.instructions + STRIDE;
    let left = |machine: &Machine<Mps2An500>| end.saturating_sub(machine.core.instructions);
    match mode {
        Mode::Step => while left(machine) > 0 && machine.step() == Stop::Limit {},
        Mode::Pieces => {
            while left(machine) > 0 && machine.run(left(machine).min(1 + rng.below(97) as u64)) == Stop::Limit
            {
            }
        }
        Mode::Hooked => {
            let mut hook = Onlooker(0);
            machine.run_hooked(STRIDE, &mut hook);
        }
        Mode::Watched => {
            machine.run(STRIDE);
        }
        Mode::Replay => {
            machine.run(rng.below(STRIDE as usize) as u64);
            let snapshot = machine.snapshot();
            // Away and back: what ran in between must leave no trace.
            machine.run(1 + rng.below(3 * STRIDE as usize) as u64);
            machine.restore(&snapshot);
            machine.run(left(machine));
        }
    }
}

/// A batch with its start state loaded first, and RESUME set behind it.
fn push_batch(code: &mut Vec<u16>, rng: &mut Rng) {
    let class = *rng.pick(&Class::ALL);
    let count = 1 + rng.below(30);
    let made = batch(class, count, rng);
    let body: usize = made.units.iter().map(|unit| unit.code.len()).sum();
    // Four wide moves and a store come first, then two wide moves for each register and one narrow one for SP.
    let prologue = 4 * 2 + 1 + 14 * 4 + 4 + 1;
    let behind = BATCHES + 2 * (code.len() + prologue + body) as u32;
    load_immediate(code, 0, RESUME);
    load_immediate(code, 1, behind);
    code.push(0x6001); // STR r1, [r0]
    let [registers @ .., _, sp] = made.r;
    load_immediate(code, 0, sp);
    code.push(0x4685); // MOV SP, r0
    for (n, value) in (0u16..).zip(registers) {
        load_immediate(code, n, value);
    }
    load_immediate(code, 14, made.r[13]);
    for unit in made.units {
        code.extend(unit.code);
    }
}

/// MOVW and MOVT.
fn load_immediate(code: &mut Vec<u16>, rd: u16, value: u32) {
    for (opcode, half) in [(0xF240, value as u16), (0xF2C0, (value >> 16) as u16)] {
        code.push(opcode | (half >> 11 & 1) << 10 | half >> 12);
        code.push((half >> 8 & 7) << 12 | rd << 8 | half & 0xFF);
    }
}

/// B, encoding T4, to an offset within ±16 MiB.
fn branch_wide(offset: i32) -> [u16; 2] {
    let bits = offset as u32;
    let sign = (bits >> 24) as u16 & 1;
    let j = |at: u32| !((bits >> at) as u16 & 1) & 1 ^ sign;
    [
        0xF000 | sign << 10 | (bits >> 12) as u16 & 0x3FF,
        0x9000 | j(23) << 13 | j(22) << 11 | (bits >> 1) as u16 & 0x7FF,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_cpu::decode::decode;
    use ironroot_cpu::insn::{Cond, Insn};

    #[test]
    fn the_branch_back_is_encoded_as_the_decoder_reads_it() {
        for offset in [-4, -4096, -40_000, 1_000_000] {
            let [first, second] = branch_wide(offset);
            assert_eq!(decode(first, second, false).insn, Insn::Branch { cond: Cond::AL, offset });
        }
    }

    #[test]
    fn immediates_are_encoded_as_the_decoder_reads_them() {
        let mut code = Vec::new();
        load_immediate(&mut code, 9, 0xDEAD_BEEF);
        assert_eq!(decode(code[0], code[1], false).insn, Insn::Movw { rd: 9, imm: 0xBEEF });
        assert_eq!(decode(code[2], code[3], false).insn, Insn::Movt { rd: 9, imm: 0xDEAD });
    }
}
