//! What is compared of two engines: every derived row, and every answer.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// Every row about `users` that is derived, with the users' numbers in place of their ids.
pub(super) async fn stored_rows(
    connection: &mut PgConnection,
    users: &[Uuid],
    without_log: bool,
) -> sqlx::Result<Vec<Value>> {
    sqlx::query_scalar(
        "with u as (select id, n from unnest($1::uuid[]) with ordinality x (id, n))
         select row from (
           select n, 1 as part, m.id::text as name, to_jsonb(m) - '{user_id,seq,updated_at}'::text[] as row
           from u join public.chat_messages m on m.user_id = u.id
           union all
           select n, 2, '', to_jsonb(p) - 'user_id' - case when $2 then '{landmark_traits,landmark_style}'::text[] else '{}' end from u join public.personality_profiles p on p.user_id = u.id
           union all
           select n, 3, b.bucket_start::text, to_jsonb(b) - 'user_id' from u join public.sentiment_buckets b on b.user_id = u.id
           union all
           select n, 4, concat(h.changed_at, h.before, h.after, h.window_end, h.evidence), to_jsonb(h)
           from u cross join lateral (
             select h.changed_at, h.before, h.after, h.window_start, h.window_end, h.message_count, (
               select array_agg(concat(e.message_id, ' ', e.weight) order by e.message_id)
               from public.personality_history_evidence e where e.user_id = h.user_id and e.history_id = h.id) as evidence
             from public.personality_history h where h.user_id = u.id and not $2
           ) h
           union all
           select n, 5, e.message_id::text, to_jsonb(e) - 'user_id' from u join bondhu.safety_events e on e.user_id = u.id
         ) rows
         order by n, part, name",
    )
    .bind(users)
    .bind(without_log)
    .fetch_all(connection)
    .await
}

/// What an engine answers about `users`.
pub(super) async fn answers(
    connection: &mut PgConnection,
    engine: &str,
    users: &[Uuid],
) -> sqlx::Result<Vec<Value>> {
    let sql = format!(
        "with u as (select id, n from unnest($1::uuid[]) with ordinality x (id, n)),
           t as (select now() + hours * interval '1 hour' as t
                 from unnest(array[-5, 0, 3, 23, 25, 49, 700, 4400]) hours)
         select row from (
           select t.t, n, 1 as part, '' as name, (to_jsonb(p) - 'user_id') || jsonb_build_object(
             'digits', concat_ws(' ', p.openness, p.neuroticism, p.trait_confidence, p.mean_sentiment, p.sentiment_volatility)) as row
           from t cross join bondhu_{engine}.personality(array(select id from u order by n), t.t) p join u on u.id = p.user_id
           union all
           select t.t, n, 5, '', to_jsonb(p) - 'user_id'
           from u cross join unnest(array[now(), now() - interval '30 hours', now() - interval '9 days', now() - interval '200 days']) t (t)
           cross join lateral bondhu_{engine}.personality_at(u.id, t.t) p
           union all
           select t.t, n, 2, '', (to_jsonb(p) - 'user_id') || jsonb_build_object('digits', (p.hour_means, p.weekday_means, p.inertia)::text)
           from t cross join bondhu_{engine}.patterns(array(select id from u order by n), t.t) p join u on u.id = p.user_id
           union all
           select null, n, 3, w.day::text, to_jsonb(w) || jsonb_build_object('digits', w::text)
           from u cross join lateral bondhu_{engine}.wellness(u.id, now()::date - 40, now()::date + 2) w
           union all
           select null, n, 4, '', to_jsonb(v) - 'user_id' || jsonb_build_object('n', n)
           from bondhu_{engine}.verify(array(select id from u order by n)) v join u on u.id = v.user_id
         ) rows
         order by t, n, part, name, row"
    );
    sqlx::query_scalar(&sql)
        .bind(users)
        .fetch_all(connection)
        .await
}

pub(super) fn assert_same(native: &[Value], portable: &[Value], log: &str) {
    for (a, b) in native.iter().zip(portable) {
        assert_eq!(a, b, "native, portable, after\n{log}");
    }
    assert_eq!(
        native.len(),
        portable.len(),
        "native, portable, after\n{log}"
    );
}
