//! What every implementation of a trait must do.

mod samples;
mod store;
