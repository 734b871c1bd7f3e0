//! Work that must not stop half-way, although whoever asked for it may go away.

use tokio::task::JoinError;

/// Runs `work` to its end, also where the caller is dropped meanwhile. Where the work itself
/// breaks off, by a panic or because the process stops, the answer is what `cut_off` makes of it.
pub async fn to_the_end<T, E>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
    cut_off: impl FnOnce(JoinError) -> E,
) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    tokio::spawn(work).await.unwrap_or_else(|error| Err(cut_off(error)))
}
