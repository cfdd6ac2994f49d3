//! `pointsman schema`: what editors complete and check rule files with.

use std::io::Write as _;
use std::process::ExitCode;

/// Prints the schema.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    writeln!(std::io::stdout().lock(), "{:#}", router::rules::schema())?;
    Ok(ExitCode::SUCCESS)
}
