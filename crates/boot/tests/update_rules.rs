//! What is installed and what is not: bad images, counters, versions, empty slots, several images, RAM.

mod support;

use ironroot_boot::update::{self, Action, ImageConfig, LoadMemory, Magic, Mode, System, Trailer, app};
use ironroot_codes::{Code, boot as codes, image as image_codes};
use ironroot_crypto::{NoContentKeys, Software};
use ironroot_image::build::Builder;
use ironroot_image::{Policy, RamWindow, Version};
use support::{CUTS, Device, Power, Ram, RamCounters, Remembering, signing_key, trusted};

const K: u32 = 512;
const MODES: [Mode; 4] = [Mode::OverwriteOnly, Mode::SwapMove, Mode::SwapOffset, Mode::SwapScratch];

fn version(major: u8) -> Version {
    Version { major, minor: 0, revision: 0, build: 0 }
}

fn builder(major: u8, counter: u32) -> Builder {
    Builder::new(version(major)).header_size(0x40).security_counter(counter)
}

fn build(builder: Builder, fill: u8) -> Vec<u8> {
    builder.build(&[fill; 300], Some(&signing_key()), &mut Software).expect("builds")
}

fn image(major: u8, counter: u32) -> Vec<u8> {
    build(builder(major, counter), major)
}

fn config(mode: Mode) -> ImageConfig {
    ImageConfig { require_counter: true, ..ImageConfig::new(mode, 8, 6) }
}

/// A device with `count` images, primaries of version 1 and counter 1.
fn device(mode: Mode, count: usize) -> Device {
    let power = Power::on();
    let ram = |sectors: usize| Ram::new(&vec![K; sectors], 8, 0xFF, &power);
    let secondary = if mode == Mode::SwapOffset { 6 } else { 5 };
    let mut device = Device {
        slots: (0..count).map(|_| (ram(5), ram(secondary), config(mode))).collect(),
        scratch: Some(ram(1)),
        counters: RamCounters::new(&power),
        power: power.clone(),
    };
    for index in 0..count {
        device.slots[index].0.put(0, &image(1, 1));
    }
    device
}

/// Puts an update there and requests it.
fn update(device: &mut Device, index: usize, image: &[u8], permanent: bool) {
    let (offset, trailer) = (device.update_offset(index), device.trailer(index));
    let secondary = &mut device.slots[index].1;
    secondary.wipe();
    secondary.put(offset, image);
    app::request(secondary, &trailer, permanent).expect("requested");
}

fn runs(device: &Device, index: usize, image: &[u8]) -> bool {
    device.slots[index].0.bytes.starts_with(image)
}

fn confirm(device: &mut Device, index: usize) {
    let trailer = device.trailer(index);
    app::confirm(&mut device.slots[index].0, &trailer).expect("confirmed");
}

fn trailers(device: &Device, index: usize) -> [Trailer; 2] {
    let layout = device.trailer(index);
    [&device.slots[index].0, &device.slots[index].1].map(|ram| app::state(ram, &layout).expect("readable"))
}

#[test]
fn a_bad_update_is_refused_once_with_its_code() {
    let mut flipped = image(2, 2);
    flipped[0x80] ^= 1;
    let mut foreign = image(2, 2);
    let at = foreign.len() - 10;
    foreign[at] ^= 1;
    let counterless = build(Builder::new(version(2)).header_size(0x40), 2);
    let cases: [(&[u8], Code); 5] = [
        (&flipped, image_codes::HASH_MISMATCH),
        (&foreign, image_codes::SIGNATURE_INVALID),
        (&counterless, image_codes::COUNTER_MISSING),
        (&image(2, 0), image_codes::COUNTER_TOO_OLD),
        (&[0xFF; 4], image_codes::BAD_MAGIC),
    ];
    for mode in MODES {
        for (image_bytes, code) in cases {
            let mut device = device(mode, 1);
            device.boot().expect("boots");
            assert_eq!(device.counters.values[0], 1);
            update(&mut device, 0, image_bytes, false);
            let report = device.boot().expect("boots").report.images()[0];
            assert_eq!((report.action, report.refused), (Action::None, Some(code)), "{mode:?}");
            assert!(runs(&device, 0, &image(1, 1)));
            assert_eq!(trailers(&device, 0)[1], Trailer::BLANK, "{mode:?}: the request is gone");
            device.power.borrow_mut().restore();
            let report = device.boot().expect("boots").report.images()[0];
            assert_eq!((report.action, report.refused), (Action::None, None), "{mode:?}");
            assert_eq!(device.power.borrow().operations, 0);
        }
    }
}

