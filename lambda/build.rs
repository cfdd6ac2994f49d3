//! How the functions' binary is linked.

use std::env::var_os;

/// At an address that is known: to tell what is to be moved to where else it lands would be a fortieth of what is fetched before a function
/// begins. Libraries, stack and heap still lie where nobody knows.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |key, value: &str| var_os(key).is_some_and(|is| is == *value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
