//! What is made when it is used first.

use std::sync::LazyLock;

/// A client that is made when it is used first: to read the machine's certificates takes milliseconds, and most functions that begin
/// on Lambda ask no forge.
pub(super) struct Lazy<T>(LazyLock<Result<T, String>, Make<T>>);

type Make<T> = Box<dyn FnOnce() -> Result<T, String> + Send>;

impl<T> Lazy<T> {
    /// To be made by this.
    pub(super) fn new(make: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> Self {
        Self(LazyLock::new(Box::new(|| {
            make().map_err(|why| format!("the client for the forge cannot be made on this machine: {why:#}"))
        })))
    }

    /// What was made, or why it cannot be.
    pub(super) fn get(&self) -> Result<&T, String> {
        self.0.as_ref().map_err(Clone::clone)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static MADE: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn it_is_made_once_and_not_before() {
        let lazy = Lazy::new(|| Ok(MADE.fetch_add(1, Ordering::SeqCst)));
        assert_eq!(MADE.load(Ordering::SeqCst), 0);
        assert_eq!((lazy.get(), lazy.get()), (Ok(&0), Ok(&0)));
        assert_eq!(MADE.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_cannot_be_made_says_why_each_time() {
        let lazy: Lazy<()> = Lazy::new(|| anyhow::bail!("no certificates"));
        for _ in 0..2 {
            assert!(lazy.get().unwrap_err().ends_with("no certificates"));
        }
    }
}
