//! Whether a panic can be reached in a linked program: the linker keeps what something refers to and drops the rest, so a
//! panic that is there is one that some path leads to. Each place that leads to one must stand in [`super::unreachable`].
//!
//! Nothing in the program says where: the handler looks at no message, so the linker has dropped the locations. The debug
//! information does, for the call that ends in the panic.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::parts::origins;
use super::unreachable::UNREACHABLE;

/// Names of functions that only a panic needs. The last is our own mark, called by the panic handler and by nothing else:
/// it is there even if everything between was inlined.
const PANICS: &[&str] = &[
    "core::panicking::",
    "core::option::unwrap_failed",
    "core::option::expect_failed",
    "core::result::unwrap_failed",
    "core::slice::index::slice_",
    "core::slice::copy_from_slice_impl::len_mismatch_fail",
    "core::str::slice_error_fail",
    "core::cell::panic_already",
    "rust_begin_unwind",
    "panicked",
];
/// What no build may have, however it is reached: the texts of panics, and an allocator.
const NEVER: &[&str] = &["core::fmt::", "alloc::"];
/// In the path of every source file of the standard library.
const STANDARD: &[&str] = &["/rustc/", "/rustlib/"];

/// A call or jump from one function to another.
struct Call {
    address: u32,
    caller: String,
    callee: String,
}

/// The functions of a program, and who calls whom from where.
fn calls(elf: &Path) -> (BTreeSet<String>, Vec<Call>) {
    let output = Command::new("arm-none-eabi-objdump")
        .args(["--disassemble", "--no-show-raw-insn"])
        .arg(elf)
        .output()
        .expect("arm-none-eabi-objdump is installed: `cargo xtask test` sees to it");
    assert!(output.status.success(), "{} is not disassembled", elf.display());
    let name = |text: &str| {
        let (_, name) = text.rsplit_once('<')?;
        let name = name.split(['>', '+']).next()?;
        Some(format!("{:#}", rustc_demangle::demangle(name)))
    };
    let (mut functions, mut calls) = (BTreeSet::new(), Vec::new());
    let mut caller = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some(label) = line.strip_suffix(">:") {
            caller = name(label).unwrap_or_default();
            functions.insert(caller.clone());
        } else if let Some(callee) = line.ends_with('>').then(|| name(line)).flatten()
            && callee != caller
            && let Some((address, _)) = line.split_once(':')
            && let Ok(address) = u32::from_str_radix(address.trim(), 16)
        {
            calls.push(Call { address, caller: caller.clone(), callee });
        }
    }
    (functions, calls)
}

/// What [`panics`] found.
#[derive(Default)]
pub struct Panics {
    /// Checks of libraries that no input reaches: places in the source.
    pub unreachable: BTreeSet<String>,
    /// Everything else: how the panic is reached. Must be empty.
    pub reachable: BTreeSet<String>,
}

/// Every place in a program that leads to a panic.
pub fn panics(elf: &Path) -> Panics {
    let (functions, calls) = calls(elf);
    assert!(functions.len() > 25, "{}: only {} functions", elf.display(), functions.len());
    let mut found = Panics::default();
    let is = |name: &str, list: &[&str]| list.iter().any(|mark| name.contains(mark));
    found.reachable.extend(functions.iter().filter(|name| is(name, NEVER)).cloned());

    let mut panics: BTreeSet<&str> =
        functions.iter().map(String::as_str).filter(|name| is(name, PANICS)).collect();
    let mut called: BTreeSet<&str> = BTreeSet::new();
    let mut seen = BTreeSet::new();
    loop {
        let sites: Vec<&Call> = calls
            .iter()
            .filter(|call| panics.contains(call.callee.as_str()))
            .inspect(|call| {
                called.insert(&call.callee);
            })
            .filter(|call| !panics.contains(call.caller.as_str()) && seen.insert(call.address))
            .collect();
        if sites.is_empty() {
            break;
        }
        let addresses: Vec<_> = sites.iter().map(|call| (call.address, 0)).collect();
        for (call, frames) in sites.iter().zip(origins(elf, &addresses)) {
            // Function and file of each frame, alternating, innermost first.
            let mut files = frames.iter().skip(1).step_by(2);
            match files.find(|file| !is(file, STANDARD)) {
                Some(place) => {
                    let set =
                        if is_unreachable(place) { &mut found.unreachable } else { &mut found.reachable };
                    set.insert(format!("{} <- {} at {place}", call.callee, call.caller));
                }
                // A function of the standard library that was not inlined: whoever calls it.
                None => {
                    panics.insert(&call.caller);
                }
            }
        }
    }
    // By a pointer, or from code without debug information.
    found.reachable.extend(panics.difference(&called).map(|name| format!("{name}, from nowhere")));
    found
}

/// Whether a place, `PATH:LINE`, is on the list.
fn is_unreachable(place: &str) -> bool {
    // What addr2line adds if there are several ways to the line.
    let place = place.split(" (discriminator").next().unwrap_or_default();
    UNREACHABLE.iter().any(|check| {
        place.rsplit_once(':').is_some_and(|(path, line)| {
            path.ends_with(check.file) && check.lines.iter().any(|known| line == known.to_string())
                || path.ends_with(check.file) && check.merged && line == "?"
        })
    })
}
