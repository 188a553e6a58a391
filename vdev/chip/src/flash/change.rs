//! The rules of an option-byte change (h73x-flash 7.1), as one pure function from current and wanted options.

use ironroot_layout::stm32h735::SECTOR_COUNT;
use ironroot_layout::stm32h735::options::SecureArea;

use super::options::{OptionBytes, ReadProtection, extent, is_valid, touches_sector};

/// Who asks for the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requester {
    /// Code running in the open part of RSS or of its library: what the open secure area may, and the removal of an
    /// execute-only area together with the sectors that hold it.
    Rss,
    /// Code running in the open secure area.
    Secure,
    /// Any other code, or the debugger.
    Other,
}

/// The rule that a refused change would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BrokenRule {
    /// At RDP level 2 nothing changes.
    Level2,
    /// A PCROP area shrinks only in a regression with DMEP.
    PcropReduced,
    /// DMEP is cleared only in a regression.
    DmepCleared,
    /// DMES is cleared only in a regression.
    DmesCleared,
    /// SECURITY is cleared only without areas, or in a regression with DMEP and DMES.
    SecurityCleared,
    /// The secure area belongs to the code in it and to RSS.
    SecureAreaForeign,
}

/// What an accepted change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The options afterwards.
    pub options: OptionBytes,
    /// Sectors that are erased first: bit n is sector n.
    pub erase: u32,
    /// Backup SRAM and backup registers are erased (regression).
    pub erase_backup: bool,
}

/// Checks the change from `current` to `wanted`.
pub fn plan(current: &OptionBytes, wanted: &OptionBytes, requester: Requester) -> Result<Change, BrokenRule> {
    let wanted = &current.with(wanted);
    if current.read_protection() == ReadProtection::Level2 && wanted != current {
        return Err(BrokenRule::Level2);
    }
    let regression = current.read_protection() == ReadProtection::Level1
        && wanted.read_protection() == ReadProtection::Level0;
    let dmep = current.dmep() || wanted.dmep();
    let dmes = current.dmes() || wanted.dmes();

    let by_rss = removed_by_rss(current, wanted, requester);
    if reduces(current.pcrop(), wanted.pcrop()) && !(regression && dmep) && by_rss.is_none() {
        return Err(BrokenRule::PcropReduced);
    }
    if current.dmep() && !wanted.dmep() && !regression {
        return Err(BrokenRule::DmepCleared);
    }
    if current.dmes() && !wanted.dmes() && !regression && requester == Requester::Other {
        return Err(BrokenRule::DmesCleared);
    }
    if current.security() && !wanted.security() {
        let areas = [current.pcrop(), current.secure_area(), wanted.pcrop(), wanted.secure_area()];
        let any = areas.into_iter().any(is_valid);
        let full_regression = regression && dmep && dmes;
        if any && !full_regression {
            return Err(BrokenRule::SecurityCleared);
        }
    }
    if current.secure_area() != wanted.secure_area() && requester == Requester::Other {
        // Others may only take it away, together with its content.
        let removal = regression && dmes && !is_valid(wanted.secure_area());
        if !removal {
            return Err(BrokenRule::SecureAreaForeign);
        }
    }
    let erase = match by_rss {
        _ if regression => regression_sectors(current, dmep, dmes),
        Some(sectors) => sectors,
        None => 0,
    };
    Ok(Change { options: *wanted, erase, erase_backup: regression })
}

/// The sectors that are erased when RSS takes the execute-only area away (row B7: a service, no mass erase), if this change
/// is that: the whole area goes, DMEP is 1 before or after as for every removal, nothing but PRAR changes, and no sector
/// of it is write-protected or shared with the secure area.
///
/// No public document says how ST's RSS does it. Modelled so that the content never becomes readable: the change itself
/// erases what the area held, as a regression does, and the rest of the flash stays.
fn removed_by_rss(current: &OptionBytes, wanted: &OptionBytes, requester: Requester) -> Option<u32> {
    let only_prar = OptionBytes { prar: wanted.prar, ..*current } == *wanted;
    let whole = is_valid(current.pcrop()) && !is_valid(wanted.pcrop());
    let dmep = current.dmep() || wanted.dmep();
    if requester != Requester::Rss || !only_prar || !whole || !dmep {
        return None;
    }
    let held = |sector: &u32| touches_sector(current.pcrop(), *sector);
    let kept = |sector| {
        current.write_protected(sector) || current.security() && touches_sector(current.secure_area(), sector)
    };
    if (0..SECTOR_COUNT).filter(held).any(kept) {
        return None;
    }
    Some((0..SECTOR_COUNT).filter(held).fold(0, |mask, sector| mask | 1 << sector))
}

