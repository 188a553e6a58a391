//! Encrypted updates across every cut: the primary slot is plain, and nothing else ever is.

mod support;

use ironroot_boot::update::{Action, ImageConfig, Mode, SavedKeys, app};
use ironroot_codes::image as image_codes;
use ironroot_crypto::seal::{DerivedEntropy, EncryptionKey};
use ironroot_crypto::{ContentKey, KeyBits, KeyWrapKey, NoContentKeys, Sealing, Software};
use ironroot_image::build::{Builder, KeySource, Seal};
use ironroot_image::{Policy, Version};
use support::{CUTS, Cut, Device, Power, Ram, RamCounters, signing_key};

const K: u32 = 512;
const SHARED: [u8; 16] = *b"the device's key";

fn holder() -> KeyWrapKey {
    KeyWrapKey::from_bytes(&SHARED).expect("16 bytes")
}

struct Images {
    plain: Vec<u8>,
    encrypted: Vec<u8>,
    payload: Vec<u8>,
    key: [u8; 16],
}

/// The same image as it lies in the secondary slot, and as it lies in the primary.
fn images(version: u8, len: usize) -> Images {
    let key = [version; 16];
    let payload: Vec<u8> =
        (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ version).collect();
    let build = |clear| {
        let mut image = Vec::new();
        let content_key = ContentKey::from_bytes(&key).expect("16 bytes");
        let mut entropy = DerivedEntropy::new(b"sixteen bytes...", b"test").expect("long enough");
        let seal = Seal {
            to: &EncryptionKey::KeyWrap(holder()),
            sealing: Sealing::AesKeyWrap,
            source: KeySource::Given(&content_key, &mut entropy),
            clear,
        };
        Builder::new(Version { major: version, minor: 0, revision: 0, build: 0 })
            .header_size(0x40)
            .encrypted(KeyBits::Aes128)
            .write(&&payload[..], Some(&signing_key()), Some(seal), &mut Software, &mut |piece| {
                image.extend_from_slice(piece);
                Ok(())
            })
            .expect("builds");
        image
    };
    Images { plain: build(true), encrypted: build(false), payload: payload.clone(), key }
}

fn device(mode: Mode, sectors: &[u32], secondary: &[u32], scratch: &[u32]) -> Device {
    let power = Power::on();
    let ram = |sectors: &[u32]| Ram::new(sectors, 8, 0xFF, &power);
    let config = ImageConfig {
        saved_keys: SavedKeys::Sealed(24),
        policy: Policy { encrypted: true, ..Policy::NONE },
        ..ImageConfig::new(mode, 8, 6)
    };
    Device {
        slots: vec![(ram(sectors), ram(secondary), config)],
        scratch: Some(ram(scratch)),
        counters: RamCounters::new(&power),
        power: power.clone(),
    }
}

/// Neither payload outside the primary slot, nor an image key anywhere.
fn assert_secret(device: &Device, images: &[&Images], what: &str) {
    let (primary, secondary, _) = &device.slots[0];
    let areas = [primary, secondary, device.scratch.as_ref().expect("scratch")];
    for image in images {
        for (index, area) in areas.into_iter().enumerate() {
            let has = |window: &[u8]| area.bytes.windows(window.len()).any(|bytes| bytes == window);
            assert!(!has(&image.key), "{what}: an image key in area {index}");
            assert!(
                index == 0 || !image.payload.chunks_exact(16).any(has),
                "{what}: plain payload in area {index}"
            );
        }
    }
}

#[test]
fn nothing_is_plain_but_the_primary_slot_across_every_cut() {
    let (old, new) = (images(1, 700), images(2, 1000));
    type Sectors = &'static [u32];
    let cases: [(Mode, Sectors, Sectors, Sectors); 5] = [
        (Mode::OverwriteOnly, &[K; 4], &[K; 4], &[K]),
        (Mode::SwapMove, &[K; 6], &[K; 6], &[K]),
        (Mode::SwapOffset, &[K; 6], &[K; 6], &[K]),
        (Mode::SwapScratch, &[K; 6], &[K; 6], &[K]),
        (Mode::SwapScratch, &[2 * K; 2], &[2 * K; 2], &[2 * K]),
    ];
    for (mode, primary, secondary, scratch) in cases {
        let mut start = device(mode, primary, secondary, scratch);
        start.slots[0].0.put(0, &old.plain);
        let (offset, trailer) = (start.update_offset(0), start.trailer(0));
        start.slots[0].1.put(offset, &new.encrypted);
        app::request(&mut start.slots[0].1, &trailer, false).expect("requested");
        let swaps = mode != Mode::OverwriteOnly;
        // The update, then its revert.
        for revert in [false, true] {
            if revert {
                if !swaps {
                    break;
                }
                start.boot_with(&holder()).expect("boots");
            }
            'cuts: for at in (0..).step_by(3) {
                for cut in CUTS {
                    let what = format!("{mode:?} {primary:?} revert {revert} {cut:?} at {at}");
                    let mut device = start.clone();
                    device.power.borrow_mut().cut_at(at, cut, u64::from(at));
                    let _ = device.boot_with(&holder());
                    let off = device.power.borrow().is_off();
                    device.power.borrow_mut().restore();
                    if !off {
                        break 'cuts;
                    }
                    assert_secret(&device, &[&old, &new], &what);
                    let updated =
                        device.boot_with(&holder()).unwrap_or_else(|error| panic!("{what}: {error:?}"));
                    let (primary, secondary, _) = &device.slots[0];
                    let back = revert || updated.report.images()[0].action == Action::Reverted;
                    assert!(primary.bytes.starts_with(if back { &old.plain } else { &new.plain }), "{what}");
                    if swaps {
                        let other = if back { &new.encrypted } else { &old.encrypted };
                        let at = if back { offset } else { 0 };
                        assert!(secondary.bytes[at..].starts_with(other), "{what}: the other image");
                    }
                    assert_secret(&device, &[&old, &new], &what);
                }
            }
        }
    }
}

