//! What the account is called by now; one that the provider does not tell stays.

use serde_json::{Value, json};

use crate::provider::Provider;
use crate::providers::{Item, Losses};
use crate::sync::fetched::{Fetched, Onward};
use crate::sync::outcome::SyncError;
use crate::sync::request::PageRequest;
use crate::sync::resource::{Depth, Resource, Statements};
use crate::sync::session::Session;
use crate::sync::trail::Sight;

pub(super) static ACCOUNT: Resource = Resource {
    name: "spotify.account",
    provider: Provider::Spotify,
    scopes: &[],
    depth: Depth::Library,
    page: |asked| Box::pin(account(asked)),
    is_paged: false,
    hides_items: false,
    is_optional: false,
    subset: "",
    statements: &Statements {
        insert: "
            with told as (
              select account_id, owner_id, name
              from jsonb_to_recordset($2) as r (account_id text, owner_id text, name text)
              where $3 is not null and $4 is not null
            ),
            named as (
              update public.provider_connections c
              set account_id = coalesce(told.account_id, c.account_id), account_name = coalesce(told.name, c.account_name)
              from told
              where c.user_id = $1 and c.provider = 'spotify'
                and (c.account_id, c.account_name) is distinct from
                    (coalesce(told.account_id, c.account_id), coalesce(told.name, c.account_name))
            )
            update bondhu.sync_jobs j set owner_id = told.owner_id
            from told
            where j.user_id = $1 and j.provider = 'spotify' and told.owner_id <> coalesce(j.owner_id, '')",
        touch: None,
        stale: None,
        id: "account_id",
        parts: None,
    },
};

async fn account(asked: &PageRequest<'_>) -> Result<Fetched, SyncError> {
    let Session { api, .. } = asked.session;
    let answer = api.get(api.url("/me", &[]), asked.bearer).await?;
    let losses = Losses::default();
    let row = row(answer.item(&losses));
    Ok(asked.fetched(vec![row], Onward::End, Sight::default(), losses))
}

/// <https://developer.spotify.com/documentation/web-api/reference/get-current-users-profile>
fn row(me: Item<'_>) -> Value {
    json!({
        "account_id": me.id("account_id"), "owner_id": me.id("id"), "name": me.text("display_name"),
    })
}
