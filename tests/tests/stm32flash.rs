//! Debian's stm32flash, unchanged, on the bootloader of the virtual device, through a pseudo terminal.
//!
//! It knows of this family only product id 0x450, hence `--bootloader-pid`. A pseudo terminal has no parity bit to set,
//! hence `-m 8n1`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ironroot_chip::Board;
use ironroot_tests::device::load_pieces;
use ironroot_tests::{Scratch, firmware, ironroot};

/// A device that runs, with its serial port on a pseudo terminal.
struct Running {
    child: Child,
    /// What the device says, on its port too.
    output: Receiver<Vec<u8>>,
    port: String,
}

impl Running {
    fn start(dir: &Scratch, board: &Board) -> Self {
        board.save(&dir.path("b.board")).expect("the directory is writable");
        let mut child = ironroot()
            .args(["vdev", "run", "b.board", "--uart", "pty"])
            .current_dir(dir.path(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the tool starts");
        let mut announced = String::new();
        BufReader::new(child.stderr.as_mut().expect("piped")).read_line(&mut announced).expect("a line");
        let port = announced.trim().strip_prefix("serial port: ").expect("the port").to_owned();
        // Read all the time: a device whose output nobody takes stands still.
        let mut stdout = child.stdout.take().expect("piped");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Running { child, output, port }
    }

    /// Runs stm32flash; whether it succeeded, and all it said.
    fn flash(&self, dir: &Scratch, line: &str) -> (bool, String) {
        let output = Command::new("stm32flash")
            .args(["-m", "8n1"])
            .args(line.split_whitespace())
            .arg(&self.port)
            .current_dir(dir.path(""))
            .output()
            .expect("stm32flash is installed: run `cargo xtask test`, which sees to it");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn board() -> Board {
    let mut board = Board::with_serial(1);
    board.set_boot0(true);
    board.set_bootloader_pid(Some(0x450));
    board
}

#[test]
fn stm32flash_identifies_writes_verifies_reads_and_erases() {
    let dir = Scratch::new();
    let device = Running::start(&dir, &board());
    let (good, said) = device.flash(&dir, "");
    assert!(good && said.contains("0x0450") && said.contains("Version      : 0x31"), "{said}");

    let image: Vec<u8> = (0..0x4_0000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    dir.write("in.bin", &image);
    let (good, said) = device.flash(&dir, "-w in.bin -v -S 0x08000000");
    assert!(good && said.contains("(100.00%) Done."), "{said}");
    let (good, said) = device.flash(&dir, "-r out.bin -S 0x08000000:0x40000");
    assert!(good, "{said}");
    assert!(dir.read("out.bin") == image, "read back as written");

    let (good, said) = device.flash(&dir, "-o -S 0x08020000:0x20000");
    assert!(good, "{said}");
    let (good, said) = device.flash(&dir, "-r out.bin -S 0x08000000:0x40000");
    assert!(good, "{said}");
    let read = dir.read("out.bin");
    assert!(read[..0x2_0000] == image[..0x2_0000] && read[0x2_0000..].iter().all(|byte| *byte == 0xFF));
    let (good, said) = device.flash(&dir, "-r out.bin -S 0x08100000:256");
    assert!(!good, "behind the flash\n{said}");
}

#[test]
fn stm32flash_installs_and_starts_a_program() {
    let dir = Scratch::new();
    let device = Running::start(&dir, &board());
    let start = 0x0802_0400;
    let mut image = Vec::new();
    for (address, bytes) in load_pieces(&std::fs::read(firmware("hello-c")).expect("readable")) {
        let at = (address - start) as usize;
        image.resize(image.len().max(at + bytes.len()), 0xFF);
        image[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    dir.write("hello.bin", &image);
    let (good, said) = device.flash(&dir, "-e 0 -w hello.bin -v -S 0x08020400 -g 0x08020400");
    assert!(good && said.contains("Starting execution at address 0x08020400... done."), "{said}");
    let mut heard = Vec::new();
    let hello = b"hello from hello-c";
    while !heard.windows(hello.len()).any(|window| window == hello) {
        let more = device.output.recv_timeout(Duration::from_secs(60));
        heard.extend(more.expect("the program says what it is"));
    }
}

#[test]
fn stm32flash_is_refused_at_level_1_and_not_answered_at_level_2() {
    let with_rdp = |byte: u32| {
        let mut board = board();
        assert!(board.preload(0x0800_0000, b"\x00\x00\x02\x20\x09\x00\x00\x08\x30\xBF\xFD\xE7secret"));
        let options = board.options_mut();
        options.optsr = options.optsr & !0xFF00 | byte << 8;
        board
    };
    let dir = Scratch::new();
    dir.write("in.bin", &[0; 256]);
    let device = Running::start(&dir, &with_rdp(0xBB));
    let (good, said) = device.flash(&dir, "");
    assert!(good && said.contains("0x0450"), "it still says what it is\n{said}");
    for line in ["-r out.bin -S 0x08000000:256", "-w in.bin", "-o", "-j", "-g 0x08000000", "-u"] {
        let (good, said) = device.flash(&dir, line);
        // It exits with 0 after a start that failed, and says so.
        assert!(!good || said.contains("... failed."), "{line}\n{said}");
    }
    let (good, said) = device.flash(&dir, "-k");
    assert!(good, "the way back\n{said}");
    let (good, said) = device.flash(&dir, "-r out.bin -S 0x08000000:256");
    assert!(good, "{said}");
    assert_eq!(dir.read("out.bin"), [0xFF; 256], "it erases");
    drop(device);

    let device = Running::start(&dir, &with_rdp(0xCC));
    let (good, said) = device.flash(&dir, "");
    assert!(!good && !said.contains("0x0450"), "{said}");
}
