//! Whose account a consent is for.

use crate::provider::Provider;
use crate::providers::{Api, Bearer, ProviderError, spotify, youtube};

/// No id and no name is longer, by far.
const LONGEST: usize = 200;

/// The account that consented.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What the provider knows it by for good; `None` when it does not tell (a Google account
    /// without a channel).
    pub id: Option<String>,
    /// What the provider's lists name their owner by; it may change.
    pub owner_id: Option<String>,
    /// What its owner calls it.
    pub name: Option<String>,
}

impl Account {
    /// Asks the provider. Costs one request, which the caller has entered in the ledger.
    ///
    /// # Errors
    /// [`ProviderError`], by what went wrong.
    pub async fn ask(
        provider: Provider,
        api: &Api,
        bearer: &Bearer,
    ) -> Result<Self, ProviderError> {
        let (id, owner_id, name) = match provider {
            Provider::Spotify => {
                let me = spotify::me(api, bearer).await?;
                (me.account_id, me.id, me.display_name)
            }
            // A Google account need not have a channel.
            Provider::YouTube => match youtube::own_channel(api, bearer).await? {
                Some(channel) => (channel.id.clone(), channel.id, channel.title),
                None => (None, None, None),
            },
        };
        Ok(Self {
            id: id.and_then(storable),
            owner_id: owner_id.and_then(storable),
            name: name.and_then(storable),
        })
    }
}

/// A text as it can be stored and shown: people name their accounts, and a NUL would cost the
/// whole consent.
fn storable(text: String) -> Option<String> {
    let visible = text.chars().filter(|c| !c.is_control());
    let text: String = visible.take(LONGEST).collect();
    (!text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, storable};

    #[test]
    fn a_name_is_kept_without_what_cannot_be_stored() {
        assert_eq!(storable("Ada\0 \u{7}L.\n".into()), Some("Ada L.".into()));
        assert_eq!(storable("\0\u{85}".into()), None);
        assert_eq!(storable(" ".into()), None);
        assert_eq!(storable("é".repeat(10_000)), Some("é".repeat(LONGEST)));
    }
}
