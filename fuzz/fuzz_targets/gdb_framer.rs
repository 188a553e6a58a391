#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("gdb_framer"), |data: &[u8]| ironroot_fuzz::run("gdb_framer", data));
