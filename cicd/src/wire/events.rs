//! State changes as CodePipeline tells them, and where they go.

pub mod outlet;
pub mod shape;
