//! Legal random batches: random bits through the decoder, kept if they are of the class, predictable, and stay in the sandbox.

use ironroot_cpu::decode::{decode, is_wide};
use ironroot_cpu::insn::{DpOp, Insn};

use super::effects::{Class, Memory, effects};
use super::values::{float_registers, special_word};
use crate::rng::Rng;

/// First address of the memory that batches may access, and its size.
pub const SANDBOX: u32 = 0x2000_2000;
/// Bytes of it.
pub const SANDBOX_SIZE: u32 = 0x2000;
/// Distance that every access keeps from the sandbox's ends: the frame of an exception fits below SP.
const MARGIN: u32 = 0x80;

/// Instructions that stay together when a batch is cut short: one, or an IT block, or one and what repairs SP behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its halfwords.
    pub code: Vec<u16>,
    /// Instructions of the class (the repair does not count).
    pub instructions: u64,
}

/// A batch: code and the state it starts from.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The instructions, in units.
    pub units: Vec<Unit>,
    /// R0–R12, LR, SP.
    pub r: [u32; 15],
    /// APSR.
    pub apsr: u32,
    /// FPSCR.
    pub fpscr: u32,
    /// S0–S31.
    pub s: [u32; 32],
    /// The sandbox is filled, and hashed at the end.
    pub sandbox: bool,
    /// Seed of its content.
    pub seed: u32,
    /// CCR's trap bit (UNALIGN_TRP) to run under. Not DIV_0_TRP: QEMU loses what earlier instructions of the same translation
    /// block wrote when a division traps (7.2); the system programs have the trap.
    pub traps: u32,
}

/// Index of SP in [`Batch::r`] (LR is 13).
const SP: usize = 14;

/// First halfwords by class: value and the bits that are random.
fn shapes(class: Class) -> &'static [(u16, u16)] {
    match class {
        Class::Data => &[
            (0x0000, 0x3FFF),
            (0x4000, 0x07FF),
            (0xA000, 0x0FFF),
            (0xB000, 0x0FFF),
            (0xF000, 0x07FF),
            (0xF200, 0x05FF),
            (0xEA00, 0x01FF),
            (0xFA00, 0x00FF),
            (0xF380, 0x007F),
        ],
        Class::Multiply => &[(0xFB00, 0x00FF), (0xFB00, 0x00FF), (0xFB00, 0x00FF), (0x4340, 0x003F)],
        Class::Saturating => &[
            (0xFA80, 0x007F),
            (0xFA00, 0x007F),
            (0xFA80, 0x007F),
            (0xF300, 0x00BF),
            (0xEAC0, 0x001F),
            (0xB200, 0x00FF),
        ],
        Class::LoadStore => &[
            (0x4800, 0x07FF),
            (0x5000, 0x0FFF),
            (0x6000, 0x1FFF),
            (0x8000, 0x1FFF),
            (0xB400, 0x09FF),
            (0xC000, 0x0FFF),
            (0xE800, 0x01FF),
            (0xF800, 0x01FF),
            (0xF800, 0x01FF),
            (0xEC00, 0x01FF),
        ],
        Class::Single | Class::Double => {
            &[(0xEE00, 0x00FF), (0xEE00, 0x00FF), (0xEEB0, 0x004F), (0xFE00, 0x00FF), (0xEC40, 0x001F)]
        }
        Class::Branch => &[],
    }
}

/// FPSCR's modes and cumulative flags; rounding to nearest half of the time, as only it has ties.
fn modes(rng: &mut Rng) -> u32 {
    let mask = if rng.one_in(2) { 0x0700_009F } else { 0x07C0_009F };
    rng.word() & mask
}

/// What a register is for in a batch that accesses memory.
struct Roles {
    /// Address in each base register; None: not a base.
    base: [Option<u32>; 16],
    /// Value of each index register.
    index: [Option<u32>; 16],
}

