//! Texts, and what is wrong in them, with the place underlined.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report, Severity};
use router::problem::{Place, Problem};
use router::yaml;
use serde_json::{Value, json};

/// The rule file when none is named.
pub(crate) const DEFAULT_RULES: &str = "pointsman.yaml";

/// A longer line is not drawn: nobody reads it, and the drawing would be as long for each problem in it.
const LINE_BYTES_MAX: usize = 2_000;

/// A text and what is wrong in it.
pub(crate) struct Examined {
    /// What it is called: a path, or where in another file it stands.
    pub(crate) file: String,
    /// The text; empty when it could not be read.
    pub(crate) text: String,
    /// What is wrong, in the order of the text.
    pub(crate) problems: Vec<Problem>,
    /// What is right and hardly meant, in the order of the text.
    pub(crate) warnings: Vec<Problem>,
}

impl Examined {
    /// A file that cannot be read is a problem like any other.
    pub(crate) fn unreadable(file: String, why: String) -> Self {
        let place = Place { line: 1, column: 1, ..Place::default() };
        Self { file, text: String::new(), problems: vec![Problem::new(place, why)], warnings: Vec::new() }
    }

    /// Each problem with its lines of the text.
    pub(crate) fn draw(&self, colours: bool, width: usize) -> String {
        let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false);
        // Byte for byte as long as the text, so that every place stays right, and unable to move a cursor.
        let plain = |c: char| if c.is_ascii_control() && !matches!(c, '\n' | '\t') { ' ' } else { c };
        let text: Arc<String> = Arc::new(self.text.chars().map(plain).collect());
        let mut drawn = String::new();
        let errors = self.problems.iter().map(|problem| (Severity::Error, problem));
        let warnings = self.warnings.iter().map(|problem| (Severity::Warning, problem));
        for (severity, problem) in errors.chain(warnings) {
            let mut diagnostic = MietteDiagnostic::new(problem.message.clone()).with_severity(severity);
            diagnostic.help.clone_from(&problem.help);
            let mut report = Report::new(diagnostic.clone());
            let start = problem.place.offset.min(text.len());
            if line_around(&text, start) > LINE_BYTES_MAX {
                let Place { line, column, .. } = problem.place;
                diagnostic.message = format!("{} ({}:{line}:{column})", problem.message, self.file);
                report = Report::new(diagnostic);
            } else if !text.is_empty() {
                let end = start.saturating_add(problem.place.len).min(text.len());
                let label = LabeledSpan::underline(start..end);
                let source = NamedSource::new(&self.file, Arc::clone(&text));
                report = Report::new(diagnostic.with_label(label)).with_source_code(source);
            }
            handler.render_report(&mut drawn, report.as_ref()).expect("a string takes what is written to it");
        }
        drawn
    }

    /// Each problem as the documented JSON, with its file.
    pub(crate) fn to_json(&self) -> Vec<Value> {
        self.json_of(&self.problems)
    }

    /// Each warning in the same shape.
    pub(crate) fn warnings_to_json(&self) -> Vec<Value> {
        self.json_of(&self.warnings)
    }

    fn json_of(&self, problems: &[Problem]) -> Vec<Value> {
        let problem = |problem: &Problem| {
            json!({
                "file": self.file,
                "line": problem.place.line,
                "column": problem.place.column,
                "message": problem.message,
                "help": problem.help,
            })
        };
        problems.iter().map(problem).collect()
    }
}

/// How many bytes the longest of the lines drawn for a place has: it and one at either side.
fn line_around(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let near = |lines: &mut dyn Iterator<Item = &[u8]>| lines.take(2).map(<[u8]>::len).collect::<Vec<_>>();
    let before = near(&mut bytes[..at].rsplit(|byte| *byte == b'\n'));
    let after = near(&mut bytes[at..].split(|byte| *byte == b'\n'));
    let own = before.first().unwrap_or(&0) + after.first().unwrap_or(&0);
    before.into_iter().chain(after).fold(own, usize::max)
}

/// Reads a text file, `-` from standard input. The error is a sentence.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let bytes = read_bytes(path, yaml::SIZE_MAX)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", path.display()))?;
    // The YAML reader counts places without the mark.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Reads a file of at most so many bytes, `-` from standard input. The error is a sentence.
pub(crate) fn read_bytes(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = most as u64 + 1;
    let done = if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    done.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if bytes.len() > most {
        return Err(format!("{} has more than {most} bytes", path.display()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_underlined_at_its_place() {
        let text = "ü: 1\nroutes: x\n".to_owned();
        let place = Place { line: 2, column: 9, offset: 14, len: 1 };
        let problems =
            vec![Problem::new(place, "`routes` is a list, and this is text").help("start each item with `- `")];
        let examined = Examined { file: "rules.yaml".to_owned(), text, problems, warnings: vec![] };
        insta::assert_snapshot!(examined.draw(false, 80), @"
         × `routes` is a list, and this is text
          ╭─[rules.yaml:2:9]
        1 │ ü: 1
        2 │ routes: x
          ·         ─
          ╰────
         help: start each item with `- `
        ");
        assert_eq!(
            examined.to_json(),
            [json!({
                "file": "rules.yaml", "line": 2, "column": 9,
                "message": "`routes` is a list, and this is text", "help": "start each item with `- `"
            })]
        );
    }

    #[test]
    fn a_line_of_megabytes_is_told_and_not_drawn() {
        let text = format!("a: 1\nb: [{}]\n", "{},".repeat(30_000));
        let places = [5_000usize, 85_000].map(|offset| Place { line: 2, column: offset - 4, offset, len: 2 });
        let problems = places.map(|place| Problem::new(place, "no route")).to_vec();
        let examined = Examined { file: "x.yaml".to_owned(), text, problems, warnings: vec![] };
        let drawn = examined.draw(false, 80);
        assert!(drawn.contains("no route (x.yaml:2:84996)") && drawn.len() < 500, "{drawn}");
    }

    #[test]
    fn a_place_outside_of_the_text_is_drawn_nevertheless() {
        let place = Place { line: 9, column: 9, offset: 999, len: 9 };
        let problems = vec![Problem::new(place, "the document ends too early")];
        let examined = Examined { file: "x".to_owned(), text: "a: [\u{1b}".to_owned(), problems, warnings: vec![] };
        let drawn = examined.draw(false, 80);
        assert!(drawn.contains("ends too early") && !drawn.contains('\u{1b}'), "{drawn}");
    }
}
