#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("options"), |data: &[u8]| ironroot_fuzz::run("options", data));
