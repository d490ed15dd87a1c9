//! Templates: text in which `{{NAME}}` and `{{NAME what follows}}` stand for something else.

use anyhow::{Context, Result};

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

/// `text` with a part, which is the file `name.sql`, in place of each line `{{PART name}}`, as far in
/// as that line is. Parts may have parts.
///
/// # Errors
/// No part has that name.
pub(super) fn with_parts(text: &str, parts: &[(String, String)]) -> Result<String> {
    let mut whole = String::new();
    for line in text.lines() {
        let inner = line.trim_start();
        let name = inner
            .strip_prefix("{{PART ")
            .and_then(|rest| rest.strip_suffix("}}"));
        let Some(name) = name else {
            whole.push_str(line);
            whole.push('\n');
            continue;
        };
        let (_, part) = parts
            .iter()
            .find(|(part, _)| part.strip_suffix(".sql") == Some(name))
            .with_context(|| format!("there is no part {name}"))?;
        let indent = &line[..line.len() - inner.len()];
        for line in with_parts(part, parts)?.lines() {
            whole.push_str(if line.is_empty() { "" } else { indent });
            whole.push_str(line);
            whole.push('\n');
        }
    }
    Ok(whole)
}
