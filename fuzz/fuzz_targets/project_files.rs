#![no_main]

libfuzzer_sys::fuzz_target!(init: ironroot_fuzz::init("project_files"), |data: &[u8]| ironroot_fuzz::run("project_files", data));
