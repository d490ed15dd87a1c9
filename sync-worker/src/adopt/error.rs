//! What ends an adoption before its end, and what to do.

use crate::config::ConfigError;
use crate::vault::VaultError;

/// Why a command of `adopt` ended.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// Something of the app's cannot be taken over.
    #[error("this project cannot be taken over as it is:\n  {}\nNothing was changed. Mend these, or rename them, and run it again.", .0.join("\n  "))]
    Refused(Vec<String>),
    /// There is nothing that could be taken over.
    #[error(
        "there is nothing to take over: no table of the app's is known here.\n  `supabase db push` installs Bondhu"
    )]
    Nothing,
    /// Bondhu is there, and did not come by adoption.
    #[error("Bondhu is installed here already, and nothing waits to be taken over")]
    Installed,
    /// It is no more to be planned.
    #[error(
        "an adoption has begun here.\n  `sync-worker adopt apply` goes on with it, `adopt verify` compares, `adopt undo` puts everything back"
    )]
    Begun,
    /// There is no adoption to go on with.
    #[error(
        "no adoption has begun here.\n  `sync-worker adopt plan` says what would be taken over, `adopt apply` does it"
    )]
    NotBegun,
    /// The import has not come to its end.
    #[error(
        "the import has not come to its end.\n  Run `sync-worker adopt apply` again: it goes on where it stopped"
    )]
    Unfinished,
    /// Another process works on it.
    #[error(
        "another adoption of this database is under way.\n  Wait for it, or end it: what it did stays"
    )]
    Busy,
    /// It was told to stop.
    #[error("stopped. What was imported stays; `sync-worker adopt apply` goes on from there")]
    Stopped,
    /// What was imported is not all there as it was.
    #[error(
        "{0} people have other data now than before.\n  If they did not change or delete it themselves, `sync-worker adopt undo` puts everything back"
    )]
    Differs(usize),
    /// The engine's sums differ from the messages.
    #[error(
        "{0} figures differ from a recount of the messages.\n  select * from bondhu.verify(); names them, and select bondhu.recompute(user_id) mends a person's"
    )]
    Miscounted(i64),
    /// The name of the project is another.
    #[error("that is not the name of this project, which is {0}: nothing was dropped")]
    WrongName(String),
    /// What waits to be dropped is still used.
    #[error(
        "the app still uses what would go:\n  {0}\nChange or drop these first: nothing was dropped"
    )]
    InUse(String),
    /// Tokens cannot be sealed.
    #[error("{0}\n  Or run it with --without-tokens: people link their accounts again")]
    NoKeys(ConfigError),
    /// A token could not be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database refuses, or does not answer.
    #[error(
        "Postgres: {0}.\n  BONDHU_OWNER_URL says where it is. What was done so far stays, and the command can be run again"
    )]
    Database(#[from] sqlx::Error),
    /// The terminal cannot be read from.
    #[error("cannot read the answer: {0}.\n  --project NAME gives it beforehand")]
    Terminal(#[from] std::io::Error),
}
