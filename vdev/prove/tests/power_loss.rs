//! The power-loss campaign: small, and with loaders that it must convict.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Mutex;

use ironroot_boot::update::{Action, Flash, FlashError, Mode};
use ironroot_image::Version;
use ironroot_prove::power_loss::campaign::Campaign;
use ironroot_prove::power_loss::case::Case;
use ironroot_prove::power_loss::encryption::Encryption;
use ironroot_prove::power_loss::flash::{Area, CellKind, Cut, Effect, Geometry, Machine, Store};
use ironroot_prove::power_loss::layout::Layout;
use ironroot_prove::power_loss::loader::{Device, Engine, Loader, Said};
use ironroot_prove::power_loss::play::{CutAt, Player, Watch};
use ironroot_prove::power_loss::results::{Outcome, Shard, merge};
use ironroot_prove::power_loss::scenario::{Scenario, Sizes};
use ironroot_prove::power_loss::world::{Setup, World, primary, secondary};
use ironroot_prove::rng::Rng;

/// The quick table restricted to what a test can afford.
fn campaign(modes: &[Mode], layouts: &[&str], encryptions: &[Encryption], scenarios: &[&str]) -> Campaign {
    let mut campaign = Campaign::full(1);
    campaign.full = false;
    campaign.modes = modes.to_vec();
    campaign.layouts = layouts.iter().map(|name| Layout::named(name).expect("a layout")).collect();
    campaign.encryptions = encryptions.to_vec();
    campaign.scenarios = scenarios.iter().map(|name| Scenario::named(name).expect("a scenario")).collect();
    campaign
}

fn failures(outcome: &Outcome) -> u64 {
    outcome.rows.iter().map(|row| row.failures).sum()
}

#[track_caller]
fn holds(outcome: &Outcome, least: u64) {
    let cases: u64 = outcome.rows.iter().map(|row| row.cases).sum();
    let examples: Vec<_> = outcome.rows.iter().flat_map(|row| &row.examples).take(3).collect();
    assert_eq!(failures(outcome), 0, "{examples:#?}");
    assert!(cases >= least, "only {cases} cases");
}

#[test]
fn the_engine_holds_on_small_layouts() {
    let swaps = [Mode::OverwriteOnly, Mode::SwapScratch, Mode::SwapMove, Mode::SwapOffset];
    let campaign =
        campaign(&swaps, &["h735", "l4", "l0"], &[Encryption::NONE], &["confirm", "revert", "counter"]);
    holds(&campaign.run(&Engine, &|_| true), 5_000);
}

#[test]
fn encrypted_updates_hold_and_show_nothing() {
    let swaps = [Mode::OverwriteOnly, Mode::SwapScratch, Mode::SwapMove, Mode::SwapOffset];
    let campaign = campaign(&swaps, &["u5"], &[Encryption::P256_AES128], &["revert"]);
    holds(&campaign.run(&Engine, &|_| true), 1_000);
}

/// Every encryption that the format has, on the way there and back.
#[test]
fn no_encryption_is_left_out() {
    let mut campaign = campaign(&[Mode::SwapOffset], &["l4"], &[], &["revert"]);
    campaign.full = true;
    campaign.shard = Shard { index: 1, count: 40 };
    let outcome = campaign.run(&Engine, &|_| true);
    holds(&outcome, 1_000);
    for encryption in Encryption::ALL {
        let cases = outcome.rows[0].encryptions.get(encryption.name());
        assert!(cases.is_some_and(|cases| *cases > 12), "{}: {cases:?}", encryption.name());
    }
}

/// The layouts of the STM32H7R/S, in the stages' modes and encryption. The large ones in part: a campaign tries all of it.
#[test]
fn the_boot_stages_of_the_stm32h7rs_hold() {
    let scenarios = ["confirm", "revert", "corrupt", "counter", "bootstrap", "again"];
    let stages = ["h7s7-ram", "h7r7-ram", "h7s7-urot", "stirot"];
    let small = campaign(&[], &stages, &[], &scenarios).run(&Engine, &|_| true);
    holds(&small, 5_000);
    assert_eq!(small.rows.len(), 7, "STiRoT only overwrites, the others overwrite and swap");
    let mut campaign = campaign(&[], &["h7s7", "h7r7"], &[], &["confirm", "revert"]);
    campaign.shard = Shard { index: 1, count: 3 };
    let large = campaign.run(&Engine, &|_| true);
    holds(&large, 500);
    assert_eq!(large.rows.len(), 4);
    assert!(small.rows.iter().chain(&large.rows).all(|row| row.refused.is_none() && row.no_room == 0));
}

