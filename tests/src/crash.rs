//! The real binary, killed and starved: what it has acknowledged, it does.

mod bench;
pub(crate) mod binary;
mod clock;
mod kills;
mod ledger;
mod points;
mod starved;
