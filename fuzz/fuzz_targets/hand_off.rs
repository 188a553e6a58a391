#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("hand_off"), |data: &[u8]| ironroot_fuzz::run("hand_off", data));