/// A loader as it is written first: overwrites, does not look at what it starts, and takes an unreadable word for a
/// broken flash.
struct Naive {
    /// Withdraws the request before the copy is done.
    hasty: bool,
    /// Reads an unreadable request as no request.
    shrugs: bool,
    /// Leaves the plain payload in the secondary slot.
    leaks: bool,
    /// Writes the request's mark twice.
    twice: bool,
}

const NAIVE: Naive = Naive { hasty: false, shrugs: false, leaks: false, twice: false };

impl Naive {
    fn copy(&self, world: &World, device: &mut Device) -> Result<bool, FlashError> {
        let mut primary = device.area(primary(0));
        let mut secondary = device.area(secondary(0));
        let end = secondary.size() - world.trailer.magic();
        let last = secondary.sector_count() - 1;
        let mut magic = [0; 16];
        match secondary.read(end, &mut magic) {
            Err(FlashError::Unreadable) if self.shrugs => return Ok(false),
            read => read?,
        }
        if magic != world.trailer.magic_bytes() {
            return Ok(false);
        }
        if self.hasty {
            secondary.erase(last)?;
        }
        // As if it had decrypted it.
        let plain = &world.images[0][1].plain;
        let image = plain.len() as u32;
        for index in 0..primary.sector_count() {
            let sector = primary.sector(index).ok_or(FlashError::OutOfBounds)?;
            primary.erase(index)?;
            if sector.offset < image {
                let mut bytes = vec![0; (image - sector.offset).min(sector.size) as usize];
                secondary.read(sector.offset, &mut bytes)?;
                bytes = plain[sector.offset as usize..][..bytes.len()].to_vec();
                bytes.resize(bytes.len().next_multiple_of(primary.write_size() as usize), 0xFF);
                primary.write(sector.offset, &bytes)?;
                if self.twice && index == 0 {
                    primary.write(sector.offset, &bytes[..primary.write_size() as usize])?;
                }
            }
        }
        if self.leaks {
            secondary.erase(0)?;
            secondary.write(0, &world.images[0][1].plain[64..64 + 32])?;
        }
        if !self.hasty {
            secondary.erase(last)?;
        }
        Ok(true)
    }
}

impl Loader for Naive {
    fn boot(&self, world: &World, device: &mut Device) -> Result<Vec<Said>, String> {
        let copied = self.copy(world, device).map_err(|error| format!("{error:?}"))?;
        let mut header = [0; 32];
        device.area(primary(0)).read(0, &mut header).map_err(|error| format!("{error:?}"))?;
        let version = Version { major: header[20], minor: header[21], revision: 0, build: 0 };
        let action = if copied { Action::Installed } else { Action::None };
        Ok(vec![Said { version, action, refused: None }])
    }
}

/// What sorts of counter-examples a loader gives.
fn sorts(loader: &(dyn Loader + Sync), layout: &str, encryption: Encryption) -> Vec<String> {
    let campaign = campaign(&[Mode::OverwriteOnly], &[layout], &[encryption], &["permanent"]);
    let outcome = campaign.run(loader, &|_| true);
    let mut sorts: Vec<String> = outcome.rows.iter().flat_map(|row| row.kinds.keys().cloned()).collect();
    sorts.sort();
    sorts
}

#[test]
fn a_loader_that_takes_an_unreadable_word_for_a_defect_is_convicted() {
    assert!(sorts(&NAIVE, "l4", Encryption::NONE).contains(&"no boot".to_owned()));
    // The control of the control: without ECC nothing is unreadable, and the same loader holds.
    assert_eq!(sorts(&NAIVE, "f4-large", Encryption::NONE), Vec::<String>::new());
}

#[test]
fn a_loader_that_forgets_too_early_is_convicted() {
    let hasty = Naive { hasty: true, shrugs: true, ..NAIVE };
    assert!(sorts(&hasty, "f4-large", Encryption::NONE).contains(&"neither image".to_owned()));
}

#[test]
fn a_second_write_and_a_plain_window_are_convicted() {
    let twice = Naive { twice: true, ..NAIVE };
    assert_eq!(sorts(&twice, "l4", Encryption::NONE), ["flash rules"]);
    let leaks = Naive { leaks: true, ..NAIVE };
    assert_eq!(sorts(&leaks, "f4-large", Encryption::P256_AES128), ["flash rules"]);
}

/// Keeps the flashes that each cut left.
struct Cuts(Vec<Vec<CutAt>>);

impl Watch for Cuts {}

