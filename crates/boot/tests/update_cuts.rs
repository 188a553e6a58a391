//! A power cut at every operation of an update and of a revert, in every mode, on small layouts. The large campaign is
//! `ironroot prove power-loss`.

mod support;

use ironroot_boot::update::{Action, Flag, ImageConfig, Magic, Mode, app};
use ironroot_crypto::Software;
use ironroot_image::Version;
use ironroot_image::build::Builder;
use support::{CUTS, Cut, Device, Power, Ram, RamCounters, signing_key};

/// One layout of one mode.
#[derive(Clone, Copy, Debug)]
struct Case {
    mode: Mode,
    primary: &'static [u32],
    secondary: &'static [u32],
    scratch: &'static [u32],
    unit: u32,
    erased: u8,
    align: u32,
    /// Sizes of the old and of the new payload.
    payloads: (usize, usize),
}

const fn case(
    mode: Mode,
    primary: &'static [u32],
    secondary: &'static [u32],
    payloads: (usize, usize),
) -> Case {
    Case { mode, primary, secondary, scratch: &[K], unit: 8, erased: 0xFF, align: 8, payloads }
}

const K: u32 = 512;

const CASES: &[Case] = &[
    case(Mode::OverwriteOnly, &[K; 4], &[K; 4], (700, 1200)),
    case(Mode::SwapMove, &[K; 6], &[K; 6], (700, 1200)),
    Case { erased: 0, unit: 32, align: 32, ..case(Mode::SwapMove, &[K; 8], &[K; 7], (1200, 300)) },
    Case { unit: 2, ..case(Mode::SwapMove, &[2 * K; 4], &[K; 8], (200, 300)) },
    case(Mode::SwapOffset, &[K; 6], &[K; 7], (700, 1200)),
    Case { erased: 0, unit: 32, align: 32, ..case(Mode::SwapOffset, &[K; 7], &[K; 7], (1200, 300)) },
    case(Mode::SwapScratch, &[K; 6], &[K; 6], (700, 1200)),
    // The image shares its sectors with the trailers.
    Case { scratch: &[2 * K], ..case(Mode::SwapScratch, &[2 * K; 2], &[2 * K; 2], (700, 1400)) },
    Case {
        scratch: &[4 * K],
        unit: 32,
        align: 32,
        ..case(Mode::SwapScratch, &[4 * K], &[4 * K], (700, 450))
    },
    Case {
        scratch: &[2 * K],
        unit: 4,
        ..case(Mode::SwapScratch, &[K, K, 2 * K], &[2 * K, 2 * K], (700, 1300))
    },
    // The trailer has several sectors, of which the image reaches into the first.
    Case { scratch: &[512], ..case(Mode::SwapScratch, &[128; 16], &[128; 16], (1200, 300)) },
];

fn image(version: u8, payload: usize) -> Vec<u8> {
    let payload: Vec<u8> = (0..payload)
        .map(|i| (i as u32).wrapping_mul(2_654_435_761 + u32::from(version)).to_be_bytes()[0])
        .collect();
    Builder::new(Version { major: version, minor: 0, revision: 0, build: 0 })
        .header_size(0x40)
        .security_counter(u32::from(version))
        .build(&payload, Some(&signing_key()), &mut Software)
        .expect("builds")
}

struct Bench {
    device: Device,
    old: Vec<u8>,
    new: Vec<u8>,
}

impl Bench {
    fn new(case: &Case) -> Self {
        let power = Power::on();
        let ram = |sectors: &[u32]| Ram::new(sectors, case.unit, case.erased, &power);
        let sectors = case.primary.len().max(case.secondary.len()) as u32;
        let config = ImageConfig {
            require_counter: true,
            header_size: Some(0x40),
            ..ImageConfig::new(case.mode, case.align, sectors)
        };
        let (old, new) = (image(1, case.payloads.0), image(2, case.payloads.1));
        let mut device = Device {
            slots: vec![(ram(case.primary), ram(case.secondary), config)],
            scratch: Some(ram(case.scratch)),
            counters: RamCounters::new(&power),
            power,
        };
        device.slots[0].0.put(0, &old);
        let offset = device.update_offset(0);
        device.slots[0].1.put(offset, &new);
        assert!(old.len().max(new.len()) <= device.max_size(0) as usize, "{case:?}: {}", device.max_size(0));
        Self { device, old, new }
    }

    fn request(&mut self, permanent: bool) {
        let trailer = self.device.trailer(0);
        app::request(&mut self.device.slots[0].1, &trailer, permanent).expect("requested");
    }

