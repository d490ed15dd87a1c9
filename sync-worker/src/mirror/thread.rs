//! A thread of its own.
//!
//! Between a commit and its documents lies a chain of short waits for Postgres and for Redis. On
//! threads that share their work each wait ends on another thread, which has to be woken for it:
//! measured, that was over a third of the worker's time. And the mirror waited for readers.

use std::io;

use tokio_util::sync::CancellationToken;

/// Runs `work`, and all that it spawns, on one thread. Dropping the future abandons both.
///
/// # Errors
/// When the system gives no event queue. A panic of `work` goes on here.
pub(super) async fn run_on_own_thread(
    work: impl Future<Output = ()> + Send + 'static,
) -> Result<(), io::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let abandoned = CancellationToken::new();
    let _guard = abandoned.clone().drop_guard();
    let outcome = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = abandoned.cancelled() => {}
                () = work => {}
            }
        });
    })
    .await;
    match outcome.map_err(tokio::task::JoinError::try_into_panic) {
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // Cancelled before it began: everything here ends.
        Err(Err(_)) | Ok(()) => Ok(()),
    }
}
