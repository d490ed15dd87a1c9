//! What a person reads at the end.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use sqlx::PgPool;

use super::mirror::Entry;
use super::people::Person;
use bondhu_stack::data_api;

const BAR: usize = 40;

/// Puts the report together.
pub(super) async fn compose(
    database: &PgPool,
    api: &PgPool,
    people: &[Person],
    entries: &[Entry],
    lags: &[Duration],
) -> Result<String> {
    let mut out = String::new();
    chat(&mut out, database).await?;
    moods(&mut out, database).await?;
    personality(&mut out, api, &people[0]).await?;
    tastes(&mut out, api, &people[0]).await?;
    recommendations(&mut out, api, &people[0]).await?;
    keys(&mut out, entries);
    if let (Some(median), Some(worst)) = (lags.get(lags.len() / 2), lags.last()) {
        let ms = |lag: &Duration| lag.as_secs_f64() * 1e3;
        writeln!(
            out,
            "\nCommit → Redis: median {:.1} ms, worst of {} {:.1} ms",
            ms(median),
            lags.len(),
            ms(worst)
        )?;
    }
    Ok(out)
}

#[derive(sqlx::FromRow)]
struct ChatRow {
    name: String,
    stored: i64,
    scored: i64,
    mean: Option<f64>,
    mood: Option<String>,
    needs_support: bool,
    changes: i64,
}

async fn chat(out: &mut String, database: &PgPool) -> Result<()> {
    let rows: Vec<ChatRow> = sqlx::query_as(
        "select p.display_name as name, count(m.id) as stored, count(m.engine_version) as scored, \
                avg(m.sentiment_score)::float8 as mean, pp.dominant_mood as mood, \
                coalesce(pp.needs_support, false) as needs_support, \
                (select count(*) from public.personality_history h where h.user_id = p.user_id) as changes \
         from public.companion_profiles p left join public.chat_messages m on m.user_id = p.user_id \
         left join public.personality_profiles pp on pp.user_id = p.user_id \
         group by p.user_id, p.display_name, pp.dominant_mood, pp.needs_support order by 1",
    )
    .fetch_all(database)
    .await?;
    writeln!(
        out,
        "\nPerson     stored  scored   mean  dominant mood  needs support  changes logged"
    )?;
    for row in rows {
        let mean = row
            .mean
            .map_or_else(|| "-".to_owned(), |mean| format!("{mean:.2}"));
        let (mood, support) = (
            row.mood.as_deref().unwrap_or("-"),
            if row.needs_support { "yes" } else { "no" },
        );
        writeln!(
            out,
            "{:<9} {:>7} {:>7}  {mean:>5}  {mood:<13}  {support:<13}  {:>14}",
            row.name, row.stored, row.scored, row.changes
        )?;
    }
    Ok(())
}

async fn moods(out: &mut String, database: &PgPool) -> Result<()> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select mood_detected, count(*) from public.chat_messages where mood_detected is not null group by 1 order by 2 desc, 1",
    )
    .fetch_all(database)
    .await?;
    let most = rows.first().map_or(1, |(_, count)| *count).max(1);
    writeln!(out, "\nMood mix of all messages")?;
    for (mood, count) in rows {
        let bar = usize::try_from(count)?
            .saturating_mul(BAR)
            .div_ceil(usize::try_from(most)?);
        writeln!(out, "  {mood:<9} {count:>6} {}", "█".repeat(bar))?;
    }
    Ok(())
}

async fn personality(out: &mut String, api: &PgPool, person: &Person) -> Result<()> {
    let context: Value = read(api, person, "select public.personality_context()").await?;
    writeln!(
        out,
        "\n{}'s personality context, as {} reads it",
        person.name, person.name
    )?;
    for part in ["traits", "sentiment"] {
        let Some(figures) = context[part].as_object() else {
            continue;
        };
        let figures: Vec<String> = figures
            .iter()
            .map(|(name, value)| format!("{name} {}", plain(value)))
            .collect();
        for (row, chunk) in figures.chunks(3).enumerate() {
            writeln!(
                out,
                "  {:<10} {}",
                if row == 0 { part } else { "" },
                chunk.join(" · ")
            )?;
        }
    }
    let music = &context["music"];
    writeln!(
        out,
        "  music      {}; {}",
        if music["youtube"].is_null() {
            "none from YouTube"
        } else {
            "YouTube's included"
        },
        if music["spotify"].is_null() {
            "Spotify's withheld, whose terms keep it out of prompts"
        } else {
            "Spotify's included"
        }
    )?;
    writeln!(
        out,
        "  video      {}",
        if context["video"].is_null() {
            "none"
        } else {
            "included"
        }
    )?;
    Ok(())
}

async fn tastes(out: &mut String, api: &PgPool, person: &Person) -> Result<()> {
    let music: Value = read(
        api,
        person,
        "select to_jsonb(m) from public.music_preferences m where provider = 'spotify'",
    )
    .await?;
    let video: Value = read(
        api,
        person,
        "select to_jsonb(v) from public.video_preferences v",
    )
    .await?;
    writeln!(
        out,
        "\n{}'s top genres (share) and top channels (likes)",
        person.name
    )?;
    let rows = |list: &Value, name: &str, figure: &str| -> Vec<(String, String)> {
        list.as_array()
            .into_iter()
            .flatten()
            .take(5)
            .map(|item| (plain(&item[name]), plain(&item[figure])))
            .collect()
    };
    let genres = rows(&music["top_genres"], "genre", "weight");
    let channels = rows(&video["top_channels"], "title", "likes");
    for row in 0..genres.len().max(channels.len()) {
        let cell = |list: &[(String, String)]| list.get(row).cloned().unwrap_or_default();
        let ((genre, weight), (channel, likes)) = (cell(&genres), cell(&channels));
        writeln!(out, "  {genre:<18} {weight:>6}    {channel:<30} {likes:>4}")?;
    }
    Ok(())
}

async fn recommendations(out: &mut String, api: &PgPool, person: &Person) -> Result<()> {
    for kind in ["music", "video"] {
        let found: Value = read(
            api,
            person,
            &format!("select public.recommendations('{kind}', 4)"),
        )
        .await?;
        writeln!(
            out,
            "\nRecommended to {}, {kind} ({})",
            person.name,
            plain(&found["direction"])
        )?;
        for item in found["items"].as_array().into_iter().flatten() {
            writeln!(
                out,
                "  {:<30} {:<26} {:>4}  {}",
                plain(&item["name"]),
                plain(&item["makers"][0]),
                plain(&item["score"]),
                plain(&item["reason_text"])
            )?;
        }
    }
    Ok(())
}

fn keys(out: &mut String, entries: &[Entry]) {
    out.push_str("\nRedis key                                                          of       TTL  version                    bytes\n");
    for Entry {
        person,
        key,
        ttl,
        version,
        bytes,
    } in entries
    {
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{key:<66} {person:<8} {:>6}s  {version}  {bytes:>6}",
            ttl.as_secs()
        );
    }
}

async fn read(api: &PgPool, person: &Person, sql: &str) -> Result<Value> {
    let mut request = data_api::as_user(api, person.id).await?;
    Ok(sqlx::query_scalar(sql)
        .fetch_optional(&mut *request)
        .await?
        .unwrap_or_default())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}