#[test]
fn nothing_is_erased_while_the_primary_is_bad() {
    for mode in MODES {
        let mut device = device(mode, 1);
        let mut bad = image(2, 2);
        bad[0x90] ^= 4;
        update(&mut device, 0, &bad, false);
        device.slots[0].0.damage(0x80);
        device.power.borrow_mut().restore();
        let error = device.boot().expect_err("both are bad");
        assert_eq!((error.code, error.image), (image_codes::READ_FAILED, 0), "{mode:?}");
        assert_eq!(error.report.images()[0].refused, Some(image_codes::HASH_MISMATCH));
        assert_eq!(device.power.borrow().operations, 0, "{mode:?}");
    }
}

#[test]
fn an_unreadable_word_in_the_update_is_a_refusal_and_in_the_old_image_is_none() {
    for mode in MODES {
        let mut broken = device(mode, 1);
        update(&mut broken, 0, &image(2, 2), true);
        let offset = broken.update_offset(0);
        broken.slots[0].1.damage(offset + 0x88);
        let report = broken.boot().expect("boots").report.images()[0];
        assert_eq!(report.refused, Some(image_codes::READ_FAILED), "{mode:?}");

        let mut repaired = device(mode, 1);
        update(&mut repaired, 0, &image(2, 2), true);
        repaired.slots[0].0.damage(0x88);
        let report = repaired.boot().expect("boots").report.images()[0];
        assert_eq!(report.action, Action::Installed, "{mode:?}");
        assert!(runs(&repaired, 0, &image(2, 2)));
    }
}

#[test]
fn a_lower_version_is_refused_where_the_product_says_so() {
    for mode in MODES {
        let mut device = device(mode, 1);
        device.slots[0].2.prevent_downgrade = true;
        device.slots[0].0.wipe();
        device.slots[0].0.put(0, &image(3, 1));
        update(&mut device, 0, &image(2, 2), false);
        let report = device.boot().expect("boots").report.images()[0];
        assert_eq!(report.refused, Some(codes::UPDATE_DOWNGRADE), "{mode:?}");
        // A revert goes back nevertheless.
        update(&mut device, 0, &image(4, 2), false);
        device.boot().expect("boots");
        assert!(runs(&device, 0, &image(4, 2)));
        device.boot().expect("boots");
        if mode != Mode::OverwriteOnly {
            assert!(runs(&device, 0, &image(3, 1)), "{mode:?}");
        }
    }
}

#[test]
fn overwrite_only_knows_no_revert_that_would_bring_a_lower_version() {
    let mut device = device(Mode::OverwriteOnly, 1);
    device.slots[0].2.prevent_downgrade = true;
    device.slots[0].0.put(0, &image(2, 1));
    update(&mut device, 0, &image(1, 1), true);
    // As the request of a revert in the modes that swap.
    let (layout, secondary) = (device.trailer(0), &mut device.slots[0].1);
    secondary.bytes[5 * K as usize - layout.swap_info() as usize] = 4;
    let report = device.boot().expect("boots").report.images()[0];
    assert_eq!((report.action, report.refused), (Action::None, Some(codes::UPDATE_DOWNGRADE)));
    assert!(runs(&device, 0, &image(2, 1)));
}

