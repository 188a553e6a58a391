#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("update"), |data: &[u8]| ironroot_fuzz::run("update", data));
