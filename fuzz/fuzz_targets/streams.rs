#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jeton_fuzz::knock(jeton_fuzz::doors::House::streams, data));
