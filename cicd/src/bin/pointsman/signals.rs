//! The signals that ask a process to end.

use tokio::signal::unix::{SignalKind, signal};

/// Hears the signals from now on; what it returns waits until somebody asks: Ctrl-C, a service manager, or a terminal that was
/// closed.
pub(crate) fn asked_to_end() -> std::io::Result<impl Future<Output = ()> + Send + use<>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
