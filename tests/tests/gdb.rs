//! Stock gdb-multiarch on the virtual device, from `load` to `kill`, and what it shows where the chip refuses.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_cpu::machine::{Machine, Stop};
use ironroot_debug::gdb::framer::packet;
use ironroot_debug::gdb::{Session, Watcher, serve};
use ironroot_debug::port::Refusal;
use ironroot_layout::stm32h735::{SECURE_AREA, SLOT, rss};
use ironroot_tests::device::{Device, image, signing_key};
use ironroot_tests::{Scratch, ironroot};
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

/// Runs a command to its end and returns everything it wrote.
fn output_of(command: &mut Command) -> String {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    command.stdin(Stdio::null()).stdout(writer.try_clone().expect("a pipe")).stderr(writer);
    let mut running = Running(command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}")));
    // The command holds the writing ends, and the end of the output would not come before it is dropped.
    *command = Command::new("true");
    let text = std::thread::spawn(move || {
        let mut text = Vec::new();
        reader.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    let begin = Instant::now();
    while running.0.try_wait().expect("a child").is_none() {
        if begin.elapsed() > PATIENCE {
            drop(running);
            panic!("gdb hangs; it wrote:\n{}", text.join().expect("a reader").expect("readable"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    text.join().expect("a reader").expect("readable")
}

/// The program that the sessions debug.
struct Program {
    dir: TempDir,
}

impl Program {
    fn build() -> Program {
        let dir = tempfile::tempdir().expect("a directory");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gdb");
        let text = output_of(
            Command::new("arm-none-eabi-gcc")
                .args(["-g", "-Og", "-Wall", "-Werror", "-ffreestanding", "-nostdlib"])
                .args(["-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-d16"])
                .arg("-T")
                .arg(sources.join("program.ld"))
                .arg("-o")
                .arg(dir.path().join("program.elf"))
                .arg(sources.join("program.c")),
        );
        assert_eq!(text, "", "the compiler has nothing to say");
        Program { dir }
    }

    fn elf(&self) -> PathBuf {
        self.dir.path().join("program.elf")
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn text(&self) -> String {
        self.0.lock().expect("the server is well").join("\n")
    }
}

impl Watcher<Stm32h735> for Log {
    fn connected(&mut self) {
        self.0.lock().expect("the test is well").push("connected".into());
    }
    fn gone(&mut self) {
        self.0.lock().expect("the test is well").push("gone".into());
    }
    fn refused(&mut self, refusal: &Refusal) {
        self.0.lock().expect("the test is well").push(refusal.to_string());
    }
}

/// A server on a port of its own, until a debugger says `kill`.
struct Server {
    address: SocketAddr,
    log: Log,
    thread: JoinHandle<Machine<Stm32h735>>,
}

impl Server {
    fn start(machine: Machine<Stm32h735>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let log = Log::default();
        let mut watcher = log.clone();
        let thread = std::thread::spawn(move || {
            serve(&listener, Session::new(machine), &mut watcher).expect("connections").into_machine()
        });
        Server { address, log, thread }
    }

    /// Runs gdb with these commands; an error does not end the session.
    fn gdb(&self, program: Option<&Path>, commands: &[&str]) -> String {
        let mut gdb = Command::new("gdb-multiarch");
        gdb.args(["-nx", "-batch"]);
        let connect = format!("target remote {}", self.address);
        let settings = ["set pagination off", "set confirm off", "set width 0", "set architecture armv7e-m"];
        for command in settings.into_iter().chain([connect.as_str()]).chain(commands.iter().copied()) {
            gdb.args(["-ex", command]);
        }
        output_of(gdb.args(program))
    }

    /// The machine, after a debugger has said `kill`.
    fn end(self) -> Machine<Stm32h735> {
        self.thread.join().expect("the server ends in order")
    }
}

/// A chip from the factory: Standard mode, RDP level 0, empty flash.
fn factory() -> Machine<Stm32h735> {
    let rom = RomImage::from_segments(Vec::<(u32, Vec<u8>)>::new()).expect("an empty ROM");
    Machine::new(Stm32h735::from_board(&Board::with_serial(1), &rom))
}

/// Asserts that the parts follow one another in the text.
#[track_caller]
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => panic!("`{part}` is missing, or not where it belongs, in\n{text}"),
        }
    }
}

/// Continues to the first line of the bus fault's handler.
const TO_THE_FAULT: [&str; 5] =
    ["load", "monitor reset", "maintenance flush register-cache", "break bus_fault_handler", "continue"];

#[test]
fn gdb_loads_breaks_steps_and_finishes() {
    let program = Program::build();
    let server = Server::start(factory());
    let text = server.gdb(
        Some(&program.elf()),
        &[
            "load",
            "compare-sections",
            "monitor reset",
            "maintenance flush register-cache",
            "info registers pc sp",
            "break main",
            "continue",
            "step",
            "hbreak add",
            "continue",
            "print/x a",
            "backtrace",
            "finish",
            "print product",
            "print $d0",
            "stepi",
            "x/i $pc",
            "detach",
        ],
    );
    in_order(
        &text,
        &[
            "Loading section .text",
            "Start address 0x080000",
            "Section .text, range 0x8000000 -- ",
            ": matched.",
            "The device is reset",
            "<reset_handler>",
            "0x24020000",
            "Breakpoint 1, main () at ",
            "written = 0x1234;",
            "Breakpoint 2, add (a=4660, b=b@entry=1)",
            "$1 = 0x1234",
            "#0  add (a=4660, b=b@entry=1)",
            "#1  0x080000",
            " in main () at ",
            "Value returned is $2 = 4661",
            "$3 = 3.75",
            "$4 = 3.75",
            "<wait_for_tick>",
            "detached]",
        ],
    );
    let text = server.gdb(None, &["kill"]);
    in_order(&text, &["killed]"]);
    assert_eq!(server.log.text(), "connected\ngone\nconnected\ngone", "nothing was refused");
    assert_eq!(server.end().run(10_000), Stop::Limit, "the program goes on without its breakpoints");
}

#[test]
fn gdb_stops_at_every_watched_access() {
    let program = Program::build();
    let server = Server::start(factory());
    let text = server.gdb(
        Some(&program.elf()),
        &[
            "load",
            "monitor reset",
            "maintenance flush register-cache",
            "break main",
            "continue",
            "watch both",
            "rwatch read_only",
            "awatch written",
            "continue",
            "continue",
            "continue",
            "continue",
            "kill",
        ],
    );
    in_order(
        &text,
        &[
            "Hardware watchpoint 2: both",
            "Hardware read watchpoint 3: read_only",
            "Hardware access (read/write) watchpoint 4: written",
            "watchpoint 4: written\n\nOld value = 0\nNew value = 4660",
            "Hardware read watchpoint 3: read_only\n\nValue = 0",
            "Hardware watchpoint 2: both\n\nOld value = 0\nNew value = 1",
            "watchpoint 4: written\n\nValue = 4660",
        ],
    );
    server.end();
}

#[test]
fn gdb_reads_and_writes_registers_and_memory() {
    let program = Program::build();
    let server = Server::start(factory());
    let mut commands = TO_THE_FAULT.to_vec();
    commands.extend([
        "set $r5 = 0xabcd1234",
        "print/x $r5",
        "set $d3 = 2.25",
        "print $d3",
        "set $d15 = -1.0",
        "print $d15",
        "set $fpscr = 0x03000000",
        "print/x $fpscr",
        "set $psp = 0x24001000",
        "print/x $psp",
        "set $msp = 0x24011000",
        "print/x $sp",
        "set $primask = 1",
        "print $primask",
        "set $basepri = 0x50",
        "print/x $basepri",
        "set $faultmask = 1",
        "set $control = 1",
        "print $control",
        "set {unsigned}0x24000100 = 0xcafe1234",
        "x/xw 0x24000100",
        "set {unsigned char}0x24000101 = 0x77",
        "x/xw 0x24000100",
        "x/xh 0x24000102",
        "monitor faults",
        "print/x *(unsigned*)0xE000ED28",
        "detach",
    ]);
    let text = server.gdb(Some(&program.elf()), &commands);
    in_order(
        &text,
        &[
            "Breakpoint 1, bus_fault_handler ()",
            "= 0xabcd1234",
            "= 2.25",
            "= -1",
            "= 0x3000000",
            "= 0x24001000",
            "= 0x24011000",
            "= 1",
            "= 0x50",
            "= 1",
            "0x24000100:\t0xcafe1234",
            "0x24000100:\t0xcafe7734",
            "0x24000102:\t0xcafe",
            "CFSR 0x00008200 HFSR 0x00000000",
            "BFAR 0x30100000",
            "= 0x8200",
        ],
    );
    // Another debugger finds the device as the first has left it.
    let text = server.gdb(Some(&program.elf()), &["print/x $r5", "print $d3", "x/xw 0x24000100", "kill"]);
    in_order(&text, &["= 0xabcd1234", "= 2.25", "0xcafe7734", "killed]"]);
    let machine = server.end();
    assert_eq!((machine.core.r[5], machine.core.fp.double(15)), (0xABCD_1234, (-1.0f64).to_bits()));
}

#[test]
fn gdb_sees_through_exceptions() {
    let program = Program::build();
    let server = Server::start(factory());
    let text = server.gdb(
        Some(&program.elf()),
        &[
            "load",
            "monitor reset",
            "maintenance flush register-cache",
            "break systick_handler",
            "break bus_fault_handler",
            "continue",
            "backtrace",
            "print $xpsr & 0x1ff",
            "finish",
            "continue",
            "backtrace",
            "up 2",
            "kill",
        ],
    );
    in_order(
        &text,
        &[
            "Breakpoint 1, systick_handler ()",
            "#0  systick_handler ()",
            "#1  <signal handler called>",
            "#2  ",
            "wait_for_tick ()",
            "#3  ",
            "in main ()",
            "$1 = 15",
            "wait_for_tick ()",
            "Breakpoint 2, bus_fault_handler ()",
            "#0  bus_fault_handler ()",
            "#1  <signal handler called>",
            "in read_nothing ()",
            "in main ()",
            "return REG(0x30100000);",
        ],
    );
    server.end();
}

#[test]
fn gdb_interrupts_a_program_that_runs() {
    let program = Program::build();
    let server = Server::start(factory());
    let mut commands = TO_THE_FAULT.to_vec();
    // The shell's child outlives its parent and finds gdb waiting for the handler's endless loop.
    commands.extend(["shell (sleep 2; kill -INT $PPID) &", "continue", "print $pc == $pc", "kill"]);
    let text = server.gdb(Some(&program.elf()), &commands);
    in_order(&text, &["bus_fault_handler ()", "received signal SIGINT", "bus_fault_handler ()", "$1 = 1"]);
    server.end();
}

#[test]
fn a_secured_device_refuses_gdb_and_says_why() {
    let mut device = Device::secured(&image("hello-c", &signing_key()));
    assert_eq!(device.run(400_000_000), Stop::Idle);
    let before = device.machine.memory().slice(0, 4096).to_vec();
    let server = Server::start(device.machine);
    let text = server.gdb(
        None,
        &[
            "x/xw 0x08000000",
            "x/xw 0x24000000",
            "monitor why",
            "print $r0",
            "set $pc = 0x08020400",
            "hbreak *0x08020400",
            "continue",
            "delete",
            "monitor faults",
            "stepi",
            "kill",
        ],
    );
    let closed = "IR-5201: debug access is closed";
    in_order(
        &text,
        &[
            // Without being asked, before the first command.
            closed,
            "Cannot access memory at address 0x8000000",
            "Cannot access memory at address 0x24000000",
            closed,
            "This is how a secured device must behave; open debug through the boot chain only.",
            "$1 = <unavailable>",
            "Could not write register \"pc\"; remote failure reply 'E.IR-5201: debug access is closed",
            "Cannot insert hardware breakpoint 1.",
            closed,
        ],
    );
    in_order(&server.log.text(), &["connected", closed, "gone"]);
    let machine = server.end();
    assert_eq!(machine.memory().slice(0, 4096), before, "nothing was changed");
}

#[test]
fn gdb_on_a_device_that_opened_debug_is_told_what_reads_as_zero() {
    let mut device = Device::secured(&image("hello-c", &signing_key()));
    let word = |device: &Device, at: u32| u32::from_le_bytes([0, 1, 2, 3].map(|i| device.peek(at + i)));
    let exit = word(&device, rss::EXIT_SECURE_AREA.value()) & !1;
    device.machine.set_breakpoints([exit]);
    assert_eq!(device.run(400_000_000), Stop::Breakpoint(exit));
    // What secure boot passes when its owner wants debug open.
    device.machine.core.r[1] = rss::JTAG_ENABLE;
    device.machine.set_breakpoints([]);
    assert_eq!(device.run(400_000_000), Stop::Idle);
    let area = SECURE_AREA.start().value();
    assert_ne!(word(&device, area), 0, "there is something to hide");
    let server = Server::start(device.machine);
    let text = server.gdb(
        None,
        &[
            &format!("x/xw {:#x}", SLOT.region.start().value()),
            &format!("x/xw {area:#x}"),
            "monitor why",
            &format!("x/xw {:#x}", rss::RSS.start().value()),
            "monitor why",
            "monitor reset",
            "x/xw 0x24000000",
            "kill",
        ],
    );
    in_order(
        &text,
        &[
            "0x8020000:\t0x96f3b83d",
            "0x8000000:\t0x00000000",
            "IR-5203: at 0x08000000 reads return zero and RDSERR is set",
            "0x1ff10000:",
            "IR-5",
            // The reset closes the port again.
            "The device is reset",
            "IR-5201: debug access is closed",
            "Cannot access memory at address 0x24000000",
        ],
    );
    in_order(&server.log.text(), &["IR-5203: at 0x08000000 reads return zero"]);
    server.end();
}

/// A raw connection.
struct Raw(TcpStream);

impl Raw {
    fn connect(server: &Server) -> Raw {
        let stream = TcpStream::connect(server.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Raw(stream)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the server reads");
    }

    /// Reads until `end` has come.
    fn until(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => text.extend(byte),
                _ => panic!("no `{end}` but {}", String::from_utf8_lossy(&text)),
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[test]
fn the_server_outlives_bad_packets_and_broken_connections() {
    let server = Server::start(factory());
    let mut raw = Raw::connect(&server);
    // Memory that the last connection will look for.
    raw.send(&packet(b"M24000000,4:78563412"));
    raw.until("$OK#9a");
    raw.send(b"$g#00");
    raw.until("-");
    let bad = [
        "G00",
        "vCont",
        "vCont;r1,2,3",
        "mffffffff,1000",
        "m0,ffffffff",
        "Zx",
        "qSupported:=;=;x",
        "X",
        "vFlashWrite",
    ];
    for bad in bad {
        raw.send(&packet(bad.as_bytes()));
        let answer = raw.until("#");
        assert!(
            ["+$E", "+$#", "+$PacketSize="].iter().any(|known| answer.contains(known)),
            "{bad}: {answer}"
        );
    }
    // A flood without an end, then a packet.
    raw.send(&vec![b'$'; 100_000]);
    raw.send(&vec![b'm'; 1_000_000]);
    raw.send(b"#00");
    raw.send(&packet(b"m24000000,4"));
    raw.until("$78563412#a4");
    // A connection that breaks in the middle of a packet while the device runs: it stands, and waits for the next one.
    raw.send(&packet(b"vCont;c"));
    raw.send(b"$m2400");
    drop(raw);
    let mut raw = Raw::connect(&server);
    raw.send(&packet(b"m24000000,4"));
    raw.until("$78563412#a4");
    raw.send(&packet(b"M24000004,4:fee7fee7"));
    raw.send(&packet(b"Pf=04000024"));
    raw.send(&packet(b"vCont;c"));
    raw.until("$OK#9a+$OK#9a+");
    raw.send(&[3]);
    raw.until("$S02#b5");
    raw.send(&packet(b"k"));
    drop(raw);
    server.end();
}

/// `target remote | ironroot vdev gdb --stdio`: every refusal is shown as it happens, also that of a memory read, for which
/// the protocol has no text.
#[test]
fn gdb_starts_the_server_itself_and_shows_every_refusal() {
    let dir = Scratch::new();
    dir.ironroot("demo --dir out").ok();
    let tool = ironroot().get_program().to_string_lossy().into_owned();
    let board = dir.path("out/demo.board");
    let before = dir.read("out/demo.board");
    let mut gdb = Command::new("gdb-multiarch");
    gdb.args(["-nx", "-batch", "-ex", "set pagination off", "-ex", "set architecture armv7e-m", "-ex"])
        .arg(format!("target remote | {tool} vdev gdb {} --stdio --dry-run", board.display()))
        .args([
            "-ex",
            "echo first\\n",
            "-ex",
            "x/xw 0x24000000",
            "-ex",
            "echo second\\n",
            "-ex",
            "x/xw 0x08000000",
        ])
        .args(["-ex", "kill"]);
    let text = output_of(&mut gdb);
    in_order(
        &text,
        &["the device has booted and sleeps", "IR-5201: debug access is closed", "first", "second"],
    );
    assert!(text.matches("Cannot access memory").count() == 2 && text.contains("killed]"), "{text}");
    assert_eq!(dir.read("out/demo.board"), before);
}
