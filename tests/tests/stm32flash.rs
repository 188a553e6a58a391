//! Debian's stm32flash, unchanged, on the bootloader of the virtual device, through a pseudo terminal.
//!
//! It knows of this family only product id 0x450, hence `--bootloader-pid`. A pseudo terminal has no parity bit to set,
//! hence `-m 8n1`.

use std::process::Command;

use ironroot_chip::Board;
use ironroot_tests::device::load_pieces;
use ironroot_tests::wire::Wire;
use ironroot_tests::{Scratch, firmware};

/// A device that runs, with its serial port on a pseudo terminal.
struct Running {
    wire: Wire,
}

impl Running {
    fn start(dir: &Scratch, board: &Board) -> Self {
        board.save(&dir.path("b.board")).expect("the directory is writable");
        Running { wire: Wire::start(dir, "b.board", &[]) }
    }

    /// Runs stm32flash; whether it succeeded, and all it said.
    fn flash(&self, dir: &Scratch, line: &str) -> (bool, String) {
        let output = Command::new("stm32flash")
            .args(["-m", "8n1"])
            .args(line.split_whitespace())
            .arg(&self.wire.port)
            .current_dir(dir.path(""))
            .output()
            .expect("stm32flash is installed: run `cargo xtask test`, which sees to it");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
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
    let mut device = Running::start(&dir, &board());
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
    device.wire.hear("hello from hello-c");
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
