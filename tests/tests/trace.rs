//! Traces and profiles of a real boot: they name what runs, add up, and change nothing.

use std::collections::BTreeMap;

use ironroot_cpu::machine::Stop;
use ironroot_debug::profile::Profiler;
use ironroot_debug::symbols::Symbols;
use ironroot_debug::trace::{Filter, Tracer};
use ironroot_layout::stm32h735::SLOT;
use ironroot_tests::device::{Device, image, signing_key};
use ironroot_tests::{Scratch, firmware};
use serde_json::Value;

/// More than any boot here takes.
const LIMIT: u64 = 400_000_000;

fn symbols() -> Symbols {
    let mut symbols = Symbols::new();
    for (program, name) in [("rss", "rss"), ("secure-boot", "secure-boot"), ("hello-c", "")] {
        let elf = std::fs::read(firmware(program)).expect("readable");
        assert!(
            symbols.add_elf(if name.is_empty() { "" } else { program }, &elf) > 3,
            "{program} has symbols"
        );
    }
    symbols
}

fn device() -> Device {
    Device::secured(&image("hello-c", &signing_key()))
}

/// The JSON lines of a trace.
fn trace(device: &mut Device, filter: Filter, symbols: &Symbols) -> (Stop, Vec<Value>) {
    let mut out = Vec::new();
    let mut tracer = Tracer::new(&mut out, true, filter, symbols);
    let stop = device.machine.run_hooked(LIMIT, &mut tracer);
    let written = tracer.finish().expect("memory can be written");
    let lines: Vec<Value> = out
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap_or_else(|e| panic!("{e}: {}", line.escape_ascii())))
        .collect();
    assert_eq!(lines.iter().filter(|line| line["event"] == "instruction").count() as u64, written);
    (stop, lines)
}

#[test]
fn a_trace_of_a_boot_names_its_functions_in_order() {
    let symbols = symbols();
    let mut device = device();
    // The entries of its stages; what lies between is arithmetic.
    let stages = [
        "rss:rss_reset",
        "secure-boot:reset",
        "secure-boot:secure_boot::main",
        "secure-boot:secure_boot::hand_over",
        "main",
    ];
    let mut last = 0;
    for name in stages {
        let start = u64::from(symbols.address_of(name).unwrap_or_else(|| panic!("{name} has a symbol")));
        let filter = Filter { range: start..start + 2, most: 1, ..Filter::default() };
        let (stop, lines) = trace(&mut device, filter, &symbols);
        // The second visit stops the run; a stage that is entered once only is followed by sleep.
        assert!(matches!(stop, Stop::Hook | Stop::Idle), "{name}: {stop:?}");
        let first = lines.first().unwrap_or_else(|| panic!("{name} never runs"));
        assert_eq!((&first["event"], &first["symbol"]), (&"instruction".into(), &Value::from(name)));
        let count = first["count"].as_u64().expect("a number");
        assert!(count >= last, "{name} runs at {count}, the stage before it at {last}");
        last = count;
        device = self::device();
    }
}

#[test]
fn a_trace_shows_accesses_with_their_values() {
    let symbols = symbols();
    let filter = Filter { accesses: true, most: 2000, ..Filter::default() };
    let (stop, lines) = trace(&mut device(), filter, &symbols);
    assert_eq!(stop, Stop::Hook);
    let first: Vec<&Value> = lines.iter().take(3).collect();
    assert_eq!(first[0]["text"], "push\t{r7, lr}");
    // The two registers that it pushes, each at its address.
    for access in &first[1..] {
        assert_eq!(
            (&access["event"], &access["kind"], &access["size"]),
            (&"access".into(), &"write".into(), &4.into())
        );
        assert!(access["value"].is_u64());
    }
    assert_eq!(first[1]["address"].as_u64().map(|at| at + 4), first[2]["address"].as_u64());
    assert_eq!(lines[0]["count"], 0, "counted from power-on of the core");
}

#[test]
fn looking_changes_nothing() {
    let symbols = symbols();
    let piece = 300_000;
    let (mut plain, mut traced, mut profiled) = (device(), device(), device());
    for _ in 0..4 {
        plain.machine.run(piece);
        let mut tracer =
            Tracer::new(std::io::sink(), false, Filter { accesses: true, ..Filter::default() }, &symbols);
        traced.machine.run_hooked(piece, &mut tracer);
        tracer.finish().expect("a sink takes everything");
        profiled.machine.run_hooked(piece, &mut Profiler::new(&symbols));
        assert_eq!(traced.machine.state_hash(), plain.machine.state_hash());
        assert_eq!(profiled.machine.state_hash(), plain.machine.state_hash());
    }
}

