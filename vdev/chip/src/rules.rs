//! Who may do what to which area: the access-rights table of the chip, as data.
//!
//! [`decide`] is the only place where a protection of memory is decided; the bus, the flash controller and `prove access`
//! ask it. It is pure: same question, same answer.

use ironroot_cpu::bus::{Kind, Master};

/// What an address belongs to, as far as protections care. Where areas overlap the chip asks for each and takes the
/// strictest answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// User flash that belongs to no protected area.
    User,
    /// Execute-only area (PCROP).
    Pcrop,
    /// Secure user area.
    Secure,
    /// The secure part of system flash: RSS proper.
    Rss,
    /// The window of system flash with the service library.
    Library,
    /// The rest of system flash: bootloader, unique id, flash size.
    Bootloader,
    /// Backup SRAM.
    BackupSram,
}

impl Area {
    /// All areas.
    pub const ALL: [Area; 7] =
        [Area::User, Area::Pcrop, Area::Secure, Area::Rss, Area::Library, Area::Bootloader, Area::BackupSram];
}

/// What an area is like at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Visible: the secure area before exit, RSS before the hand-over, the library before the exit. Areas that never
    /// close are always open, unless there is an intrusion.
    Open,
    /// Closed until the next reset (or, in Standard mode, always).
    Closed,
    /// RDP level 1, and a debugger was connected or the boot was not from user flash. Concerns what level 1 protects:
    /// user flash and backup SRAM. System flash goes on: RSS must run, and the bootloader answers GET, GV and GID.
    Intruded,
}

impl State {
    /// All states.
    pub const ALL: [State; 3] = [State::Open, State::Closed, State::Intruded];

    /// True if an area can be in this state.
    pub fn applies_to(self, area: Area) -> bool {
        self != State::Intruded || !matches!(area, Area::Rss | Area::Library | Area::Bootloader)
    }
}

/// The flag of SR1 that an access raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flag {
    /// WRPERR.
    WriteProtection,
    /// RDPERR.
    ReadProtection,
    /// RDSERR.
    ReadSecure,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The access is made.
    Allow,
    /// A read that returns zero, and raises a flag.
    ReadZero(Flag),
    /// A write that is dropped, and raises a flag.
    Ignore(Flag),
    /// A bus error, and a flag if there is one.
    Error(Option<Flag>),
}

/// Which masters a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The core.
    Cpu,
    /// DMA and debugger: whoever is not executing the area's own code.
    Others,
    /// All.
    Any,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The area.
    pub area: Area,
    /// Its state.
    pub state: State,
    /// The master.
    pub by: By,
    /// The answers to fetch, read and write.
    pub verdicts: [Verdict; 3],
    /// Where it is written.
    pub source: &'static str,
}

const ALLOW: Verdict = Verdict::Allow;
const DROP: Verdict = Verdict::Ignore(Flag::WriteProtection);
const ZERO_SECURE: Verdict = Verdict::ReadZero(Flag::ReadSecure);
const ZERO_PCROP: Verdict = Verdict::ReadZero(Flag::ReadProtection);
const FAULT_SECURE: Verdict = Verdict::Error(Some(Flag::ReadSecure));
const FAULT_RDP: Verdict = Verdict::Error(Some(Flag::ReadProtection));
const FAULT: Verdict = Verdict::Error(None);

const fn rule(area: Area, state: State, by: By, verdicts: [Verdict; 3], source: &'static str) -> Rule {
    Rule { area, state, by, verdicts, source }
}

