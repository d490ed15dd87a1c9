//! The tables that a running app is known to have: what each is read for, and by which columns.
//!
//! Two generations of such an app are known; a column that one of them lacks is optional here. A table of a known
//! name with other columns or types is nobody's that we know: it is refused, and left alone.

use std::collections::BTreeMap;

use sqlx::PgConnection;

/// Where what is taken over waits until it is confirmed.
pub(super) const SCHEMA: &str = "before_bondhu";

/// What becomes of a known table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is moved to [`SCHEMA`], and what it holds is read from there.
    Moves,
    /// It is moved to [`SCHEMA`]; nothing of it is read, for the reason given.
    MovesUnread(&'static str),
    /// It stays, and is read: the app goes on needing it.
    Stays,
    /// It stays, and is the app's as before, for the reason given.
    StaysUnread(&'static str),
}

/// A column by its name, and the types that it may have, as `format_type` writes them without a modifier.
type Column = (&'static str, &'static [&'static str]);

const UUID: &[&str] = &["uuid"];
const TEXT: &[&str] = &["text", "character varying"];
const TEXT_OR_UUID: &[&str] = &["text", "character varying", "uuid"];
const TIME: &[&str] = &["timestamp with time zone"];
const WHOLE: &[&str] = &["integer", "smallint", "bigint"];
const NUMBER: &[&str] = &[
    "integer",
    "smallint",
    "bigint",
    "numeric",
    "real",
    "double precision",
];
const YES_OR_NO: &[&str] = &["boolean"];
const TEXTS: &[&str] = &["text[]", "character varying[]"];

/// A table, or a view, of the app's.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) fate: Fate,
    /// Each of them is there.
    required: &'static [Column],
    /// Of each of these, one at least is there.
    one_of: &'static [&'static [Column]],
    /// Where they are there, they have these types.
    optional: &'static [Column],
}

const LEARNT_ANEW: &str = "the engine learns from the messages";
const OF_THE_APP: &str = "it is the app's";

/// All of them.
pub(super) const KNOWN: [Known; 12] = [
    Known {
        name: "chat_messages",
        fate: Fate::Moves,
        required: &[
            ("id", UUID),
            ("user_id", UUID),
            ("message_text", TEXT),
            ("sender_type", TEXT),
        ],
        one_of: &[&[("timestamp", TIME), ("created_at", TIME)]],
        optional: &[
            ("session_id", TEXT_OR_UUID),
            ("mood_detected", TEXT),
            ("sentiment_score", NUMBER),
        ],
    },
    Known {
        name: "chat_history",
        fate: Fate::Moves,
        required: &[
            ("id", UUID),
            ("user_id", UUID),
            ("message", TEXT),
            ("response", TEXT),
            ("created_at", TIME),
        ],
        one_of: &[],
        optional: &[("session_id", TEXT_OR_UUID)],
    },
    Known {
        name: "personality_profiles",
        fate: Fate::MovesUnread("it shows the app's own traits of profiles"),
        required: &[],
        one_of: &[],
        optional: &[],
    },
    Known {
        name: "personality_surveys",
        fate: Fate::Moves,
        required: &[
            ("user_id", UUID),
            ("survey_version", TEXT),
            ("openness_score", NUMBER),
            ("conscientiousness_score", NUMBER),
            ("extraversion_score", NUMBER),
            ("agreeableness_score", NUMBER),
            ("neuroticism_score", NUMBER),
            ("completed_at", TIME),
        ],
        one_of: &[],
        optional: &[],
    },
    Known {
        name: "personality_adjustments",
        fate: Fate::MovesUnread(LEARNT_ANEW),
        required: &[],
        one_of: &[],
        optional: &[],
    },
    Known {
        name: "listening_history",
        fate: Fate::Moves,
        required: &[
            ("user_id", UUID),
            ("track_id", TEXT),
            ("track_name", TEXT),
            ("artist_name", TEXT),
            ("played_at", TIME),
        ],
        one_of: &[],
        optional: &[("duration_ms", WHOLE)],
    },
    Known {
        name: "user_integrations",
        fate: Fate::Moves,
        required: &[
            ("user_id", UUID),
            ("provider", TEXT),
            ("access_token", TEXT),
            ("refresh_token", TEXT),
        ],
        one_of: &[],
        optional: &[
            ("token_expiry", TIME),
            ("scopes", TEXTS),
            ("provider_user_id", TEXT),
        ],
    },
    Known {
        name: "profiles",
        fate: Fate::Stays,
        required: &[("id", UUID)],
        one_of: &[],
        optional: &[
            ("full_name", TEXT),
            ("onboarding_completed", YES_OR_NO),
            ("personality_openness", NUMBER),
            ("personality_conscientiousness", NUMBER),
            ("personality_extraversion", NUMBER),
            ("personality_agreeableness", NUMBER),
            ("personality_neuroticism", NUMBER),
            ("personality_completed_at", TIME),
            ("spotify_access_token", TEXT),
            ("spotify_refresh_token", TEXT),
            ("spotify_token_expires_at", TIME),
            ("spotify_user_id", TEXT),
            ("spotify_connected_at", TIME),
        ],
    },
    Known {
        name: "user_activity_stats",
        fate: Fate::StaysUnread("dashboard() counts from the facts"),
        required: &[],
        one_of: &[],
        optional: &[],
    },
    Known {
        name: "recommendations",
        fate: Fate::StaysUnread("recommendations() makes its own"),
        required: &[],
        one_of: &[],
        optional: &[],
    },
    Known {
        name: "activity_history",
        fate: Fate::StaysUnread(OF_THE_APP),
        required: &[],
        one_of: &[],
        optional: &[],
    },
    Known {
        name: "onboarding_answers",
        fate: Fate::StaysUnread(OF_THE_APP),
        required: &[],
        one_of: &[],
        optional: &[],
    },
];

impl Known {
    /// Whether rows of it are imported.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.fate, Fate::Moves | Fate::Stays)
    }

    /// Whether it is moved.
    pub(super) fn moves(&self) -> bool {
        matches!(self.fate, Fate::Moves | Fate::MovesUnread(_))
    }

    /// What is other than known of it: a sentence each.
    fn mismatches(&self, columns: &BTreeMap<String, String>) -> Vec<String> {
        let wrong_type = |(name, types): &Column| {
            let found = columns.get(*name)?;
            (!types.contains(&found.as_str()))
                .then(|| format!("column {name} is {found}, not {}", types.join(" or ")))
        };
        let missing = self
            .required
            .iter()
            .filter(|(name, _)| !columns.contains_key(*name))
            .map(|(name, _)| format!("there is no column {name}"));
        let none_of = self
            .one_of
            .iter()
            .filter(|names| !names.iter().any(|(name, _)| columns.contains_key(*name)))
            .map(|names| {
                let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
                format!("there is no column {}", names.join(" or "))
            });
        let typed = self
            .required
            .iter()
            .chain(self.one_of.iter().copied().flatten())
            .chain(self.optional)
            .filter_map(wrong_type);
        missing.chain(none_of).chain(typed).collect()
    }
}

