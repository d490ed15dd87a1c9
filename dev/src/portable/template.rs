//! Templates: text in which `{{NAME}}` and `{{NAME what follows}}` stand for something else.

use anyhow::{Context, Result};

/// What a name with what follows it stands for.
type Said<'a> = &'a dyn Fn(&str, &str) -> Result<String>;

/// `text` with every name replaced by what it stands for, which is a template again.
///
/// # Errors
/// A name is unknown or not closed.
pub(super) fn rendered(text: &str, said: Said<'_>) -> Result<String> {
    let mut out = String::with_capacity(2 * text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inner, after) = after
            .split_once("}}")
            .with_context(|| format!("a name is not closed after {before:.40}"))?;
        let (name, arguments) = inner.split_once(' ').unwrap_or((inner, ""));
        let meaning = said(name, arguments).with_context(|| inner.to_owned())?;
        out.push_str(before);
        out.push_str(&rendered(&meaning, said)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
