//! What the service model says of a text or a list: lengths, patterns and words. All mistakes are told at once, in the
//! service's own form.

use crate::wire::error::AwsError;

/// The mistakes found so far in one request.
#[derive(Debug, Default)]
pub struct Check {
    mistakes: Vec<String>,
}

/// The characters a pattern of the model allows.
pub type Allowed = fn(char) -> bool;

/// `[A-Za-z0-9.@\-_]+`: pipelines, stages, actions and rules.
pub fn of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".@-_".contains(c)
}

/// `[A-Za-z0-9@\-_]+`: variables and namespaces.
pub fn of_a_variable(c: char) -> bool {
    c.is_ascii_alphanumeric() || "@-_".contains(c)
}

/// `[a-zA-Z0-9_\-]+`: artifacts.
pub fn of_an_artifact(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_".contains(c)
}

/// `.*`, which no newline matches.
pub fn of_a_line(c: char) -> bool {
    c != '\n' && c != '\r'
}

/// Anything.
pub fn anything(_: char) -> bool {
    true
}

impl Check {
    /// Nothing found.
    pub fn new() -> Self {
        Self::default()
    }

    fn wrong(&mut self, value: &str, at: &str, rule: &str) {
        let shown: String = value.chars().take(100).collect();
        self.mistakes.push(format!("Value '{shown}' at '{at}' failed to satisfy constraint: Member must {rule}"));
    }

    /// A text: its length in characters, and the characters it may be of.
    pub fn text(&mut self, at: &str, value: &str, least: usize, most: usize, allowed: (Allowed, &str)) -> &mut Self {
        let length = value.chars().count();
        if length < least {
            self.wrong(value, at, &format!("have length greater than or equal to {least}"));
        } else if length > most {
            self.wrong(value, at, &format!("have length less than or equal to {most}"));
        } else if !value.chars().all(allowed.0) {
            self.wrong(value, at, &format!("satisfy regular expression pattern: {}", allowed.1));
        }
        self
    }

    /// The name of a pipeline, a stage, an action or a rule.
    pub fn name(&mut self, at: &str, value: &str) -> &mut Self {
        self.text(at, value, 1, 100, (of_a_name, r"[A-Za-z0-9.@\-_]+"))
    }

    /// One word of a few.
    pub fn word(&mut self, at: &str, value: &str, words: &[&str]) -> &mut Self {
        if !words.contains(&value) {
            self.wrong(value, at, &format!("satisfy enum value set: [{}]", words.join(", ")));
        }
        self
    }

    /// A number within its range.
    pub fn number(&mut self, at: &str, value: i64, least: i64, most: i64) -> &mut Self {
        if value < least {
            self.wrong(&value.to_string(), at, &format!("have value greater than or equal to {least}"));
        } else if value > most {
            self.wrong(&value.to_string(), at, &format!("have value less than or equal to {most}"));
        }
        self
    }

    /// How many there are of something.
    pub fn count(&mut self, at: &str, count: usize, least: usize, most: usize) -> &mut Self {
        if count < least {
            self.wrong("[]", at, &format!("have length greater than or equal to {least}"));
        } else if count > most {
            self.wrong(&format!("{count} members"), at, &format!("have length less than or equal to {most}"));
        }
        self
    }

    /// The id of an execution, or an approval's token.
    pub fn uuid(&mut self, at: &str, value: &str) -> &mut Self {
        let digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        let good = value.len() == 36
            && value.bytes().enumerate().all(|(i, c)| if [8, 13, 18, 23].contains(&i) { c == b'-' } else { digit(c) });
        if !good {
            let pattern = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
            self.wrong(value, at, &format!("satisfy regular expression pattern: {pattern}"));
        }
        self
    }

    /// All well, or everything that is not.
    ///
    /// # Errors
    /// `ValidationException` with every mistake.
    pub fn done(&mut self) -> Result<(), AwsError> {
        let found = self.mistakes.len();
        if found == 0 {
            return Ok(());
        }
        let errors = if found == 1 { "validation error" } else { "validation errors" };
        Err(AwsError::invalid(format!("{found} {errors} detected: {}", self.mistakes.join("; "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_in_the_form_of_the_service() {
        let told = Check::new()
            .text("variables.1.member.value", "", 1, 1000, (of_a_line, ".*"))
            .word("filter.startTimeRange", "Unknown", &["All", "Latest"])
            .done()
            .unwrap_err();
        assert_eq!(
            told.message,
            "2 validation errors detected: Value '' at 'variables.1.member.value' failed to satisfy constraint: Member must \
             have length greater than or equal to 1; Value 'Unknown' at 'filter.startTimeRange' failed to satisfy \
             constraint: Member must satisfy enum value set: [All, Latest]"
        );
        assert!(
            Check::new().name("name", "a.b-c_d@e").uuid("id", "d1993dfe-7201-4c68-890b-40f3231aef72").done().is_ok()
        );
        assert!(Check::new().uuid("id", "D1993DFE-7201-4c68-890b-40f3231aef72").done().is_err());
    }
}
