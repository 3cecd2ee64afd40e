#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jeton_fuzz::run(jeton_fuzz::targets::Harness::upstream, data));
