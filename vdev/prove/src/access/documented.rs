//! The access rights as documented, cell by cell.
//!
//! Written from the reference manual's chapter "Secure memory management" (table "Summary of Flash protected areas access
//! rights"), its flash chapter and the description of the root security services, as collected in the fact sheets
//! h73x-flash and rss-h73x; the section is at each line. It knows nothing of the chip's own rule table: that one is the
//! model, this one is what the model is held against. Where the sheets are silent on a detail, the line says so.

use super::cell::Why;
use super::cell::{
    Area, Documented, Key, Kind, Level, Mode, Moment, OPTCHANGEERR, Outcome, RDPERR, RDSERR, WRPERR,
};

use Area::{Backup, Bootloader, Library, Options, Pcrop, Rss, Secure, User};
use Kind::{DebugHalt, DebugRead, DebugWrite, DmaRead, DmaWrite, Execute, Read, Write};
use Level::{One, OneIntruded, Two, Zero};
use Moment::{AfterReset, BeforeExit, ExitClosed, ExitOpen, WhileRss};
use Outcome::{Fault, Granted, Ignored, Impossible, PortClosed};

/// One line: which cells (an empty list is all of them), what happens, and where that is written.
struct Line {
    modes: &'static [Mode],
    levels: &'static [Level],
    moments: &'static [Moment],
    areas: &'static [Area],
    kinds: &'static [Kind],
    outcome: Outcome,
    source: &'static str,
}

const fn line(
    modes: &'static [Mode],
    levels: &'static [Level],
    moments: &'static [Moment],
    areas: &'static [Area],
    kinds: &'static [Kind],
    outcome: Outcome,
    source: &'static str,
) -> Line {
    Line { modes, levels, moments, areas, kinds, outcome, source }
}

const STANDARD: &[Mode] = &[Mode::Standard];
const SECURE: &[Mode] = &[Mode::Secure];
const INTRUDED: &[Level] = &[OneIntruded];
const DEBUG: &[Kind] = &[DebugRead, DebugWrite, DebugHalt];
const SYSTEM: &[Area] = &[Rss, Library, Bootloader];
const USER_FLASH: &[Area] = &[User, Pcrop, Secure];
/// From reset to exit.
const OPEN: &[Moment] = &[WhileRss, BeforeExit, AfterReset];
/// Debug is closed at these moments of Secure access mode.
const DEBUG_CLOSED: &[Moment] = &[WhileRss, BeforeExit, ExitClosed, AfterReset];

const READS_0_PCROP: Outcome = Outcome::Zero(RDPERR);
const READS_0_SECURE: Outcome = Outcome::Zero(RDSERR);
const DROPPED: Outcome = Ignored(WRPERR);

const SUMMARY: &str = "Summary of Flash protected areas access rights";
const MODES: &str = "rss-h73x 5; Secure memory management, device modes";
const JTAG: &str = "rss-h73x 5: debug stays closed until exitSecureArea opens it";
const INTRUSION: &str = "h73x-flash 8, level 1 with intrusion";
const LEVEL_2: &str = "h73x-flash 8, level 2: disabled for ever";