/// Makes one batch of `count` instructions.
pub fn batch(class: Class, count: usize, rng: &mut Rng) -> Batch {
    let mut roles = Roles { base: [None; 16], index: [None; 16] };
    let mut r: [u32; 15] = std::array::from_fn(|_| special_word(rng));
    let middle = |rng: &mut Rng| SANDBOX + 0x500 + 4 * rng.below(0x200) as u32;
    r[SP] = middle(rng) & !7 | if rng.one_in(3) { 4 } else { 0 };
    if class == Class::LoadStore {
        roles.base[13] = Some(r[SP]);
        for _ in 0..4 {
            // Low registers more often: only they are in 16-bit encodings.
            let n = if rng.one_in(2) { rng.below(8) } else { rng.below(13) };
            r[n] = middle(rng) + if rng.one_in(6) { 1 + rng.below(3) as u32 } else { 0 };
            roles.base[n] = Some(r[n]);
        }
        for _ in 0..2 {
            let n = rng.below(13);
            if roles.base[n].is_none() {
                r[n] = rng.below(256) as u32;
                roles.index[n] = Some(r[n]);
            }
        }
    }
    // Never written: holds the sandbox's address for the repair of SP.
    let keeper = 4 + rng.below(8);
    if class != Class::LoadStore {
        r[keeper] = r[SP];
    }
    let mut made = Batch {
        units: Vec::new(),
        r,
        apsr: rng.word() & 0xF80F_0000,
        fpscr: modes(rng) | if rng.one_in(2) { rng.word() & 0xF000_0000 } else { 0 },
        s: float_registers(rng),
        sandbox: class == Class::LoadStore,
        seed: rng.word(),
        traps: if rng.one_in(8) { 0x08 } else { 0 },
    };
    let mut limits = Limits { class, roles, keeper: keeper as u8 };
    let mut left = count;
    while left > 0 {
        let unit = if class == Class::LoadStore && rng.one_in(30) {
            exclusive_pair(&limits, rng)
        } else if class == Class::Branch {
            branch(&mut limits, rng)
        } else if rng.one_in(10) {
            it_block(&mut limits, rng)
        } else {
            one(&mut limits, rng)
        };
        left = left.saturating_sub(unit.instructions as usize);
        made.units.push(unit);
    }
    made
}

struct Limits {
    class: Class,
    roles: Roles,
    keeper: u8,
}

/// Random bits until they are an instruction that the limits admit.
fn draw(class: Class, in_it: bool, rng: &mut Rng, mut admit: impl FnMut(&Insn) -> bool) -> (Vec<u16>, Insn) {
    loop {
        let &(value, random) = rng.pick(shapes(class));
        let bits = rng.word();
        let first = value | (bits >> 16) as u16 & random;
        let mut second = bits as u16;
        match class {
            Class::Single => second = second & 0xF0FF | if rng.one_in(12) { 0x0B00 } else { 0x0A00 },
            Class::Double => second = second & 0xF0FF | 0x0B00,
            Class::LoadStore if first & 0xFE00 == 0xEC00 => second = second & 0xF1FF | 0x0A00,
            _ => {}
        }
        let decoded = decode(first, second, in_it);
        if decoded.unpredictable || !admit(&decoded.insn) {
            continue;
        }
        let code = if is_wide(first) { vec![first, second] } else { vec![first] };
        return (code, decoded.insn);
    }
}

impl Limits {
    fn admits(&self, insn: &Insn, in_it: bool) -> bool {
        let Some(effects) = effects(insn) else { return false };
        // Precision's border is not the class's: conversions belong to both.
        let fits = match (self.class, effects.class) {
            (Class::Single | Class::Double, Class::Single | Class::Double) => true,
            (wanted, is) => wanted == is,
        };
        if !fits || effects.writes & 1 << 15 != 0 {
            return false;
        }
        let Some(memory) = effects.memory else {
            let keeper = effects.writes & 1 << self.keeper != 0;
            let sp = effects.writes & 1 << 13 != 0;
            return self.class == Class::LoadStore || (!keeper && (!sp || !in_it));
        };
        let fixed = (0..16u8).filter(|&n| {
            let n = n as usize;
            self.roles.base[n].is_some() || self.roles.index[n].is_some()
        });
        let touched = fixed.fold(0u16, |set, n| set | 1 << n);
        effects.writes & touched == 0 && self.in_sandbox(&memory) && (!in_it || memory.writeback.is_none())
    }

    fn in_sandbox(&self, memory: &Memory) -> bool {
        if memory.base == 15 {
            return true;
        }
        let Some(base) = self.roles.base[memory.base as usize & 15] else { return false };
        let index = match memory.index {
            None => 0,
            Some((register, shift)) => match self.roles.index[register as usize & 15] {
                Some(value) => value << shift,
                None => return false,
            },
        };
        let start = base.wrapping_add_signed(memory.offset).wrapping_add(index);
        let moved = base.wrapping_add_signed(memory.writeback.unwrap_or(0));
        let inside = |address: u32, length: u32| {
            address >= SANDBOX + MARGIN && address + length <= SANDBOX + SANDBOX_SIZE - MARGIN
        };
        // STREX to an unaligned address without a reservation: UsageFault (B2.3.7, ExclusiveMonitorsPass looks at the
        // alignment first), but QEMU looks at the reservation first. The system programs have it in their table.
        let refused_late = memory.store_exclusive && start % memory.length != 0;
        inside(start, memory.length) && inside(moved, 0) && !refused_late
    }

