#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("uart_device"), |data: &[u8]| ironroot_fuzz::run("uart_device", data));
