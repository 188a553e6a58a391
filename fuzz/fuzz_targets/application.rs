#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("application"), |data: &[u8]| ironroot_fuzz::run("application", data));
