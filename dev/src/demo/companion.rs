//! An exchange with the companion, and what is remembered of it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::PgPool;
use uuid::Uuid;

use super::claims::Claims;
use super::people::Person;
use crate::rig::companion::{Caller, Companion, Event};
use bondhu_stack::supabase::data_api::{self, Profile};
use bondhu_stack::supabase::{Programs, Supabase};
use bondhu_stack::{data_api as database, downloads, wait};

const TOLD: &str = "My sister Rima marries on 2027-05-04.";
const MEMORY: &str = "Their sister Rima marries on 2027-05-04.";
/// Nobody waits for a memory.
const REMEMBERED_WITHIN: Duration = Duration::from_secs(20);

/// What the edge function needs, if it has been built: that takes longer than the rest of the demo.
pub(super) async fn programs(log: &Path) -> Result<Option<Programs>> {
    if !data_api::is_built()? {
        return Ok(None);
    }
    let data_api = data_api::build(Profile::Dev, Stdio::inherit()).await?;
    let deno = downloads::deno(log).await?;
    Ok(Some(Programs { data_api, deno }))
}

/// One exchange, sent twice; its memory; and that this goes with the message.
pub(super) async fn exchange(
    supabase: &Supabase,
    api: &PgPool,
    person: &Person,
    claims: &mut Claims,
) -> Result<()> {
    let companion = Companion::of(supabase)?;
    let caller = Caller::sign_in(supabase, person.id)?;
    let id = Uuid::new_v4();
    let events = companion.ask(&caller, id, TOLD).await?;
    let first = events.first().filter(|event| event.name == "message");
    claims.check(
        "the message is stored and scored before anything is said",
        match first.and_then(|event| event.data["mood_detected"].as_str()) {
            Some(mood) => Ok(mood),
            None => Err(format!("{:?}", events.first())),
        },
    );
    let deltas: Vec<&str> = events.iter().filter_map(delta).collect();
    let reply = reply(&events)?;
    claims.check(
        "the reply comes as the model writes it, and is stored as it came",
        if deltas.len() > 3 && deltas.concat() == reply.data["message_text"] {
            Ok(format!("{} parts", deltas.len()))
        } else {
            Err(format!("{deltas:?}, stored: {}", reply.data))
        },
    );
    let again = companion.ask(&caller, id, TOLD).await?;
    let again = self::reply(&again)?;
    claims.check(
        "sent again, it is answered by the same reply",
        if reply.data["id"] == again.data["id"] {
            Ok("")
        } else {
            Err(format!("{} and {}", reply.data, again.data))
        },
    );

    let mut found = Vec::new();
    let remembered = wait::until("a memory", REMEMBERED_WITHIN, async || {
        found = memories(api, person.id).await?;
        Ok((!found.is_empty())
            .then_some(())
            .ok_or("none yet".to_owned()))
    })
    .await;
    claims.check(
        "what she told is remembered, with the message that says so",
        match remembered {
            Ok(()) if found == [(MEMORY.to_owned(), id)] => Ok(MEMORY.to_owned()),
            Ok(()) => Err(format!("{found:?}")),
            Err(error) => Err(format!("{error:#}")),
        },
    );
    let mut request = database::as_user(api, person.id).await?;
    sqlx::query("delete from public.chat_messages where id = $1")
        .bind(id)
        .execute(&mut *request)
        .await?;
    request.commit().await?;
    let left = memories(api, person.id).await?;
    claims.check(
        "and goes when she deletes the message",
        if left.is_empty() {
            Ok("")
        } else {
            Err(format!("{left:?}"))
        },
    );
    Ok(())
}

fn delta(event: &Event) -> Option<&str> {
    (event.name == "delta").then(|| event.data["text"].as_str())?
}

fn reply(events: &[Event]) -> Result<&Event> {
    let last = events.last().filter(|event| event.name == "reply");
    last.with_context(|| format!("an exchange ends with a reply: {events:?}"))
}

/// What a person's memories say, and the messages that say so.
async fn memories(api: &PgPool, person: Uuid) -> Result<Vec<(String, Uuid)>> {
    let mut request = database::as_user(api, person).await?;
    sqlx::query_as(
        "select memory_text, message_id from public.memories
         join public.memory_evidence on memory_id = id order by memory_text",
    )
    .fetch_all(&mut *request)
    .await
    .context("memories")
}
