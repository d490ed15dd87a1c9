//! Templates: text in which `{{NAME}}` and `{{NAME what follows}}` stand for something else.

use anyhow::{Context, Result};

/// A file's name and its text.
pub type File = (String, String);

/// What a name with what follows it stands for.
type Meaning<'a> = &'a dyn Fn(&str, &str) -> Result<String>;

/// `text` with every name replaced by what it stands for, which is a template again. From the
/// innermost name outwards, so that names stand within what follows others.
///
/// # Errors
/// A name is unknown or not closed.
pub(super) fn rendered(text: &str, meaning_of: Meaning<'_>) -> Result<String> {
    let mut text = text.to_owned();
    while let Some((before, rest)) = text.rsplit_once("{{") {
        let (inner, after) = rest
            .split_once("}}")
            .with_context(|| format!("a name is not closed: {rest:.40}"))?;
        let (name, arguments) = inner.split_once(' ').unwrap_or((inner, ""));
        let meaning = meaning_of(name, arguments).with_context(|| inner.to_owned())?;
        text = format!("{before}{meaning}{after}");
    }
    Ok(text)
}
