//! The signals that ask a process to end.

use tokio::signal::unix::{SignalKind, signal};

/// Waits until somebody asks: Ctrl-C, a service manager, or a terminal that was closed.
pub(crate) async fn asked_to_end() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}