    fn confirm(&mut self) {
        let trailer = self.device.trailer(0);
        app::confirm(&mut self.device.slots[0].0, &trailer).expect("confirmed");
    }

    fn runs(&self, image: &[u8]) -> bool {
        self.device.slots[0].0.bytes.starts_with(image)
    }
}

/// What must hold: the device after the second boot, the one before it, what the boot did, and which case it is.
type Check<'c> = dyn Fn(&Bench, &Device, Result<Action, String>, String) + 'c;

/// Cuts the boot that starts from `start` at each of its operations, in every way, then boots again: the result must be
/// what `check` demands. Also cuts the second boot, at a few of its operations.
fn campaign(case: &Case, start: &Bench, check: &Check<'_>) -> u32 {
    let mut cases = 0;
    let boot = |device: &mut Device| {
        device.boot().map(|updated| updated.report.images()[0].action).map_err(|error| format!("{error:?}"))
    };
    let fork = |bench: &Bench| Bench {
        device: bench.device.clone(),
        old: bench.old.clone(),
        new: bench.new.clone(),
    };
    for at in 0.. {
        let mut over = false;
        for cut in CUTS {
            for seed in 1..=if matches!(cut, Cut::Mixed | Cut::Torn) { 2 } else { 1 } {
                let mut bench = fork(start);
                bench.device.power.borrow_mut().cut_at(at, cut, seed + u64::from(at));
                let _ = boot(&mut bench.device);
                let off = bench.device.power.borrow().is_off();
                bench.device.power.borrow_mut().restore();
                if !off {
                    over = true;
                    break;
                }
                cases += 1;
                let before = bench.device.clone();
                let mut again = fork(&bench);
                let result = boot(&mut bench.device);
                check(&bench, &before, result, format!("{case:?} {cut:?} at {at} seed {seed}"));
                // A cut in the recovery.
                let operations = bench.device.power.borrow().operations;
                if operations == 0 {
                    continue;
                }
                let second = (at.wrapping_mul(7919) ^ seed as u32) % operations;
                let other = CUTS[(at as usize + seed as usize) % CUTS.len()];
                again.device.power.borrow_mut().cut_at(second, other, seed);
                let _ = boot(&mut again.device);
                again.device.power.borrow_mut().restore();
                let before = again.device.clone();
                let result = boot(&mut again.device);
                check(
                    &again,
                    &before,
                    result,
                    format!("{case:?} {cut:?} at {at} seed {seed}, then {other:?} at {second}"),
                );
                cases += 1;
            }
        }
        if over {
            break;
        }
    }
    cases
}

/// Whether the trailers say that a test is complete and waits for its confirmation.
fn awaits_confirmation(device: &Device) -> bool {
    let trailer = device.trailer(0);
    let state = |ram: &Ram| app::state(ram, &trailer).expect("readable");
    let scratch = device.scratch.as_ref().map(state);
    state(&device.slots[0].0).is_unconfirmed()
        && app::requested(&state(&device.slots[0].1)).is_none()
        && scratch.is_none_or(|trailer| trailer.magic != Magic::Good)
}

#[test]
fn permanent_updates_survive_every_cut() {
    for case in CASES {
        let mut bench = Bench::new(case);
        bench.request(true);
        let cases = campaign(case, &bench, &|bench, _, result, what| {
            let what = format!("{what}: {result:?}");
            assert!(result.is_ok(), "{what}");
            assert!(bench.runs(&bench.new), "{what}: the new image is not installed");
            assert_eq!(bench.device.counters.values[0], 2, "{what}");
            if case.mode != Mode::OverwriteOnly {
                let offset = 0;
                assert!(
                    bench.device.slots[0].1.bytes[offset..].starts_with(&bench.old),
                    "{what}: the old image is lost"
                );
            }
        });
        println!("{case:?}: {cases} cases");
    }
}

#[test]
fn tests_survive_every_cut() {
    for case in CASES.iter().filter(|case| case.mode != Mode::OverwriteOnly) {
        let mut bench = Bench::new(case);
        bench.request(false);
        let cases = campaign(case, &bench, &|bench, before, result, what| {
            let what = format!("{what}: {result:?}");
            assert!(result.is_ok(), "{what}");
            if awaits_confirmation(before) {
                assert!(bench.runs(&bench.old), "{what}: not reverted");
                assert_eq!(result, Ok(Action::Reverted), "{what}");
                assert!(!awaits_confirmation(&bench.device), "{what}");
            } else {
                // The first boot may have been cut behind the revert.
                assert!(bench.runs(&bench.new) || bench.runs(&bench.old), "{what}: neither");
                if bench.runs(&bench.new) {
                    assert!(awaits_confirmation(&bench.device), "{what}");
                    assert!(
                        bench.device.slots[0].1.bytes.starts_with(&bench.old),
                        "{what}: the old image is lost"
                    );
                }
            }
            assert_eq!(bench.device.counters.values[0].max(1), 1, "{what}");
        });
        println!("{case:?}: {cases} cases");
    }
}

