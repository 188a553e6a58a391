#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("text"), |data: &[u8]| ironroot_fuzz::run("text", data));
