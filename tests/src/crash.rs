//! The real binary, killed and starved: what it has acknowledged, it does.

pub(crate) mod binary;
mod kills;
mod ledger;
mod starved;