/// A known table as it is in this database.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) known: &'static Known,
    /// Its schema: `public`, or [`SCHEMA`] once it has moved.
    pub(super) schema: String,
    /// Whether it is a table; else a view.
    pub(super) is_table: bool,
    /// Whether the present role may move it.
    pub(super) is_ours: bool,
    columns: BTreeMap<String, String>,
    /// What is other than known; empty: it can be taken over.
    pub(super) mismatches: Vec<String>,
}

impl Found {
    /// `table public.chat_messages`.
    pub(super) fn describe(&self) -> String {
        let kind = if self.is_table { "table" } else { "view" };
        format!("{kind} {}.{}", self.schema, self.known.name)
    }

    fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// An expression for a column that may not be there.
    fn or_null(&self, column: &str, kind: &str) -> String {
        if self.has(column) {
            format!("t.{column}::{kind}")
        } else {
            format!("null::{kind}")
        }
    }
}

/// The known tables that are there, in the order of [`KNOWN`].
#[derive(Debug)]
pub(super) struct Shapes(pub(super) Vec<Found>);

#[derive(sqlx::FromRow)]
struct CatalogRow {
    name: String,
    schema: String,
    is_table: bool,
    is_ours: bool,
    columns: sqlx::types::Json<BTreeMap<String, String>>,
}