#[test]
fn reverts_survive_every_cut() {
    for case in CASES.iter().filter(|case| case.mode != Mode::OverwriteOnly) {
        let mut bench = Bench::new(case);
        bench.request(false);
        bench.device.boot().expect("boots");
        assert!(bench.runs(&bench.new), "{case:?}");
        let cases = campaign(case, &bench, &|bench, _, result, what| {
            let what = format!("{what}: {result:?}");
            assert!(result.is_ok(), "{what}");
            assert!(bench.runs(&bench.old), "{what}: not reverted");
            assert!(!awaits_confirmation(&bench.device), "{what}");
        });
        println!("{case:?}: {cases} cases");
    }
}

#[test]
fn a_test_is_confirmed_and_stays() {
    for case in CASES.iter().filter(|case| case.mode != Mode::OverwriteOnly) {
        let mut bench = Bench::new(case);
        bench.request(false);
        let updated = bench.device.boot().unwrap_or_else(|error| panic!("{case:?}: {error:?}"));
        let report = updated.report.images()[0];
        assert_eq!(
            (report.action, report.confirmed, report.resumed),
            (Action::Testing, false, false),
            "{case:?}"
        );
        assert_eq!(bench.device.counters.values[0], 0);
        bench.confirm();
        let report = bench.device.boot().expect("boots").report.images()[0];
        assert_eq!((report.action, report.confirmed), (Action::None, true), "{case:?}");
        assert!(bench.runs(&bench.new));
        assert_eq!(bench.device.counters.values[0], 2);
        let operations = bench.device.power.borrow().operations;
        bench.device.boot().expect("boots");
        assert_eq!(
            bench.device.power.borrow().operations,
            operations,
            "{case:?}: a boot without an update writes"
        );
    }
}

#[test]
fn a_cut_confirmation_is_one() {
    for case in CASES.iter().filter(|case| case.mode != Mode::OverwriteOnly) {
        for cut in [Cut::Before, Cut::Broken, Cut::After] {
            let mut bench = Bench::new(case);
            bench.request(false);
            bench.device.boot().expect("boots");
            bench.device.power.borrow_mut().cut_at(0, cut, 1);
            let trailer = bench.device.trailer(0);
            let _ = app::confirm(&mut bench.device.slots[0].0, &trailer);
            bench.device.power.borrow_mut().restore();
            bench.device.boot().expect("boots");
            let stays = cut != Cut::Before;
            assert_eq!(bench.runs(&bench.new), stays, "{case:?} {cut:?}");
            assert_eq!(bench.device.counters.values[0], if stays { 2 } else { 1 });
            // And it stays so.
            bench.device.boot().expect("boots");
            assert_eq!(bench.runs(&bench.new), stays, "{case:?} {cut:?}");
        }
    }
}

/// The trailer of the last update is still there when the next one begins; a half-erased one must not be taken for a new
/// one. Also with the same image again, whose plan is the same.
#[test]
fn second_updates_survive_every_cut() {
    for case in CASES {
        for (first_permanent, permanent, same) in
            [(true, false, false), (false, true, false), (true, false, true), (true, true, true)]
        {
            let mut bench = Bench::new(case);
            bench.request(first_permanent);
            bench.device.boot().expect("boots");
            bench.confirm();
            bench.device.boot().expect("boots");
            assert!(bench.runs(&bench.new), "{case:?}");
            let next = if same { bench.new.clone() } else { image(3, case.payloads.0) };
            let offset = bench.device.update_offset(0);
            bench.device.slots[0].1.wipe();
            bench.device.slots[0].1.put(offset, &next);
            bench.old = std::mem::replace(&mut bench.new, next);
            bench.request(permanent);
            let swaps = case.mode != Mode::OverwriteOnly;
            let cases = campaign(case, &bench, &|bench, before, result, what| {
                let what = format!(
                    "first permanent {first_permanent}, {permanent}, same {same}: {what}: {result:?}"
                );
                assert!(result.is_ok(), "{what}");
                if permanent || !swaps {
                    assert!(bench.runs(&bench.new) && !awaits_confirmation(&bench.device), "{what}");
                } else if awaits_confirmation(before) {
                    assert!(
                        bench.runs(&bench.old) && !awaits_confirmation(&bench.device),
                        "{what}: not reverted"
                    );
                } else if bench.runs(&bench.new) && !same {
                    assert!(awaits_confirmation(&bench.device), "{what}: a test became permanent");
                } else {
                    assert!(bench.runs(&bench.old), "{what}: neither");
                }
                if swaps {
                    let secondary = &bench.device.slots[0].1.bytes;
                    let offset = bench.device.update_offset(0);
                    let holds = |image: &[u8]| {
                        secondary.starts_with(image)
                            || secondary.get(offset..).is_some_and(|rest| rest.starts_with(image))
                    };
                    assert!(holds(&bench.old) || holds(&bench.new), "{what}: the other image is lost");
                }
            });
            println!("{case:?}: {cases} cases");
        }
    }
}