/// Somebody who can write to the secondary slot, but not to the chip, cuts the power in the middle of a swap and clears the
/// flag in the header of the old image that is there by then. The rest of that image stays secret.
/// A small image between a large and a larger one: what a swap leaves of the first behind the second must not leave with the third.
#[test]
fn what_lies_behind_a_small_image_does_not_leave_with_a_larger_one() {
    let all = [images(1, 1200), images(2, 300), images(3, 1700)];
    for mode in [Mode::OverwriteOnly, Mode::SwapMove, Mode::SwapOffset, Mode::SwapScratch] {
        let mut device = device(mode, &[K; 6], &[K; 6], &[K]);
        device.slots[0].0.put(0, &all[0].plain);
        for new in &all[1..] {
            let (offset, trailer) = (device.update_offset(0), device.trailer(0));
            device.slots[0].1.bytes.fill(0xFF);
            device.slots[0].1.put(offset, &new.encrypted);
            app::request(&mut device.slots[0].1, &trailer, true).expect("requested");
            device.boot_with(&holder()).expect("boots");
            assert!(device.slots[0].0.bytes.starts_with(&new.plain), "{mode:?}: the new image is installed");
            assert_secret(&device, &all.each_ref(), &format!("{mode:?}"));
        }
    }
}

#[test]
fn a_changed_header_in_the_secondary_slot_makes_nothing_plain() {
    let (old, new) = (images(1, 1000), images(2, 700));
    for mode in [Mode::SwapMove, Mode::SwapOffset, Mode::SwapScratch] {
        let mut start = device(mode, &[K; 6], &[K; 6], &[K]);
        start.slots[0].0.put(0, &old.plain);
        let (offset, trailer) = (start.update_offset(0), start.trailer(0));
        start.slots[0].1.put(offset, &new.encrypted);
        app::request(&mut start.slots[0].1, &trailer, false).expect("requested");
        let mut changed = 0;
        for at in 0.. {
            let mut device = start.clone();
            device.power.borrow_mut().cut_at(at, Cut::Before, 1);
            let _ = device.boot_with(&holder());
            let off = device.power.borrow().is_off();
            device.power.borrow_mut().restore();
            if !off {
                break;
            }
            let secondary = &mut device.slots[0].1;
            if secondary.bytes.starts_with(&old.encrypted[..0x20]) {
                secondary.bytes[16..20].fill(0);
                secondary.bytes[12..16].copy_from_slice(&16_u32.to_le_bytes());
                changed += 1;
            }
            let _ = device.boot_with(&holder());
            assert_secret(&device, &[&old, &new], &format!("{mode:?} at {at}"));
        }
        assert!(changed > 10, "{mode:?}: {changed}");
    }
}

#[test]
fn an_update_for_another_device_is_refused() {
    let (old, new) = (images(1, 700), images(2, 1000));
    for mode in [Mode::OverwriteOnly, Mode::SwapMove, Mode::SwapOffset, Mode::SwapScratch] {
        let start = {
            let mut device = device(mode, &[K; 6], &[K; 6], &[K]);
            device.slots[0].0.put(0, &old.plain);
            let (offset, trailer) = (device.update_offset(0), device.trailer(0));
            device.slots[0].1.put(offset, &new.encrypted);
            app::request(&mut device.slots[0].1, &trailer, false).expect("requested");
            device
        };
        let other = KeyWrapKey::from_bytes(b"some other's key").expect("16 bytes");
        let report = start.clone().boot_with(&other).expect("boots").report.images()[0];
        assert_eq!(report.refused, Some(image_codes::IMAGE_KEY_REFUSED), "{mode:?}");
        let report = start.clone().boot_with(&NoContentKeys).expect("boots").report.images()[0];
        assert_eq!(report.refused, Some(image_codes::IMAGE_KEY_UNSUPPORTED), "{mode:?}");
        // A product that does not know encryption.
        let mut plain = start.clone();
        plain.slots[0].2.policy.encrypted = false;
        plain.slots[0].0.wipe();
        let bytes = Builder::new(Version { major: 1, minor: 0, revision: 0, build: 0 })
            .header_size(0x40)
            .build(&[7; 100], Some(&signing_key()), &mut Software)
            .expect("builds");
        plain.slots[0].0.put(0, &bytes);
        let report = plain.boot_with(&holder()).expect("boots").report.images()[0];
        assert_eq!(report.refused, Some(image_codes::ENCRYPTED), "{mode:?}");
    }
}

/// How to encrypt an old image is lost with its header: then it is left out.
#[test]
fn a_damaged_old_image_is_not_copied_in_plain() {
    let (old, new) = (images(1, 700), images(2, 1000));
    for mode in [Mode::SwapMove, Mode::SwapOffset, Mode::SwapScratch] {
        let mut device = device(mode, &[K; 6], &[K; 6], &[K]);
        device.slots[0].0.put(0, &old.plain);
        device.slots[0].0.damage(8);
        let (offset, trailer) = (device.update_offset(0), device.trailer(0));
        device.slots[0].1.put(offset, &new.encrypted);
        app::request(&mut device.slots[0].1, &trailer, true).expect("requested");
        let report = device.boot_with(&holder()).expect("boots").report.images()[0];
        assert_eq!(report.action, Action::Installed, "{mode:?}");
        assert!(device.slots[0].0.bytes.starts_with(&new.plain), "{mode:?}");
        assert_secret(&device, &[&old, &new], &format!("{mode:?}"));
    }
}
