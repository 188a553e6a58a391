//! `prove access`: the whole matrix on the real ROM, and what an attacker can read of the closed areas.

use std::collections::BTreeSet;
use std::path::Path;

use ironroot_chip::RomImage;
use ironroot_cpu::machine::Stop;
use ironroot_layout::Region;
use ironroot_layout::stm32h735::{self as map, rss};
use ironroot_prove::access::master::By;
use ironroot_prove::access::probe::{Answer, Bench, MAILBOX, Op, VECTORS};
use ironroot_prove::access::situation::{APPLICATION, SECURE_PROBE, provision};
use ironroot_prove::access::{self, Area, Key, Kind, Level, Mode, Moment, Outcome};
use ironroot_tests::device::load_pieces;
use ironroot_tests::{firmware, ironroot, root};

/// A word that nothing else holds.
const MARKER: u32 = 0xD15C_105E;
/// Where in the secure area it is planted: everything behind the probe.
const PLANTED: Region = Region::between(SECURE_PROBE + 0x1000, APPLICATION);
/// The registers that r4 to r11 of a call are loaded from.
const REGISTERS: u32 = MAILBOX + 32;
/// Everything that can be read as memory, but for the mailbox, and the registers of the flash interface.
const READABLE: [Region; 10] = [
    map::ITCM,
    map::FLASH,
    map::SYSTEM_FLASH,
    map::DTCM,
    Region::between(MAILBOX + 0x80, 0x2405_0000),
    map::SRAM1,
    map::SRAM2,
    map::SRAM4,
    map::BACKUP_SRAM,
    Region::between(0x5200_2000, 0x5200_2078),
];

fn rom() -> RomImage {
    let elf = std::fs::read(firmware("rss")).expect("readable");
    RomImage::from_segments(load_pieces(&elf)).expect("the ROM fits system flash")
}

#[test]
fn a9_every_cell_is_as_documented() {
    let matrix = access::measure(&rom(), |_| {}).expect("every situation can be reached");
    assert_eq!(matrix.cells.len(), Key::all().count());
    let differences: Vec<String> = matrix
        .differences()
        .map(|cell| format!("{}: measured {}, documented {:?}", cell.key, cell.measured, cell.documented))
        .collect();
    assert!(
        differences.is_empty(),
        "{} of {}:\n{}",
        differences.len(),
        matrix.cells.len(),
        differences.join("\n")
    );
}

#[test]
fn a9_a_rom_whose_exit_closes_nothing_is_found_out() {
    // ldr r2, [r0]; mov sp, r2; ldr r1, [r0, #4]; bx r1: to the application, with everything open.
    let stub = [0x6802u16, 0x4695, 0x6841, 0x4708].map(u16::to_le_bytes).concat();
    let at = rss::LIBRARY.end().value() - 0x20;
    let segments =
        rom().segments().iter().map(|segment| (segment.address, segment.bytes.clone())).collect::<Vec<_>>();
    let patched = [(at, stub), (rss::EXIT_SECURE_AREA.value(), (at | 1).to_le_bytes().to_vec())];
    let rom = RomImage::from_segments(segments.into_iter().chain(patched)).expect("it fits");
    let mut found = Vec::new();
    // No debugger can intrude on such a device either, so the proof does not even come to its end.
    let ended =
        access::measure(&rom, |cell| found.extend((!cell.agrees()).then_some((cell.key, cell.measured))));
    assert!(ended.is_err());
    for (area, kind) in
        [(Area::Secure, Kind::Read), (Area::Secure, Kind::Execute), (Area::Library, Kind::Read)]
    {
        let key = Key { mode: Mode::Secure, level: Level::Zero, moment: Moment::ExitClosed, area, kind };
        assert!(found.contains(&(key, Outcome::Granted)), "{key}");
    }
}

#[test]
fn a9_the_command_prints_a_line_for_each_cell_and_a_summary_last() {
    let dir = tempfile::tempdir().expect("a directory");
    let page = dir.path().join("access.html");
    let output =
        ironroot().args(["prove", "access", "--json", "--html"]).arg(&page).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<serde_json::Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON Lines"))
        .collect();
    let (summary, cells) = lines.split_last().expect("there are lines");
    assert_eq!((&summary["type"], &summary["failures"]), (&"summary".into(), &0.into()));
    assert_eq!(summary["cases"], cells.len());
    assert!(summary["seconds"].is_f64());
    assert_eq!(cells.len(), Key::all().count());
    let names = ["mode", "level", "moment", "area", "kind"];
    let keys: BTreeSet<String> =
        cells.iter().map(|cell| names.map(|name| cell[name].to_string()).join("/")).collect();
    assert_eq!(keys.len(), cells.len(), "no cell twice");
    assert!(cells.iter().all(|cell| cell["type"] == "cell" && cell["agrees"] == true));
    let page = std::fs::read_to_string(page).expect("the page");
    assert!(page.contains("<svg") && !page.contains("http"), "one file, nothing loaded");
}

