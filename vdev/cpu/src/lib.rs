//! The Arm Cortex-M core of the virtual device.
//!
//! 1. Decoding knows nothing of execution: [`decode`] makes an [`insn::Insn`], [`disasm`] prints it, [`lower`] turns it into
//!    an [`op::Op`] (a function and its operands). A compiled back end would start from `Insn` too.
//! 2. The core knows no chip: everything outside it is behind [`bus::Bus`], typed by who accesses and how.
//! 3. Deterministic: time is counted in instructions and waits; the same start gives the same run, stepped or in blocks.
//! 4. Running is [`machine::Machine`]: blocks of operations, cached until their bytes are written to.
#![forbid(unsafe_code)]

pub mod access;
pub mod blocks;
pub mod bus;
pub mod core;
pub mod debug;
pub mod decode;
pub mod disasm;
pub mod exception;
pub mod exec;
mod execute;
pub mod halting;
pub mod insn;
pub mod lower;
pub mod machine;
pub mod memory;
pub mod mpu;
pub mod nvic;
pub mod op;
mod rom_table;
pub mod scs;
pub mod semihosting;
pub mod snapshot;
pub mod softfloat;
pub mod systick;
pub mod tlb;
mod translate;