#[test]
fn what_a_header_claims_is_never_a_failure_of_the_flash() {
    for mode in MODES {
        for at in 0..40 {
            let mut device = device(mode, 1);
            update(&mut device, 0, &image(2, 2), false);
            device.power.borrow_mut().cut_at(at, support::Cut::Before, 1);
            let _ = device.boot();
            device.power.borrow_mut().restore();
            // Somebody at the secondary slot while the power was off: a payload of 2 GB.
            for offset in [0, device.update_offset(0)] {
                device.slots[0].1.bytes[offset + 12..offset + 16].copy_from_slice(&[0, 0, 0, 0x80]);
            }
            if let Err(error) = device.boot() {
                let failures = [codes::UPDATE_LAYOUT, codes::UPDATE_FLASH_FAILED];
                assert!(!failures.contains(&error.code), "{mode:?}, cut {at}: {}", error.code);
            }
        }
    }
}

#[test]
fn nothing_is_done_after_a_failure_of_the_flash_and_the_next_boot_goes_on() {
    for mode in MODES {
        for at in 0.. {
            let mut device = device(mode, 2);
            for index in 0..2 {
                device.slots[index].2.require_counter = false;
                update(&mut device, index, &image(2, 2), true);
            }
            device.power.borrow_mut().fail_at(at);
            let booted = device.boot();
            let reached = device.power.borrow().operations > at;
            device.power.borrow_mut().restore();
            if !reached {
                booted.expect("nothing failed");
                assert!(at > 10, "{mode:?}: there were operations");
                break;
            }
            assert_eq!(
                booted.expect_err("the flash failed").code,
                codes::UPDATE_FLASH_FAILED,
                "{mode:?}, {at}"
            );
            device.boot().expect("goes on");
            for index in 0..2 {
                assert!(runs(&device, index, &image(2, 2)), "{mode:?}, {at}");
            }
        }
    }
}

#[test]
fn a_failure_is_reported_of_the_image_that_it_is_about() {
    for mode in MODES {
        let mut device = device(mode, 3);
        device.boot().expect("boots");
        update(&mut device, 1, &image(2, 2), true);
        device.power.borrow_mut().restore();
        device.power.borrow_mut().cut_at(0, support::Cut::Before, 1);
        let error = device.boot().expect_err("the flash fails");
        assert_eq!((error.code, error.image), (codes::UPDATE_FLASH_FAILED, 1), "{mode:?}");
        assert!(error.report.images().iter().all(|image| image.action == Action::None), "{mode:?}");
    }
}

#[test]
fn the_counter_rises_with_the_confirmation_and_locks_nothing_out() {
    for mode in [Mode::SwapMove, Mode::SwapOffset, Mode::SwapScratch] {
        let mut device = device(mode, 1);
        update(&mut device, 0, &image(2, 7), false);
        device.boot().expect("boots");
        assert_eq!(device.counters.values[0], 0, "{mode:?}: raised by a test");
        let mut reverted = device.clone();
        assert_eq!(reverted.boot().expect("boots").report.images()[0].action, Action::Reverted);
        assert_eq!(reverted.counters.values[0], 1, "{mode:?}: the old image is there to stay");
        confirm(&mut device, 0);
        device.boot().expect("boots");
        assert_eq!(device.counters.values[0], 7);
        for _ in 0..2 {
            assert!(device.boot().is_ok() && runs(&device, 0, &image(2, 7)));
        }
        // The old image is in the secondary slot, genuine and too old.
        let trailer = device.trailer(0);
        let old = image(1, 1);
        update(&mut device, 0, &old, true);
        let report = device.boot().expect("boots").report.images()[0];
        assert_eq!(report.refused, Some(image_codes::COUNTER_TOO_OLD), "{mode:?}");
        assert_eq!(app::state(&device.slots[0].1, &trailer).expect("readable").magic, Magic::Unset);
    }
}

