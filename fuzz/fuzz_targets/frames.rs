#![no_main]

#[path = "../../crates/ice/tests/harness/mod.rs"]
#[allow(dead_code, reason = "of all targets this runs one")]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::frames(data));