/// The secure user software, with markers in its flash and in its registers, just before it leaves.
fn holder() -> Bench {
    let mut board = provision(&rom(), Mode::Secure, Level::Zero).expect("a secured board");
    let words = PLANTED.size().bytes() as usize / 4;
    assert!(board.preload(PLANTED.start().value(), &MARKER.to_le_bytes().repeat(words)));
    let mut bench = Bench::power_on(&board, &rom());
    assert_eq!(bench.started(), Some(SECURE_PROBE));
    bench
}

/// The bench, standing at the application's first instruction; the secure user software left with `registers` in r4 to r11.
fn left(jtag: u32, registers: u32) -> Bench {
    let mut bench = holder();
    let service = bench.read(rss::EXIT_SECURE_AREA.value()).value().expect("the table is open");
    bench.poke(REGISTERS, &registers.to_le_bytes().repeat(8));
    bench.expect_start();
    bench.post(Op::Call, service, APPLICATION, jtag);
    bench.machine.set_breakpoints([APPLICATION + VECTORS]);
    assert_eq!(bench.machine.run(1_000_000), Stop::Breakpoint(APPLICATION + VECTORS));
    bench.machine.set_breakpoints([]);
    bench
}

#[test]
fn a8_the_marker_is_there_before_the_exit() {
    let mut bench = holder();
    let words = PLANTED.size().bytes() / 4;
    let found = bench.ask(Op::Search, map::FLASH.start().value(), MARKER, map::SECTOR.bytes() / 4);
    assert_eq!(found, Answer::Value(words), "the search finds what can be read");
}

#[test]
fn a5_no_register_brings_the_marker_out() {
    let bench = left(rss::JTAG_KEEP_CLOSED, MARKER);
    assert!(!bench.machine.core.r.contains(&MARKER));
    assert!((0..32).all(|n| bench.machine.core.fp.single(n) != MARKER));
}

/// RAM is the secure user software's own to wipe, as the exit does not touch it; the exit service saves r4 to r7 on the
/// caller's stack. So nothing is in registers here.
#[test]
fn a8_the_application_finds_the_marker_nowhere() {
    let mut bench = left(rss::JTAG_KEEP_CLOSED, 0);
    assert_eq!(bench.started(), Some(APPLICATION));
    for region in READABLE {
        let found = bench.ask(Op::Search, region.start().value(), MARKER, region.size().bytes() / 4);
        assert_eq!(found, Answer::Value(0), "{region:?}");
    }
}

/// What a master reads of every word that it can reach.
fn reads(bench: &mut Bench, by: By) -> Vec<(u32, u32)> {
    let words = READABLE.iter().flat_map(|region| (region.start().value()..region.end().value()).step_by(4));
    words.filter_map(|address| Some((address, by.read(bench, address).ok()?))).collect()
}

#[test]
fn a8_b4_neither_dma_nor_debugger_finds_the_marker_or_a_byte_of_rss() {
    for by in [By::Dma, By::Debugger] {
        let mut bench = left(rss::JTAG_ENABLE, 0);
        assert_eq!(bench.started(), Some(APPLICATION));
        let read = reads(&mut bench, by);
        assert!(read.len() > 400_000, "{by:?} reaches what is open: {} words", read.len());
        for (address, value) in read {
            assert_ne!(value, MARKER, "{by:?} at {address:#010x}");
            let at = ironroot_layout::Address::new(address);
            let closed = rss::RSS.contains(at) || rss::LIBRARY.contains(at) || PLANTED.contains(at);
            assert!(!closed || value == 0, "{by:?} at {address:#010x} reads {value:#010x}");
        }
    }
}

#[test]
fn a8_b4_neither_dma_nor_debugger_sees_the_open_areas_before_the_exit() {
    let mut bench = holder();
    let seen: Vec<u32> = reads(&mut bench, By::Dma).into_iter().map(|(_, value)| value).collect();
    assert!(!seen.contains(&MARKER), "open to the core is not open to DMA");
    let refused = By::Debugger.read(&mut bench, map::FLASH.start().value());
    assert_eq!(refused, Err(access::master::Refused::Port));
}

/// All Rust sources below a directory, as one text.
fn sources(dir: &Path, text: &mut String) {
    for entry in std::fs::read_dir(dir).expect("a directory of the checkout").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).expect("readable"));
        }
    }
}

#[test]
fn a9_the_page_of_requirements_names_tests_that_exist() {
    let page = std::fs::read_to_string(root().join("docs/access-rights.md")).expect("the page");
    let mut text = String::new();
    for dir in ["tests", "vdev", "crates", "tools"] {
        sources(&root().join(dir), &mut text);
    }
    let rows: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| A") || line.starts_with("| B")).collect();
    let numbers: Vec<&str> = rows.iter().filter_map(|row| row.split('|').nth(1)).map(str::trim).collect();
    assert_eq!(numbers, ["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "B4", "B5", "B6", "B7"]);
    for row in rows {
        let names = row.split('`').skip(1).step_by(2).filter(|name| !name.ends_with('_'));
        for name in names {
            // An ordinary test, or a rule of tests/flash_rules.
            let there = text.contains(&format!("fn {name}("))
                || text.contains(&format!("    {name} on "))
                || text.contains(&format!("    {name}\n"));
            assert!(there, "no test is named {name}");
        }
    }
}