/// The table; the first line that fits decides. Columns of the verdicts: fetch, read, write.
#[rustfmt::skip]
pub const TABLE: &[Rule] = &[
    rule(Area::User, State::Open, By::Any, [ALLOW, ALLOW, ALLOW], "h73x-flash 4"),
    rule(Area::User, State::Closed, By::Any, [ALLOW, ALLOW, ALLOW], "h73x-flash 4: plain flash does not close"),
    rule(Area::User, State::Intruded, By::Any, [FAULT_RDP, FAULT_RDP, DROP], "h73x-flash 8"),

    rule(Area::Pcrop, State::Open, By::Any, [ALLOW, ZERO_PCROP, DROP], "h73x-flash 9"),
    rule(Area::Pcrop, State::Closed, By::Any, [ALLOW, ZERO_PCROP, DROP], "h73x-flash 9: never opens"),
    rule(Area::Pcrop, State::Intruded, By::Any, [FAULT_RDP, FAULT_RDP, DROP], "h73x-flash 8"),

    // Only the core, and only before the exit: a DMA or debug read of open secure code would outlive the exit.
    rule(Area::Secure, State::Open, By::Cpu, [ALLOW, ALLOW, ALLOW], "h73x-flash 9"),
    rule(Area::Secure, State::Open, By::Others, [FAULT_SECURE, ZERO_SECURE, DROP], "rss-h73x 5"),
    rule(Area::Secure, State::Closed, By::Any, [FAULT_SECURE, ZERO_SECURE, DROP], "h73x-flash 9"),
    rule(Area::Secure, State::Intruded, By::Any, [FAULT_RDP, FAULT_RDP, DROP], "h73x-flash 8"),

    rule(Area::Rss, State::Open, By::Cpu, [ALLOW, ALLOW, DROP], "rss-h73x 5"),
    rule(Area::Rss, State::Open, By::Others, [FAULT_SECURE, ZERO_SECURE, DROP], "rss-h73x 5"),
    rule(Area::Rss, State::Closed, By::Any, [FAULT_SECURE, ZERO_SECURE, DROP], "rss-h73x 5"),

    rule(Area::Library, State::Open, By::Cpu, [ALLOW, ALLOW, DROP], "rss-h73x 1"),
    rule(Area::Library, State::Open, By::Others, [FAULT_SECURE, ZERO_SECURE, DROP], "rss-h73x 5"),
    rule(Area::Library, State::Closed, By::Any, [FAULT_SECURE, ZERO_SECURE, DROP], "rss-h73x 5"),

    rule(Area::Bootloader, State::Open, By::Any, [ALLOW, ALLOW, DROP], "h73x-flash 1"),
    rule(Area::Bootloader, State::Closed, By::Any, [ALLOW, ALLOW, DROP], "h73x-flash 1"),

    rule(Area::BackupSram, State::Open, By::Any, [ALLOW, ALLOW, ALLOW], "h73x-flash 8"),
    rule(Area::BackupSram, State::Closed, By::Any, [ALLOW, ALLOW, ALLOW], "h73x-flash 8"),
    rule(Area::BackupSram, State::Intruded, By::Any, [FAULT, FAULT, FAULT], "h73x-flash 8"),
];

/// The answer to one access. What no rule names is refused.
pub fn decide(area: Area, state: State, master: Master, kind: Kind) -> Verdict {
    let column = match kind {
        Kind::Fetch => 0,
        Kind::Read => 1,
        Kind::Write => 2,
    };
    TABLE
        .iter()
        .find(|rule| {
            rule.area == area
                && rule.state == state
                && match rule.by {
                    By::Any => true,
                    By::Cpu => master == Master::Cpu,
                    By::Others => master != Master::Cpu,
                }
        })
        .map_or(FAULT, |rule| rule.verdicts[column])
}

/// The stricter of two answers (an address can be in a PCROP and in a secure area).
pub fn stricter(a: Verdict, b: Verdict) -> Verdict {
    let rank = |verdict| match verdict {
        Verdict::Allow => 0,
        Verdict::ReadZero(_) | Verdict::Ignore(_) => 1,
        Verdict::Error(_) => 2,
    };
    if rank(b) > rank(a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTERS: [Master; 3] = [Master::Cpu, Master::Dma, Master::Debugger];
    const KINDS: [Kind; 3] = [Kind::Fetch, Kind::Read, Kind::Write];

    #[test]
    fn every_question_has_exactly_one_rule() {
        for area in Area::ALL {
            for state in State::ALL {
                for cpu in [true, false] {
                    let fitting = TABLE
                        .iter()
                        .filter(|rule| {
                            let by = rule.by == By::Any || (rule.by == By::Cpu) == cpu;
                            rule.area == area && rule.state == state && by
                        })
                        .count();
                    assert_eq!(fitting, usize::from(state.applies_to(area)), "{area:?} {state:?} cpu {cpu}");
                }
            }
        }
    }

    #[test]
    fn a_closed_or_intruded_area_gives_nothing_to_anyone() {
        for area in [Area::Secure, Area::Rss, Area::Library] {
            for state in [State::Closed, State::Intruded] {
                for master in MASTERS {
                    for kind in KINDS {
                        assert_ne!(decide(area, state, master, kind), Verdict::Allow);
                    }
                }
            }
        }
    }

    #[test]
    fn other_masters_never_reach_rss_library_or_secure_area() {
        for area in [Area::Secure, Area::Rss, Area::Library] {
            for state in State::ALL {
                for master in [Master::Dma, Master::Debugger] {
                    for kind in KINDS {
                        assert_ne!(decide(area, state, master, kind), Verdict::Allow);
                    }
                }
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