impl Shapes {
    /// Looks at the catalog. What lies in [`SCHEMA`] goes before what has its name in `public`, which is
    /// Bondhu's then.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn read(database: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
        let staying = KNOWN.iter().filter(|known| !known.moves());
        let staying: Vec<&str> = staying.map(|known| known.name).collect();
        let rows: Vec<CatalogRow> = sqlx::query_as(include_str!("sql/shapes.sql"))
            .bind(&names)
            .bind(SCHEMA)
            .bind(&staying)
            .fetch_all(database)
            .await?;
        let mut rows: BTreeMap<String, CatalogRow> = rows
            .into_iter()
            .map(|row| (row.name.clone(), row))
            .collect();
        let found = KNOWN.iter().filter_map(|known| {
            let row = rows.remove(known.name)?;
            let columns = row.columns.0;
            let mut mismatches = known.mismatches(&columns);
            if known.is_read() && !row.is_table {
                mismatches.push("it is a view".to_owned());
            }
            Some(Found {
                known,
                schema: row.schema,
                is_table: row.is_table,
                is_ours: row.is_ours,
                mismatches,
                columns,
            })
        });
        Ok(Self(found.collect()))
    }

    /// The table of that name, if it is there and can be read.
    fn readable(&self, name: &str) -> Option<&Found> {
        self.0
            .iter()
            .find(|found| found.known.name == name && found.mismatches.is_empty())
    }

    /// A query for all messages in the one form that is imported: `user_id, id, session, sender, message_text, at,
    /// source, key`.
    pub(super) fn messages(&self) -> String {
        let mut parts = Vec::new();
        if let Some(found) = self.readable("chat_messages") {
            // Where both are there, the older name is what the app wrote.
            let at = match (found.has("timestamp"), found.has("created_at")) {
                (true, true) => "coalesce(t.\"timestamp\", t.created_at)",
                (true, false) => "t.\"timestamp\"",
                (false, _) => "t.created_at",
            };
            parts.push(format!(
                "select t.user_id, t.id, {session} as session,
                   case when t.sender_type in ('user', 'ai') then t.sender_type::text end as sender,
                   t.message_text::text as message_text, {at} as at, 'chat_messages' as source, t.id as key
                 from {schema}.chat_messages t",
                session = found.or_null("session_id", "text"),
                schema = found.schema,
            ));
        }
        if let Some(found) = self.readable("chat_history") {
            let session = found.or_null("session_id", "text");
            for (sender, column) in [("user", "message"), ("ai", "response")] {
                parts.push(format!(
                    "select t.user_id, md5(t.id::text || '/{column}')::uuid, {session}, '{sender}', t.{column}::text,
                       t.created_at, 'chat_history', t.id
                     from {schema}.chat_history t",
                    schema = found.schema,
                ));
            }
        }
        if parts.is_empty() {
            return "select null::uuid as user_id, null::uuid as id, null::text as session, null::text as sender,
                      null::text as message_text, null::timestamptz as at, null::text as source, null::uuid as key
                    where false"
                .to_owned();
        }
        parts.join("\nunion all\n")
    }

    /// Names and onboarding: `user_id, display_name, is_onboarded`.
    pub(super) fn profiles(&self) -> String {
        match self.readable("profiles") {
            Some(found) => format!(
                "select t.id as user_id, {name} as display_name, coalesce({onboarded}, false) as is_onboarded
                 from {schema}.profiles t",
                name = found.or_null("full_name", "text"),
                onboarded = found.or_null("onboarding_completed", "boolean"),
                schema = found.schema,
            ),
            None => "select null::uuid as user_id, null::text as display_name, false as is_onboarded where false".to_owned(),
        }
    }

    /// Traits that the app has measured: `user_id, id, completed_at`, and the five. Of the columns of profiles where
    /// no survey says the same.
    pub(super) fn traits(&self) -> String {
        const TRAITS: [&str; 5] = [
            "openness",
            "conscientiousness",
            "extraversion",
            "agreeableness",
            "neuroticism",
        ];
        let list = |prefix: &str, suffix: &str| {
            TRAITS
                .map(|name| format!("t.{prefix}{name}{suffix}::numeric as {name}"))
                .join(", ")
        };
        let surveys = self.readable("personality_surveys").map(|found| {
            format!(
                "select t.user_id, md5('survey/' || t.user_id || '/' || t.survey_version)::uuid as id, t.completed_at, {}
                 from {}.personality_surveys t",
                list("", "_score"),
                found.schema
            )
        });
        let whole = |found: &&Found| {
            found.has("personality_completed_at")
                && TRAITS
                    .iter()
                    .all(|name| found.has(&format!("personality_{name}")))
        };
        let profiles = self.readable("profiles").filter(whole).map(|found| {
            let measured = TRAITS.map(|name| format!("t.personality_{name}")).join(", ");
            let same = TRAITS
                .map(|name| format!("s.{name} is not distinct from t.personality_{name}"))
                .join(" and ");
            let unsurveyed = surveys.as_ref().map_or_else(String::new, |surveys| {
                format!(
                    " and not exists (
                       select from ({surveys}) s
                       where s.user_id = t.id and s.completed_at is not distinct from t.personality_completed_at and {same})"
                )
            });
            format!(
                "select t.id as user_id, md5('profile/' || t.id)::uuid as id, t.personality_completed_at as completed_at, {}
                 from {}.profiles t
                 where num_nonnulls({measured}) > 0{unsurveyed}",
                list("personality_", ""),
                found.schema
            )
        });
        let parts: Vec<String> = surveys.into_iter().chain(profiles).collect();
        if parts.is_empty() {
            let nothing = TRAITS
                .map(|name| format!("null::numeric as {name}"))
                .join(", ");
            return format!(
                "select null::uuid as user_id, null::uuid as id, null::timestamptz as completed_at, {nothing} where false"
            );
        }
        parts.join("\nunion all\n")
    }

    /// Plays: `user_id, track_id, played_at, track_name, artist_name, duration_ms`.
    pub(super) fn plays(&self) -> String {
        match self.readable("listening_history") {
            Some(found) => format!(
                "select t.user_id, t.track_id::text as track_id, t.played_at, t.track_name::text as track_name,
                   t.artist_name::text as artist_name, {duration} as duration_ms
                 from {schema}.listening_history t",
                duration = found.or_null("duration_ms", "bigint"),
                schema = found.schema,
            ),
            None => "select null::uuid as user_id, null::text as track_id, null::timestamptz as played_at, null::text as track_name,
                       null::text as artist_name, null::bigint as duration_ms where false"
                .to_owned(),
        }
    }

    /// Linked accounts, with their tokens in clear: `user_id, provider, access_token, refresh_token, expires_at, scopes,
    /// owner_id, connected_at`.
    pub(super) fn links(&self) -> String {
        let integrations = self.readable("user_integrations").map(|found| {
            format!(
                "select t.user_id, case lower(btrim(t.provider)) when 'google' then 'youtube' else lower(btrim(t.provider)) end as provider,
                   t.access_token::text as access_token, t.refresh_token::text as refresh_token, {expiry} as expires_at,
                   {scopes} as scopes, {owner} as owner_id, null::timestamptz as connected_at
                 from {schema}.user_integrations t",
                expiry = found.or_null("token_expiry", "timestamptz"),
                scopes = found.or_null("scopes", "text[]"),
                owner = found.or_null("provider_user_id", "text"),
                schema = found.schema,
            )
        });
        let profiles = self
            .readable("profiles")
            .filter(|found| found.has("spotify_access_token") && found.has("spotify_refresh_token"))
            .map(|found| {
                let elsewhere = integrations.as_ref().map_or_else(String::new, |integrations| {
                    format!(
                        " and not exists (
                           select from ({integrations}) i
                           where i.user_id = t.id and i.provider = 'spotify' and coalesce(i.refresh_token, '') <> '')"
                    )
                });
                format!(
                    "select t.id as user_id, 'spotify' as provider, t.spotify_access_token::text as access_token,
                       t.spotify_refresh_token::text as refresh_token, {expiry} as expires_at, null::text[] as scopes,
                       {owner} as owner_id, {connected} as connected_at
                     from {schema}.profiles t
                     where coalesce(t.spotify_refresh_token, t.spotify_access_token, '') <> ''{elsewhere}",
                    expiry = found.or_null("spotify_token_expires_at", "timestamptz"),
                    owner = found.or_null("spotify_user_id", "text"),
                    connected = found.or_null("spotify_connected_at", "timestamptz"),
                    schema = found.schema,
                )
            });
        let parts: Vec<String> = integrations.into_iter().chain(profiles).collect();
        if parts.is_empty() {
            return "select null::uuid as user_id, null::text as provider, null::text as access_token, null::text as refresh_token,
                      null::timestamptz as expires_at, null::text[] as scopes, null::text as owner_id,
                      null::timestamptz as connected_at where false"
                .to_owned();
        }
        parts.join("\nunion all\n")
    }

    /// Columns of `profiles` that hold tokens in clear.
    pub(super) fn clear_tokens(&self) -> Vec<&'static str> {
        let Some(found) = self.readable("profiles") else {
            return Vec::new();
        };
        ["spotify_access_token", "spotify_refresh_token"]
            .into_iter()
            .filter(|column| found.has(column))
            .collect()
    }

    /// The column of `chat_messages` that says when, and which others the app's shape has of what Bondhu knows.
    pub(super) fn message_columns(&self) -> Option<MessageColumns> {
        let found = self.readable("chat_messages")?;
        Some(MessageColumns {
            at: if found.has("timestamp") {
                "\"timestamp\""
            } else {
                "created_at"
            },
            session: found.columns.get("session_id").cloned(),
            mood: found.has("mood_detected"),
            score: found.has("sentiment_score"),
        })
    }

    /// Whether the older generation's exchanges are there.
    pub(super) fn has_exchanges(&self) -> bool {
        self.readable("chat_history").is_some()
    }
}

