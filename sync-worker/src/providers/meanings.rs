//! What a provider's refusal means: a table of status, form, reason and text. The first row that
//! fits decides; rows of a status alone come last. `standin/specs/provider-errors.tsv` lists what the
//! providers publish, and a test demands a row for each.
//!
//! <https://developer.spotify.com/documentation/web-api/concepts/api-calls#response-status-codes>,
//! <https://developers.google.com/youtube/v3/docs/errors>,
//! <https://developers.google.com/youtube/v3/docs/core_errors>, RFC 6749 section 5.2.

use bondhu_core::retry::Failure::{self, *};

use super::meanings_youtube::YOUTUBE;
use crate::provider::Provider;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A provider's API.
    Api(Provider),
    /// A provider's token endpoint, or what its consent page sends back.
    OAuth,
}

/// How the answer's body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON that can be read.
    Json,
    /// Text for people, `text/plain` or of no stated type.
    Text,
    /// A page, as proxies and front ends send it, or anything else: what it says counts for nothing.
    Other,
}

/// A refusal, as far as it decides anything.
#[derive(Debug)]
pub(super) struct RefusedAnswer<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) status: u16,
    pub(super) form: Form,
    /// Every reason it gives.
    pub(super) reasons: &'a [&'a str],
    /// Its message, in lower case.
    pub(super) text: &'a str,
}

/// A row.
#[derive(Debug)]
pub(super) struct Meaning {
    /// First and last status.
    statuses: (u16, u16),
    /// Forms that it is sent in; empty: any.
    forms: &'static [Form],
    /// A reason that it gives; empty: any, or none.
    pub(super) reason: &'static str,
    /// What its text holds, in lower case; empty: anything.
    text: &'static str,
    /// What it means.
    pub(super) failure: Failure,
}

impl Meaning {
    fn fits(&self, refusal: &RefusedAnswer<'_>) -> bool {
        (self.statuses.0..=self.statuses.1).contains(&refusal.status)
            && (self.forms.is_empty() || self.forms.contains(&refusal.form))
            && (self.reason.is_empty() || refusal.reasons.contains(&self.reason))
            && refusal.text.contains(self.text)
    }
}

const ANY: (u16, u16) = (300, 599);

/// That reason, under any status.
pub(super) const fn reason(reason: &'static str, failure: Failure) -> Meaning {
    Meaning {
        statuses: ANY,
        forms: &[],
        reason,
        text: "",
        failure,
    }
}

/// That reason under that status.
pub(super) const fn reason_of(status: u16, reason: &'static str, failure: Failure) -> Meaning {
    Meaning {
        statuses: (status, status),
        forms: &[],
        reason,
        text: "",
        failure,
    }
}

/// That text, in JSON or plain, under that status.
pub(super) const fn text(status: u16, text: &'static str, failure: Failure) -> Meaning {
    Meaning {
        statuses: (status, status),
        forms: &[Form::Json, Form::Text],
        reason: "",
        text,
        failure,
    }
}

/// Those statuses, whatever is said.
pub(super) const fn statuses(first: u16, last: u16, failure: Failure) -> Meaning {
    Meaning {
        statuses: (first, last),
        forms: &[],
        reason: "",
        text: "",
        failure,
    }
}

/// Nothing else fitted.
static OTHERWISE: Meaning = Meaning {
    statuses: ANY,
    forms: &[],
    reason: "",
    text: "",
    failure: Refused,
};

