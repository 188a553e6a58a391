//! Whether a panic can be reached in a linked program: the linker keeps what something refers to and drops the rest, so a
//! panic that is there is one that some path leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

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
    "core::fmt::",
    "alloc::",
    "rust_begin_unwind",
    "panicked",
];

/// The functions of a program, each with those that it calls or jumps to.
pub fn graph(elf: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new("arm-none-eabi-objdump")
        .args(["--disassemble", "--no-show-raw-insn"])
        .arg(elf)
        .output()
        .expect("arm-none-eabi-objdump is installed: `cargo xtask test` sees to it");
    assert!(output.status.success(), "{} is not disassembled", elf.display());
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut function = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let name = |text: &str| {
            let (_, name) = text.rsplit_once('<')?;
            let name = name.split(['>', '+']).next()?;
            Some(format!("{:#}", rustc_demangle::demangle(name)))
        };
        if let Some(label) = line.strip_suffix(">:") {
            function = name(label).unwrap_or_default();
            graph.entry(function.clone()).or_default();
        } else if let Some(callee) = line.ends_with('>').then(|| name(line)).flatten()
            && callee != function
        {
            graph.entry(function.clone()).or_default().insert(callee);
        }
    }
    graph
}

/// Every panic that is linked, with the chain of callers that leads to it.
pub fn panics(elf: &Path) -> Vec<String> {
    let graph = graph(elf);
    assert!(graph.len() > 50, "{}: only {} functions", elf.display(), graph.len());
    let is_panic = |name: &str| PANICS.iter().any(|panic| name.contains(panic));
    let mut found = Vec::new();
    for name in graph.keys().filter(|name| is_panic(name)) {
        let mut chain = vec![name.as_str()];
        // Up to the first function of ours.
        while let Some(caller) = chain.last().and_then(|last| {
            graph
                .iter()
                .find(|(caller, callees)| callees.contains(*last) && !chain.contains(&caller.as_str()))
        }) {
            chain.push(caller.0);
            if !is_panic(caller.0) {
                break;
            }
        }
        found.push(chain.join(" <- "));
    }
    found
}
