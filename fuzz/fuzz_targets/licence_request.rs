#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("licence_request"), |data: &[u8]| ironroot_fuzz::run("licence_request", data));