#[test]
fn a_profile_adds_up_and_names_the_cryptography() {
    let symbols = symbols();
    let mut device = device();
    let before = device.machine.core.instructions;
    let mut profiler = Profiler::new(&symbols);
    assert_eq!(device.machine.run_hooked(LIMIT, &mut profiler), Stop::Idle);
    assert_eq!(profiler.total(), device.machine.core.instructions - before);
    let rows = profiler.by_function();
    assert_eq!(rows.iter().map(|(_, count)| count).sum::<u64>(), profiler.total());
    let of =
        |part: &str| rows.iter().filter(|(name, _)| name.contains(part)).map(|(_, count)| count).sum::<u64>();
    let crypto = of("p256") + of("P256") + of("hmac_sha256");
    assert!(crypto * 2 > of("secure-boot:"), "{crypto} of {}", profiler.total());
    assert!(of("hmac_sha256") > 10_000 && rows.iter().any(|(name, _)| name == "main"));
    well_formed(&profiler.flame_graph(), "secure-boot:secure_boot::main");
}

/// A small check of XML: tags nest, and nothing is left unescaped.
#[track_caller]
fn well_formed(svg: &str, names: &str) {
    let mut open = Vec::new();
    for piece in svg.trim().split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("a tag without end: {piece}"));
        let entities =
            text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").replace("&quot;", "");
        assert!(!entities.contains('&') && !text.contains('>'), "not escaped: {text}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{piece}"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap_or(tag)),
        }
    }
    assert!(open.is_empty() && svg.starts_with("<svg ") && svg.contains(names), "{open:?}");
}

/// A directory with the board of a demo.
fn bench() -> Scratch {
    let dir = Scratch::new();
    dir.ironroot("demo --dir out").ok();
    dir.copy(&dir.path("out/demo.board"), "my.board");
    dir
}

#[test]
fn vdev_trace_and_profile_of_a_board() {
    let dir = bench();
    let before = dir.read("my.board");
    let run = dir.ironroot("vdev trace my.board --limit 50 --accesses --json").ok();
    let mut kinds = BTreeMap::<String, u64>::new();
    for event in run.events() {
        *kinds.entry(event["event"].as_str().expect("every line is an event").to_owned()).or_default() += 1;
    }
    assert_eq!((kinds["instruction"], kinds["result"]), (50, 1));
    assert!(kinds["access"] > 5, "{kinds:?}");
    assert_eq!(run.last("result")["end"], "limit");

    dir.copy(&firmware("hello-hal"), "app.elf");
    let (slot, end) = (SLOT.region.start().value(), SLOT.region.end().value());
    let line = format!("vdev trace my.board --range {slot:#x}..{end:#x} --symbols app.elf --limit 5 --json");
    let run = dir.ironroot(&line).ok();
    assert_eq!(run.last("result")["written"], 5);
    assert!(run.last("result")["instructions"].as_u64() > Some(1_000_000), "the boot ran, unwritten");
    let symbol = run.events()[0]["symbol"].as_str().expect("a name").to_owned();
    assert!(!symbol.starts_with("0x") && !symbol.starts_with("rss:"), "{symbol}");

    let result =
        dir.ironroot("vdev profile my.board --svg boot.svg --symbols app.elf --json").ok().last("result");
    let functions = result["functions"].as_array().expect("a table");
    let sum: u64 = functions.iter().filter_map(|row| row["instructions"].as_u64()).sum();
    assert_eq!(Some(sum), result["instructions"].as_u64());
    well_formed(&String::from_utf8(dir.read("boot.svg")).expect("text"), "p256");
    let text = dir.ironroot("vdev profile my.board --limit 2M").ok().stdout;
    assert!(text.contains("rss:rss_reset") && text.contains("total"), "{text}");
    assert_eq!(dir.read("my.board"), before, "looking changes nothing");
}

#[test]
fn vdev_trace_and_profile_refuse_with_codes() {
    let dir = Scratch::new();
    dir.ironroot("vdev new my.board").ok();
    dir.ironroot("vdev trace missing.board --json").refused("IR-1002", 2);
    dir.ironroot("vdev trace my.board --range 5..4 --json").refused("IR-1001", 2);
    dir.ironroot("vdev trace my.board --symbols missing.elf --json").refused("IR-1002", 2);
    dir.write("bad.elf", b"\x7fELF\x01\x01 and nothing else");
    dir.ironroot("vdev profile my.board --symbols bad.elf --json").refused("IR-1201", 2);
    dir.ironroot("vdev profile my.board --limit 100 --svg missing/boot.svg --json").refused("IR-1004", 2);
    dir.ironroot("vdev gdb my.board --halted --listen 256.0.0.1:1 --json").refused("IR-7001", 7);
    dir.ironroot("vdev gdb my.board --stdio --json").refused("IR-1001", 2);
    let help = dir.ironroot("vdev gdb --help").ok().stdout;
    assert!(help.contains("target remote 127.0.0.1:3333"), "{help}");
}
