//! What a message can ask a model to do: `[model: NAME]` anywhere in its last paragraph, or `[notes model: NAME]` in the newest
//! where notes about it are asked for; with `once` before the bracket, only the first time that this text arrives.

use super::Refusal;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It answers with an error.
    Refuses(Refusal),
    /// It says nothing, for this reason of its own.
    Withholds(End),
    /// It says half of it, and stops for this reason.
    Stops(End),
    /// The prompt is blocked.
    BlocksPrompt,
    /// What it sends is no JSON: from the beginning, or after half of it.
    Garbles { at_once: bool },
    /// The connection breaks: instead of an answer, or after half of it.
    Breaks { at_once: bool },
    /// The stream ends in the middle as if it were whole.
    Ends,
    /// It falls silent: from the beginning, or after half of it.
    FallsSilent { at_once: bool },
    /// An error comes in the stream.
    FailsMidway,
    /// It never comes to an end before it has to.
    Rambles,
    /// It speaks of a way to do harm.
    SaysMethod,
    /// It promises secrecy.
    SaysSecrecy,
}

/// Why an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    TooLong,
    Unsafe,
    Recitation,
    Other,
}

impl Fault {
    /// What a text asks for, and whether only once.
    pub(super) fn asked_for(text: &str, mark: &str) -> Option<(Self, bool)> {
        let last = text.rsplit("\n\n").next()?;
        let (_, marked) = last.rsplit_once(mark)?;
        let (name, _) = marked.split_once(']')?;
        let (name, once) = match name.strip_suffix(" once") {
            Some(name) => (name, true),
            None => (name, false),
        };
        Some((Self::named(name)?, once))
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "bad key" => Self::Refuses(Refusal::Key),
            "bad request" => Self::Refuses(Refusal::Request),
            "forbidden" => Self::Refuses(Refusal::Forbidden),
            "not found" => Self::Refuses(Refusal::UnknownModel),
            "rate" => Self::Refuses(Refusal::Rate { retry_after: 23 }),
            "rate briefly" => Self::Refuses(Refusal::Rate { retry_after: 1 }),
            "failed" => Self::Refuses(Refusal::Failed),
            "overloaded" => Self::Refuses(Refusal::Overloaded),
            "prompt blocked" => Self::BlocksPrompt,
            "unsafe" => Self::Withholds(End::Unsafe),
            "unsafe midway" => Self::Stops(End::Unsafe),
            "recitation midway" => Self::Stops(End::Recitation),
            "other midway" => Self::Stops(End::Other),
            "nothing" => Self::Withholds(End::Complete),
            "thinks too long" => Self::Withholds(End::TooLong),
            "garbled" => Self::Garbles { at_once: true },
            "garbled midway" => Self::Garbles { at_once: false },
            "reset" => Self::Breaks { at_once: true },
            "reset midway" => Self::Breaks { at_once: false },
            "ends midway" => Self::Ends,
            "silent" => Self::FallsSilent { at_once: true },
            "silent midway" => Self::FallsSilent { at_once: false },
            "fails midway" => Self::FailsMidway,
            "rambles" => Self::Rambles,
            "method" => Self::SaysMethod,
            "secrecy" => Self::SaysSecrecy,
            _ => return None,
        })
    }
}
