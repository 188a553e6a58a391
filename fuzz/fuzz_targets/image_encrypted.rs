#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("image_encrypted"), |data: &[u8]| ironroot_fuzz::run("image_encrypted", data));
