//! A moment as the JSON protocol writes it: seconds since 1970 as a number, to the millisecond.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Timestamp);

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit for 285 thousand years")]
        let seconds = self.0.as_millisecond() as f64 / 1000.0;
        s.serialize_f64(seconds)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(d)?;
        #[expect(clippy::cast_possible_truncation, reason = "out of range is refused below")]
        let milliseconds = (seconds * 1000.0).round() as i64;
        Timestamp::from_millisecond(milliseconds).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_number_of_seconds() {
        let at: Timestamp = "2026-09-28T21:58:10.321Z".parse().unwrap();
        assert_eq!(serde_json::to_string(&Moment(at)).unwrap(), "1790632690.321");
        assert_eq!(serde_json::from_str::<Moment>("1790632690.321").unwrap(), Moment(at));
    }
}
