#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("board"), |data: &[u8]| ironroot_fuzz::run("board", data));