/// What the app's `chat_messages` can hold of a message of Bondhu's.
#[derive(Debug)]
pub(super) struct MessageColumns {
    pub(super) at: &'static str,
    /// Its type, where it is there.
    pub(super) session: Option<String>,
    pub(super) mood: bool,
    pub(super) score: bool,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Found, KNOWN, Shapes};

    fn found(name: &str, columns: &[(&str, &str)]) -> Found {
        let known = KNOWN.iter().find(|known| known.name == name);
        let known = known.unwrap_or(&KNOWN[0]);
        let columns: BTreeMap<String, String> = columns
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()))
            .collect();
        Found {
            known,
            schema: "public".to_owned(),
            is_table: true,
            is_ours: true,
            mismatches: known.mismatches(&columns),
            columns,
        }
    }

    const MESSAGES: [(&str, &str); 4] = [
        ("id", "uuid"),
        ("user_id", "uuid"),
        ("message_text", "text"),
        ("sender_type", "text"),
    ];

    #[test]
    fn both_generations_are_known_and_a_stranger_is_not() {
        for time in ["timestamp", "created_at"] {
            let columns = [&MESSAGES[..], &[(time, "timestamp with time zone")]].concat();
            assert_eq!(found("chat_messages", &columns).mismatches, [""; 0]);
        }
        let stranger = found(
            "chat_messages",
            &[("id", "bigint"), ("author", "text"), ("body", "text")],
        );
        assert_eq!(
            stranger.mismatches,
            [
                "there is no column user_id",
                "there is no column message_text",
                "there is no column sender_type",
                "there is no column timestamp or created_at",
                "column id is bigint, not uuid",
            ]
        );
    }

    #[test]
    fn what_is_not_there_is_read_as_nothing() {
        let none = Shapes(Vec::new());
        for query in [
            none.messages(),
            none.profiles(),
            none.traits(),
            none.plays(),
            none.links(),
        ] {
            assert!(query.ends_with("where false"), "{query}");
        }
        assert!(none.message_columns().is_none());
    }
}
