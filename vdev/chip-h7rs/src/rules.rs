//! Who may do what to which area: temporal isolation as data.
//!
//! [`decide`] is the only place where a protection of memory is decided; the bus, the debug port and tests ask it. It is
//! pure: same question, same answer. The contents of system flash are ours, so its windows are as well
//! ([`ironroot_layout::stm32h7rs::rsslib`]); what a level hides of user flash is ST's.

use ironroot_chip::rules::{Flag, Verdict};
use ironroot_cpu::bus::{Kind, Master};
use ironroot_layout::stm32h7rs::state::{Hdpl, ProductState};

/// What an address belongs to, as far as protections care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// User flash outside the hide-protection area.
    User,
    /// The hide-protection area of user flash (HDPSR).
    Hidden,
    /// System flash: root security services.
    Rss,
    /// System flash: STiRoT.
    Stirot,
    /// System flash: the code of the services that every level calls.
    Library,
    /// System flash: the table of these services.
    Table,
    /// System flash: the bootloader.
    Bootloader,
    /// The rest of system flash.
    Rest,
    /// One-time programmable words.
    Otp,
    /// Unique id and package.
    Information,
}

impl Area {
    /// All areas.
    pub const ALL: [Area; 10] = [
        Area::User,
        Area::Hidden,
        Area::Rss,
        Area::Stirot,
        Area::Library,
        Area::Table,
        Area::Bootloader,
        Area::Rest,
        Area::Otp,
        Area::Information,
    ];
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Asker {
    /// The core, with an instruction that lies in RSS, STiRoT or the library.
    SystemCode,
    /// The core, with any other instruction.
    OtherCode,
    /// The debug port.
    Debugger,
    /// A DMA controller.
    Dma,
}

impl Asker {
    /// All.
    pub const ALL: [Asker; 4] = [Asker::SystemCode, Asker::OtherCode, Asker::Debugger, Asker::Dma];

