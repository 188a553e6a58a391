#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("symbols"), |data: &[u8]| ironroot_fuzz::run("symbols", data));