    /// After an instruction was taken into the batch.
    fn follow(&mut self, insn: &Insn) {
        if let Some(memory) = effects(insn).and_then(|effects| effects.memory)
            && let Some(delta) = memory.writeback
            && let Some(base) = &mut self.roles.base[memory.base as usize & 15]
        {
            *base = base.wrapping_add_signed(delta);
        }
    }
}

fn one(limits: &mut Limits, rng: &mut Rng) -> Unit {
    let (mut code, insn) =
        draw(limits.class, false, rng, |insn| !matches!(insn, Insn::It { .. }) && limits.admits(insn, false));
    limits.follow(&insn);
    if limits.class != Class::LoadStore && effects(&insn).is_some_and(|e| e.writes & 1 << 13 != 0) {
        // MOV r12, SP keeps what was written; MOV SP, keeper makes the stack good again for the exception that ends it all.
        let seen = if limits.keeper == 12 { 0 } else { 12 };
        code.push(mov(seen, 13));
        code.push(mov(13, limits.keeper));
    }
    Unit { code, instructions: 1 }
}

/// A load-exclusive and the store that goes with it, which random encodings would hardly ever bring together.
fn exclusive_pair(limits: &Limits, rng: &mut Rng) -> Unit {
    loop {
        let bits = rng.word();
        let (rn, rt, rd) = (bits as u16 & 15, (bits >> 4) as u16 & 15, (bits >> 8) as u16 & 15);
        let imm8 = (bits >> 12) as u16 & 0xFF;
        let (load, store) = match bits >> 30 {
            0 => ([0xE8D0 | rn, rt << 12 | 0xF4F], [0xE8C0 | rn, rt << 12 | 0xF40 | rd]),
            1 => ([0xE8D0 | rn, rt << 12 | 0xF5F], [0xE8C0 | rn, rt << 12 | 0xF50 | rd]),
            _ => ([0xE850 | rn, rt << 12 | 0xF00 | imm8], [0xE840 | rn, rt << 12 | rd << 8 | imm8]),
        };
        let fits = [load, store].iter().all(|&[first, second]| {
            let decoded = decode(first, second, false);
            !decoded.unpredictable && limits.admits(&decoded.insn, false)
        });
        if fits {
            return Unit { code: [load, store].concat(), instructions: 2 };
        }
    }
}

/// MOV (register), encoding T1.
fn mov(rd: u8, rm: u8) -> u16 {
    0x4600 | u16::from(rd & 8) << 4 | u16::from(rm) << 3 | u16::from(rd & 7)
}

fn it_block(limits: &mut Limits, rng: &mut Rng) -> Unit {
    let length = 1 + rng.below(4);
    // Condition 14 allows no "else"; 15 is none.
    let condition = rng.below(14) as u16;
    // The mask: one bit for each further instruction, then a one.
    let mask = ((rng.word() as u16 & 0xF) << 1 | 1) << (4 - length) & 0xF;
    let mut code = vec![0xBF00 | condition << 4 | mask];
    for _ in 0..length {
        let (halves, insn) = draw(limits.class, true, rng, |insn| {
            !matches!(insn, Insn::It { .. }) && limits.admits(insn, true)
        });
        limits.follow(&insn);
        code.extend(halves);
    }
    Unit { code, instructions: 1 + length as u64 }
}

