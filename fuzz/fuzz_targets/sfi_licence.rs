#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("sfi_licence"), |data: &[u8]| ironroot_fuzz::run("sfi_licence", data));
