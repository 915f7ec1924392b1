//! Bytes as calls of the C functions.
#![no_main]

#[allow(dead_code, unused_imports, reason = "each target takes one of the bodies")]
#[path = "../../tests/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bodies::abi(data);
});