    /// From a bus access: its master, and whether its instruction lies in RSS, STiRoT or the library.
    pub const fn new(master: Master, in_system_code: bool) -> Self {
        match master {
            Master::Cpu if in_system_code => Asker::SystemCode,
            Master::Cpu => Asker::OtherCode,
            Master::Debugger => Asker::Debugger,
            Master::Dma => Asker::Dma,
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The area.
    pub area: Area,
    /// The highest level at which the line applies.
    pub up_to: Hdpl,
    /// The product states in which it applies.
    pub states: &'static [ProductState],
    /// For whom.
    pub by: &'static [Asker],
    /// The answers to fetch, read and write.
    pub verdicts: [Verdict; 3],
    /// Where it is written.
    pub source: &'static str,
}

const ALLOW: Verdict = Verdict::Allow;
const DROP: Verdict = Verdict::Ignore(Flag::WriteProtection);
const ZERO: Verdict = Verdict::ReadZero(Flag::ReadSecure);
const FAULT: Verdict = Verdict::Error(None);

const CORE: &[Asker] = &[Asker::SystemCode, Asker::OtherCode];
const SYSTEM: &[Asker] = &[Asker::SystemCode];
const DEBUG: &[Asker] = &[Asker::Debugger];
const ANY: &[Asker] = &Asker::ALL;
const OPEN: &[ProductState] = &[ProductState::Open];
const UNSETTLED: &[ProductState] = &[ProductState::Open, ProductState::Provisioning];
const EVERY: &[ProductState] = &ProductState::ALL;

const fn rule(
    area: Area,
    up_to: Hdpl,
    states: &'static [ProductState],
    by: &'static [Asker],
    verdicts: [Verdict; 3],
    source: &'static str,
) -> Rule {
    Rule { area, up_to, states, by, verdicts, source }
}

/// The table; the first line that fits decides. Columns of the verdicts: fetch, read, write.
#[rustfmt::skip]
pub const TABLE: &[Rule] = &[
    rule(Area::User, Hdpl::Level3, EVERY, ANY, [ALLOW, ALLOW, ALLOW], "h7rs 1"),

    rule(Area::Hidden, Hdpl::Level1, EVERY, ANY, [ALLOW, ALLOW, ALLOW], "h7rs 2"),
    rule(Area::Hidden, Hdpl::Level3, EVERY, ANY, [FAULT, ZERO, DROP], "h7rs 2: hidden from level 2 on"),

    // Open debug reaches what is not hidden yet: there is nothing in our system flash that is not in its sources.
    rule(Area::Rss, Hdpl::Level0, EVERY, CORE, [ALLOW, ALLOW, DROP], "h7rs 6: level 0 is RSS"),
    rule(Area::Rss, Hdpl::Level0, OPEN, DEBUG, [FAULT, ALLOW, DROP], "our system flash"),
    rule(Area::Rss, Hdpl::Level3, EVERY, ANY, [FAULT, ZERO, DROP], "h7rs 6"),

    rule(Area::Stirot, Hdpl::Level1, EVERY, CORE, [ALLOW, ALLOW, DROP], "h7rs 6: level 1 is the first stage"),
    rule(Area::Stirot, Hdpl::Level1, OPEN, DEBUG, [FAULT, ALLOW, DROP], "our system flash"),
    rule(Area::Stirot, Hdpl::Level3, EVERY, ANY, [FAULT, ZERO, DROP], "h7rs 6"),

    // Its code runs for every level and gives its constants to nobody else.
    rule(Area::Library, Hdpl::Level3, EVERY, SYSTEM, [ALLOW, ALLOW, DROP], "our system flash"),
    rule(Area::Library, Hdpl::Level3, EVERY, CORE, [ALLOW, ZERO, DROP], "our system flash"),
    rule(Area::Library, Hdpl::Level3, EVERY, ANY, [FAULT, ZERO, DROP], "our system flash"),

    rule(Area::Table, Hdpl::Level3, EVERY, ANY, [FAULT, ALLOW, DROP], "h7rs 5"),

    rule(Area::Bootloader, Hdpl::Level1, UNSETTLED, ANY, [ALLOW, ALLOW, DROP], "h7rs 9: while Open or Provisioning"),
    rule(Area::Bootloader, Hdpl::Level3, EVERY, ANY, [FAULT, ZERO, DROP], "our system flash"),

    rule(Area::Rest, Hdpl::Level3, EVERY, ANY, [FAULT, ZERO, DROP], "our system flash"),

    rule(Area::Otp, Hdpl::Level3, EVERY, ANY, [FAULT, ALLOW, ALLOW], "h7rs 2"),
    rule(Area::Information, Hdpl::Level3, EVERY, ANY, [FAULT, ALLOW, DROP], "h7rs 1"),
];

/// The answer to one access. What no rule names is refused.
pub fn decide(area: Area, level: Hdpl, state: ProductState, asker: Asker, kind: Kind) -> Verdict {
    let column = match kind {
        Kind::Fetch => 0,
        Kind::Read => 1,
        Kind::Write => 2,
    };
    TABLE
        .iter()
        .find(|rule| {
            rule.area == area
                && level <= rule.up_to
                && rule.states.contains(&state)
                && rule.by.contains(&asker)
        })
        .map_or(FAULT, |rule| rule.verdicts[column])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_a_rule_and_every_rule_a_question() {
        let mut used = vec![false; TABLE.len()];
        for area in Area::ALL {
            for level in Hdpl::ALL {
                for state in ProductState::ALL {
                    for asker in Asker::ALL {
                        let found = TABLE.iter().position(|rule| {
                            rule.area == area
                                && level <= rule.up_to
                                && rule.states.contains(&state)
                                && rule.by.contains(&asker)
                        });
                        assert!(found.is_some(), "{area:?} {level:?} {state:?} {asker:?}");
                        if let Some(index) = found {
                            used[index] = true;
                        }
                    }
                }
            }
        }
        assert!(used.iter().all(|used| *used), "a line that never decides: {used:?}");
    }

    #[test]
    fn a_higher_level_never_sees_more() {
        for (area, state, asker) in Area::ALL.into_iter().flat_map(|area| {
            ProductState::ALL
                .into_iter()
                .flat_map(move |state| Asker::ALL.into_iter().map(move |asker| (area, state, asker)))
        }) {
            for kind in [Kind::Fetch, Kind::Read, Kind::Write] {
                let allowed =
                    Hdpl::ALL.map(|level| decide(area, level, state, asker, kind) == Verdict::Allow);
                assert!(
                    allowed.is_sorted_by(|a, b| a >= b),
                    "{area:?} {state:?} {asker:?} {kind:?}: {allowed:?}"
                );
            }
        }
    }

    #[test]
    fn a_write_never_reads_and_a_read_is_never_ignored() {
        for rule in TABLE {
            let [fetch, read, write] = rule.verdicts;
            assert!(!matches!(fetch, Verdict::Ignore(_) | Verdict::ReadZero(_)));
            assert!(!matches!(read, Verdict::Ignore(_)));
            assert!(!matches!(write, Verdict::ReadZero(_)));
        }
    }
}