#[test]
fn a_test_image_that_does_not_verify_in_place_is_reverted_at_once() {
    for mode in [Mode::SwapMove, Mode::SwapOffset, Mode::SwapScratch] {
        let mut device = device(mode, 1);
        update(&mut device, 0, &image(2, 2), false);
        device.boot().expect("boots");
        device.slots[0].0.damage(0x80);
        let report = device.boot().expect("boots").report.images()[0];
        assert_eq!(report.action, Action::Reverted, "{mode:?}");
        assert!(runs(&device, 0, &image(1, 1)));
    }
}

#[test]
fn an_unconfirmed_image_without_a_way_back_is_kept_and_said() {
    for mode in [Mode::SwapMove, Mode::SwapOffset, Mode::SwapScratch] {
        let mut device = device(mode, 1);
        update(&mut device, 0, &image(2, 2), false);
        device.boot().expect("boots");
        device.slots[0].1.wipe();
        for _ in 0..2 {
            let report = device.boot().expect("boots").report.images()[0];
            assert_eq!(
                (report.action, report.refused),
                (Action::None, Some(codes::UPDATE_NO_WAY_BACK)),
                "{mode:?}"
            );
            assert!(!report.confirmed);
            assert_eq!(device.counters.values[0], 0);
        }
        confirm(&mut device, 0);
        let report = device.boot().expect("boots").report.images()[0];
        assert_eq!((report.refused, report.confirmed), (None, true));
    }
}

#[test]
fn an_empty_primary_is_filled_across_every_cut() {
    for mode in MODES {
        for requested in [false, true] {
            let mut empty = device(mode, 1);
            empty.slots[0].2.bootstrap = true;
            empty.slots[0].0.wipe();
            update(&mut empty, 0, &image(2, 2), true);
            if !requested {
                let offset = empty.update_offset(0);
                empty.slots[0].1.wipe();
                empty.slots[0].1.put(offset, &image(2, 2));
            }
            'cuts: for at in 0.. {
                for cut in CUTS {
                    let mut device = empty.clone();
                    device.power.borrow_mut().cut_at(at, cut, u64::from(at));
                    let _ = device.boot();
                    let off = device.power.borrow().is_off();
                    device.power.borrow_mut().restore();
                    if !off {
                        break 'cuts;
                    }
                    device.boot().unwrap_or_else(|error| panic!("{mode:?} {cut:?} at {at}: {error:?}"));
                    assert!(runs(&device, 0, &image(2, 2)), "{mode:?} {cut:?} at {at}");
                }
            }
            let report = empty.boot().expect("boots").report.images()[0];
            assert_eq!(
                report.action,
                if requested { Action::Installed } else { Action::Bootstrapped },
                "{mode:?}"
            );
            empty.power.borrow_mut().restore();
            empty.boot().expect("boots");
            assert_eq!(empty.power.borrow().operations, 0, "{mode:?} {requested}");
        }
        let mut without = device(mode, 1);
        without.slots[0].0.wipe();
        let error = without.boot().expect_err("nothing to start");
        assert_eq!(error.code, image_codes::BAD_MAGIC);
    }
}

#[test]
fn slots_that_do_not_suit_the_mode_are_refused() {
    let power = Power::on();
    let ram = |sectors: &[u32]| Ram::new(sectors, 8, 0xFF, &power);
    type Sectors = &'static [u32];
    let cases: [(Mode, Sectors, Sectors, Option<Sectors>); 5] = [
        (Mode::SwapScratch, &[K; 4], &[K; 4], None),
        (Mode::SwapScratch, &[K; 4], &[K; 5], Some(&[K])),
        (Mode::SwapScratch, &[K; 4], &[K; 4], Some(&[K / 2])),
        (Mode::SwapMove, &[K, K / 2, K], &[K; 4], None),
        (Mode::SwapOffset, &[K], &[K; 2], None),
    ];
    for (mode, primary, secondary, scratch) in cases {
        let mut device = Device {
            slots: vec![(ram(primary), ram(secondary), config(mode))],
            scratch: scratch.map(ram),
            counters: RamCounters::new(&power),
            power: power.clone(),
        };
        assert_eq!(device.boot().expect_err("refused").code, codes::UPDATE_LAYOUT, "{mode:?}");
    }
}

