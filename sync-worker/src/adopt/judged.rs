//! What the app's rows are in Bondhu's terms, and why some of them cannot be taken: one query for each kind, each with
//! `left_because`, which is null for what is imported.

use super::shapes::Shapes;

/// What is imported, in this order: what messages refer to goes before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Profiles,
    Assessments,
    Sessions,
    Messages,
    Plays,
    Links,
}

impl Kind {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 6] = [
        Self::Profiles,
        Self::Assessments,
        Self::Sessions,
        Self::Messages,
        Self::Plays,
        Self::Links,
    ];

    /// As people and programs read it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Profiles => "profiles",
            Self::Assessments => "assessments",
            Self::Sessions => "sessions",
            Self::Messages => "messages",
            Self::Plays => "plays",
            Self::Links => "linked accounts",
        }
    }
}

/// A message as long as may be, in characters and in bytes (constraint `message_can_be_read`).
const LONGEST_MESSAGE: (u32, u32) = (8_000, 24_000);

/// The start of a `case`: rows of nobody are left.
const ACCOUNT: &str = "case when not exists (select from auth.users u where u.id = v.user_id) then 'its account is gone'";

/// Messages: `user_id, id, session_id, sender, message_text, at, source, key, left_because`.
///
/// `text_fault`: the function of the rule which characters a text may have.
pub(super) fn messages(shapes: &Shapes, text_fault: &str) -> String {
    let (characters, bytes) = LONGEST_MESSAGE;
    format!(
        "select v.user_id, v.id, v.sender, v.message_text, v.at, v.source, v.key,
           case
             when v.session ~ '^[0-9a-fA-F]{{8}}(-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}$' then v.session::uuid
             when v.session <> '' then md5(v.user_id::text || '/' || v.session)::uuid
           end as session_id,
           {ACCOUNT}
             when v.sender is null then 'unknown sender'
             when v.message_text is null then 'no text'
             when char_length(v.message_text) > {characters} then 'over 8,000 characters'
             when octet_length(v.message_text) > {bytes} then 'over 24,000 bytes'
             when {text_fault}(v.message_text) = 'blank' then 'blank text'
             when {text_fault}(v.message_text) = 'control' then 'control characters'
             when v.at is null then 'no time'
             when v.at < '1900-01-01 00:00+00' then 'a time before 1900'
             when v.at > now() then 'a time in the future'
           end as left_because
         from ({}) v",
        shapes.messages()
    )
}

/// Names and onboarding: `user_id, display_name, is_onboarded, left_because`. A longer name is cut as at sign-up.
pub(super) fn profiles(shapes: &Shapes, text_fault: &str) -> String {
    format!(
        "select v.user_id, v.is_onboarded,
           {ACCOUNT}
             when octet_length(n.name) > 320 or {text_fault}(n.name) is not null then 'its name cannot be shown'
           end as left_because,
           n.name as display_name
         from ({}) v
         cross join lateral (select nullif(left(btrim(v.display_name), 80), '') as name) n",
        shapes.profiles()
    )
}

/// Measured traits: `user_id, id, completed_at, openness … neuroticism, left_because`.
pub(super) fn assessments(shapes: &Shapes) -> String {
    format!(
        "select v.*,
           {ACCOUNT}
             when v.completed_at is null or not isfinite(v.completed_at) then 'it was not completed'
             when num_nulls(v.openness, v.conscientiousness, v.extraversion, v.agreeableness, v.neuroticism) > 0 then 'a trait is missing'
             when least(v.openness, v.conscientiousness, v.extraversion, v.agreeableness, v.neuroticism) < 0
               or greatest(v.openness, v.conscientiousness, v.extraversion, v.agreeableness, v.neuroticism) > 100
               then 'a trait is not between 0 and 100'
           end as left_because
         from ({}) v",
        shapes.traits()
    )
}

/// Plays: `user_id, track_id, played_at, track_name, artist_name, duration_ms, left_because`.
pub(super) fn plays(shapes: &Shapes) -> String {
    format!(
        "select v.*,
           {ACCOUNT}
             when coalesce(v.track_id, '') = '' or v.track_name is null then 'its track is unknown'
             when v.played_at is null then 'no time'
             when v.played_at < '1900-01-01 00:00+00' then 'a time before 1900'
             when v.played_at > now() then 'a time in the future'
           end as left_because
         from ({}) v",
        shapes.plays()
    )
}

/// Plays, with a reason for those that are there more than once. It sorts them all, which the import, that takes the first
/// of them alone, has no need of.
pub(super) fn plays_once(shapes: &Shapes) -> String {
    format!(
        "select p.user_id, p.track_id, p.played_at,
           coalesce(p.left_because, case
             when row_number() over (partition by p.user_id, p.track_id, p.played_at) > 1 then 'it is there twice' end) as left_because
         from ({}) p",
        plays(shapes)
    )
}

/// Linked accounts: as [`Shapes::links`], and `left_because`. One that was linked anew meanwhile stays as it is.
pub(super) fn links(shapes: &Shapes) -> String {
    format!(
        "select v.*,
           {ACCOUNT}
             when v.provider is null or v.provider not in ('spotify', 'youtube') then 'unknown provider'
             when coalesce(v.refresh_token, '') = '' then 'no refresh token'
           end as left_because
         from ({}) v",
        shapes.links()
    )
}

#[cfg(test)]
mod tests {
    use super::LONGEST_MESSAGE;

    #[test]
    fn the_longest_message_is_that_of_the_constraint() {
        let messages = include_str!("../../../sql/30_chat/10_messages.sql");
        let (characters, bytes) = LONGEST_MESSAGE;
        assert!(messages.contains(&format!("char_length(message_text) > {characters}")));
        assert!(messages.contains(&format!("octet_length(message_text) > {bytes}")));
    }
}
