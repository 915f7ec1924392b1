//! How the shared library is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A thread that ends cleans up after the library, and crashes if that is gone: stay.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
