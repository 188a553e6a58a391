#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("key_store"), |data: &[u8]| ironroot_fuzz::run("key_store", data));
