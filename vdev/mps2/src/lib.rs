//! The Arm MPS2 FPGA board with the AN500 image (Cortex-M7), as far as QEMU's machine `mps2-an500` has it and programs of the
//! proof need it: the same ELF runs on both, so that two independent cores can be compared.
//!
//! 1. Memories are plain and unprotected: every page of them may be served by the fast path, for ever ([`Bus::epoch`] never
//!    changes).
//! 2. Nothing happens by itself: no timer but the core's own SysTick, no input. A run depends on the program alone.
//! 3. Where the real board and QEMU's machine differ, this is QEMU's: the board is only the stage, the core is what is proved.
#![forbid(unsafe_code)]

mod board;
mod load;

pub use board::{CODE_SIZE, DATA_BASE, DATA_SIZE, Mps2An500, PSRAM_BASE, PSRAM_SIZE, UART0};
pub use ironroot_cpu::semihosting::{End, run, serve};
pub use load::{LoadError, Program};
