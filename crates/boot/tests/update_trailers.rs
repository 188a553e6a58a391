//! Trailers of every combination of fields: good, unset, bad, unreadable. What happens is told by a table that is written
//! here again, from docs/update-engine.md; and whatever the fields are, the device starts and stays as it is then.

mod support;

use ironroot_boot::update::{Action, ImageConfig, Mode, TrailerLayout};
use ironroot_crypto::Software;
use ironroot_image::Version;
use ironroot_image::build::Builder;
use support::{Device, Power, Ram, RamCounters, signing_key};

const UNIT: u32 = 16;
const K: u32 = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Unset,
    Value(u8),
    Unreadable,
}

use Field::{Unreadable, Unset, Value};

const MAGICS: [Field; 4] = [Unset, Value(1), Value(0), Unreadable];
const FLAGS: [Field; 4] = [Unset, Value(1), Value(7), Unreadable];
const INFOS: [Field; 6] = [Unset, Value(2), Value(3), Value(4), Value(9), Unreadable];

#[derive(Clone, Copy, Debug)]
struct Fields {
    magic: Field,
    ok: Field,
    done: Field,
    info: Field,
    size: Field,
}

impl Fields {
    const BLANK: Self = Self { magic: Unset, ok: Unset, done: Unset, info: Unset, size: Unset };

    fn good(&self) -> bool {
        self.magic == Value(1)
    }

    fn write(&self, ram: &mut Ram, layout: &TrailerLayout, swap_size: u32) {
        let end = ram.bytes.len();
        let at = |distance: u32| end - distance as usize;
        match self.magic {
            Unset => {}
            Value(1) => ram.put(at(layout.magic()), &layout.magic_bytes()),
            Value(_) => ram.put(at(layout.magic()), &[0x3C; 16]),
            Unreadable => ram.damage(at(layout.magic())),
        }
        for (field, distance) in
            [(self.ok, layout.image_ok()), (self.done, layout.copy_done()), (self.info, layout.swap_info())]
        {
            match field {
                Unset => {}
                Value(value) => ram.put(at(distance), &[value]),
                Unreadable => ram.damage(at(distance)),
            }
        }
        let distance = layout.swap_size().expect("a swap");
        match self.size {
            Unset => {}
            Value(1) => ram.put(at(distance), &swap_size.to_le_bytes()),
            Value(_) => ram.put(at(distance), &[0x77; 8]),
            Unreadable => ram.damage(at(distance)),
        }
    }
}

/// What the table says: which image runs then, and what was done.
fn expected(mode: Mode, primary: &Fields, secondary: &Fields) -> Action {
    let begun = primary.good() && primary.done == Unset && primary.size == Value(1);
    match primary.info {
        Value(2..=4) if secondary.good() => {}
        // The plan that MCUboot made is finished, whatever it is.
        Value(2) if begun => return Action::Testing,
        Value(3) if begun => return Action::Installed,
        // The image is where an update lies; a revert takes it from elsewhere.
        Value(4) if begun => return Action::Reverted,
        _ => {}
    }
    if secondary.good() {
        let ok = secondary.ok == Value(1);
        let revert = match mode {
            Mode::SwapOffset => !ok && secondary.done != Unset,
            _ => ok && secondary.info == Value(4),
        };
        return match (revert, ok) {
            (true, _) if mode == Mode::SwapOffset => Action::None, // there is no image in the first sector
            (true, _) => Action::Reverted,
            (false, true) => Action::Installed,
            (false, false) => Action::Testing,
        };
    }
    let unconfirmed = primary.good() && primary.done != Unset && primary.ok == Unset;
    match mode {
        Mode::SwapOffset => Action::None,
        _ if unconfirmed => Action::Reverted,
        _ => Action::None,
    }
}

fn image(version: u8) -> Vec<u8> {
    Builder::new(Version { major: version, minor: 0, revision: 0, build: 0 })
        .header_size(0x40)
        .build(&[version; 300], Some(&signing_key()), &mut Software)
        .expect("builds")
}

fn device(mode: Mode) -> Device {
    let power = Power::on();
    let ram = |count: usize| Ram::new(&vec![K; count], UNIT, 0xFF, &power);
    let mut device = Device {
        slots: vec![(ram(5), ram(6 - usize::from(mode != Mode::SwapOffset)), ImageConfig::new(mode, 16, 6))],
        scratch: Some(ram(1)),
        counters: RamCounters::new(&power),
        power,
    };
    device.slots[0].0.put(0, &image(1));
    let offset = device.update_offset(0);
    device.slots[0].1.put(offset, &image(2));
    device
}

fn all() -> impl Iterator<Item = Fields> {
    MAGICS.into_iter().flat_map(|magic| {
        FLAGS.into_iter().flat_map(move |ok| {
            FLAGS.into_iter().flat_map(move |done| {
                INFOS.into_iter().map(move |info| Fields { magic, ok, done, info, ..Fields::BLANK })
            })
        })
    })
}

#[test]
fn every_combination_of_fields_is_decided_and_stays_so() {
    let (old, new) = (image(1), image(2));
    for mode in [Mode::SwapMove, Mode::SwapOffset, Mode::SwapScratch] {
        let start = device(mode);
        let layout = start.trailer(0);
        // The secondary trailer's flags count only where its magic is good.
        let secondaries: Vec<Fields> = all()
            .filter(|f| f.good() || (f.ok == Unset && f.done == Unset && f.info == Unset))
            .filter(|f| matches!(f.info, Unset | Value(4) | Unreadable))
            .collect();
        let mut cases = 0;
        for primary in all() {
            for size in [Unset, Value(1), Value(7), Unreadable] {
                // The size matters only where there could be a plan.
                if size != Unset
                    && !(primary.good() && primary.done == Unset && matches!(primary.info, Value(2..=4)))
                {
                    continue;
                }
                let primary = Fields { size, ..primary };
                for secondary in &secondaries {
                    // A revert that MCUboot began in swap-offset has its image elsewhere; update_cuts.rs has those.
                    if mode == Mode::SwapOffset && primary.info == Value(4) && size == Value(1) {
                        continue;
                    }
                    cases += 1;
                    let mut device = start.clone();
                    primary.write(&mut device.slots[0].0, &layout, new.len() as u32);
                    secondary.write(&mut device.slots[0].1, &layout, 0);
                    let what = format!("{mode:?} {primary:?} {secondary:?}");
                    let action =
                        device.boot().unwrap_or_else(|error| panic!("{what}: {error:?}")).report.images()[0]
                            .action;
                    let wanted = expected(mode, &primary, secondary);
                    assert_eq!(action, wanted, "{what}");
                    let runs = |device: &Device, image: &[u8]| device.slots[0].0.bytes.starts_with(image);
                    assert!(runs(&device, if wanted == Action::None { &old } else { &new }), "{what}");
                    if wanted == Action::Testing {
                        continue; // it is reverted next
                    }
                    device.power.borrow_mut().restore();
                    let again = device.boot().unwrap_or_else(|error| panic!("{what}: {error:?}"));
                    assert_eq!(again.report.images()[0].action, Action::None, "{what}");
                    assert_eq!(device.power.borrow().operations, 0, "{what}: not at the end");
                }
            }
        }
        println!("{mode:?}: {cases} combinations");
        assert!(cases > 10_000);
    }
}