/// Image 1 of version 2 needs image 0 of version 2.
fn dependent() -> Vec<u8> {
    build(builder(2, 2).dependency(0, version(2)), 9)
}

#[test]
fn an_update_waits_for_what_it_depends_on() {
    for mode in MODES {
        let mut device = device(mode, 2);
        update(&mut device, 1, &dependent(), true);
        for _ in 0..2 {
            let report = device.boot().expect("boots").report;
            assert_eq!(report.images()[1].refused, Some(codes::UPDATE_DEPENDENCY), "{mode:?}");
            assert!(runs(&device, 1, &image(1, 1)));
        }
        update(&mut device, 0, &image(2, 2), true);
        let report = device.boot().expect("boots").report;
        assert_eq!([0, 1].map(|i| report.images()[i].action), [Action::Installed; 2], "{mode:?}");
        assert!(runs(&device, 0, &image(2, 2)) && runs(&device, 1, &dependent()));
        // What image 1 needs is not taken away from it.
        update(&mut device, 0, &image(1, 3), true);
        let report = device.boot().expect("boots").report;
        assert_eq!(report.images()[0].refused, Some(codes::UPDATE_DEPENDENCY), "{mode:?}");
    }
}

/// Both or none, across every cut: a group that was installed for a test is whole, and is reverted as a whole.
#[test]
fn images_of_one_group_stay_together_across_every_cut() {
    for mode in [Mode::SwapMove, Mode::SwapOffset, Mode::SwapScratch] {
        for permanent in [false, true] {
            let mut start = device(mode, 2);
            update(&mut start, 0, &image(2, 2), permanent);
            update(&mut start, 1, &dependent(), permanent);
            let (old, new) = ([image(1, 1), image(1, 1)], [image(2, 2), dependent()]);
            let is = |device: &Device, group: &[Vec<u8>; 2]| (0..2).all(|i| runs(device, i, &group[i]));
            'cuts: for at in 0.. {
                for cut in CUTS {
                    let mut device = start.clone();
                    device.power.borrow_mut().cut_at(at, cut, u64::from(at));
                    let _ = device.boot();
                    let off = device.power.borrow().is_off();
                    device.power.borrow_mut().restore();
                    if !off {
                        break 'cuts;
                    }
                    let what = format!("{mode:?} permanent {permanent} {cut:?} at {at}");
                    let report = device.boot().unwrap_or_else(|error| panic!("{what}: {error:?}")).report;
                    let reverted = (0..2).any(|i| report.images()[i].action == Action::Reverted);
                    assert!(is(&device, if reverted { &old } else { &new }), "{what}: {report:?}");
                    if !permanent && !reverted {
                        // Not confirmed: back, both.
                        device.boot().unwrap_or_else(|error| panic!("{what}: {error:?}"));
                        assert!(is(&device, &old), "{what}: reverted by halves");
                    }
                }
            }
        }
    }
}

fn load(device: &mut Device, ram: &mut [u8]) -> Result<update::Loaded, update::UpdateError> {
    let (primary, secondary, config) = &mut device.slots[0];
    let mut images = [update::ImageSlots { primary, secondary, config: *config }];
    let keys = [trusted()];
    let mut buffer = [0; 32];
    let mut system = System::new(&mut images, &keys, &mut device.counters, &mut buffer);
    system.content_keys = &NoContentKeys;
    update::load(&mut system, &mut LoadMemory { bytes: ram, address: 0x2400_0000 }, &mut Remembering)
}