/// The journal's way to a cut and the real way give the same flash, and so the same outcome.
#[test]
fn a_case_is_the_same_whichever_way_it_is_reached() {
    let setup = |mode, layout, encryption, scenario, sizes| Setup {
        mode,
        layout: Layout::named(layout).expect("a layout"),
        encryption,
        scenario: Scenario::named(scenario).expect("a scenario"),
        sizes,
        seed: 3,
    };
    same_both_ways(setup(Mode::OverwriteOnly, "l4", Encryption::NONE, "again", Sizes::Edge));
    // Behind a cipher, and with sectors whose erase was cut short.
    let stage = setup(Mode::SwapScratch, "h7s7-ram", Encryption::P256_AES128, "revert", Sizes::Largest);
    same_both_ways(stage);
    same_both_ways(setup(Mode::OverwriteOnly, "stirot", Encryption::P256_AES128, "again", Sizes::Grow));
}

fn same_both_ways(setup: Setup) {
    let seen: Mutex<Vec<(Vec<CutAt>, Store)>> = Mutex::new(Vec::new());
    let mut campaign = Campaign::full(3);
    campaign.sample = 1;
    let row = campaign.device_with(setup, &Engine, &mut |case, store| {
        if case.cuts.len() > 1 || case.cuts.first().is_some_and(|cut| cut.at % 7 == 0) {
            seen.lock().expect("one thread").push((case.cuts.clone(), store.clone()));
        }
    });
    assert_eq!(row.failures, 0, "{:?}", row.examples);
    let seen = seen.into_inner().expect("one thread");
    assert!(seen.len() > 100, "{}", seen.len());
    let world = World::new(setup).expect("it fits");
    let mut player = Player::new(&world, &Engine);
    let mut nothing = Cuts(Vec::new());
    for (cuts, store) in seen.iter().step_by(3) {
        let replayed = player.replay(cuts, &mut nothing);
        assert!(replayed.is_ok(), "{cuts:?}: {replayed:?}");
        assert!(player.device.machine.borrow().store == *store, "{cuts:?}");
    }
    assert!(nothing.0.is_empty());
}

#[test]
fn shards_are_disjoint_and_complete_and_threads_change_nothing() {
    let mut campaign =
        campaign(&[Mode::OverwriteOnly], &["l4", "h735"], &[Encryption::NONE], &["permanent", "corrupt"]);
    let whole = campaign.run(&Engine, &|_| true);
    campaign.threads = 1;
    let mut parts = Vec::new();
    for index in 1..=3 {
        campaign.shard = Shard { index, count: 3 };
        parts.push(campaign.run(&Engine, &|_| true));
    }
    assert!(parts.iter().all(|part| part.rows[0].tried > 0 && part.rows[0].tried < part.rows[0].points));
    let merged = merge(parts.clone()).expect("all parts are there");
    for (one, other) in whole.rows.iter().zip(&merged.rows) {
        assert_eq!((one.points, one.tried, one.failures), (other.points, other.tried, other.failures));
        assert_eq!((&one.heat, &one.kinds), (&other.heat, &other.kinds));
        // Each part plays every device once without a cut.
        assert_eq!(one.cases + 2 * one.devices, other.cases);
    }
    parts.pop();
    assert!(merge(parts).is_err());
}

#[test]
fn the_same_seed_gives_the_same_cases_and_another_one_others() {
    let store = |seed| {
        let mut stores = Vec::new();
        let setup = Setup {
            mode: Mode::OverwriteOnly,
            layout: Layout::named("tiny8").expect("a layout"),
            encryption: Encryption::NONE,
            scenario: Scenario::named("permanent").expect("a scenario"),
            sizes: Sizes::Small,
            seed,
        };
        Campaign::full(seed).device_with(setup, &Engine, &mut |case, store| {
            if case.cuts.len() == 1 && case.cuts[0].effect == Effect::Torn {
                stores.push(store.clone());
            }
        });
        stores
    };
    assert!(store(1) == store(1));
    assert!(store(1) != store(2));
}

#[test]
fn a_case_beyond_the_script_is_refused() {
    let case: Case = "overwrite-only/l4/none/permanent/grow/1/9999b".parse().expect("an id");
    let world = World::new(case.setup).expect("it fits");
    assert!(Player::new(&world, &Engine).replay(&case.cuts, &mut Cuts(Vec::new())).is_err());
}

