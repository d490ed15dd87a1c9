//! Comparing what was imported with what the app had: for each kind the rows of each person, and a checksum of them.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::error::AdoptError;
use super::judged::{self, Kind};
use super::shapes::Shapes;
use super::state::{Adoption, Step};

/// How one kind compares.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    pub(super) kind: &'static str,
    /// Rows that the app had and that can be taken.
    pub(super) before: i64,
    /// Rows of these that are here.
    pub(super) now: i64,
    /// Who has other rows than before.
    pub(super) differing: Vec<Differing>,
}

/// A person whose rows are others.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Differing {
    pub(super) user_id: Uuid,
    pub(super) rows_before: i64,
    pub(super) rows_now: i64,
}

/// A row that was not taken.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub(super) struct LeftRow {
    pub(super) source: String,
    pub(super) key: Option<String>,
    pub(super) user_id: Option<Uuid>,
    pub(super) reason: String,
}

/// The whole comparison.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) kinds: Vec<Compared>,
    pub(super) left: Vec<LeftRow>,
    /// What `bondhu.verify()` finds.
    pub(super) miscounted: i64,
}

impl Comparison {
    /// Reads it.
    ///
    /// # Errors
    /// No adoption has begun, it has not come to its end, or the database does not answer.
    pub(super) async fn read(database: &mut PgConnection) -> Result<Self, AdoptError> {
        let adoption = Adoption::expect(database).await?;
        if !adoption.is_finished {
            return Err(AdoptError::Unfinished);
        }
        let shapes = Shapes::read(database).await?;
        let mut kinds = Vec::new();
        let mut left = Vec::new();
        for kind in Kind::ALL {
            if Step::read(database, kind).await?.is_none() {
                continue;
            }
            kinds.push(compare(database, &shapes, kind).await?);
            if let Some(query) = left_rows(&shapes, kind) {
                left.extend(
                    sqlx::query_as::<_, LeftRow>(&query)
                        .fetch_all(&mut *database)
                        .await?,
                );
            }
        }
        let miscounted = sqlx::query_scalar("select count(*) from bondhu.verify()")
            .fetch_one(database)
            .await?;
        Ok(Self {
            kinds,
            left,
            miscounted,
        })
    }

    /// How many people have other rows than before.
    pub(super) fn differing(&self) -> usize {
        let people: std::collections::BTreeSet<Uuid> = self
            .kinds
            .iter()
            .flat_map(|kind| kind.differing.iter().map(|person| person.user_id))
            .collect();
        people.len()
    }
}

const TEXT_FAULT: &str = "bondhu.text_fault";

/// Rows before and now, each with whose it is and what it says: where the two sums of a person's hashes agree, so do their rows.
fn sides(shapes: &Shapes, kind: Kind) -> (String, String) {
    match kind {
        Kind::Messages => {
            let said = "concat_ws(chr(31), m.id, extract(epoch from m.at), m.sender, m.session_id, m.message_text)";
            let before = judged::messages(shapes, TEXT_FAULT);
            (
                format!("select m.user_id, {said} as said from ({before}) m where m.left_because is null"),
                format!(
                    "select m.user_id, {said} as said
                     from (
                       select c.user_id, c.id, c.created_at as at, c.sender_type as sender, c.session_id, c.message_text
                       from before_bondhu.adopted_messages l
                       join public.chat_messages c on c.user_id = l.user_id and c.id = l.id
                       where l.left_because is null
                     ) m"
                ),
            )
        }
        Kind::Sessions => {
            let sessions = super::import::SESSIONS;
            (
                format!("select s.user_id, s.id::text as said from {sessions} s"),
                format!(
                    "select s.user_id, s.id::text as said
                     from {sessions} s join public.user_sessions n on n.user_id = s.user_id and n.id = s.id"
                ),
            )
        }
        Kind::Profiles => {
            let before = judged::profiles(shapes, TEXT_FAULT);
            let named = "p.left_because is null and p.display_name is not null or p.is_onboarded";
            (
                format!(
                    "select p.user_id, p.user_id::text as said from ({before}) p where {named}"
                ),
                format!(
                    "select p.user_id, p.user_id::text as said
                     from ({before}) p join public.companion_profiles n on n.user_id = p.user_id
                     where ({named}) and (not p.is_onboarded or n.onboarding_state <> 'new')"
                ),
            )
        }
        Kind::Assessments => {
            let said = "concat_ws(chr(31), a.id, a.completed_at, round(a.openness, 2), round(a.conscientiousness, 2), round(a.extraversion, 2),
                          round(a.agreeableness, 2), round(a.neuroticism, 2))";
            let before = judged::assessments(shapes);
            (
                format!("select a.user_id, {said} as said from ({before}) a where a.left_because is null"),
                format!(
                    "select a.user_id, {said} as said
                     from (
                       select n.user_id, n.id, b.completed_at, n.openness, n.conscientiousness, n.extraversion, n.agreeableness, n.neuroticism
                       from ({before}) b join public.assessments n on n.user_id = b.user_id and n.id = b.id
                       where b.left_because is null and n.completed_at = least(b.completed_at, n.completed_at)
                     ) a"
                ),
            )
        }
        Kind::Plays => {
            let before = judged::plays(shapes);
            let said =
                "concat_ws(chr(31), p.track_id, extract(epoch from p.played_at), p.track_name)";
            (
                format!("select distinct p.user_id, {said} as said from ({before}) p where p.left_because is null"),
                format!(
                    "select p.user_id, {said} as said
                     from (select distinct b.user_id, b.track_id, b.played_at from ({before}) b where b.left_because is null) b
                     join public.listening_history p on p.user_id = b.user_id and p.played_at = b.played_at and p.track_id = b.track_id"
                ),
            )
        }
        Kind::Links => {
            let before = judged::links(shapes);
            (
                format!("select l.user_id, l.provider as said from ({before}) l where l.left_because is null"),
                format!(
                    "select l.user_id, l.provider as said
                     from ({before}) l join public.provider_connections n on n.user_id = l.user_id and n.provider = l.provider
                     where l.left_because is null"
                ),
            )
        }
    }
}