/// What MCUboot began has no tag. Cut cleanly anywhere, it is finished by its rules.
#[test]
fn swaps_without_a_tag_are_finished() {
    for case in CASES.iter().filter(|case| case.mode != Mode::OverwriteOnly) {
        let mut start = Bench::new(case);
        start.request(true);
        let layout = start.device.trailer(0);
        let tag = layout.swap_size().expect("a swap") as usize - 4;
        let mut stripped = 0;
        for at in 0.. {
            let mut device = start.device.clone();
            device.power.borrow_mut().cut_at(at, Cut::Before, 1);
            let _ = device.boot();
            let off = device.power.borrow().is_off();
            device.power.borrow_mut().restore();
            if !off {
                break;
            }
            let scratch = device.scratch.as_mut().expect("scratch");
            for ram in [&mut device.slots[0].0, scratch] {
                let trailer = app::state(ram, &layout).expect("readable");
                if trailer.magic == Magic::Good {
                    let end = ram.bytes.len();
                    ram.bytes[end - tag..end - tag + 4].fill(case.erased);
                    stripped += 1;
                }
            }
            let updated = device.boot().unwrap_or_else(|error| panic!("{case:?} at {at}: {error:?}"));
            assert!(
                device.slots[0].0.bytes.starts_with(&start.new),
                "{case:?} at {at}: {:?}",
                updated.report
            );
            assert!(
                device.slots[0].1.bytes.starts_with(&start.old),
                "{case:?} at {at}: the old image is lost"
            );
        }
        assert!(stripped > 20, "{case:?}: {stripped}");
    }
}

/// The same image again, in the same way: the plan is the same but for its tag. The sector of the primary trailer is half
/// erased, so that exactly the old plan is left of it.
#[test]
fn a_stale_plan_of_the_same_images_is_not_taken_for_a_new_one() {
    for case in CASES.iter().filter(|case| case.mode == Mode::SwapScratch) {
        let mut bench = Bench::new(case);
        let again = bench.old.clone();
        let layout = bench.device.trailer(0);
        for _ in 0..2 {
            bench.device.slots[0].1.wipe();
            bench.device.slots[0].1.put(0, &again);
            bench.request(true);
            bench.device.power.borrow_mut().restore();
            let before = bench.device.clone();
            bench.device.boot().expect("boots");
            // The first time, to have a plan in the primary slot; the second time for the check.
            let stale = app::state(&before.slots[0].0, &layout).expect("readable").magic == Magic::Good;
            let operations = before.power.borrow().operations;
            for at in (0..operations).filter(|_| stale) {
                let mut device = before.clone();
                device.power.borrow_mut().cut_at(at, Cut::Before, 1);
                let _ = device.boot();
                device.power.borrow_mut().restore();
                let state = |ram: &Ram| app::state(ram, &layout).expect("readable");
                let shared = state(device.scratch.as_ref().expect("scratch")).magic == Magic::Good;
                let primary = &mut device.slots[0].0;
                if shared && state(primary).copy_done != Flag::Unset {
                    let kept = primary.bytes.len() - layout.swap_size().expect("a swap") as usize;
                    let done = primary.bytes.len() - layout.copy_done() as usize;
                    let start = primary.last_sector();
                    primary.blank(start..kept);
                    primary.blank(done..done + case.align as usize);
                }
                device.boot().unwrap_or_else(|error| panic!("{case:?} at {at}: {error:?}"));
                assert!(device.slots[0].0.bytes.starts_with(&again), "{case:?} at {at}");
            }
        }
    }
}
