//! Runs pipelines on AWS `CodePipeline` and `CodeBuild`.

pub mod names;
#[cfg(test)]
mod sample;
