#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("decide"), |data: &[u8]| ironroot_fuzz::run("decide", data));