async fn compare(
    database: &mut PgConnection,
    shapes: &Shapes,
    kind: Kind,
) -> Result<Compared, sqlx::Error> {
    let (before, now) = sides(shapes, kind);
    // Sixty bits of a hash, summed: the order of rows is of no account.
    let sums = |rows: &str| {
        format!(
            "select r.user_id, count(*) as rows, sum(('x' || left(md5(r.said), 15))::bit(60)::bigint) as checksum
             from ({rows}) r group by r.user_id"
        )
    };
    // Who has asked to be forgotten has been, or is being.
    let people = format!(
        "select coalesce(b.user_id, n.user_id) as user_id, coalesce(b.rows, 0) as rows_before, coalesce(n.rows, 0) as rows_now,
           b.checksum is distinct from n.checksum as differs
         from ({}) b full join ({}) n on n.user_id = b.user_id
         where not exists (select from public.erasures e where e.user_id = coalesce(b.user_id, n.user_id))",
        sums(&before),
        sums(&now)
    );
    let (before, now, differing): (i64, i64, Json<Vec<Differing>>) = sqlx::query_as(&format!(
        "select coalesce(sum(p.rows_before), 0)::bigint, coalesce(sum(p.rows_now), 0)::bigint,
           coalesce(json_agg(json_build_object(
             'user_id', p.user_id, 'rows_before', p.rows_before, 'rows_now', p.rows_now) order by p.user_id) filter (where p.differs), '[]')
         from ({people}) p"
    ))
    .fetch_one(database)
    .await?;
    Ok(Compared {
        kind: kind.name(),
        before,
        now,
        differing: differing.0,
    })
}

/// The rows of a kind that were left.
fn left_rows(shapes: &Shapes, kind: Kind) -> Option<String> {
    let list = |rows: &str, source: &str, key: &str| {
        Some(format!(
            "select {source} as source, {key} as key, r.user_id, r.left_because as reason
             from ({rows}) r where r.left_because is not null order by 1, r.user_id, 2"
        ))
    };
    match kind {
        Kind::Messages => list(
            "select * from before_bondhu.adopted_messages",
            "r.source",
            "r.key::text",
        ),
        Kind::Sessions => None,
        Kind::Profiles => list(
            &judged::profiles(shapes, TEXT_FAULT),
            "'profiles'",
            "r.user_id::text",
        ),
        Kind::Assessments => list(
            &judged::assessments(shapes),
            "'personality_surveys'",
            "coalesce(r.completed_at::text, r.id::text)",
        ),
        Kind::Plays => list(
            &judged::plays_once(shapes),
            "'listening_history'",
            "concat_ws(' at ', r.track_id, r.played_at)",
        ),
        Kind::Links => list(&judged::links(shapes), "'user_integrations'", "r.provider"),
    }
}
