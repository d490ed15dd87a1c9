//! Random histories: who writes, edits and deletes what.

use rand::Rng;
use rand::rngs::StdRng;
use uuid::Uuid;

use crate::sequences::TEXTS;

/// By the numbers that [`History::users`] has of them.
pub(super) const ENGINES: [&str; 2] = ["native", "portable"];
pub(super) const USERS: usize = 3;

pub(super) struct History {
    pub(super) random: StdRng,
    /// The users of either engine, in the same order.
    pub(super) users: [Vec<Uuid>; 2],
    /// Whether statements have several commands. Which of them records a change is the engine's own,
    /// and the log outside the law: then it is not compared.
    pub(super) several: bool,
    pub(super) log: String,
    pub(super) steps: usize,
}

impl History {
    fn text(&mut self) -> &'static str {
        TEXTS[self.random.random_range(0..TEXTS.len())]
    }

    fn user(&mut self) -> String {
        format!("$u{}", self.random.random_range(0..USERS))
    }

    fn ago(&mut self) -> String {
        let minutes = match self.random.random_range(0..8) {
            0 | 1 => self.random.random_range(0..20),
            2 | 3 => self.random.random_range(0..1_500),
            4 => self.random.random_range(0..3_000),
            // The edges of the windows.
            5 => 1_440 * self.random.random_range(1..3),
            6 => 60 * self.random.random_range(0..200),
            _ => 1_440 * self.random.random_range(0..200),
        };
        format!("now() - interval '{minutes} minutes'")
    }

    fn row(&mut self) -> String {
        let (user, text, at) = (self.user(), self.text(), self.ago());
        let id = Uuid::from_u128(self.random.random());
        format!("('{user}', '{id}', '{text}', {at})")
    }

    fn rows(&mut self, most: usize) -> String {
        let rows: Vec<_> = (0..self.random.random_range(1..most))
            .map(|_| self.row())
            .collect();
        rows.join(", ")
    }

    /// Who does what. `$u0`, `$u1`, … stand for the users of either engine, `$engine` for its name.
    pub(super) fn operation(&mut self) -> (&'static str, String) {
        let (user, other, text, at) = (self.user(), self.user(), self.text(), self.ago());
        let id = Uuid::from_u128(self.random.random());
        let number = self.random.random_range(0..5);
        let messages = "public.chat_messages";
        let into = format!("insert into {messages} (user_id, id, message_text, created_at) values");
        let one = format!(
            "where user_id = '{user}' and id = (select id from {messages}
               where user_id = '{user}' order by created_at desc, id offset {number} limit 1)"
        );
        match self.random.random_range(0..120) {
            0..16 => (
                "authenticated",
                format!("insert into {messages} (user_id, id, message_text) values ('$u0', '{id}', '{text}')"),
            ),
            16..30 => ("service_role", format!("{into} {}", self.row())),
            30..40 => ("service_role", format!("{into} {}", self.rows(9))),
            // As `copy` would: one statement, whole.
            40..43 => ("postgres", format!("{into} {}", self.rows(60))),
            43..51 => (
                "postgres",
                format!("update {messages} set message_text = '{text}' {one}"),
            ),
            51..58 => ("postgres", format!("delete from {messages} {one}")),
            58..61 => (
                "service_role",
                format!(
                    "delete from {messages} where user_id in ('{user}', '{other}')
                       and ('x' || right(id::text, 1))::bit(4)::integer % 3 = {}",
                    number % 3
                ),
            ),
            61..65 => (
                "service_role",
                format!(
                    "update {messages} set sender_type = case sender_type when 'ai' then 'user' else 'ai' end {one}"
                ),
            ),
            65..69 => (
                "service_role",
                format!("update {messages} set user_id = '{other}', session_id = null {one}"),
            ),
            69..73 => (
                "postgres",
                format!("update {messages} set created_at = {at} {one}"),
            ),
            73..75 => (
                "postgres",
                format!("update {messages} set session_id = null where user_id = '{user}'"),
            ),
            75..79 if self.several => (
                "postgres",
                format!(
                    "with gone as (delete from {messages} {one} returning id)
                     insert into {messages} (user_id, id, message_text, created_at)
                     select '{user}', m.id, '{text}', {at}
                     from ((select id from {messages} where user_id = '{user}' and id not in (select id from gone)
                            order by id limit {number})
                           union all select '{id}'::uuid) m
                     on conflict (user_id, id) do update set message_text = excluded.message_text"
                ),
            ),
            75..84 => (
                "service_role",
                format!(
                    "insert into {messages} (user_id, id, sender_type, message_text) values ('{user}', '{id}', 'ai', '{text}')"
                ),
            ),
            84..89 => (
                "postgres",
                format!("select bondhu_$engine.refresh(array['{user}', null, '{other}']::uuid[])"),
            ),
            89..92 => (
                "postgres",
                format!("select bondhu_$engine.recompute('{user}')"),
            ),
            92..97 => {
                let zone = ["Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati", "Europe/Berlin"]
                    [number % 4];
                (
                    "postgres",
                    format!("update public.companion_profiles set time_zone = '{zone}' where user_id = '{user}'"),
                )
            }
            97 => ("postgres", format!("delete from bondhu.safety_events where user_id = '{user}'")),
            98 => ("postgres", format!("truncate {messages}")),
            99..102 => (
                "service_role",
                format!(
                    "update {messages} set corrected_sentiment = {}, corrected_mood = {} {one} and sender_type = 'user'",
                    ["null", "0.1", "0.85", "0.5", "1"][number],
                    ["'joy'", "null", "'tired'", "null", "'angry'"][self.random.random_range(0..5)],
                ),
            ),
            102..105 => (
                "service_role",
                format!("update {messages} set counts = not counts {one}"),
            ),
            117..120 => (
                "postgres",
                format!(
                    "select bondhu.set_learning('{user}', {}, {})",
                    number % 2 == 0,
                    number == 1
                ),
            ),
            105..107 => (
                "service_role",
                format!(
                    "insert into {messages} (user_id, id, message_text, counts, created_at)
                     values ('{user}', '{id}', '{text}', false, {at}), ('{other}', '{}', '{text}', true, {at})",
                    Uuid::from_u128(id.as_u128() ^ 1)
                ),
            ),
            107..110 => {
                let traits: Vec<_> = (0..5)
                    .map(|_| self.random.random_range(0..=10_000).to_string() + " / 100.0")
                    .collect();
                let completed = ["null", "now()", "now() - interval '9 days'"][number % 3];
                (
                    "postgres",
                    format!(
                        "insert into public.assessments (user_id, form, started_at, completed_at, openness, conscientiousness,
                           extraversion, agreeableness, neuroticism)
                         select '{user}', 'short', now() - interval '10 days', t.at, t.o, t.c, t.e, t.a, t.n
                         from (values (({completed})::timestamptz, {})) t (at, o, c, e, a, n)
                         where t.at is not null;
                         delete from public.assessments where user_id = '{other}';
                         select bondhu_$engine.refresh(array['{user}', '{other}']::uuid[])",
                        traits.join(", ")
                    ),
                )
            }
            // As messages that changed while there was no engine leave it, and a change of settings.
            110..113 => (
                "postgres",
                format!(
                    "update public.personality_profiles set settings_version = settings_version - {}
                     where user_id in ('{user}', '{other}')",
                    number % 4
                ),
            ),
            113..115 => (
                "postgres",
                format!(
                    "update bondhu.settings set crisis_support_hours = {} where true",
                    [72, 1, 48, 24, 100][number]
                ),
            ),
            _ => (
                "postgres",
                format!("update public.personality_profiles set settings_version = 0 where user_id = '{user}'"),
            ),
        }
    }

    pub(super) fn rendered(&self, operation: &str, engine: usize) -> String {
        let mut sql = operation.replace("$engine", ENGINES[engine]);
        for (number, user) in self.users[engine].iter().enumerate() {
            sql = sql.replace(&format!("$u{number}"), &user.to_string());
        }
        sql
    }
}
