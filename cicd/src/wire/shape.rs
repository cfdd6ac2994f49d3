//! The CodePipeline API's shapes, as botocore's `codepipeline/2015-07-09/service-2.json` names them.

pub mod asked;
pub mod check;
pub mod declaration;
pub mod moment;
pub mod told;