/// A forward branch over zero to two other instructions. Linking branches write LR, which the next ones may find there.
fn branch(limits: &mut Limits, rng: &mut Rng) -> Unit {
    let filler = Limits {
        class: Class::Data,
        roles: Roles { base: [None; 16], index: [None; 16] },
        keeper: limits.keeper,
    };
    let mut over = Vec::new();
    let mut instructions = 1;
    for _ in 0..rng.below(3) {
        let plain = |insn: &Insn| {
            filler.admits(insn, false)
                && !matches!(insn, Insn::It { .. })
                && effects(insn).is_some_and(|e| e.writes & 1 << 13 == 0)
        };
        over.extend(draw(Class::Data, false, rng, plain).0);
        instructions += 1;
    }
    let skip = 2 * over.len() as i32;
    let mut code = match rng.below(9) {
        // B<c> T1: the offset is from the branch + 4, it has 2 bytes.
        0 => vec![0xD000 | (rng.below(14) as u16) << 8 | ((skip - 2) >> 1) as u16 & 0xFF],
        // CBZ, CBNZ T1: forward only.
        1 if skip >= 2 => {
            let half = ((skip - 2) >> 1) as u16;
            let non_zero = rng.word() as u16 & 0x0800;
            vec![0xB100 | non_zero | (half & 0x20) << 4 | (half & 0x1F) << 3 | rng.below(8) as u16]
        }
        // B T2.
        2 => vec![0xE000 | ((skip - 2) >> 1) as u16 & 0x7FF],
        // B<c> T3: 4 bytes, so the offset is the distance.
        3 => vec![0xF000 | (rng.below(14) as u16) << 6, 0x8000 | (skip >> 1) as u16 & 0x7FF],
        // B T4, BL: J1 = J2 = 1 for short positive offsets.
        4 => vec![0xF000, 0xB800 | (skip >> 1) as u16 & 0x7FF],
        5 => vec![0xF000, 0xF800 | (skip >> 1) as u16 & 0x7FF],
        6 => {
            instructions += 2;
            through_register(skip, limits.keeper, rng)
        }
        _ => {
            instructions += 2;
            through_table(skip, limits.keeper, rng)
        }
    };
    // Read back through the decoder: a slip in an encoding above must not go unnoticed as "both do the same".
    debug_assert!(matches!(
        decode(code[0], code.get(1).copied().unwrap_or(0), false).insn,
        Insn::Branch { .. }
            | Insn::BranchLink { .. }
            | Insn::CompareBranch { .. }
            | Insn::Dp { op: DpOp::Mov, rd: 0..=7, .. }
    ));
    code.extend(over);
    Unit { code, instructions }
}

/// A low register that is not the keeper.
fn low_register(keeper: u8, rng: &mut Rng) -> u16 {
    // The keeper is 4 or higher.
    let n = rng.below(7) as u16;
    if n == u16::from(keeper) { 7 } else { n }
}

/// BX, BLX, MOV PC or ADD PC to an address made from PC, `skip` bytes behind the branch.
fn through_register(skip: i32, keeper: u8, rng: &mut Rng) -> Vec<u16> {
    let r = low_register(keeper, rng);
    // MOVS r, #n. What r + PC must give: behind ADD and the branch, with the Thumb bit for the exchanging ones.
    let kind = rng.below(4);
    if kind == 3 {
        // ADD PC, r reads its own address + 4, one halfword behind its end: a NOP there.
        return vec![0x2000 | r << 8 | skip as u16 & 0xFF, 0x4487 | r << 3, 0xBF00];
    }
    // MOV r, PC would do; ADD r, PC with r small: its address + 4 is the end of the branch.
    let branch = match kind {
        0 => 0x4700 | r << 3,
        1 => 0x4780 | r << 3,
        _ => 0x4687 | r << 3,
    };
    vec![0x2000 | r << 8 | (skip as u16 | 1) & 0xFF, 0x4478 | r, branch]
}

/// TBB or TBH [PC, r] with a table of two entries behind it, one of them taken.
fn through_table(skip: i32, keeper: u8, rng: &mut Rng) -> Vec<u16> {
    let r = low_register(keeper, rng);
    let index = rng.below(2) as u16;
    let over = (skip >> 1) as u16;
    if rng.one_in(2) {
        // The table is one halfword long: the entries count halfwords from its beginning.
        let (first, second) = if index == 0 { (1 + over, 1) } else { (1, 1 + over) };
        vec![0x2000 | r << 8 | index, 0xE8DF, 0xF000 | r, first & 0xFF | second << 8]
    } else {
        let (first, second) = if index == 0 { (2 + over, 2) } else { (2, 2 + over) };
        vec![0x2000 | r << 8 | index, 0xE8DF, 0xF010 | r, first, second]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_batch() {
        for class in Class::ALL {
            let make = || batch(class, 20, &mut Rng::new(7)).units;
            assert_eq!(make(), make());
            let total: u64 = make().iter().map(|unit| unit.instructions).sum();
            assert!(total >= 20);
        }
    }

    #[test]
    fn an_sp_that_was_written_is_repaired() {
        let mut rng = Rng::new(3);
        let repaired = (0..2000).flat_map(|_| batch(Class::Data, 10, &mut rng).units).filter(|unit| {
            unit.instructions == 1
                && unit.code.len() >= 3
                && unit.code.last().is_some_and(|c| c & 0xFF87 == 0x4685)
        });
        assert!(repaired.count() > 10, "instructions that write SP are among the generated ones");
    }

    #[test]
    fn mov_is_encoded_as_the_manual_says() {
        assert_eq!(mov(12, 13), 0x46EC);
        assert_eq!(mov(13, 4), 0x46A5);
    }
}
