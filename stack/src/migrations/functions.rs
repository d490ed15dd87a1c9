//! The functions of a schema's text, so that a new migration can begin with those that changed.

use std::collections::BTreeMap;

/// The last definition of each function in a text of SQL, by its name and arguments as they
/// are written (in small letters, blanks run together). Written as `create or replace`.
pub(super) fn definitions(sql: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for statement in statements(sql) {
        if let Some(rest) = after_create(statement)
            && let Some(signature) = signature(rest)
        {
            found.insert(signature, format!("create or replace function {rest}"));
        }
    }
    found
}

fn after_create(statement: &str) -> Option<&str> {
    ["create function ", "create or replace function "]
        .iter()
        .find_map(|start| statement.strip_prefix(start))
}

/// From the name to the parenthesis that closes the arguments.
fn signature(definition: &str) -> Option<String> {
    let mut depth = 0_usize;
    for (at, character) in definition.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 1 => {
                let words: Vec<_> = definition[..=at].split_whitespace().collect();
                return Some(words.join(" ").to_lowercase());
            }
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// The statements of a text, each from its first word on and with its semicolon. Semicolons
/// in quotes, dollar quotes and comments end none; a comment before a statement is not part of it.
fn statements(sql: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = None;
    let mut at = 0;
    while let Some(next) = sql[at..].chars().next() {
        let rest = &sql[at..];
        let (length, is_blank) = if rest.starts_with("--") {
            (rest.find('\n').unwrap_or(rest.len()), true)
        } else if rest.starts_with("/*") {
            (until(rest, 2, "*/"), true)
        } else if next == '\'' || next == '"' {
            (until(rest, 1, &rest[..1]), false)
        } else if let Some(quote) = dollar_quote(rest) {
            (until(rest, quote.len(), quote), false)
        } else {
            (next.len_utf8(), next.is_whitespace())
        };
        if !is_blank && start.is_none() {
            start = Some(at);
        }
        at += length;
        if next == ';'
            && let Some(from) = start.take()
        {
            found.push(&sql[from..at]);
        }
    }
    found.extend(start.map(|from| &sql[from..]));
    found
}

/// How many bytes there are up to and with the end mark; all where there is none.
fn until(text: &str, skipped: usize, end: &str) -> usize {
    text[skipped..]
        .find(end)
        .map_or(text.len(), |at| skipped + at + end.len())
}

fn dollar_quote(text: &str) -> Option<&str> {
    let tag = text.strip_prefix('$')?;
    let end = tag.find('$')?;
    tag[..end]
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        .then(|| &text[..end + 2])
        .filter(|quote| !quote[1..].starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_in_quotes_and_comments_end_no_statement() {
        let sql = "-- a; b\nselect ';', \";\" /* ; */;\ncreate function f() as $x$ ; $$ ; $$ $x$;\nselect $1; select 2";
        assert_eq!(
            statements(sql),
            [
                "select ';', \";\" /* ; */;",
                "create function f() as $x$ ; $$ ; $$ $x$;",
                "select $1;",
                "select 2",
            ]
        );
    }

    #[test]
    fn the_last_definition_of_a_function_counts() {
        let sql = "create function a.f(x text\n  default lower('X'), y int) returns int as $$ 1 $$;\n\
                   create table t ();\n\
                   create or replace function a.f(x text default lower('X'), y int) returns int as $$ 2 $$;";
        let found = definitions(sql);
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [(
                "a.f(x text default lower('x'), y int)".to_owned(),
                "create or replace function a.f(x text default lower('X'), y int) returns int as $$ 2 $$;"
                    .to_owned()
            )]
        );
    }
}
