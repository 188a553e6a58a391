#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("key_file"), |data: &[u8]| ironroot_fuzz::run("key_file", data));
