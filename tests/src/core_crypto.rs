//! The device's cryptography on the virtual core: cases in, answers out, instructions counted.
//!
//! `firmware/bench/src/bin/crypto.rs` is the other side and has the formats of the inputs and outputs.

use ironroot_cpu::machine::{Machine, Stop};
use ironroot_mps2::{End, Mps2An500, Program};

use crate::firmware;

/// ECDSA P-256.
pub const VERIFY: u32 = 1;
/// SHA-256 in two pieces.
pub const SHA256: u32 = 2;
/// ECDH on P-256.
pub const AGREE: u32 = 3;
/// ECIES on P-256.
pub const OPEN: u32 = 4;
/// AES-128-CTR.
pub const AES_CTR: u32 = 5;

/// Bytes of a batch, as the program has room for.
const ROOM: usize = 2 * 1024 * 1024;
/// More instructions than any batch takes.
const LIMIT: u64 = 20_000_000_000;

/// One case: operation, input, length of the output.
pub struct Case(pub u32, pub Vec<u8>, pub usize);

/// The program, as built by `cargo xtask build`.
pub fn program() -> Program {
    Program::parse(&std::fs::read(firmware("bench-crypto")).expect("readable")).expect("our own ELF")
}

/// A machine with the cases in its memory, and where each output will be.
pub fn loaded(cases: &[Case]) -> (Machine<Mps2An500>, Vec<(u32, usize)>) {
    let program = program();
    let at = program.symbol("BATCH_CASES").expect("the batch has a name");
    let (mut batch, mut outputs) = (Vec::new(), Vec::new());
    for Case(operation, input, output) in cases {
        for word in [*operation, input.len() as u32, *output as u32] {
            batch.extend(word.to_le_bytes());
        }
        batch.extend(input);
        batch.resize(batch.len().next_multiple_of(4), 0);
        outputs.push((at + batch.len() as u32, *output));
        batch.resize((batch.len() + output).next_multiple_of(4), 0);
    }
    batch.extend([0; 12]);
    assert!(batch.len() <= ROOM, "the batch has {} bytes", batch.len());
    let mut machine = program.machine().expect("it fits the board");
    assert!(machine.core.bus.put(at, &batch));
    (machine, outputs)
}

/// The outputs of all cases, in as many batches as they need.
pub fn run(cases: &[Case]) -> Vec<Vec<u8>> {
    let mut results = Vec::new();
    let mut rest = cases;
    while !rest.is_empty() {
        let mut size = 12;
        let fits = |Case(_, input, output): &&Case| {
            size += 12 + input.len().next_multiple_of(4) + output.next_multiple_of(4);
            size <= ROOM
        };
        let count = rest.iter().take_while(fits).count();
        assert!(count > 0, "a case is larger than a batch");
        let (now, later) = rest.split_at(count);
        let (mut machine, outputs) = loaded(now);
        assert_eq!(ironroot_mps2::run(&mut machine, LIMIT), End::Exit(true));
        results.extend(outputs.iter().map(|(at, length)| machine.core.bus.bytes_at(*at, *length).to_vec()));
        rest = later;
    }
    results
}

/// Instructions of one case, between the marks.
pub fn instructions(case: Case) -> u64 {
    let program = program();
    let mark = |name: &str| program.symbol(name).expect("a mark");
    let (begin, end) = (mark("bench_begin"), mark("bench_end"));
    let (mut machine, _) = loaded(&[case]);
    machine.set_breakpoints([begin, end]);
    assert_eq!(machine.run(LIMIT), Stop::Breakpoint(begin));
    let before = machine.core.instructions;
    assert_eq!(machine.run(LIMIT), Stop::Breakpoint(end));
    machine.core.instructions - before
}
