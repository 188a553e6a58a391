//! Interrupts as often as code can pend them: one IRQ preempting another, PendSV and SVC, tail-chaining included.
#![no_std]
#![no_main]
#![allow(unsafe_code)] // exception handlers, and the registers of the NVIC

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use cortex_m_rt::exception;
use ironroot_bench::bench;

const ROUNDS: u32 = 50_000;
const NVIC_ISER0: *mut u32 = 0xE000_E100 as *mut u32;
const NVIC_ISPR0: *mut u32 = 0xE000_E200 as *mut u32;
const NVIC_IPR0: *mut u32 = 0xE000_E400 as *mut u32;
const ICSR: *mut u32 = 0xE000_ED04 as *mut u32;
const PENDSVSET: u32 = 1 << 28;

static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
static PENDSVS: AtomicU32 = AtomicU32::new(0);
static SVCS: AtomicU32 = AtomicU32::new(0);

fn count(counter: &AtomicU32) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

#[exception]
unsafe fn DefaultHandler(irq: i16) {
    count(&INTERRUPTS);
    if irq == 0 {
        // IRQ 1 preempts (higher priority), IRQ 2 is chained behind (same priority).
        // Safety: writing ones to the set-pending register only pends.
        unsafe { NVIC_ISPR0.write_volatile(0b110) };
    }
}

#[exception]
fn PendSV() {
    count(&PENDSVS);
}

#[exception]
fn SVCall() {
    count(&SVCS);
    // Safety: the NVIC's own registers; a set bit only pends.
    unsafe { ICSR.write_volatile(PENDSVSET) };
}

#[cortex_m_rt::entry]
fn main() -> ! {
    // Safety: nothing else uses the NVIC.
    unsafe {
        NVIC_IPR0.write_volatile(0x0080_4080);
        NVIC_ISER0.write_volatile(0b111);
    }
    bench("interrupts", || {
        for _ in 0..ROUNDS {
            // Safety: as above; SVC goes to the handler here.
            unsafe {
                NVIC_ISPR0.write_volatile(0b001);
                asm!("svc 0", options(nostack));
            }
        }
        INTERRUPTS.load(Relaxed) == 3 * ROUNDS
            && PENDSVS.load(Relaxed) == ROUNDS
            && SVCS.load(Relaxed) == ROUNDS
    })
}
