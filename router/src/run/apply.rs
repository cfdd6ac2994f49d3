//! The one writer of a run's state.