/// The cells of a serial NOR of which the first part is behind a memory cipher.
fn sealed_nor() -> (Rc<RefCell<Machine>>, Area) {
    let nor = CellKind { unit: 8, erased: 0xFF, write_once: false, ecc: false, page: 256 };
    let geometry = Geometry::new(&[1024; 2], nor).behind_cipher(1536);
    let machine = Machine::new(vec![geometry].into()).shared();
    machine.borrow_mut().power_on(u32::MAX, None, false);
    let area = Area::new(&machine, 0);
    (machine, area)
}

fn cut_at(machine: &Rc<RefCell<Machine>>, effect: Effect, seed: u64) {
    let cut = Some(Cut { at: 0, effect, rng: Rng::new(seed) });
    machine.borrow_mut().power_on(u32::MAX, cut, false);
}

fn bytes_of<const N: usize>(area: &Area, offset: u32) -> [u8; N] {
    let mut bytes = [0; N];
    area.read(offset, &mut bytes).expect("there is no ECC");
    bytes
}

#[test]
fn behind_the_cipher_erased_bytes_are_noise_and_blocks_are_whole() {
    let (machine, mut area) = sealed_nor();
    assert_eq!(area.cipher_block(), 16);
    let blank: [u8; 32] = bytes_of(&area, 0);
    assert!(blank.iter().filter(|byte| **byte == 0xFF).count() < 4, "{blank:?}");
    assert_eq!(bytes_of(&area, 1536), [0xFF; 8], "behind the cipher's region");
    area.write(16, &[0xA5; 32]).expect("it is erased");
    assert_eq!(bytes_of(&area, 16), [0xA5; 32]);
    area.erase(0).expect("a sector");
    assert_eq!(bytes_of::<32>(&area, 0), blank, "an erase brings the same noise");
    // A write over the end of the region: blocks, then units, which may be programmed again.
    area.write(1520, &[0x5A; 24]).expect("it is erased");
    area.write(1536, &[0x52; 8]).expect("NOR");
    assert_eq!(bytes_of(&area, 1528), [0x5A, 0x5A, 0x5A, 0x5A, 0x5A, 0x5A, 0x5A, 0x5A]);
    assert_eq!(bytes_of(&area, 1536), [0x52; 8]);
    assert!(machine.borrow().fault().is_none());
    assert!(area.write(24, &[0; 16]).is_err(), "two halves of blocks");
    assert!(machine.borrow().fault().is_some_and(|fault| fault.contains("block")));
    let (machine, mut area) = sealed_nor();
    area.write(0, &[1; 16]).expect("it is erased");
    assert!(area.write(0, &[1; 16]).is_err(), "over other ciphertext");
    assert!(machine.borrow().fault().is_some_and(|fault| fault.contains("again")));
}

#[test]
fn a_torn_page_may_have_any_of_its_blocks_torn() {
    let (mut neither, mut whole, mut untouched) = (0, 0, 0);
    for seed in 0..50 {
        let (machine, mut area) = sealed_nor();
        let blank: [u8; 512] = bytes_of(&area, 0);
        cut_at(&machine, Effect::Torn, seed);
        assert!(area.write(0, &[0xA5; 512]).is_err());
        machine.borrow_mut().power_on(u32::MAX, None, false);
        let after: [u8; 512] = bytes_of(&area, 0);
        let first = after.chunks(16).position(|block| block != [0xA5; 16]).expect("one is torn");
        let page = first / 16;
        for (index, block) in after.chunks(16).enumerate().skip(first) {
            let old = block == &blank[index * 16..][..16];
            assert!(old || index / 16 == page, "the page behind the torn one was not begun");
            match (old, block == [0xA5; 16]) {
                (true, _) => untouched += 1,
                (_, true) => whole += 1,
                _ => neither += 1,
            }
        }
    }
    assert!(neither > 50 && whole > 20 && untouched > 20, "{neither} {whole} {untouched}");
}

/// A sector may look erased and not be so: only an erase that came to its end is one.
#[test]
fn nothing_is_programmed_after_an_erase_that_was_cut_short() {
    for effect in [Effect::After, Effect::Torn, Effect::Half] {
        let (machine, mut area) = sealed_nor();
        cut_at(&machine, effect, 1);
        assert!(area.erase(1).is_err());
        machine.borrow_mut().power_on(u32::MAX, None, false);
        assert_eq!(bytes_of(&area, 2040), [0xFF; 8], "it reads as erased");
        assert!(area.write(2040, &[0; 8]).is_err());
        assert!(machine.borrow().fault().is_some_and(|fault| fault.contains("come to its end")));
        machine.borrow_mut().power_on(u32::MAX, None, false);
        area.erase(1).expect("the power is on");
        area.write(2040, &[0; 8]).expect("it is erased now");
    }
}