/// Texts are as reported, for Spotify publishes none:
/// <https://github.com/spotipy-dev/spotipy/issues/1233>,
/// <https://github.com/rinukkusu/spotify-dart/issues/160>.
static SPOTIFY: &[Meaning] = &[
    reason("QUOTA_EXCEEDED", QuotaExceeded),
    reason("RATE_LIMITED", RateLimited),
    // The premium of the app's owner. That of a listener is asked for by the player alone.
    text(
        403,
        "premium subscription required for the owner",
        AppRefused,
    ),
    text(
        401,
        "premium subscription required for the owner",
        AppRefused,
    ),
    text(
        403,
        "user not registered in the developer dashboard",
        NotAllowListed,
    ),
    text(403, "the user may not be registered", NotAllowListed),
    text(403, "not registered", NotAllowListed),
    text(403, "scope", ScopeMissing),
    text(401, "permissions missing", ScopeMissing),
    // What the player answers, which is not asked: refusals like any other.
    reason("PREMIUM_REQUIRED", Refused),
    reason("NO_PREV_TRACK", Refused),
    reason("NO_NEXT_TRACK", Refused),
    reason("NO_SPECIFIC_TRACK", Refused),
    reason("ALREADY_PAUSED", Refused),
    reason("NOT_PAUSED", Refused),
    reason("NOT_PLAYING_LOCALLY", Refused),
    reason("NOT_PLAYING_TRACK", Refused),
    reason("NOT_PLAYING_CONTEXT", Refused),
    reason("ENDLESS_CONTEXT", Refused),
    reason("CONTEXT_DISALLOW", Refused),
    reason("ALREADY_PLAYING", Refused),
    reason("REMOTE_CONTROL_DISALLOW", Refused),
    reason("DEVICE_NOT_CONTROLLABLE", Refused),
    reason("VOLUME_CONTROL_DISALLOW", Refused),
    reason("NO_ACTIVE_DEVICE", Refused),
    reason("UNKNOWN", Refused),
    // Neither a redirect nor an answer to a condition that was not made says that there is nothing.
    statuses(300, 399, Malformed),
    statuses(400, 400, Refused),
    statuses(401, 401, TokenExpired),
    statuses(403, 403, Refused),
    statuses(404, 404, NotOffered),
    statuses(410, 410, NotOffered),
    statuses(429, 429, RateLimited),
    statuses(500, 599, ServerError),
];

/// Codes of RFC 6749 and of Google, the same under any status: what a consent page sends back
/// has none. There are no lists here, so that nothing concerns less than the account.
static OAUTH: &[Meaning] = &[
    reason("invalid_grant", ConsentEnded),
    // Google's answer to revoking, and to asking with, a token that is dead.
    reason("invalid_token", ConsentEnded),
    reason("access_denied", ConsentEnded),
    reason("consent_required", ConsentEnded),
    reason("interaction_required", ConsentEnded),
    reason("login_required", ConsentEnded),
    reason("account_selection_required", ConsentEnded),
    // An administrator of the account's organisation does not allow it.
    reason("admin_policy_enforced", ConsentEnded),
    reason("org_internal", NotAllowListed),
    reason("invalid_client", AppRefused),
    reason("unauthorized_client", AppRefused),
    reason("deleted_client", AppRefused),
    reason("disabled_client", AppRefused),
    reason("redirect_uri_mismatch", AppRefused),
    // No fault of an account or an app that is set up well: tried again, and not for everybody.
    reason("unsupported_grant_type", Malformed),
    reason("unsupported_response_type", Malformed),
    reason("invalid_scope", Malformed),
    reason("invalid_request", Malformed),
    reason("disallowed_useragent", Malformed),
    reason("rate_limit_exceeded", RateLimited),
    reason("slow_down", RateLimited),
    reason("server_error", ServerError),
    reason("temporarily_unavailable", ServerError),
    reason("internal_failure", ServerError),
    text(
        400,
        "premium subscription required for the owner",
        AppRefused,
    ),
    text(
        403,
        "premium subscription required for the owner",
        AppRefused,
    ),
    text(
        403,
        "user not registered in the developer dashboard",
        NotAllowListed,
    ),
    text(403, "the user may not be registered", NotAllowListed),
    statuses(429, 429, RateLimited),
    statuses(500, 599, ServerError),
    statuses(300, 499, Malformed),
];

