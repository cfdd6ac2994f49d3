//! What the terminal shows while the demo goes on: each delivery with its decision, each run's way, and the gates that wait.
//!
//! It looks at the store like the page does, and says what has changed since the last look.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use cicd::app::App;
use cicd::control::{Answer, decide_gate};
use cicd::logs::LogLine;
use cicd::store::{DeliveryRecord, RunFilter, StoreError};
use console::style;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use router::id::{DeliveryId, RunId};
use router::rules::Receipt;
use router::run::{Person, Run, Work, WorkState};
use router::status::duration;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::myself;
use crate::terminal::{look, plain};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(120);

/// What was told of a run.
#[derive(Default)]
struct Seen {
    steps_told: usize,
    end_told: bool,
    /// While it lives.
    bar: Option<ProgressBar>,
}

struct Shown {
    app: Arc<App>,
    bars: MultiProgress,
    deliveries: HashSet<DeliveryId>,
    runs: HashMap<RunId, Seen>,
    /// Gates already told.
    gates: HashSet<(RunId, String)>,
    /// The demo says yes itself.
    opens_gates: bool,
}

/// Shows until told to stop, and once more after that.
pub(super) async fn show(app: Arc<App>, logs: bool, opens_gates: bool, stop: CancellationToken) {
    let mut lines = app.logs.listen();
    let mut shown = Shown {
        app,
        bars: MultiProgress::new(),
        deliveries: HashSet::new(),
        runs: HashMap::new(),
        gates: HashSet::new(),
        opens_gates,
    };
    loop {
        let last = stop.is_cancelled();
        if let Err(trouble) = shown.look().await {
            shown.say(&format!("{} {trouble}", style("error:").red()));
        }
        while logs && let Some(line) = next_line(&mut lines) {
            shown.say(&format!("{} {}", style(format!("{} {}", line.run, line.step)).dim(), plain(&line.line)));
        }
        if last {
            shown.runs.values().filter_map(|seen| seen.bar.as_ref()).for_each(ProgressBar::finish_and_clear);
            return;
        }
        tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(LOOK_EVERY) => {} }
    }
}

fn next_line(lines: &mut broadcast::Receiver<LogLine>) -> Option<LogLine> {
    loop {
        match lines.try_recv() {
            Ok(line) => return Some(line),
            Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => return None,
        }
    }
}

