//! Any text as a rule file: it is read or refused, and what is read can be decided by and proved.

#![no_main]

use libfuzzer_sys::fuzz_target;
use router::rules::Rules;

fuzz_target!(|text: &str| {
    match Rules::parse(text) {
        Ok(rules) => {
            let _ = rules.run_tests();
            if text.len() < 2_000 {
                let _ = rules.prove();
            }
        }
        Err(problems) => assert!(!problems.is_empty()),
    }
});