/// The table; the first line that fits counts.
#[rustfmt::skip]
const TABLE: &[Line] = &[
    // What cannot be tried.
    line(STANDARD, &[], &[WhileRss, BeforeExit, ExitClosed, ExitOpen], &[], &[], Impossible(Why::NoSuchMoment), MODES),
    line(STANDARD, &[], &[], &[Secure], &[], Impossible(Why::NoSuchArea), MODES),
    line(SECURE, INTRUDED, &[WhileRss, BeforeExit, ExitClosed], &[], &[], Impossible(Why::NoIntrusion), JTAG),

    // The debug port itself.
    line(&[], &[Two], &[], &[], DEBUG, PortClosed, LEVEL_2),
    line(SECURE, &[], DEBUG_CLOSED, &[], DEBUG, PortClosed, JTAG),
    line(SECURE, INTRUDED, &[AfterReset], &[], &[], Impossible(Why::NothingRuns), INTRUSION),

    // Halting: where the core can execute at all, and not in execute-only code.
    line(&[], &[], &[], &[Options], &[DebugHalt], Impossible(Why::NotExecutable), "regs-h735: registers, not memory"),
    line(&[], &[], &[], &[Rss, Library, Secure], &[DebugHalt], Impossible(Why::NotExecutable), SUMMARY),
    line(&[], INTRUDED, &[], &[User, Pcrop, Backup], &[DebugHalt], Impossible(Why::NotExecutable), INTRUSION),
    line(&[], &[One], &[], &[Pcrop], &[DebugHalt], Fault(RDPERR), "h73x-flash 8, 9: ignored, and the intrusion ends the fetches"),
    line(&[], &[], &[], &[Pcrop], &[DebugHalt], Ignored(0), "h73x-flash 9: debug events while fetching are ignored"),
    line(&[], &[], &[], &[], &[DebugHalt], Granted, "h73x-flash 8"),

    // Option bytes.
    line(&[], &[], &[], &[Options], &[Execute], Fault(0), "regs-h735: registers, not memory"),
    line(&[], &[], &[], &[Options], &[Read, DmaRead, DebugRead], Granted, "h73x-flash 2"),
    line(&[], &[Two], &[], &[Options], &[Write, DmaWrite], Ignored(OPTCHANGEERR), "h73x-flash 7.1: at level 2 nothing changes"),
    line(&[], &[], &[], &[Options], &[], Granted, "h73x-flash 7.1: write protection is free"),

    // Backup SRAM.
    line(&[], INTRUDED, &[], &[Backup], &[], Fault(0), INTRUSION),
    line(&[], &[One], &[], &[Backup], DEBUG, Fault(0), "h73x-flash 8: the debugger's access is the intrusion"),
    line(&[], &[], &[], &[Backup], &[], Granted, "h73x-flash 8"),

    // Nobody writes system flash; the core's and other masters' way into its parts.
    line(&[], &[], &[], SYSTEM, &[Write, DmaWrite, DebugWrite], DROPPED, "h73x-flash 1, 6"),
    line(&[], &[], &[], &[Bootloader], &[], Granted, "h73x-flash 1: readable in every mode"),
    line(SECURE, &[], &[WhileRss], &[Rss], &[Execute, Read], Granted, SUMMARY),
    line(SECURE, &[], OPEN, &[Library], &[Execute, Read], Granted, "rss-h73x 1: services until exit"),
    line(&[], &[], &[], &[Rss, Library], &[Execute], Fault(RDSERR), SUMMARY),
    line(&[], &[], &[], &[Rss, Library], &[Read, DmaRead, DebugRead], READS_0_SECURE, SUMMARY),

    // User flash under intrusion: everything in it, whatever else protects it.
    line(&[], INTRUDED, &[], USER_FLASH, &[Execute, Read, DmaRead, DebugRead], Fault(RDPERR), INTRUSION),
    line(&[], INTRUDED, &[], USER_FLASH, &[Write, DmaWrite, DebugWrite], DROPPED, INTRUSION),
    line(&[], &[One], &[], USER_FLASH, &[DebugRead], Fault(RDPERR), "h73x-flash 8: the debugger's access is the intrusion"),
    line(&[], &[One], &[], USER_FLASH, &[DebugWrite], DROPPED, "h73x-flash 8: the debugger's access is the intrusion"),

    // The areas.
    line(&[], &[], &[], &[Pcrop], &[Execute], Granted, SUMMARY),
    line(&[], &[], &[], &[Pcrop], &[Read, DmaRead, DebugRead], READS_0_PCROP, SUMMARY),
    line(&[], &[], &[], &[Pcrop], &[Write, DmaWrite, DebugWrite], DROPPED, "h73x-flash 9"),
    line(SECURE, &[], OPEN, &[Secure], &[Execute, Read], Granted, SUMMARY),
    line(SECURE, &[], OPEN, &[Secure], &[Write], Granted, "h73x-flash 9: it may change itself"),
    line(&[], &[], &[], &[Secure], &[Execute], Fault(RDSERR), "h73x-flash 6, 9"),
    line(&[], &[], &[], &[Secure], &[Read, DmaRead, DebugRead], READS_0_SECURE, "h73x-flash 6, 9"),
    line(&[], &[], &[], &[Secure], &[Write, DmaWrite, DebugWrite], DROPPED, "h73x-flash 6, 9"),
    line(&[], &[Zero, One, Two], &[], &[User], &[], Granted, "h73x-flash 8"),
];

/// What is documented for a cell.
pub fn says(key: &Key) -> Option<Documented> {
    let fits = |line: &&Line| {
        (line.modes.is_empty() || line.modes.contains(&key.mode))
            && (line.levels.is_empty() || line.levels.contains(&key.level))
            && (line.moments.is_empty() || line.moments.contains(&key.moment))
            && (line.areas.is_empty() || line.areas.contains(&key.area))
            && (line.kinds.is_empty() || line.kinds.contains(&key.kind))
    };
    TABLE.iter().find(fits).map(|line| Documented { outcome: line.outcome, source: line.source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_documented_and_every_line_is_used() {
        let used: std::collections::HashSet<(&str, String)> = Key::all()
            .map(|key| says(&key).unwrap_or_else(|| panic!("nothing says {key}")))
            .map(|documented| (documented.source, documented.outcome.to_string()))
            .collect();
        for line in TABLE {
            assert!(
                used.contains(&(line.source, line.outcome.to_string())),
                "{}: {}",
                line.source,
                line.outcome
            );
        }
    }

    /// The three lines of the manual's summary table, each cell of it spelled out.
    #[test]
    fn the_manual_s_summary_table_holds() {
        let granted = |mode, moment, area, kind| {
            let key = Key { mode, level: Zero, moment, area, kind };
            says(&key).is_some_and(|documented| documented.outcome == Granted)
        };
        let moments = [WhileRss, BeforeExit, ExitClosed, ExitOpen, AfterReset];
        for moment in moments {
            let open = moment != ExitClosed && moment != ExitOpen;
            assert!(granted(Mode::Secure, moment, Pcrop, Execute));
            assert_eq!(granted(Mode::Secure, moment, Secure, Execute), open);
            assert_eq!(granted(Mode::Secure, moment, Secure, Read), open);
            assert_eq!(granted(Mode::Secure, moment, Rss, Execute), moment == WhileRss);
            assert_eq!(granted(Mode::Secure, moment, Rss, Read), moment == WhileRss);
            for area in [Pcrop, Secure, Rss] {
                for kind in DEBUG {
                    assert!(!granted(Mode::Secure, moment, area, *kind));
                }
            }
            assert!(!granted(Mode::Secure, moment, Pcrop, Read));
        }
        assert!(granted(Mode::Standard, AfterReset, Pcrop, Execute));
        for kind in Kind::ALL {
            assert!(!granted(Mode::Standard, AfterReset, Rss, *kind), "Standard mode gives no RSS to {kind}");
        }
    }
}