/// A bank erase with automatic protection removal (h73x-flash 5): the staged options ask for exactly the removal of all
/// protections of the bank and for nothing else.
pub fn removal(current: &OptionBytes, wanted: &OptionBytes) -> Option<OptionBytes> {
    let wanted = current.with(wanted);
    let others_equal =
        (wanted.optsr, wanted.boot, wanted.optsr2) == (current.optsr, current.boot, current.optsr2);
    let removes = !is_valid(wanted.pcrop())
        && !is_valid(wanted.secure_area())
        && (current.dmep() || wanted.dmep())
        && (current.dmes() || wanted.dmes())
        && (0..SECTOR_COUNT).all(|sector| !wanted.write_protected(sector));
    (others_equal && removes && current.read_protection() != ReadProtection::Level2).then_some(wanted)
}

/// True if `to` leaves out something that `from` protects.
fn reduces(from: SecureArea, to: SecureArea) -> bool {
    match (extent(from), extent(to)) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(from), Some(to)) => !to.contains_region(from),
    }
}

/// Sectors that a regression erases: all but those with a part of an area that is to be preserved.
fn regression_sectors(current: &OptionBytes, dmep: bool, dmes: bool) -> u32 {
    let keeps = |area: SecureArea, erased: bool, sector| !erased && touches_sector(area, sector);
    (0..SECTOR_COUNT)
        .filter(|&sector| {
            !keeps(current.pcrop(), dmep, sector) && !keeps(current.secure_area(), dmes, sector)
        })
        .fold(0, |mask, sector| mask | 1 << sector)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flash::registers::optsr::SECURITY;
    use BrokenRule::*;
    use Requester::{Other, Rss, Secure};

    const FACTORY: OptionBytes = OptionBytes::FACTORY;
    const ERASE: u32 = 1 << 31;
    /// Sector 0 as an area.
    const SECTOR0: u32 = 0x01FF_0000;
    const NO_AREA: u32 = 0x0000_00FF;

    fn rdp(options: OptionBytes, byte: u32) -> OptionBytes {
        OptionBytes { optsr: options.optsr & !0xFF00 | byte << 8, ..options }
    }

    #[test]
    fn s7_1_rdp_transitions() {
        let (zero, one, two) = (FACTORY, rdp(FACTORY, 0), rdp(FACTORY, 0xCC));
        for (from, to) in [(zero, one), (zero, two), (one, two), (one, rdp(FACTORY, 0xBB))] {
            assert_eq!(plan(&from, &to, Other).map(|change| change.erase), Ok(0));
        }
        assert_eq!(plan(&one, &zero, Other), Ok(Change { options: zero, erase: 0xFF, erase_backup: true }));
        for to in [zero, one, OptionBytes { wpsn: 0, ..two }] {
            assert_eq!(plan(&two, &to, Secure), Err(Level2));
        }
        assert!(plan(&two, &two, Other).is_ok());
    }

    #[test]
    fn s7_1_wrp_is_free() {
        let protected = OptionBytes { wpsn: 0, ..FACTORY };
        assert!(plan(&FACTORY, &protected, Other).is_ok() && plan(&protected, &FACTORY, Other).is_ok());
    }

    #[test]
    fn s7_1_pcrop_grows_freely_and_shrinks_only_in_a_regression_with_dmep() {
        let area = |prar| OptionBytes { prar, ..FACTORY };
        let small = area(0x0003_0002);
        assert!(plan(&FACTORY, &small, Other).is_ok());
        assert!(plan(&small, &area(0x0004_0001), Other).is_ok());
        assert!(plan(&small, &area(0x0005_0005), Other).is_ok(), "the whole flash is larger");
        assert_eq!(plan(&small, &area(0x0004_0003), Other), Err(PcropReduced));
        assert_eq!(plan(&small, &area(NO_AREA), Secure), Err(PcropReduced));
        let one = rdp(small, 0);
        assert_eq!(plan(&one, &area(NO_AREA), Other), Err(PcropReduced), "without DMEP");
        assert!(plan(&one, &area(NO_AREA | ERASE), Other).is_ok(), "DMEP in PRG");
        let one = OptionBytes { prar: one.prar | ERASE, ..one };
        assert!(plan(&one, &area(NO_AREA), Other).is_ok(), "DMEP in CUR");
    }

    #[test]
    fn s7_1_dmep_and_dmes_are_set_freely_and_cleared_only_in_a_regression() {
        let dmep = OptionBytes { prar: FACTORY.prar | ERASE, ..FACTORY };
        assert!(plan(&FACTORY, &dmep, Other).is_ok());
        assert_eq!(plan(&dmep, &FACTORY, Other), Err(DmepCleared));
        assert!(plan(&rdp(dmep, 0), &FACTORY, Other).is_ok());
        let without_dmes = OptionBytes { scar: NO_AREA, ..FACTORY };
        assert_eq!(plan(&FACTORY, &without_dmes, Other), Err(DmesCleared));
        assert!(plan(&without_dmes, &FACTORY, Other).is_ok());
        assert!(plan(&rdp(FACTORY, 0), &without_dmes, Other).is_ok());
    }

    #[test]
    fn s7_1_security_is_set_freely_and_cleared_only_without_areas_or_in_a_full_regression() {
        let secure = OptionBytes { optsr: FACTORY.optsr | SECURITY, ..FACTORY };
        assert!(plan(&FACTORY, &secure, Other).is_ok());
        assert!(plan(&secure, &FACTORY, Other).is_ok(), "no area");
        let with_area = OptionBytes { scar: SECTOR0 | ERASE, ..secure };
        let without = OptionBytes { optsr: FACTORY.optsr, ..with_area };
        assert_eq!(plan(&with_area, &without, Secure), Err(SecurityCleared));
        let with_pcrop = OptionBytes { prar: 0x0003_0002, ..secure };
        assert_eq!(
            plan(&with_pcrop, &OptionBytes { optsr: FACTORY.optsr, ..with_pcrop }, Other),
            Err(SecurityCleared)
        );
        let one = rdp(with_area, 0);
        assert_eq!(plan(&one, &FACTORY, Other), Err(SecurityCleared), "DMEP is missing");
        let wanted = OptionBytes { prar: NO_AREA | ERASE, ..FACTORY };
        assert!(plan(&one, &wanted, Other).is_ok());
    }

    #[test]
    fn s7_1_the_secure_area_belongs_to_its_code_and_to_rss() {
        let secure = OptionBytes { optsr: FACTORY.optsr | SECURITY, ..FACTORY };
        let with = |scar| OptionBytes { scar, ..secure };
        assert_eq!(plan(&secure, &with(SECTOR0 | ERASE), Other), Err(SecureAreaForeign));
        assert!(plan(&secure, &with(SECTOR0 | ERASE), Secure).is_ok());
        let area = with(SECTOR0 | ERASE);
        for scar in [0x02FF_0000 | ERASE, 0x00FF_0000 | ERASE, NO_AREA | ERASE] {
            assert_eq!(plan(&area, &with(scar), Other), Err(SecureAreaForeign));
            assert!(plan(&area, &with(scar), Secure).is_ok());
        }
        // Moving both ends behind each other changes nothing and is nobody's business.
        assert!(plan(&secure, &with(0x0000_0100 | ERASE), Other).is_ok());
    }

    #[test]
    fn s9_the_example_s_way_back() {
        let area = OptionBytes { optsr: FACTORY.optsr | SECURITY, scar: SECTOR0 | ERASE, ..FACTORY };
        let one = rdp(area, 0xBB);
        assert!(plan(&area, &one, Other).is_ok());
        let removed = rdp(OptionBytes { scar: NO_AREA | ERASE, ..one }, 0xAA);
        let change = plan(&one, &removed, Other);
        assert_eq!(change.map(|change| (change.erase, change.erase_backup)), Ok((0xFF, true)));
        let open = OptionBytes { optsr: FACTORY.optsr, ..removed };
        assert!(plan(&removed, &open, Other).is_ok());
    }

    #[test]
    fn s8_a_regression_keeps_sectors_of_preserved_areas() {
        let pcrop = OptionBytes { prar: 0x0210_01FF, ..FACTORY };
        let change = plan(&rdp(pcrop, 0), &pcrop, Other);
        assert_eq!(change.map(|change| change.erase), Ok(0xFC), "no DMEP: sectors 0 and 1 stay");
        let secure = OptionBytes { scar: SECTOR0, optsr: FACTORY.optsr | SECURITY, ..FACTORY };
        let change = plan(&rdp(secure, 0), &secure, Other);
        assert_eq!(change.map(|change| change.erase), Ok(0xFE));
        let dmes = OptionBytes { scar: SECTOR0 | ERASE, ..secure };
        let change = plan(&rdp(secure, 0), &dmes, Other);
        assert_eq!(change.map(|change| change.erase), Ok(0xFF), "write protection is not preserved either");
    }

    #[test]
    fn b7_rss_removes_a_pcrop_area_with_its_sectors_and_nothing_else() {
        let security = FACTORY.optsr | SECURITY;
        // Sectors 1 and 2.
        let area = OptionBytes { prar: 0x0410_03F0, optsr: security, ..FACTORY };
        let without = OptionBytes { prar: NO_AREA | ERASE, ..area };
        let change = plan(&area, &without, Rss);
        assert_eq!(change, Ok(Change { options: without, erase: 0b110, erase_backup: false }));
        for other in [Secure, Other] {
            assert_eq!(plan(&area, &without, other), Err(PcropReduced));
        }
        assert_eq!(plan(&area, &OptionBytes { prar: NO_AREA, ..area }, Rss), Err(PcropReduced), "no DMEP");
        let smaller = OptionBytes { prar: 0x0400_03F0 | ERASE, ..area };
        assert_eq!(plan(&area, &smaller, Rss), Err(PcropReduced), "all of it or nothing");
        for and_more in [OptionBytes { boot: 0, ..without }, rdp(without, 0)] {
            assert_eq!(plan(&area, &and_more, Rss), Err(PcropReduced), "nothing else changes with it");
        }
        let locked = OptionBytes { wpsn: 0xFD, ..area };
        let wanted = OptionBytes { wpsn: 0xFD, ..without };
        assert_eq!(plan(&locked, &wanted, Rss), Err(PcropReduced), "a write-protected sector");
        let shared = OptionBytes { scar: 0x0200_0000 | ERASE, ..area };
        let wanted = OptionBytes { scar: shared.scar, ..without };
        assert_eq!(plan(&shared, &wanted, Rss), Err(PcropReduced), "a sector of the secure area");
    }

    #[test]
    fn s5_removal_needs_exactly_its_pattern() {
        let protected = OptionBytes { prar: 0x0003_0002, wpsn: 0xF0, ..FACTORY };
        let wanted = OptionBytes { prar: NO_AREA | ERASE, wpsn: 0xFF, ..FACTORY };
        assert_eq!(removal(&protected, &wanted), Some(wanted));
        assert_eq!(removal(&protected, &OptionBytes { prar: NO_AREA, ..wanted }), None, "no DMEP");
        assert_eq!(removal(&protected, &OptionBytes { wpsn: 0xFE, ..wanted }), None);
        assert_eq!(removal(&protected, &OptionBytes { boot: 0, ..wanted }), None, "another option differs");
        let no_dmes = OptionBytes { scar: NO_AREA, ..protected };
        assert_eq!(removal(&no_dmes, &OptionBytes { scar: NO_AREA, ..wanted }), None);
    }
}