impl Shown {
    /// A line above the bars; plain lines where there is no terminal.
    fn say(&self, line: &str) {
        if console::user_attended() {
            // A failing terminal leaves nobody to tell.
            let _told = self.bars.println(line);
        } else {
            crate::terminal::say(line);
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let mut deliveries = self.app.store.deliveries(50, None).await?;
        deliveries.reverse();
        for record in deliveries.iter().filter(|record| record.decision.is_some()) {
            if self.deliveries.insert(record.delivered.id.clone()) {
                self.delivery(record);
            }
        }
        let mut runs = self.app.store.runs(RunFilter::Recent(50, None)).await?;
        runs.reverse();
        for run in &runs {
            self.run(run);
            self.gate(run).await;
        }
        Ok(())
    }

    fn delivery(&self, record: &DeliveryRecord) {
        let Some(decision) = &record.decision else { return };
        let receipt = Receipt::of(&record.forge, &record.delivered, decision);
        let name = receipt.branch.or(receipt.tag).unwrap_or_default();
        let goes = match (&receipt.route, receipt.runs.as_slice()) {
            (Some(route), [_, ..]) => format!("→ {}", style(route).bold()),
            (Some(route), []) => format!("→ {route}, nothing to do"),
            (None, _) => format!("→ {}", style(decision.verdict.word()).bold()),
        };
        let commit = receipt.commit.as_ref().map_or("", |commit| commit.short());
        self.say(&format!("{} {} {commit} {goes}", style(receipt.event).cyan(), plain(&name)));
        self.say(&format!("     {}", style(plain(&receipt.because.join(", "))).dim()));
    }

    /// A bar while it lives, a line for each step that is over, and one for its end.
    fn run(&mut self, run: &Run) {
        let mut seen = self.runs.remove(&run.id).unwrap_or_default();
        for (name, work) in steps(run).filter(|(_, work)| work.is_over()).skip(seen.steps_told) {
            seen.steps_told += 1;
            self.say(&step_line(run, &name, work));
        }
        let (sign, colour) = look(run.state);
        let words = format!("{sign} {:<12} {}", run.key.route.as_str(), plain(&run.because));
        if run.state.is_terminal() {
            if let Some(bar) = seen.bar.take() {
                bar.finish_and_clear();
            }
            if !seen.end_told {
                seen.end_told = true;
                self.say(&format!("{} {}", whose(run), colour.apply_to(words)));
            }
        } else {
            let bar = seen.bar.get_or_insert_with(|| self.bar(run));
            bar.set_message(colour.apply_to(words).to_string());
            bar.set_position(seen.steps_told as u64);
        }
        self.runs.insert(run.id.clone(), seen);
    }

    fn bar(&self, run: &Run) -> ProgressBar {
        let steps = (run.stages.len() + run.environments.len()) as u64;
        let bar = self.bars.add(ProgressBar::new(steps));
        let looks = ProgressStyle::with_template("{spinner} {prefix:<16} {bar:12} {elapsed:>4} {msg}");
        if let Ok(looks) = looks {
            bar.set_style(looks);
        }
        bar.set_prefix(plain(run.key.git_ref.short()));
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    /// A gate that waits for people: say how to open it, or open it.
    async fn gate(&mut self, run: &Run) {
        let Some((place, _)) = run.waiting_at() else { return };
        if run.missing_at(&place.name) == 0 || !self.gates.insert((run.id.clone(), place.name.to_string())) {
            return;
        }
        if self.opens_gates {
            let by = Person::new("demo").expect("a name");
            let opened = decide_gate(&self.app, &run.id, &place.name, Answer::Approve, by, "the demo says yes").await;
            match opened {
                Ok(_) => self.say(&format!("{} {} {}", style("◆ yes at").yellow(), place.name, style(&run.id).dim())),
                Err(trouble) => self.say(&format!("{} {trouble}", style("error:").red())),
            }
            return;
        }
        let url = format!("{}/runs/{}", self.app.base_url, run.id);
        let server = match self.app.base_url.ends_with(":8700") {
            true => String::new(),
            false => format!(" --server {}", self.app.base_url),
        };
        self.say(&format!(
            "{} {} waits at {}: open it at {url}",
            style("◆").yellow(),
            run.key.route,
            style(&place.name).bold()
        ));
        self.say(&format!("  or: {} approve {} {}{server}", myself(), run.id, place.name));
    }
}

/// A run's stages and deploys, in their order.
fn steps(run: &Run) -> impl Iterator<Item = (String, &Work)> {
    let stages = run.stages.iter().map(|stage| (stage.name.to_string(), &stage.work));
    let deploys = run.environments.iter().map(|place| (format!("deploy to {}", place.name), &place.deploy));
    stages.chain(deploys)
}

/// `1f2e… main     ✔ lint 0.3s`
fn step_line(run: &Run, name: &str, work: &Work) -> String {
    let took = match (work.started_at, work.ended_at) {
        (Some(start), Some(end)) => duration(start, end),
        _ => String::new(),
    };
    let told = match work.state {
        WorkState::Succeeded => style(format!("✔ {name}")).green(),
        WorkState::Pending | WorkState::Running | WorkState::Failed | WorkState::Stopped => {
            style(format!("✘ {name}: {}", plain(&work.detail))).red()
        }
    };
    format!("{}   {told} {}", whose(run), style(took).dim())
}

fn whose(run: &Run) -> String {
    format!("{} {:<14}", style(&run.id).dim(), plain(run.key.git_ref.short()))
}
