//! What the app's queries become: the twenty lines that change.

use serde::Serialize;

use super::shapes::Shapes;

/// A query of the app's, and what takes its place.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Change {
    /// What has to be there for it to matter.
    #[serde(skip)]
    table: &'static str,
    /// As the app has it.
    pub(super) before: &'static str,
    /// As it is with Bondhu.
    pub(super) after: &'static str,
}

const fn change(table: &'static str, before: &'static str, after: &'static str) -> Change {
    Change {
        table,
        before,
        after,
    }
}

const CHANGES: [Change; 11] = [
    change(
        "chat_messages",
        "from('chat_messages').insert({user_id, message_text, sender_type, mood_detected, sentiment_score})",
        "from('chat_messages').insert({message_text}): the person is who is signed in; mood and score are the engine's",
    ),
    change(
        "chat_messages",
        "from('chat_messages').insert({sender_type: 'ai', …})",
        "the edge function `chat`, or finish_reply() of a server: nobody writes in the companion's name",
    ),
    change(
        "chat_messages",
        "from('chat_messages').select('*').order('timestamp')",
        "rpc('chat_history', {page_size: 50}): a page, oldest first; before_cursor for the one before",
    ),
    change(
        "chat_messages",
        "a session id made in the browser",
        "rpc('start_session', {device_id}): the id that it returns",
    ),
    change(
        "chat_history",
        "from('chat_history').insert({message, response})",
        "two rows of chat_messages, by the edge function `chat`",
    ),
    change(
        "chat_history",
        "from('chat_history').select('message, response')",
        "rpc('chat_history', {page_size: 50})",
    ),
    change(
        "personality_profiles",
        "from('personality_profiles').select('openness, …'), rpc('get_personality_context', {user_id})",
        "rpc('personality_context'): exact as of now, 50 where nothing is known",
    ),
    change(
        "personality_surveys",
        "from('personality_surveys').upsert({raw_responses, …})",
        "rpc('assessment_items', {form: 'short'}), then rpc('submit_assessment', {form, answers})",
    ),
    change(
        "listening_history",
        "from('listening_history').select('*').order('played_at')",
        "rpc('recently_played', {max_rows: 50}); artist_name is artist_names, a list",
    ),
    change(
        "user_integrations",
        "from('user_integrations').select('access_token, …')",
        "from('provider_connections').select('provider, status'): no client reads a token; rpc('begin_connect') links, rpc('disconnect') unlinks",
    ),
    change(
        "profiles",
        "from('profiles').select('*').eq('id', user.id)",
        "stays as it is; its spotify_* tokens are empty after `adopt confirm`",
    ),
];

/// Those that matter for the tables that are there.
pub(super) fn of(shapes: &Shapes) -> Vec<Change> {
    let is_there = |change: &&Change| {
        shapes
            .0
            .iter()
            .any(|found| found.known.name == change.table)
    };
    CHANGES.iter().filter(is_there).copied().collect()
}
