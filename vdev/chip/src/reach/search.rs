//! The search: the cheapest moves from a state to wanted options.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{Content, State};
use crate::flash::change::{self, Requester};
use crate::flash::options::{AREA_WRITABLE, OptionBytes, ReadProtection, is_valid};
use crate::flash::registers::optsr::SECURITY;
use crate::security::Mode;

/// Who makes a move from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Agent {
    /// A debugger.
    Debugger,
    /// A program that the system bootloader loads into RAM and starts; at RDP level 1 its "readout unprotect".
    Bootloader,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Power off and on, with this level at BOOT0.
    PowerOn {
        /// The level.
        boot0: bool,
    },
    /// An option change.
    Change {
        /// Who makes it.
        by: Agent,
        /// The options to write.
        options: OptionBytes,
        /// The sectors that it erases; bit n is sector n.
        erases: u32,
    },
    /// A bank erase with automatic protection removal.
    BankErase {
        /// Who starts it.
        by: Agent,
        /// The options to write first; they are in force afterwards.
        options: OptionBytes,
    },
}

/// What is searched for.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// What is known of the flash.
    pub content: &'a Content<'a>,
    /// The options at the end.
    pub wanted: OptionBytes,
    /// Whether power may go off and on. If so the wanted options must have taken effect in the end, else it is enough
    /// that they are in force.
    pub power_cycles: bool,
}

/// More states than the bounded abstraction has; a search that gets there would be a fault of ours, and ends.
const LIMIT: usize = 20_000;
/// A step that erases is worth so many that do not.
const ERASE_COST: u32 = 100;
const ALL_SECTORS: u32 = 0xFF;
/// START behind END, and the erase bit: what a removal writes.
const REMOVED: u32 = 0x8000_00FF;
const ERASE_BIT: u32 = 1 << 31;
const RDP: u32 = 0xFF00;
const LEVEL_0: u32 = 0xAA00;
const LEVEL_1: u32 = 0xBB00;

/// The cheapest steps from one of `starts` (each with the step that led to it, if there is one) to the wanted options; steps
/// that erase are avoided where others do. `None`: there is no way.
pub fn ways(starts: &[(State, Option<Step>)], question: &Question<'_>) -> Option<Vec<Step>> {
    let mut nodes: Vec<(State, Option<usize>, Option<Step>)> = Vec::new();
    let mut best: HashMap<State, u32> = HashMap::new();
    let mut open = BinaryHeap::new();
    for (state, step) in starts {
        nodes.push((*state, None, *step));
        best.insert(*state, 0);
        open.push(Reverse((0, nodes.len() - 1)));
    }
    while let Some(Reverse((cost, index))) = open.pop() {
        let (state, ..) = *nodes.get(index)?;
        if best.get(&state).is_some_and(|known| *known < cost) {
            continue;
        }
        if is_there(&state, question) {
            return Some(path(&nodes, index));
        }
        if nodes.len() > LIMIT {
            return None;
        }
        moves(&state, question, &mut |next, step, step_cost| {
            let total = cost + step_cost;
            if best.get(&next).is_none_or(|known| total < *known) {
                best.insert(next, total);
                nodes.push((next, Some(index), Some(step)));
                open.push(Reverse((total, nodes.len() - 1)));
            }
        });
    }
    None
}

fn is_there(state: &State, question: &Question<'_>) -> bool {
    let mode = if question.wanted.security() { Mode::SecureAccess } else { Mode::Standard };
    state.options == question.wanted && (!question.power_cycles || state.mode == mode)
}

fn path(nodes: &[(State, Option<usize>, Option<Step>)], end: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = Some(end);
    while let Some((_, before, step)) = at.and_then(|index| nodes.get(index)) {
        steps.extend(step);
        at = *before;
    }
    steps.reverse();
    steps
}

/// Everything that can be done from outside in `state`.
fn moves(state: &State, question: &Question<'_>, visit: &mut dyn FnMut(State, Step, u32)) {
    if question.power_cycles {
        for boot0 in [false, true] {
            let next = State::power_on(state.options, boot0, question.content, state.erased);
            if next != *state {
                visit(next, Step::PowerOn { boot0 }, 1);
            }
        }
    }
    let by = match (state.debugger(), state.bootloader()) {
        (true, _) => Agent::Debugger,
        (false, true) => Agent::Bootloader,
        (false, false) => return,
    };
    let current = &state.options;
    let level_1 = current.read_protection() == ReadProtection::Level1;
    let wishes = match by {
        // At level 1 the bootloader serves nothing but its readout unprotect.
        Agent::Bootloader if level_1 => {
            vec![OptionBytes { optsr: current.optsr & !RDP | LEVEL_0, ..*current }]
        }
        _ => candidates(current, &question.wanted),
    };
    for wanted in wishes {
        // Level 2 is the end: it is reached with everything else done, or not at all.
        let level_2 = wanted.read_protection() == ReadProtection::Level2;
        if wanted == *current || level_2 && wanted != question.wanted {
            continue;
        }
        if let Ok(done) = change::plan(current, &wanted, Requester::Other) {
            let next = State { options: done.options, erased: state.erased | done.erase, ..*state };
            let erases = if done.erase_backup { ERASE_COST } else { 0 };
            visit(next, Step::Change { by, options: wanted, erases: done.erase }, 1 + erases);
        }
    }
    // A debugger or a boot from elsewhere at level 1 is an intrusion, under which nothing is erased.
    let protected = is_valid(current.pcrop())
        || is_valid(current.secure_area())
        || current.wpsn & ALL_SECTORS != ALL_SECTORS;
    if protected && current.read_protection() == ReadProtection::Level0 {
        let wanted = OptionBytes { prar: REMOVED, scar: REMOVED, wpsn: ALL_SECTORS, ..*current };
        if let Some(options) = change::removal(current, &wanted) {
            let next = State { options, erased: ALL_SECTORS, ..*state };
            visit(next, Step::BankErase { by, options: wanted }, 1 + ERASE_COST);
        }
    }
}

/// The options that a move from `current` towards `goal` can ask for. What no rule guards (write protection, boot addresses,
/// the small fields) goes to its goal at once.
fn candidates(current: &OptionBytes, goal: &OptionBytes) -> Vec<OptionBytes> {
    let levels = distinct([current.optsr & RDP, goal.optsr & RDP, LEVEL_1]);
    let securities = distinct([current.optsr & SECURITY, goal.optsr & SECURITY]);
    let area = |current: u32, goal: u32| {
        distinct([current, goal, current | ERASE_BIT, goal | ERASE_BIT].map(|value| value & AREA_WRITABLE))
    };
    let (scars, prars) = (area(current.scar, goal.scar), area(current.prar, goal.prar));
    let mut all = Vec::with_capacity(64);
    for level in &levels {
        for security in &securities {
            let optsr = goal.optsr & !(RDP | SECURITY) | level | security;
            for scar in &scars {
                for prar in &prars {
                    all.push(current.with(&OptionBytes { optsr, prar: *prar, scar: *scar, ..*goal }));
                }
            }
        }
    }
    all
}

/// The values without repetitions.
fn distinct<T: PartialEq + Copy, const N: usize>(values: [T; N]) -> Vec<T> {
    let mut kept = Vec::with_capacity(N);
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}