/// The row that says what a refusal means.
pub(super) fn row(refusal: &RefusedAnswer<'_>) -> &'static Meaning {
    let rows = match refusal.endpoint {
        Endpoint::Api(Provider::Spotify) => SPOTIFY,
        Endpoint::Api(Provider::YouTube) => YOUTUBE,
        Endpoint::OAuth => OAUTH,
    };
    rows.iter()
        .find(|row| row.fits(refusal))
        .unwrap_or(&OTHERWISE)
}

/// What an error code of OAuth2 means that did not come with an answer of its own.
pub(crate) fn of_oauth_code(code: &str) -> Failure {
    row(&RefusedAnswer {
        endpoint: Endpoint::OAuth,
        status: 400,
        form: Form::Json,
        reasons: &[code],
        text: "",
    })
    .failure
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Form, OAUTH, Provider, RefusedAnswer, SPOTIFY, YOUTUBE, row};
    use bondhu_core::retry::{Failure, RetryPolicy, Scope};
    use serde_json::Value;

    const PUBLISHED: &str = include_str!("../../../standin/specs/provider-errors.tsv");

    fn endpoint(name: &str) -> Endpoint {
        match name {
            "oauth" => Endpoint::OAuth,
            name => Endpoint::Api(name.parse().unwrap()),
        }
    }

    fn refusal<'a>(endpoint: Endpoint, status: u16, reasons: &'a [&'a str]) -> RefusedAnswer<'a> {
        RefusedAnswer {
            endpoint,
            status,
            form: Form::Json,
            reasons,
            text: "",
        }
    }

    #[test]
    fn every_reason_that_a_provider_publishes_has_a_row() {
        let mut read = 0;
        for line in PUBLISHED.lines().skip(1) {
            let [at, status, reason, _page] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("not four columns: {line}");
            };
            let reasons = [reason];
            let found = row(&refusal(endpoint(at), status.parse().unwrap(), &reasons));
            assert_eq!(found.reason, reason, "no row for {line}");
            read += 1;
        }
        assert!(read > 150, "{read} reasons");
    }

    #[test]
    fn every_status_that_a_description_lists_has_a_row() {
        let spotify = include_str!("../../../standin/specs/spotify-openapi-devmode-derived.yml");
        let listed = spotify.lines().filter_map(|line| {
            let status = line.trim().strip_prefix('\'')?.strip_suffix("':")?;
            status
                .parse()
                .ok()
                .map(|status| (Provider::Spotify, status))
        });
        let youtube = include_str!("../../../standin/specs/youtube-openapi-readonly-derived.json");
        let youtube: Value = serde_json::from_str(youtube).unwrap();
        let methods = youtube["paths"].as_object().unwrap().values();
        let methods = methods.flat_map(|path| path.as_object().unwrap().values());
        let codes = methods.flat_map(|method| method["responses"].as_object().unwrap().keys());
        let listed: Vec<(Provider, u16)> = listed
            .chain(codes.filter_map(|code| Some((Provider::YouTube, code.parse().ok()?))))
            .filter(|(_, status)| *status >= 400)
            .collect();
        assert!(listed.len() > 100, "{} statuses", listed.len());
        for (provider, status) in listed {
            let found = row(&refusal(Endpoint::Api(provider), status, &[]));
            assert_eq!(found.statuses.0, status, "no row for {provider} {status}");
        }
    }

    #[test]
    fn no_row_is_hidden_by_one_before_it() {
        for (endpoint, rows) in [
            (Endpoint::Api(Provider::Spotify), SPOTIFY),
            (Endpoint::Api(Provider::YouTube), YOUTUBE),
            (Endpoint::OAuth, OAUTH),
        ] {
            for own in rows {
                let reasons = [own.reason];
                let found = row(&RefusedAnswer {
                    form: own.forms.first().copied().unwrap_or(Form::Json),
                    text: own.text,
                    ..refusal(
                        endpoint,
                        own.statuses.0,
                        &reasons[..usize::from(!own.reason.is_empty())],
                    )
                });
                assert!(std::ptr::eq(found, own), "{own:?} is hidden by {found:?}");
            }
        }
    }

    #[test]
    fn a_token_endpoint_refuses_accounts_and_apps_and_no_lists() {
        for row in OAUTH {
            let scope = row.failure.scope();
            assert!(matches!(scope, Scope::App | Scope::Account), "{row:?}");
        }
        let unheard_of = row(&refusal(Endpoint::OAuth, 418, &["teapot"]));
        assert_eq!(unheard_of.failure.policy(), RetryPolicy::Retry);
    }

    #[test]
    fn a_redirect_is_tried_again_and_never_says_that_something_is_not_there() {
        for endpoint in [
            Endpoint::Api(Provider::Spotify),
            Endpoint::Api(Provider::YouTube),
            Endpoint::OAuth,
        ] {
            for status in 300..400 {
                for reasons in [&[][..], &["movedPermanently"], &["seeOther"], &["teapot"]] {
                    let found = row(&refusal(endpoint, status, reasons));
                    assert_eq!(
                        found.failure.policy(),
                        RetryPolicy::Retry,
                        "{endpoint:?} {status}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_unheard_of_concerns_one_list() {
        for provider in Provider::ALL {
            let found = row(&refusal(Endpoint::Api(provider), 418, &["teapot"]));
            assert_eq!(found.failure, Failure::Refused);
            assert_eq!(found.failure.scope(), Scope::List);
        }
    }
}
