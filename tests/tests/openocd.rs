//! Stock OpenOCD with its own target/stm32h7x.cfg on the virtual device's JTAG port: what it does on silicon it does here,
//! and it meets the same closed doors.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ironroot_chip::flash::options::ReadProtection;
use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_cpu::machine::Machine;
use ironroot_debug::gdb::Watcher;
use ironroot_debug::port::Refusal;
use ironroot_debug::swj::{Probe, serve_tcp_once};
use ironroot_layout::stm32h735::{SECURE_AREA, rss};
use ironroot_tests::device::{Device, image, load_pieces, signing_key};
use ironroot_tests::{Scratch, firmware, ironroot};
use tempfile::TempDir;

/// Longer than any session here takes on a busy machine; a session that hangs fails after it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A child that never outlives its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the chip refused while OpenOCD was connected.
#[derive(Default)]
struct Refusals(Vec<Refusal>);

impl Watcher<Stm32h735> for Refusals {
    fn refused(&mut self, refusal: &Refusal) {
        self.0.push(refusal.clone());
    }
}

/// A session: OpenOCD's words, and the device as it left it.
struct Session {
    machine: Machine<Stm32h735>,
    said: String,
    refusals: Vec<Refusal>,
    seconds: f64,
    success: bool,
}

impl Session {
    /// Fails with everything OpenOCD said if it did not say this.
    #[track_caller]
    fn says(&self, wanted: &str) -> &Self {
        assert!(self.said.contains(wanted), "OpenOCD did not say `{wanted}`:\n{}", self.said);
        self
    }

    #[track_caller]
    fn never_says(&self, unwanted: &str) -> &Self {
        assert!(!self.said.contains(unwanted), "OpenOCD said `{unwanted}`:\n{}", self.said);
        self
    }

    #[track_caller]
    fn says_in_order(&self, wanted: &[&str]) {
        let mut rest = self.said.as_str();
        for text in wanted {
            let at = rest.find(text);
            let at =
                at.unwrap_or_else(|| panic!("OpenOCD did not say `{text}` in its place:\n{}", self.said));
            rest = &rest[at + text.len()..];
        }
    }

    /// A byte of a memory past all protections.
    fn peek(&self, address: u32) -> u8 {
        let offset = self.machine.core.bus.arena_offset(address).expect("an address of a memory");
        self.machine.memory().slice(offset, 1).first().copied().expect("inside the arena")
    }
}

/// Serves one connection on a thread of its own.
struct Server {
    address: SocketAddr,
    thread: JoinHandle<(Probe<Stm32h735>, Refusals)>,
}

fn serve(machine: Machine<Stm32h735>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let thread = std::thread::spawn(move || {
        let mut probe = Probe::new(machine);
        let mut refusals = Refusals::default();
        serve_tcp_once(&listener, &mut probe, &mut refusals).expect("a connection");
        (probe, refusals)
    });
    Server { address, thread }
}

/// OpenOCD on a port, with the commands after its own configuration of the chip.
fn openocd(port: u16, commands: &[&str]) -> Command {
    let mut command = Command::new("openocd");
    command
        .arg("-c")
        .arg(format!(
            "adapter driver remote_bitbang; remote_bitbang host 127.0.0.1; remote_bitbang port {port}; \
             gdb_port disabled; tcl_port disabled; telnet_port disabled"
        ))
        .args(["-f", "target/stm32h7x.cfg"]);
    for line in commands {
        command.args(["-c", line]);
    }
    command
}

