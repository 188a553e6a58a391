#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("key_uri"), |data: &[u8]| ironroot_fuzz::run("key_uri", data));
