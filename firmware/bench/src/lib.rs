//! What the benchmark programs share: console and exit by semihosting, and the two marks that a host times between.
//!
//! Every program is deterministic, one instruction stream on any core: no timer, no input. `bench_begin` and `bench_end` are
//! symbols with nothing behind them; what runs between their calls is the benchmark.
#![no_std]

pub mod batch;
pub mod host;

/// The timed part begins here.
#[unsafe(no_mangle)]
#[inline(never)]
#[allow(unsafe_code)] // `no_mangle`: the name is this crate's own, nothing else links it
pub extern "C" fn bench_begin() {
    core::hint::black_box(1);
}

/// The timed part ended here.
#[unsafe(no_mangle)]
#[inline(never)]
#[allow(unsafe_code)] // as above
pub extern "C" fn bench_end() {
    // Another value than above: equal functions may be merged into one.
    core::hint::black_box(2);
}

/// Runs `work` between the marks, prints one line with its verdict, and ends the program.
pub fn bench(name: &str, work: impl FnOnce() -> bool) -> ! {
    bench_begin();
    let well = work();
    bench_end();
    host::print("bench ");
    host::print(name);
    host::print(if well { " ok\n" } else { " FAILED\n" });
    host::exit(well)
}
