//! Compute sizes by `CodeBuild`'s table.

use crate::pipeline::Compute;
use crate::problem::nearest;

/// Each family's sizes, from small to large. Within a family a stage can step up.
pub(super) const FAMILIES: [&[&str]; 4] = [
    &["small", "medium", "large", "xlarge", "2xlarge"],
    &["arm-small", "arm-medium", "arm-large", "arm-xlarge", "arm-2xlarge"],
    &["gpu-small", "gpu-large"],
    &["lambda-1gb", "lambda-2gb", "lambda-4gb", "lambda-8gb", "lambda-10gb"],
];

/// Lambda compute ends a build after 15 minutes, whatever was asked for.
pub(super) const LAMBDA_SECONDS_MAX: u64 = 15 * 60;

/// Reads `small` or `small..large`; the error is what is wrong and what to write.
pub(super) fn read(text: &str) -> Result<Compute, (String, String)> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to) = (from.trim(), to.trim());
    let (family, low) = rung(from)?;
    let (other, high) = rung(to)?;
    if family != other {
        let sizes = FAMILIES[family].join(", ");
        return Err((
            format!("`{from}` cannot step up to `{to}`: it is another family"),
            format!("{from} is of {sizes}"),
        ));
    }
    if high < low {
        return Err((format!("`{from}..{to}` steps down"), format!("write `{to}..{from}`")));
    }
    Ok(Compute { from: from.to_owned(), to: to.to_owned() })
}

impl Compute {
    /// The next size above one that was not enough, when the stage may step up to it.
    pub fn above(&self, size: &str) -> Option<&'static str> {
        let ((family, at), (other, most)) = (rung(size).ok()?, rung(&self.to).ok()?);
        (family == other && at < most).then(|| FAMILIES[family][at + 1])
    }

    /// All sizes that the stage may have, from small to large.
    pub fn ladder(&self) -> &'static [&'static str] {
        match (rung(&self.from), rung(&self.to)) {
            (Ok((family, low)), Ok((other, high))) if family == other => {
                FAMILIES[family].get(low..=high).unwrap_or(&[])
            }
            _ => &[],
        }
    }
}

/// Whether a stage of this size runs on Lambda: no containers, at most 15 minutes.
pub(super) fn is_lambda(compute: &Compute) -> bool {
    compute.from.starts_with("lambda-")
}

fn rung(size: &str) -> Result<(usize, usize), (String, String)> {
    let found = FAMILIES
        .iter()
        .enumerate()
        .find_map(|(family, sizes)| sizes.iter().position(|known| *known == size).map(|rung| (family, rung)));
    found.ok_or_else(|| {
        let known = || FAMILIES.iter().flat_map(|sizes| sizes.iter().copied());
        let help = match nearest(size, known()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("sizes are {}", known().collect::<Vec<_>>().join(", ")),
        };
        (format!("`{}` is not a compute size", super::parse::shown(size)), help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ladders_are_read() {
        assert_eq!(read("small").unwrap().to_string(), "small");
        assert_eq!(read("small..large").unwrap().to_string(), "small..large");
        assert_eq!(read("arm-small .. arm-2xlarge").unwrap().to_string(), "arm-small..arm-2xlarge");
        assert!(is_lambda(&read("lambda-1gb..lambda-10gb").unwrap()));
    }

    #[test]
    fn a_stage_steps_up_one_size_and_not_beyond_its_last() {
        let compute = read("small..large").unwrap();
        assert_eq!(
            (compute.above("small"), compute.above("medium"), compute.above("large")),
            (Some("medium"), Some("large"), None)
        );
        assert_eq!((compute.above("arm-small"), compute.above("tiny")), (None, None));
        assert_eq!(read("small").unwrap().above("small"), None);
        assert_eq!(compute.ladder(), ["small", "medium", "large"]);
        assert_eq!(Compute { from: "x".to_owned(), to: "y".to_owned() }.ladder(), [""; 0]);
    }

    #[test]
    fn a_ladder_goes_up_within_its_family() {
        assert_eq!(read("large..small").unwrap_err().1, "write `small..large`");
        assert!(read("small..arm-large").unwrap_err().0.contains("another family"));
        assert_eq!(read("mediun").unwrap_err().1, "did you mean `medium`?");
        assert!(read("huge").unwrap_err().1.contains("small, medium"));
        assert!(read("gpu-medium").is_err());
        assert!(read("..").is_err());
    }
}
