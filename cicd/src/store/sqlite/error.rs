//! SQLite's errors in our words.

use rusqlite::{Error, ErrorCode};

use crate::store::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Unavailable("the disk is full".to_owned()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Unavailable("another program keeps the database locked".to_owned())
            }
            Some(ErrorCode::ReadOnly) => Self::Unavailable("the database may not be written to".to_owned()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string()),
            Some(_) => Self::Unavailable(error.to_string()),
            // Without a code it is a value that is not what its column promises.
            None => Self::Corrupt(error.to_string()),
        }
    }
}