/// Runs a command to its end; what it wrote to both outputs, and whether it succeeded.
fn output_of(mut command: Command) -> (String, bool) {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    command.stdin(Stdio::null()).stdout(writer.try_clone().expect("a pipe")).stderr(writer);
    let mut running = Running(command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}")));
    // The command holds the writing ends, and the end of the output would not come before it is dropped.
    drop(command);
    let text = std::thread::spawn(move || {
        let mut text = Vec::new();
        reader.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    let begin = Instant::now();
    loop {
        if let Some(status) = running.0.try_wait().expect("a child") {
            return (text.join().expect("a reader").expect("readable"), status.success());
        }
        if begin.elapsed() > PATIENCE {
            drop(running);
            panic!("OpenOCD hangs; it wrote:\n{}", text.join().expect("a reader").expect("readable"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One session of OpenOCD on `machine`. It ends by itself: the last command is `shutdown`.
fn session(machine: Machine<Stm32h735>, commands: &[&str]) -> Session {
    let server = serve(machine);
    let all: Vec<&str> = ["init"].iter().chain(commands).chain(&["shutdown"]).copied().collect();
    let begin = Instant::now();
    let (said, success) = output_of(openocd(server.address.port(), &all));
    let seconds = begin.elapsed().as_secs_f64();
    // If OpenOCD did not even connect, the server is let out of its accept.
    let _ = TcpStream::connect(server.address);
    let (probe, refusals) = server.thread.join().expect("the server does not panic");
    println!("{said}");
    Session { machine: probe.target.machine, said, refusals: refusals.0, seconds, success }
}

/// A chip without firmware of ours: erased flash, factory options.
fn empty_chip() -> Machine<Stm32h735> {
    let rom = RomImage::from_segments(std::iter::empty::<(u32, Vec<u8>)>()).expect("an empty ROM");
    Machine::new(Stm32h735::from_board(&Board::with_serial(7), &rom))
}

/// A chip that counts in r0 and at the start of DTCM: `adds r0, #1; str r0, [r1]; b .-4` at 0x0800_0406.
fn counting_chip() -> Machine<Stm32h735> {
    let rom = RomImage::from_segments(std::iter::empty::<(u32, Vec<u8>)>()).expect("an empty ROM");
    let mut board = Board::with_serial(8);
    let mut program = vec![0xFF; 0x420];
    program[..8].copy_from_slice(&[0x00, 0x00, 0x02, 0x20, 0x01, 0x04, 0x00, 0x08]);
    // Before it: movs r0, #0; mov.w r1, #0x20000000.
    program[0x400..0x40C]
        .copy_from_slice(&[0x00, 0x20, 0x4F, 0xF0, 0x00, 0x51, 0x01, 0x30, 0x08, 0x60, 0xFC, 0xE7]);
    assert!(board.preload(0x0800_0000, &program));
    Machine::new(Stm32h735::from_board(&board, &rom))
}

fn write(dir: &TempDir, name: &str, bytes: &[u8]) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).expect("writable");
    display(&path)
}

fn display(path: &Path) -> String {
    path.to_str().expect("a plain path").to_owned()
}

#[test]
fn openocd_examines_halts_steps_and_reads_registers_and_memory() {
    let run = session(
        counting_chip(),
        &[
            "halt",
            "reg",
            "dap info",
            "mdw 0x5C001000",
            "mww 0x20001000 0x12345678; mwb 0x20001001 0xAB; mwh 0x20001002 0xCDEF; mdw 0x20001000",
            "reg r5 0x55667788; reg r5",
            "reg primask",
            "bp 0x08000408 2 hw; resume; wait_halt 5000; rbp 0x08000408",
            "step; step; step",
            "wp 0x20000000 4 w; resume; wait_halt 5000; rwp 0x20000000",
            "reset halt; reg r0",
            "resume; sleep 50; halt; mdw 0x20000000",
        ],
    );
    assert!(run.success, "{}", run.said);
    run.says("JTAG tap: stm32h7x.cpu tap/device found: 0x6ba00477");
    run.says("Cortex-M7 r1p1 processor detected").says("8 breakpoints, 4 watchpoints");
    for component in ["Cortex-M7 ROM", "Cortex-M7 PPB ROM", "SCS", "DWT", "Cortex-M7 FPB", "ITM"] {
        run.says(component);
    }
    run.says("0x20001000: cdefab78").says("r5 (/32): 0x55667788").says("0x5c001000: 10010483");
    run.says_in_order(&[
        "halted due to breakpoint, current mode: Thread",
        "pc: 0x08000408",
        "halted due to single-step",
        "pc: 0x0800040a",
        "pc: 0x08000406",
        "pc: 0x08000408",
        "halted due to watchpoint",
        "pc: 0x0800040a",
        "pc: 0x08000400",
        "r0 (/32): 0x00000000",
        "0x20000000: 00",
    ]);
    run.never_says("Error");
    assert_eq!(run.refusals, []);
}

#[test]
fn openocd_programs_and_verifies_128_kb() {
    let dir = TempDir::new().expect("a directory");
    let content: Vec<u8> = (0u32..131_072).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = write(&dir, "content.bin", &content);
    let program = format!("program {file} 0x08020000 verify");
    let run = session(empty_chip(), &["flash probe 0", "flash info 0", &program]);
    assert!(run.success, "{}", run.said);
    run.says("Device: STM32H72x/73x").says("flash size probed value 1024");
    run.says("** Programming Finished **").says("** Verified OK **");
    println!("OpenOCD took {:.1} s for 128 KB", run.seconds);
    for (address, byte) in (0x0802_0000..).zip(&content) {
        assert_eq!(run.peek(address), *byte, "at {address:#010x}");
    }
}

#[test]
fn openocd_reads_and_changes_option_bytes() {
    let run = session(
        counting_chip(),
        &[
            "reset halt",
            "stm32h7x option_read 0 0x1c",
            "stm32h7x option_write 0 0x20 0x179eaab0",
            "stm32h7x option_read 0 0x1c",
        ],
    );
    assert!(run.success, "{}", run.said);
    run.says("Option Register: <0x5200201c> = 0x179eaaf0").never_says("Error");
    run.says("Option Register: <0x5200201c> = 0x179eaab0");
    assert_eq!(run.machine.core.bus.options().optsr, 0x179E_AAB0);
}

#[test]
fn openocd_at_rdp_1_reads_no_flash_and_regression_erases_it() {
    let locked = session(counting_chip(), &["reset halt", "stm32h7x lock 0", "reset halt", "mdw 0x08000400"]);
    assert_eq!(locked.machine.core.bus.options().read_protection(), ReadProtection::Level1);
    locked.never_says("0x08000400: f04f2000");
    assert_eq!(locked.peek(0x0800_0403), 0xF0, "the program is there, but not for the debugger");
    assert!(locked.refusals.iter().any(|r| r.code.to_string() == "IR-5202"), "{:?}", locked.refusals);
    let open = session(locked.machine, &["reset halt", "stm32h7x unlock 0", "reset halt", "mdw 0x08000400"]);
    assert_eq!(open.machine.core.bus.options().read_protection(), ReadProtection::Level0);
    open.says("0x08000400: ffffffff").never_says("Error");
}

#[test]
fn openocd_finds_no_tap_at_rdp_2() {
    let mut board = Board::with_serial(9);
    board.options_mut().optsr = (board.options().optsr & !0xFF00) | 0xCC00;
    let rom = RomImage::from_segments(std::iter::empty::<(u32, Vec<u8>)>()).expect("an empty ROM");
    let run = session(Machine::new(Stm32h735::from_board(&board, &rom)), &["halt"]);
    assert!(!run.success);
    run.says("JTAG scan chain interrogation failed: all ones");
    assert!(!run.machine.core.bus.security().was_debugger_seen());
}

/// A chip in Secure access mode whose secure area only leaves, with this answer to whether debug is to be opened, into a
/// counting application. Each sector begins with a vector table and has its code at 0x400.
fn leaving_chip(jtag_state: u32) -> Machine<Stm32h735> {
    let code = |halves: &[u16]| halves.iter().flat_map(|half| half.to_le_bytes()).collect::<Vec<u8>>();
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    // ldr r0, vectors; ldr r1, state; ldr r2, service; ldr r2, [r2]; blx r2; b .
    let leave = code(&[0x4803, 0x4904, 0x4A04, 0x6812, 0x4790, 0xE7FE, 0, 0]);
    // movs r0, #0; mov.w r1, #0x20000000; adds r0, #1; str r0, [r1]; b .-4
    let count = code(&[0x2000, 0xF04F, 0x5100, 0x3001, 0x6008, 0xE7FC]);
    let mut board = Board::with_serial(10);
    let (area, application) = (SECURE_AREA.start().value(), SECURE_AREA.end().value());
    for start in [area, application] {
        assert!(board.preload(start, &words(&[0x2002_0000, start + 0x401])));
    }
    assert!(board.preload(area + 0x400, &leave));
    assert!(board.preload(area + 0x410, &words(&[application, jtag_state, rss::EXIT_SECURE_AREA.value()])));
    assert!(board.preload(application + 0x400, &count));
    board.options_mut().optsr |= 1 << 21;
    board.options_mut().scar = 0x81FF_0000;
    let pieces = load_pieces(&std::fs::read(firmware("rss")).expect("readable"));
    let rom = RomImage::from_segments(pieces).expect("the ROM fits system flash");
    let mut machine = Machine::new(Stm32h735::from_board(&board, &rom));
    machine.run(1_000_000);
    assert_eq!(machine.core.r[15] & !0xF, application + 0x400, "the application counts");
    machine
}

#[test]
fn openocd_after_an_exit_that_opens_debug_sees_all_but_the_secure_area() {
    let run = session(
        leaving_chip(rss::JTAG_ENABLE),
        &["halt", "mdw 0x08000000 4", "mdw 0x1FF10000", "mdw 0x08020404", "reset halt"],
    );
    run.says("0x08000000: 00000000 00000000 00000000 00000000").says("0x1ff10000: 00000000");
    run.says("0x08020404: 30015100");
    let codes: Vec<String> = run.refusals.iter().map(|refusal| refusal.code.to_string()).collect();
    assert!(codes.contains(&"IR-5203".to_owned()), "{codes:?}");
}

#[test]
fn openocd_after_an_exit_that_keeps_debug_closed_sees_nothing() {
    let run = session(leaving_chip(rss::JTAG_KEEP_CLOSED), &["halt", "mdw 0x08020404"]);
    assert!(!run.success);
    run.never_says("0x08020404:");
    assert!(!run.machine.core.is_halted());
    assert!(run.refusals.iter().all(|r| r.code.to_string() == "IR-5201") && !run.refusals.is_empty());
}

#[test]
fn openocd_meets_a_closed_door_on_a_provisioned_device() {
    let device = Device::secured(&image("hello-hal", &signing_key()));
    let run = session(device.machine, &["halt", "mdw 0x08000000", "mdw 0x24000000"]);
    assert!(!run.success);
    run.never_says("0x08000000:").never_says("0x24000000:");
    assert!(run.refusals.iter().all(|r| r.code.to_string() == "IR-5201"), "{:?}", run.refusals);
    assert!(!run.refusals.is_empty());
}

#[test]
fn vdev_probe_serves_openocd_and_keeps_what_survives() {
    let dir = Scratch::new();
    dir.ironroot("vdev new my.board").ok();
    let mut command = ironroot();
    command
        .args(["vdev", "probe", "my.board", "--listen", "127.0.0.1:0", "--once", "--run", "1000", "--json"])
        .current_dir(dir.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut probe = Running(command.spawn().expect("the tool starts"));
    let mut lines = BufReader::new(probe.0.stdout.take().expect("a pipe")).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let event: serde_json::Value = serde_json::from_str(&line).ok()?;
        event["listen"].as_str()?.rsplit(':').next()?.parse::<u16>().ok()
    });
    let commands = ["init", "reset halt", "stm32h7x option_write 0 0x20 0x179eaab0", "shutdown"];
    let (said, success) = output_of(openocd(port.expect("the port"), &commands));
    assert!(success, "{said}");
    // The session's end is the probe's; its last line is the result.
    let last = lines.map_while(Result::ok).last().expect("a result");
    assert!(last.contains("\"saved\":true") && last.contains("\"halted\":true"), "{last}");
    assert!(probe.0.wait().expect("a child").success());
    let board = Board::load(&dir.path("my.board")).expect("a board file");
    assert_eq!(board.options().optsr, 0x179E_AAB0);
}
