//! Updates from the command line: an image is put into a slot of a board, the device installs it at its next run, and the
//! power is cut in the middle.

use std::sync::OnceLock;

use ironroot_layout::stm32h735::{SECONDARY_SLOT, SLOT};
use ironroot_tests::device::application;
use ironroot_tests::update::{board, encrypted, signed, sleeper};
use ironroot_tests::{Scratch, update::Request};

/// A directory with a board that runs version 1, and version 2 of its application.
fn bench() -> Scratch {
    static FILES: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    let [device, update] = FILES.get_or_init(|| {
        let old = signed(1, 1, &sleeper(1, 500));
        [board(&old, &[], Request::Nothing).to_bytes(), signed(2, 2, &application("self-confirm"))]
    });
    let dir = Scratch::new();
    dir.write("my.board", device);
    dir.write("update.bin", update);
    dir
}

#[test]
fn update_installed_tried_and_confirmed() {
    let dir = bench();
    let installed = dir.ironroot("vdev install my.board update.bin --json").ok().last("result");
    assert_eq!((&installed["version"], &installed["request"]), (&"2.0.0".into(), &"test".into()));
    assert_eq!(installed["address"], SECONDARY_SLOT.region.start().value());
    let shown = dir.ironroot("vdev show my.board --no-boot --json").ok().last("result");
    assert_eq!(shown["slots"][1]["state"], "requested for a trial", "{shown}");
    let run = dir.ironroot("vdev run my.board --json").ok().last("result");
    assert_eq!((&run["end"], &run["hand_off"]["version"]), (&"asleep".into(), &"2.0.0".into()));
    assert_eq!(run["hand_off"]["updates"][0]["confirmed"], true, "{run}");
    let shown = dir.ironroot("vdev show my.board --json").ok().last("result");
    assert_eq!(shown["slots"][0]["state"], "updated and confirmed", "{shown}");
    assert_eq!(
        (&shown["slot"]["version"], &shown["slots"][1]["version"]),
        (&"2.0.0".into(), &"1.0.0".into())
    );
}

#[test]
fn update_cut_at_any_operation_is_finished_at_the_next_run() {
    let dir = bench();
    dir.ironroot("vdev install my.board update.bin --request permanent").ok();
    for (operation, effect) in [(1, "before"), (3, "half"), (9, "torn"), (40, "broken"), (200, "after:7")] {
        dir.copy(&dir.path("my.board"), "cut.board");
        let cut = dir.ironroot(&format!("vdev run cut.board --cut-at {operation}:{effect} --json")).ok();
        let cut = cut.last("result");
        assert_eq!((&cut["end"], &cut["flash_operations"]), (&"power-cut".into(), &operation.into()));
        assert!(cut["cut"].as_str().is_some_and(|what| what.contains(" 0x080")), "{cut}");
        let next = dir.ironroot("vdev run cut.board --json").ok().last("result");
        assert_eq!((&next["end"], &next["hand_off"]["version"]), (&"asleep".into(), &"2.0.0".into()));
    }
    let never = dir.ironroot("vdev run my.board --cut-at 1_000_000 --dry-run").ok().stdout;
    assert!(never.contains("power not cut: 1000000 was asked for"), "{never}");
    for bad in ["0", "7:sideways", "many", "1:torn:x"] {
        dir.ironroot(&format!("vdev run my.board --cut-at {bad} --json")).refused("IR-1001", 2);
    }
}

#[test]
fn update_that_cannot_be_in_the_slot_is_not_put_there() {
    let dir = bench();
    let before = dir.read("my.board");
    dir.write("short.bin", &dir.read("update.bin")[..1200]);
    dir.write("noise.bin", &[0x5A; 4096]);
    let room = SLOT.max_image().bytes() as usize;
    dir.write("large.bin", &signed(2, 2, &sleeper(2, room - 0x400)));
    dir.ironroot("vdev install my.board short.bin --json").refused("IR-2001", 3);
    dir.ironroot("vdev install my.board noise.bin --json").refused("IR-2003", 3);
    dir.ironroot("vdev install my.board large.bin --json").refused("IR-2006", 3);
    dir.ironroot("vdev install my.board missing.bin --json").refused("IR-1002", 2);
    dir.ironroot("vdev install my.board update.bin --image 2 --json").refused("IR-1001", 2);
    assert_eq!(dir.read("my.board"), before);
    // A good image that this device cannot open is its own matter: it refuses the update and says why.
    dir.write("sealed.bin", &encrypted(2, 2, &sleeper(2, 700)));
    dir.ironroot("vdev install my.board sealed.bin").ok();
    let run = dir.ironroot("vdev run my.board --json").ok().last("result");
    assert_eq!(run["hand_off"]["version"], "1.0.0");
    assert!(run["hand_off"]["updates"][0]["refused"].is_string(), "{run}");
}

#[test]
fn update_of_the_external_image_goes_to_its_second_sector() {
    let dir = bench();
    dir.write("asset.bin", &signed(1, 1, &sleeper(3, 5_000)));
    dir.write("asset2.bin", &signed(2, 1, &sleeper(4, 9_000)));
    dir.ironroot("vdev install my.board asset.bin --image 1 --slot primary").ok();
    let placed = dir.ironroot("vdev install my.board asset2.bin --image 1 --request permanent --json").ok();
    assert_eq!(
        (&placed.last("result")["address"], &placed.last("result")["offset"]),
        (&0x9010_0000_u32.into(), &4096.into())
    );
    let run = dir.ironroot("vdev run my.board --json").ok().last("result");
    assert_eq!(run["hand_off"]["updates"][1]["action"], "installed", "{run}");
    let shown = dir.ironroot("vdev show my.board --no-boot --json").ok().last("result");
    let external =
        shown["slots"].as_array().and_then(|slots| slots.iter().find(|slot| slot["image"] == 1).cloned());
    assert_eq!(external.map(|slot| slot["version"].clone()), Some("2.0.0".into()), "{shown}");
}
