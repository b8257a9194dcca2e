#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fdguard_fuzz::handshake(data));
