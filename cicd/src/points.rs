//! Points between one write and the next at which a test lets the process die as a crash would: at once, and nothing is tidied.
//!
//! Only with the feature `failpoints`, which the tests ask for, and only in a build that is not optimised: no release has them. The crate
//! `fail` has no action that ends a process (its panic is caught, and the service then ends in good order), so it would need all of
//! this as a callback, and more of each build.

/// The process dies here when `POINTSMAN_DIE_AT` names this point: `told`, or `told#3` for the third time it comes by.
#[cfg(all(feature = "failpoints", debug_assertions))]
pub(crate) fn pass(point: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    #[expect(clippy::disallowed_methods, reason = "it is no setting: no release knows it")]
    static ASKED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let text = std::env::var("POINTSMAN_DIE_AT").ok()?;
        let (point, nth) = text.split_once('#').unwrap_or((&text, "1"));
        Some((point.to_owned(), nth.parse().expect("a number follows #")))
    });
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let Some((_, nth)) = ASKED.as_ref().filter(|(asked, _)| asked == point) else { return };
    if PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *nth {
        let _never_comes_back = kill_process(getpid(), Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}

/// Nobody dies here.
#[cfg(not(all(feature = "failpoints", debug_assertions)))]
#[inline(always)]
pub(crate) fn pass(_point: &str) {}
