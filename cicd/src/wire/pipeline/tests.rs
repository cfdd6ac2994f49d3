//! Stories of executions, with a fake provider, fake objects and a clock that stands still.

mod again;
mod approvals;
mod asked;
mod bed;
mod modes;
mod path;
