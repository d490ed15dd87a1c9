//! What the app's queries become: some twenty lines that change.

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

// The table of docs/adopting.md, which a test compares.
const CHANGES: [Change; 22] = [
    change(
        "chat_messages",
        "from('chat_messages').insert({ user_id, message_text, sender_type: 'user', session_id, timestamp })",
        "from('chat_messages').upsert({ id, message_text, session_id }, { onConflict: 'user_id,id', ignoreDuplicates: true })",
    ),
    change(
        "chat_messages",
        "from('chat_messages').insert({ …, sender_type: 'ai' }) by the client",
        "the edge function chat, which stores the reply; or { user_id, id, message_text, sender_type: 'ai' } with the secret key",
    ),
    change(
        "chat_history",
        "from('chat_history').insert({ user_id, message, response })",
        "the edge function chat",
    ),
    change(
        "chat_messages",
        "from('chat_messages').select('*').eq('user_id', id).order('timestamp')",
        "rpc('chat_history', { page_size: 50 }), and before_cursor for the page before",
    ),
    change(
        "chat_history",
        "from('chat_history').select('message, response')",
        "the same: each is a row of its own, told apart by sender_type",
    ),
    change("chat_messages", "row.timestamp", "row.created_at"),
    change(
        "chat_messages",
        "mood_detected, sentiment_score written by the client",
        "left out: they are refused. Read, they are one of 13 moods, and 0 to 1",
    ),
    change(
        "chat_messages",
        "session_id: crypto.randomUUID(), rpc('increment_chat_session', { p_user_id })",
        "rpc('start_session', { device_id }), which returns the id",
    ),
    change(
        "personality_profiles",
        "from('personality_profiles').select('*').eq('id', id)",
        "from('personality_profiles').select('*').eq('user_id', id); rpc('personality_context') is exact as of now",
    ),
    change(
        "profiles",
        "has_completed_personality_assessment, personality_completed_at of the view",
        "from('assessments').select('completed_at').not('completed_at', 'is', null)",
    ),
    change(
        "profiles",
        "rpc('get_personality_context', { user_id })",
        "rpc('personality_context'), of whoever is signed in",
    ),
    change(
        "personality_surveys",
        "from('personality_surveys').upsert(…), rpc('update_personality_assessment', …)",
        "rpc('submit_assessment', { form, answers }): assessment",
    ),
    change(
        "personality_adjustments",
        "from('personality_adjustments').upsert(…)",
        "left out; rpc('personality_evolution', { trait }) tells how a trait moved",
    ),
    change(
        "user_integrations",
        "from('user_integrations').upsert({ access_token, refresh_token, … })",
        "rpc('begin_connect', …) and rpc('confirm_connect', { code }), or POST /link: linking",
    ),
    change(
        "user_integrations",
        "from('user_integrations').select('provider, token_expiry'), profiles.spotify_connected_at",
        "from('provider_connections').select('provider, status, last_sync_at')",
    ),
    change(
        "user_integrations",
        "from('user_integrations').delete().eq('provider', 'spotify')",
        "rpc('disconnect', { provider: 'spotify' })",
    ),
    change(
        "listening_history",
        "from('listening_history').upsert(…)",
        "left out: the worker pulls plays",
    ),
    change(
        "listening_history",
        "from('listening_history').select('track_name, artist_name')",
        "rpc('recently_played'); artist_names is an array",
    ),
    change(
        "user_activity_stats",
        "from('user_activity_stats').select('wellness_score, current_streak, achievements')",
        "rpc('dashboard'): wellness, streak, achievements, counted from the messages; the table stays for the rest",
    ),
    change(
        "user_activity_stats",
        "rpc('update_streak', …), rpc('add_achievement', …)",
        "left out",
    ),
    change(
        "chat_messages",
        "channel(…).on('postgres_changes', { table: 'chat_messages' }, …)",
        "the private channel user:{id}, event message_stored: Realtime",
    ),
    change(
        "chat_messages",
        "a Redis cache of messages, polled",
        "the worker's mirror, or nothing",
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

#[cfg(test)]
mod tests {
    use super::CHANGES;

    const PAGE: &str = include_str!("../../../docs/adopting.md");

    /// Without marks: of a link its text.
    fn plain(cell: &str) -> String {
        let mut text = String::new();
        let mut rest = cell.replace(['`', '['], "");
        while let Some((before, after)) = rest.split_once("](") {
            text.push_str(before);
            rest = after
                .split_once(')')
                .map_or("", |(_, rest)| rest)
                .to_owned();
        }
        text + &rest
    }

    #[test]
    fn they_are_those_of_the_page() {
        let (_, from) = PAGE
            .split_once("| before | after |\n|---|---|\n")
            .unwrap_or_default();
        let rows: Vec<String> = from
            .lines()
            .take_while(|line| line.starts_with('|'))
            .map(plain)
            .collect();
        let changes: Vec<String> = CHANGES
            .iter()
            .map(|change| plain(&format!("| {} | {} |", change.before, change.after)))
            .collect();
        assert_eq!(rows, changes);
    }
}
