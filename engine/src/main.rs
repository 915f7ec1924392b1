//! The tool; it is not written yet.

fn main() {}
