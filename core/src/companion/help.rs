//! Where people find help.
//!
//! Numbers change, and a wrong one does harm: none is kept here. <https://findahelpline.com> keeps them, by
//! country.

use serde::Serialize;

/// What an app has to show before anything else, when somebody may be in danger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Help {
    /// Lines by country.
    pub url: &'static str,
    /// ISO 3166-1 alpha-2, if the person's locale names one: for the app to choose what else it shows.
    pub country: Option<String>,
    /// In the app's words or in these.
    pub text: &'static str,
}

const URL: &str = "https://findahelpline.com";
const TEXT: &str = "You are not alone. Please talk to somebody now: a helpline in your country, your local \
emergency number, or somebody you trust.";

impl Help {
    /// For a person with this locale, such as `bn-BD`.
    #[must_use]
    pub fn for_locale(locale: Option<&str>) -> Self {
        let region = locale.and_then(|locale| {
            locale
                .split(['-', '_'])
                .skip(1)
                .find(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_alphabetic()))
        });
        Self {
            url: URL,
            country: region.map(str::to_ascii_uppercase),
            text: TEXT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_tells_the_country_if_it_names_one() {
        for (locale, country) in [
            (Some("bn-BD"), Some("BD")),
            (Some("zh-Hant-tw"), Some("TW")),
            (Some("en_GB"), Some("GB")),
            (Some("en"), None),
            (None, None),
        ] {
            assert_eq!(Help::for_locale(locale).country.as_deref(), country);
        }
    }
}
