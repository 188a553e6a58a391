//! The decoder against `arm-none-eabi-objdump`: every 16-bit encoding and a sample of the 32-bit ones.
//!
//! Both sides are compared as text, mnemonic and operands, so an error in a field of [`ironroot_cpu::insn::Insn`] shows
//! as an error in what the disassembler prints. What objdump gets wrong for this architecture (it knows one Thumb
//! instruction set, the newest) is listed in [`rules`], each rule with the section of the manual that decides; the report
//! counts how often each was used. The 16-bit encodings are compared inside an IT block too, where most of them do not set
//! the flags.

mod matching;
mod objdump;
pub mod rules;
mod sampling;

use ironroot_cpu::decode::decode;
use ironroot_cpu::disasm::disassemble;
use ironroot_cpu::insn::{Cond, Decoded, Insn};

pub use objdump::Error;

/// Encodings for one run of objdump: bounds memory, not results.
const BATCH: usize = 100_000;

/// Mismatches kept with their texts; more are only counted.
const KEPT: usize = 200;

/// What kind of encodings a batch has, and where they stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// 16 bits, outside IT blocks.
    Narrow,
    /// 16 bits, in an IT block of condition EQ.
    NarrowInIt,
    /// 32 bits, outside IT blocks.
    Wide,
}

/// One encoding on which decoder and objdump disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The encoding; a 32-bit one with its first halfword on top.
    pub encoding: u32,
    /// 32 bits.
    pub wide: bool,
    /// What the decoder makes of it, printed.
    pub ours: String,
    /// What objdump prints.
    pub theirs: String,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = if self.wide { 8 } else { 4 };
        let (ours, theirs) = (self.ours.replace('\t', " "), self.theirs.replace('\t', " "));
        write!(f, "{:0digits$x}: decoder `{ours}`, objdump `{theirs}`", self.encoding)
    }
}

/// What a run found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Encodings compared.
    pub cases: u64,
    /// How many of them are instructions (not UNDEFINED) for the decoder: a sample of nothing but undefined encodings
    /// would prove nothing.
    pub instructions: u64,
    /// How many disagree.
    pub mismatch_count: u64,
    /// The first of these.
    pub mismatches: Vec<Mismatch>,
    /// Uses of each rule, in the order of [`rules::RULES`].
    pub rule_uses: Vec<(&'static str, u64)>,
}

/// One encoding, seen by both.
pub struct Case {
    /// The encoding; a 32-bit one with its first halfword on top.
    pub encoding: u32,
    /// 32 bits.
    pub wide: bool,
    /// In an IT block of condition EQ.
    pub in_it: bool,
    /// The decoder's answer.
    pub decoded: Decoded,
    /// Printed and normalised.
    pub ours: String,
    /// objdump's answer, normalised.
    pub theirs: String,
    /// objdump says UNDEFINED.
    pub their_undefined: bool,
    /// objdump says UNPREDICTABLE.
    pub their_unpredictable: bool,
}

impl Case {
    /// Whether the decoder says UNDEFINED.
    #[must_use]
    pub fn our_undefined(&self) -> bool {
        matches!(self.decoded.insn, Insn::Undefined { .. })
    }

    fn agrees(&self) -> bool {
        if self.their_undefined || self.our_undefined() {
            return self.their_undefined && self.our_undefined();
        }
        // What objdump calls UNPREDICTABLE must be so for the decoder too; it does not name all of them.
        self.ours == self.theirs && (!self.their_unpredictable || self.decoded.unpredictable)
    }
}

/// Compares all 16-bit encodings and `samples` 32-bit ones chosen by `seed`.
///
/// # Errors
/// When the assembler or objdump is absent or fails: nothing was proven then.
pub fn run(samples: usize, seed: u64) -> Result<Report, Error> {
    let tools = objdump::Tools::new()?;
    let mut report =
        Report { rule_uses: rules::RULES.iter().map(|rule| (rule.name, 0)).collect(), ..Report::default() };
    let narrow: Vec<u32> = (0..0xE800).collect();
    compare(&tools, &narrow, Place::Narrow, &mut report)?;
    // An IT inside an IT block would change what follows it, for objdump; the decoder flags it.
    let narrow: Vec<u32> = narrow.into_iter().filter(|&encoding| !objdump::is_if_then(encoding)).collect();
    compare(&tools, &narrow, Place::NarrowInIt, &mut report)?;
    let mut sampler = sampling::Sampler::new(seed);
    let mut left = samples;
    while left > 0 {
        let batch: Vec<u32> = (0..left.min(BATCH)).map(|_| sampler.next_encoding()).collect();
        left -= batch.len();
        compare(&tools, &batch, Place::Wide, &mut report)?;
    }
    Ok(report)
}

/// Compares one batch of encodings.
fn compare(
    tools: &objdump::Tools,
    encodings: &[u32],
    place: Place,
    report: &mut Report,
) -> Result<(), Error> {
    let (wide, in_it) = (place == Place::Wide, place == Place::NarrowInIt);
    let condition = in_it.then_some(Cond(0));
    for line in tools.disassemble(encodings, place)? {
        let (first, second) = if wide {
            ((line.encoding >> 16) as u16, line.encoding as u16)
        } else {
            (line.encoding as u16, 0)
        };
        let decoded = decode(first, second, in_it);
        let case = Case {
            encoding: line.encoding,
            wide,
            in_it,
            ours: normalise(&disassemble(&decoded, line.address, condition), wide),
            theirs: normalise(&line.text, wide),
            decoded,
            their_undefined: line.undefined,
            their_unpredictable: line.unpredictable,
        };
        report.cases += 1;
        report.instructions += u64::from(!case.our_undefined());
        if case.agrees() {
            continue;
        }
        if let Some(index) = rules::RULES.iter().position(|rule| rule.applies(&case)) {
            if let Some(used) = report.rule_uses.get_mut(index) {
                used.1 += 1;
            }
            continue;
        }
        report.mismatch_count += 1;
        if report.mismatches.len() < KEPT {
            let (ours, theirs) =
                (case.ours, if line.undefined { "<UNDEFINED>".to_owned() } else { case.theirs });
            report.mismatches.push(Mismatch { encoding: line.encoding, wide, ours, theirs });
        }
    }
    Ok(())
}

/// Makes the texts comparable: drops remarks and symbols, and writes the 16-bit additions and subtractions with the same
/// register twice in the short form, as `adds r0, r0, #1` and `adds r0, #1` are two encodings of one instruction.
fn normalise(text: &str, wide: bool) -> String {
    let text = text.split("\t@").next().unwrap_or_default();
    let text = text.split(" <.text").next().unwrap_or_default().trim();
    if !wide
        && let Some((name, operands)) = text.split_once('\t')
        && (name.starts_with("add") || name.starts_with("sub"))
        && let [rd, rn, operand] = operands.split(", ").collect::<Vec<_>>()[..]
        && rd == rn
    {
        return format!("{name}\t{rd}, {operand}");
    }
    text.to_owned()
}
