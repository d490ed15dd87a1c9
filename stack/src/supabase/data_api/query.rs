//! Two ways of writing a query that PostgREST reads and postrust does not: quoted names in `columns`, and
//! `+` for a space.

use axum::http::uri::{PathAndQuery, Uri};

/// The same request as postrust reads it; `None` when it reads it as it is.
pub(super) fn rewritten(uri: &Uri) -> Option<Uri> {
    let query = uri.query()?;
    let parameters: Vec<String> = query.split('&').map(parameter).collect();
    let new = parameters.join("&");
    if new == query {
        return None;
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(format!("{}?{new}", uri.path())).ok();
    Uri::from_parts(parts).ok()
}

fn parameter(parameter: &str) -> String {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let value = value.replace('+', "%20");
    if name == "columns" {
        return format!("{name}={}", value.replace("%22", ""));
    }
    if parameter.contains('=') {
        format!("{name}={value}")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_postrust_misreads_is_rewritten() {
        for (given, expected) in [
            ("/t", None),
            ("/t?select=*", None),
            ("/t?select=a&name=eq.x%2By", None),
            ("/t?limit", None),
            ("/t?columns=%22a%22%2C%22b%22", Some("/t?columns=a%2Cb")),
            ("/t?columns=%22a%22,b&x=eq.1", Some("/t?columns=a,b&x=eq.1")),
            ("/t?name=eq.two+words", Some("/t?name=eq.two%20words")),
            ("/t?select=%22a%22", None),
        ] {
            let uri: Uri = given.parse().unwrap_or_default();
            assert_eq!(
                rewritten(&uri).map(|uri| uri.to_string()).as_deref(),
                expected,
                "{given}"
            );
        }
    }
}
