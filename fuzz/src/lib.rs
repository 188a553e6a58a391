//! What every parser of Ironroot must hold to, whatever the bytes.
//!
//! 1. A target is a plain function over bytes. It panics where a promise is broken: a wrong acceptance, a result that
//!    contradicts the input, a value that does not survive writing and reading, and of course a panic inside.
//! 2. The same functions run under libFuzzer (`cargo xtask fuzz`, `cargo fuzz run`), over the committed corpus, and over
//!    seeded mutations of it (the smoke run of `cargo xtask test`): what a campaign finds stays found.
//! 3. Leading bytes of an input are knobs (which policy, which limits, which file name): a corpus file says everything
//!    about its case.
//! 4. [`seeds`] are valid samples, made by the code itself or by another tool: a fuzzer that starts from nothing never
//!    gets past a magic and a checksum.

#![forbid(unsafe_code)]

mod application;
mod boot;
mod debug;
mod device;
mod image;
mod install;
mod keys;
mod mutate;
mod project;
mod random;
mod uart;
mod update;

pub use mutate::Mutator;
pub use random::Random;

/// One parser, with what it must hold to.
pub struct Target {
    /// The name of the program in `fuzz_targets/` and of the directory in `corpus/`.
    pub name: &'static str,
    /// What is tried.
    pub what: &'static str,
    /// The trial.
    pub run: fn(&[u8]),
    /// Valid samples.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Longest input worth trying, in bytes.
    pub max_len: usize,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "image",
        what: "image: parse, TLV walk, verify",
        run: image::image,
        seeds: image::seeds,
        max_len: 4096,
    },
    Target {
        name: "image_encrypted",
        what: "image: sealed key, decrypting view, verify",
        run: image::encrypted,
        seeds: image::encrypted_seeds,
        max_len: 2048,
    },
    Target {
        name: "update",
        what: "trailers, status and slots: an update after anything",
        run: update::update,
        seeds: update::seeds,
        max_len: 4096,
    },
    Target {
        name: "decide",
        what: "boot decision over a slot",
        run: boot::decide,
        seeds: boot::decide_seeds,
        max_len: 4096,
    },
    Target {
        name: "key_store",
        what: "key store page",
        run: boot::key_store,
        seeds: boot::key_store_seeds,
        max_len: 1200,
    },
    Target {
        name: "hand_off",
        what: "hand-off record",
        run: boot::hand_off,
        seeds: boot::hand_off_seeds,
        max_len: 300,
    },
    Target {
        name: "uart_device",
        what: "USART bootloader, the chip's end",
        run: uart::device,
        seeds: uart::device_seeds,
        max_len: 2048,
    },
    Target {
        name: "uart_host",
        what: "USART bootloader, the flasher's end",
        run: uart::host,
        seeds: uart::host_seeds,
        max_len: 2048,
    },
    Target {
        name: "application",
        what: "ELF, Intel HEX and raw files, placed in a slot",
        run: application::application,
        seeds: application::seeds,
        max_len: 4096,
    },
    Target {
        name: "options",
        what: "option bytes wanted in TOML",
        run: application::options,
        seeds: application::option_seeds,
        max_len: 1024,
    },
    Target {
        name: "project_files",
        what: "ST's project files, and the product description made of them",
        run: project::files,
        seeds: project::seeds,
        max_len: 16384,
    },
    Target {
        name: "text",
        what: "versions, codes, numbers, hex digits",
        run: application::text,
        seeds: application::text_seeds,
        max_len: 128,
    },
    Target {
        name: "key_file",
        what: "key files, PEM and DER, encrypted and not",
        run: keys::file,
        seeds: keys::file_seeds,
        max_len: 4096,
    },
    Target { name: "key_uri", what: "pkcs11: URIs", run: keys::uri, seeds: keys::uri_seeds, max_len: 256 },
    Target {
        name: "board",
        what: "board file",
        run: device::board,
        seeds: device::board_seeds,
        max_len: 16384,
    },
    Target {
        name: "gdb_framer",
        what: "GDB packet framer",
        run: debug::framer,
        seeds: debug::packet_seeds,
        max_len: 2048,
    },
    Target {
        name: "gdb_remote",
        what: "GDB server on a device",
        run: debug::remote,
        seeds: debug::packet_seeds,
        max_len: 512,
    },
    Target {
        name: "bitbang",
        what: "OpenOCD remote_bitbang, JTAG and debug port",
        run: debug::bitbang,
        seeds: debug::bitbang_seeds,
        max_len: 2048,
    },
    Target {
        name: "symbols",
        what: "symbol tables of ELF files",
        run: debug::symbols,
        seeds: application::elf_seeds,
        max_len: 4096,
    },
    Target {
        name: "sfi_package",
        what: "package of secure firmware install, installed in memory",
        run: install::packages,
        seeds: install::package_seeds,
        max_len: 4096,
    },
    Target {
        name: "sfi_licence",
        what: "licence of a device",
        run: install::licences,
        seeds: install::licence_seeds,
        max_len: 256,
    },
    Target {
        name: "sfi_certificate",
        what: "device certificate, module of a third party",
        run: install::certificates,
        seeds: install::certificate_seeds,
        max_len: 512,
    },
    Target {
        name: "licence_request",
        what: "request and audit log of the licence server",
        run: install::requests,
        seeds: install::request_seeds,
        max_len: 1024,
    },
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// The first `N` bytes as knobs (zero where there are none), and the rest.
fn knobs<const N: usize>(data: &[u8]) -> ([u8; N], &[u8]) {
    match data.split_first_chunk::<N>() {
        Some((knobs, rest)) => (*knobs, rest),
        None => ([0; N], &[]),
    }
}

/// A seed: knobs and content.
fn seed(knobs: &[u8], content: &[u8]) -> Vec<u8> {
    [knobs, content].concat()
}

/// Runs one target on one input.
pub fn run(name: &str, data: &[u8]) {
    match target(name) {
        Some(target) => (target.run)(data),
        None => panic!("there is no target {name}"),
    }
}

/// What a fuzz program does before anything else: with a directory in the environment variable `IRONROOT_FUZZ_SEEDS` it
/// writes its seeds there, says its longest input and what it tries, and ends. So does `cargo xtask fuzz` find out.
pub fn init(name: &str) {
    let (Some(directory), Some(target)) = (std::env::var_os("IRONROOT_FUZZ_SEEDS"), target(name)) else {
        return;
    };
    let directory = std::path::Path::new(&directory);
    for (number, seed) in (target.seeds)().iter().enumerate() {
        if let Err(error) = std::fs::write(directory.join(format!("seed-{number:02}")), seed) {
            eprintln!("{}: {error}", directory.display());
            std::process::exit(1);
        }
    }
    println!("{} {}", target.max_len, target.what);
    std::process::exit(0);
}
