//! What a state looks like: an icon and a colour, always beside a word.

use maud::{Markup, PreEscaped, Render, html};
use router::run::{GateState, RunState, WorkState};
use router::status::StatusState;

/// The few looks that all states share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// At work.
    Busy,
    /// Somebody is waited for.
    Wait,
    /// Not yet.
    Idle,
    /// Ended without a result.
    Off,
    /// The service itself.
    Brand,
}

impl Tone {
    /// All of them.
    pub(crate) const ALL: [Self; 7] =
        [Self::Good, Self::Bad, Self::Busy, Self::Wait, Self::Idle, Self::Off, Self::Brand];

    /// Its class in the stylesheet.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Busy => "busy",
            Self::Wait => "wait",
            Self::Idle => "idle",
            Self::Off => "off",
            Self::Brand => "brand",
        }
    }

    /// Its colour in the browser's tab.
    pub(crate) fn colour(self) -> &'static str {
        match self {
            Self::Good => "#15803d",
            Self::Bad => "#c62828",
            Self::Busy => "#1d64d8",
            Self::Wait => "#b45309",
            Self::Idle | Self::Off => "#64748b",
            Self::Brand => "#1f2a44",
        }
    }

    fn drawing(self) -> &'static str {
        match self {
            Self::Good => r#"<path d="M3.5 8.5l3 3 6-7"/>"#,
            Self::Bad => r#"<path d="M4 4l8 8M12 4l-8 8"/>"#,
            Self::Busy => r#"<path class="spin" d="M8 2.5a5.5 5.5 0 1 1-5.5 5.5"/>"#,
            Self::Wait => r#"<path d="M6 4v8M10 4v8"/>"#,
            Self::Idle | Self::Brand => r#"<circle cx="8" cy="8" r="2.2" fill="currentColor"/>"#,
            Self::Off => r#"<path d="M3.5 8h9"/>"#,
        }
    }
}

impl Render for Tone {
    fn render(&self) -> Markup {
        html! {
            svg.icon viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
                (PreEscaped(self.drawing()))
            }
        }
    }
}

impl From<RunState> for Tone {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Queued => Self::Idle,
            RunState::Running => Self::Busy,
            RunState::Waiting => Self::Wait,
            RunState::Succeeded => Self::Good,
            RunState::Failed | RunState::Rejected => Self::Bad,
            RunState::Stopped | RunState::Superseded | RunState::Expired => Self::Off,
        }
    }
}

impl From<WorkState> for Tone {
    fn from(state: WorkState) -> Self {
        match state {
            WorkState::Pending => Self::Idle,
            WorkState::Running => Self::Busy,
            WorkState::Succeeded => Self::Good,
            WorkState::Failed => Self::Bad,
            WorkState::Stopped => Self::Off,
        }
    }
}

impl From<GateState> for Tone {
    fn from(state: GateState) -> Self {
        match state {
            GateState::Pending => Self::Idle,
            GateState::Waiting => Self::Wait,
            GateState::Open => Self::Good,
            GateState::Rejected => Self::Bad,
            GateState::Closed => Self::Off,
        }
    }
}

impl From<StatusState> for Tone {
    fn from(state: StatusState) -> Self {
        match state {
            StatusState::Pending => Self::Idle,
            StatusState::Running => Self::Busy,
            StatusState::Success => Self::Good,
            StatusState::Failure => Self::Bad,
            StatusState::Stopped => Self::Off,
        }
    }
}
