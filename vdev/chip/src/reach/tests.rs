use super::*;
use crate::flash::registers::optsr::SECURITY;

const FACTORY: OptionBytes = OptionBytes::FACTORY;
const ERASE: u32 = 1 << 31;
const SECTOR0: u32 = 0x01FF_0000;

fn rdp(options: OptionBytes, byte: u32) -> OptionBytes {
    OptionBytes { optsr: options.optsr & !0xFF00 | byte << 8, ..options }
}

fn outlook(options: &OptionBytes, entry: Entry, opens_debug: bool) -> Outlook {
    Outlook::of(options, &Content { entry: &|_| entry, opens_debug }, 0)
}

#[test]
fn standard_mode_below_level_2_always_leads_back() {
    for entry in [Entry::Runs, Entry::Blank, Entry::Unknown] {
        for (prar, scar) in [(0xFF, 0xFF), (SECTOR0, SECTOR0), (0x0005_0005, SECTOR0 | ERASE)] {
            for byte in [0xAA, 0xBB, 0] {
                let options = rdp(OptionBytes { prar, scar, wpsn: 0, boot: 0x2400_2400, ..FACTORY }, byte);
                assert!(matches!(outlook(&options, entry, false), Outlook::Open(_)), "{options:X?}");
            }
        }
    }
}

#[test]
fn a_factory_part_needs_only_power() {
    assert_eq!(outlook(&FACTORY, Entry::Blank, false), Outlook::Open(vec![Step::PowerOn { boot0: false }]));
}

#[test]
fn level_2_is_final_or_dead() {
    let options = rdp(FACTORY, 0xCC);
    assert_eq!(outlook(&options, Entry::Runs, false), Outlook::Final);
    assert_eq!(outlook(&options, Entry::Blank, false), Outlook::Dead);
}

#[test]
fn an_empty_secure_area_is_a_dead_end_and_a_running_one_is_its_own_master() {
    let options = OptionBytes { optsr: FACTORY.optsr | SECURITY, scar: SECTOR0 | ERASE, ..FACTORY };
    assert_eq!(outlook(&options, Entry::Blank, false), Outlook::Dead);
    assert_eq!(outlook(&options, Entry::Runs, false), Outlook::OwnCode);
    assert!(matches!(outlook(&options, Entry::Runs, true), Outlook::Open(_)), "the JTAG magic");
}

#[test]
fn security_without_area_leads_back_through_the_bootloader() {
    let options = OptionBytes { optsr: FACTORY.optsr | SECURITY, ..FACTORY };
    let Outlook::Open(steps) = outlook(&options, Entry::Runs, false) else { panic!("no way") };
    assert_eq!(steps.first(), Some(&Step::PowerOn { boot0: true }));
    assert!(matches!(steps.get(1), Some(Step::Change { by: Agent::Bootloader, .. })));
    let away = OptionBytes { boot: 0x2400_0800, ..options };
    assert_eq!(outlook(&away, Entry::Runs, false), Outlook::OwnCode, "BOOT_ADD1 is not the bootloader");
    assert!(matches!(outlook(&away, Entry::Blank, false), Outlook::Open(_)), "RSS starts the bootloader");
}

#[test]
fn the_example_s_way_back_is_found() {
    let options = OptionBytes { optsr: FACTORY.optsr | SECURITY, scar: SECTOR0 | ERASE, ..FACTORY };
    let content = Content { entry: &|_| Entry::Runs, opens_debug: true };
    let start = State::power_on(options, false, &content, 0);
    let question = Question { content: &content, wanted: FACTORY, power_cycles: false };
    let steps = ways(&[(start, None)], &question).expect("a way");
    assert!(steps.iter().all(|step| !matches!(step, Step::PowerOn { .. })));
    // Applied one after the other the rules let them through.
    let mut now = options;
    for step in steps {
        now = match step {
            Step::Change { options, .. } => {
                crate::flash::change::plan(&now, &options, crate::flash::change::Requester::Other)
                    .expect("allowed")
                    .options
            }
            Step::BankErase { options, .. } => {
                crate::flash::change::removal(&now, &options).expect("a removal")
            }
            Step::PowerOn { .. } => now,
        };
    }
    assert_eq!(now, FACTORY);
}

#[test]
fn a_change_that_needs_no_erase_does_none() {
    let content = Content { entry: &|_| Entry::Blank, opens_debug: false };
    let wanted = OptionBytes { optsr: FACTORY.optsr | SECURITY, wpsn: 0xF0, prar: SECTOR0, ..FACTORY };
    let start = State::power_on(FACTORY, false, &content, 0);
    let question = Question { content: &content, wanted, power_cycles: false };
    let steps = ways(&[(start, None)], &question).expect("a way");
    assert!(matches!(steps.as_slice(), [Step::Change { erases: 0, .. }]), "{steps:?}");
}