#[test]
fn ram_load_takes_the_newest_and_goes_back_if_it_does_not_confirm() {
    let ram_image = |major: u8, counter: u32| build(builder(major, counter).ram_load(0x2400_0100), major);
    let power = Power::on();
    let policy = Policy { ram_load: Some(RamWindow { start: 0x2400_0000, size: 0x1000 }), ..Policy::NONE };
    let config =
        ImageConfig { policy, trial: true, require_counter: true, ..ImageConfig::new(Mode::RamLoad, 8, 4) };
    let slot = || Ram::new(&[K; 4], 8, 0xFF, &power);
    let mut device = Device {
        slots: vec![(slot(), slot(), config)],
        scratch: None,
        counters: RamCounters::new(&power),
        power: power.clone(),
    };
    let mut ram = [0; 0x1000];
    assert_eq!(load(&mut device, &mut ram).expect_err("empty").code, codes::UPDATE_NO_IMAGE);

    // The first image: never requested, and nothing else there.
    device.slots[0].0.put(0, &ram_image(1, 1));
    let loaded = load(&mut device, &mut ram).expect("loads");
    assert_eq!((loaded.slot, loaded.offset), (0, 0x100));
    assert!(ram[0x100..].starts_with(&ram_image(1, 1)));
    let layout = device.trailer(0);
    app::request(&mut device.slots[0].0, &layout, true).expect("requested");
    assert!(load(&mut device, &mut ram).expect("loads").report.images()[0].confirmed);
    assert_eq!(device.counters.values[0], 1);

    // A newer one that is not requested is not loaded; then it is, once.
    device.slots[0].1.put(0, &ram_image(2, 2));
    assert_eq!(load(&mut device, &mut ram).expect("loads").slot, 0);
    app::request(&mut device.slots[0].1, &layout, false).expect("requested");
    for cut in CUTS {
        let mut device = device.clone();
        device.power.borrow_mut().cut_at(0, cut, 3);
        let _ = load(&mut device, &mut ram);
        device.power.borrow_mut().restore();
        let loaded = load(&mut device, &mut ram).expect("loads");
        assert!(ram[0x100..].starts_with(&ram_image(loaded.slot + 1, u32::from(loaded.slot) + 1)), "{cut:?}");
        assert_eq!(load(&mut device, &mut ram).expect("loads").slot, 0, "{cut:?}: tried twice");
    }
    let loaded = load(&mut device, &mut ram).expect("loads");
    let report = loaded.report.images()[0];
    assert_eq!((loaded.slot, report.action, report.confirmed), (1, Action::Testing, false));
    assert!(ram[0x100..].starts_with(&ram_image(2, 2)));

    let mut unconfirmed = device.clone();
    let loaded = load(&mut unconfirmed, &mut ram).expect("loads");
    let report = loaded.report.images()[0];
    assert_eq!((loaded.slot, report.action), (0, Action::Reverted));
    assert_eq!(report.reverted, Some(codes::UPDATE_NOT_CONFIRMED));
    assert_eq!(unconfirmed.counters.values[0], 1);

    app::confirm(&mut device.slots[0].1, &layout).expect("confirmed");
    let loaded = load(&mut device, &mut ram).expect("loads");
    assert_eq!((loaded.slot, loaded.report.images()[0].action), (1, Action::None));
    assert_eq!(device.counters.values[0], 2);

    // Elsewhere than the load memory, and not for RAM.
    for (bytes, code) in [
        (build(builder(3, 3).ram_load(0x2400_0F00), 3), codes::UPDATE_RAM_ADDRESS),
        (image(3, 3), codes::UPDATE_RAM_ADDRESS),
    ] {
        device.slots[0].0.wipe();
        device.slots[0].0.put(0, &bytes);
        app::request(&mut device.slots[0].0, &layout, true).expect("requested");
        let loaded = load(&mut device, &mut ram).expect("loads");
        assert_eq!((loaded.slot, loaded.report.images()[0].refused), (1, Some(code)));
    }
}
