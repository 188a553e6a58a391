#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("bitbang"), |data: &[u8]| ironroot_fuzz::run("bitbang", data));
