//! A durable delivery is decided, and what it starts is written with the decision, in one write.
//!
//! * Deliveries are decided in the order in which they came, and pushes of one ref count in the order in which they were
//!   pushed: see [`router::track`].
//! * The same push, however often it is delivered, is the same run: see [`router::run::RunKey::id`].
//! * Whatever the new run supersedes is stopped in the same write.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use router::event::{ChangedFiles, Delivered, Event, Push};
use router::id::{DeliveryId, ForgeKind, ForgeName, GitRef, Repository};
use router::pipeline::{Concurrency, Planned};
use router::rules::{Decision, OwnWord, REPO_FILE, Rules, Verdict};
use router::run::Run;
use router::track::{Arrival, Track};

use crate::app::App;
use crate::observe::stop_ended;
use crate::store::{Change, Commit, Committed, Decided, RunFilter, StoreError, Undecided};
use crate::{change, lane, measures, notice, order, points};

/// How many deliveries are taken from the store at once.
const BATCH: usize = 256;
/// How many deliveries that tell of the same push are written together with the run that they ask for. All of them must fit into one
/// transaction of the DynamoDB table, which has a hundred parts.
const TOLD_TOGETHER: usize = 16;
/// How many deliveries' changed files are asked for at the same time.
const ASKED_AT_ONCE: usize = 8;
/// How long deliveries gather before the next ones are decided, when few wait: then one write serves more of them.
const PAUSE: Duration = Duration::from_millis(25);

/// Decides everything that waits. Returns how many that were.
///
/// # Errors
/// [`StoreError`]: what is left waits for the next time.
pub async fn dispatch(app: &App) -> Result<usize, StoreError> {
    let mut decided = 0;
    loop {
        let waiting = app.store.undecided(BATCH).await?;
        if waiting.is_empty() {
            return Ok(decided);
        }
        points::pass("taken");
        let taken = waiting.len();
        decided += taken;
        // Where nothing starts, one write serves them all.
        let mut quiet = Quiet::default();
        // A forge may take its time to say what changed: several are asked at once, and taken in the order of their deliveries.
        let mut decisions = stream::iter(waiting)
            .map(async |Undecided { forge, mut delivered }| {
                let decision = decide(app, &mut delivered).await;
                Decided { forge, delivered, decision, runs: Vec::new() }
            })
            .buffered(ASKED_AT_ONCE);
        let mut told: Vec<Decided> = Vec::new();
        while let Some(decided) = decisions.next().await {
            if told.len() == TOLD_TOGETHER || told.first().is_some_and(|first| !is_of_same_push(first, &decided)) {
                begin_or_say_why(app, std::mem::take(&mut told)).await?;
            }
            match starts(&decided.decision) {
                Some(_) => {
                    quiet.write_before(app, &decided.delivered).await?;
                    told.push(decided);
                }
                None => quiet.0.push(decided),
            }
        }
        begin_or_say_why(app, told).await?;
        quiet.write(app).await?;
        app.wake.for_decisions();
        if taken < BATCH {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Decides one delivery that a message led to, when nothing has been decided about it yet. One that nobody remembers is left alone.
///
/// # Errors
/// [`StoreError`]: it still waits.
pub async fn dispatch_one(app: &App, forge: &ForgeName, id: &DeliveryId) -> Result<(), StoreError> {
    let Some(record) = app.store.delivery(id).await? else {
        tracing::warn!(delivery.id = %id, "a message names a delivery that nobody remembers");
        return Ok(());
    };
    if record.forge != *forge {
        // Two forges used one id, and the store gives the newer: whoever waits is decided, this one with them.
        return dispatch(app).await.map(drop);
    }
    if record.decision.is_some() {
        return Ok(());
    }
    let mut delivered = record.delivered;
    let decision = decide(app, &mut delivered).await;
    let decided = Decided { forge: record.forge, delivered, decision, runs: Vec::new() };
    if starts(&decided.decision).is_some() {
        return begin(app, &[decided]).await;
    }
    Quiet(vec![decided]).write(app).await?;
    app.wake.for_decisions();
    Ok(())
}

/// Starts the run that a receipt of a `start: manual` route offers. Whoever asks for it knows what was pushed since, so it
/// is not superseded by that.
///
/// # Errors
/// [`StoreError`].
pub async fn start_offered(
    app: &App,
    delivery: &DeliveryId,
    push: &Push,
    rules: &str,
    chain: &[Planned],
) -> Result<Option<Run>, StoreError> {
    let Some(run) = made(app, push, delivery, rules, chain).await else { return Ok(None) };
    loop {
        let mut track = app.store.track(&push.repository, &push.git_ref).await?;
        let at = order::known(&track, push);
        let mut change = Change { owed: vec![commit_of(push)], ..Change::default() };
        let run = run.clone().on_visit(at.map_or(1, |at| track.arrivals[at].visit));
        let id = run.id.clone();
        let superseded = match at {
            Some(at) => superseded(app, &track, at, &run).await?,
            None => Vec::new(),
        };
        if let Some(at) = at.filter(|at| takes_places(&run) && !track.arrivals[*at].supersedes) {
            track.arrivals[at].supersedes = true;
            change.tracks.push(track);
        }
        if write(app, change, run, superseded).await? {
            return app.store.run(&id).await;
        }
    }
}

async fn decide(app: &App, delivered: &mut Delivered) -> Decision {
    let rules = app.rules.current();
    if let Event::Push(push) = &*delivered.event
        && let Some(rewritten) = look_up_history(app, &rules, push).await
    {
        delivered.event = Arc::new(Event::Push(rewritten));
    }
    let own = own_word(app, &rules, &delivered.event).await;
    if let Some(changed) = look_up_files(app, &rules, &delivered.event, own.as_ref()).await {
        Arc::make_mut(&mut delivered.event).set_changed(changed);
    }
    let decision = rules.decide_with(&delivered.event, own.as_ref());
    tracing::debug!(
        delivery.id = %delivered.id,
        repo.name = delivered.event.repository().map(ToString::to_string),
        verdict = decision.verdict.word(),
        because = decision.because.join(", "),
        "decided"
    );
    decision
}

/// GitLab does not say whether a push rewrote history, and then does not list all files that changed: it is asked, and the push is told
/// anew. When it cannot say, the files are not known; without a token nobody can be asked, and what the event says is believed.
async fn look_up_history(app: &App, rules: &Rules, push: &Push) -> Option<Push> {
    let silent = push.repository.kind == ForgeKind::Gitlab && push.git_ref.branch().is_some() && push.before.is_some();
    let forge = app.forges.get(&push.repository.forge).filter(|_| silent && !push.forced)?;
    if rules.repository_named(&push.repository).is_none() || !rules.look_at_history() {
        return None;
    }
    let (forced, why) = match forge.rewrote(push).await {
        Ok(false) => return None,
        Ok(true) => (true, "history was rewritten: what was dropped is not listed"),
        Err(trouble) => {
            tracing::warn!(repo.name = %push.repository, "whether history was rewritten stays unknown: {trouble}");
            (false, "whether history was rewritten is not known")
        }
    };
    Some(Push { forced, changed: ChangedFiles::Unknown(why.to_owned()), ..push.clone() })
}

/// Decides once more, with what the repository says now: for a retry, or a start that was offered.
pub(crate) async fn decide_again(app: &App, event: &Event) -> Decision {
    let rules = app.rules.current();
    let own = own_word(app, &rules, event).await;
    rules.decide_with(event, own.as_ref())
}

/// What the repository says for itself, where the rules let it and something would start.
async fn own_word(app: &App, rules: &Rules, event: &Event) -> Option<OwnWord> {
    let push = event.as_push().filter(|_| rules.asks_repositories())?;
    if !matches!(rules.decide(event).verdict, Verdict::Start { .. }) {
        return None;
    }
    match app.forges.get(&push.repository.forge)?.own_file(&push.repository, REPO_FILE).await {
        Ok(text) => text.map(|text| OwnWord::read(rules, &text)),
        Err(trouble) => {
            tracing::warn!(repo.name = %push.repository, "{REPO_FILE} cannot be read: {trouble}");
            Some(OwnWord::Unusable(format!("{REPO_FILE} cannot be read: {trouble}")))
        }
    }
}

/// Asks the forge for the changed files when the event could not say and a route wants to know. They may stay unknown.
async fn look_up_files(app: &App, rules: &Rules, event: &Event, own: Option<&OwnWord>) -> Option<ChangedFiles> {
    let push = event.as_push()?;
    if !matches!(push.changed, ChangedFiles::Unknown(_)) || !rules.needs_changed_files_with(&push, own) {
        return None;
    }
    let looked_up = app.forges.get(&push.repository.forge)?.changed_files(&push).await;
    looked_up
        .inspect_err(|trouble| {
            tracing::warn!(repo.name = %push.repository, "the changed files stay unknown: {trouble}");
        })
        .ok()
}

/// A new run. Where a gate asks for somebody else than the author and the event does not name one, the forge is asked; when it cannot
/// say, the author stays unknown.
async fn made(app: &App, push: &Push, delivery: &DeliveryId, rules: &str, chain: &[Planned]) -> Option<Run> {
    let mut run = Run::new(push, delivery, rules, chain, app.clock.now())?;
    let mut places = chain.iter().flat_map(|planned| &planned.plan.environments);
    let matters = places.any(|place| place.approval.as_ref().is_some_and(|approval| approval.not_author));
    if let Some(forge) = app.forges.get(&push.repository.forge).filter(|_| matters && run.author.is_unknown()) {
        match forge.author(&push.repository, &push.commit).await {
            Ok(author) => run.author = author,
            Err(why) => tracing::warn!(run.id = %run.id, commit = %push.commit, "who made it stays unknown: {why}"),
        }
    }
    Some(run)
}

fn starts(decision: &Decision) -> Option<&[Planned]> {
    match &decision.verdict {
        Verdict::Start { chain, manual: false, .. } => Some(chain),
        Verdict::Start { manual: true, .. } | Verdict::Ignore { .. } | Verdict::Nothing { .. } | Verdict::Refused => {
            None
        }
    }
}

/// Decisions that start nothing, to be written together.
#[derive(Default)]
struct Quiet(Vec<Decided>);

impl Quiet {
    /// Writes them when they say of the same ref where it was before this.
    async fn write_before(&mut self, app: &App, delivered: &Delivered) -> Result<(), StoreError> {
        let moved = |delivered: &Delivered| {
            order::arrival(&delivered.id, &delivered.event).map(|(of, git_ref, _)| (of, git_ref))
        };
        let this = moved(delivered);
        if this.is_some() && self.0.iter().any(|decided| moved(&decided.delivered) == this) {
            std::mem::take(self).write(app).await?;
        }
        Ok(())
    }

    /// Those that say something; one that is refused moves nothing.
    fn heard(&self) -> impl Iterator<Item = &Delivered> {
        let heard = self.0.iter().filter(|decided| !matches!(decided.decision.verdict, Verdict::Refused));
        heard.map(|decided| &decided.delivered)
    }

    /// The commits whose statuses are owed, each once.
    fn owed(&self) -> Vec<Commit> {
        let commits = self.heard().filter_map(|delivered| delivered.event.as_push().map(|push| commit_of(&push)));
        commits.collect::<HashSet<_>>().into_iter().collect()
    }

    /// The tracks that move, with all these in their places.
    async fn tracks(&self, app: &App) -> Result<Vec<Track>, StoreError> {
        let mut arrivals: HashMap<(Repository, GitRef), Vec<Arrival>> = HashMap::new();
        for delivered in self.heard() {
            if let Some((of, git_ref, arrival)) = order::arrival(&delivered.id, &delivered.event) {
                arrivals.entry((of, git_ref)).or_default().push(arrival);
            }
        }
        let (refs, arrivals): (Vec<_>, Vec<_>) = arrivals.into_iter().unzip();
        let mut moved = Vec::new();
        for (read, arrivals) in app.store.tracks_at(&refs).await?.into_iter().zip(arrivals) {
            let mut track = read.clone();
            for arrival in arrivals {
                order::enter(app, &mut track, arrival).await;
            }
            if track != read {
                moved.push(track);
            }
        }
        Ok(moved)
    }

    /// Again and again until nobody wrote in between.
    async fn write(self, app: &App) -> Result<(), StoreError> {
        loop {
            let tracks = self.tracks(app).await?;
            let mut change = Change { tracks, decided: self.0.clone(), owed: self.owed(), ..Change::default() };
            self.0.iter().for_each(|decided| notice::decision(app, &mut change, decided));
            if app.store.commit(change).await? == Committed::Yes {
                self.0.iter().for_each(measures::decided);
                return Ok(());
            }
        }
    }
}

/// Both tell the same of the same push, and the same is decided: together they ask for what one of them asks for.
fn is_of_same_push(one: &Decided, other: &Decided) -> bool {
    one.forge == other.forge && one.delivered.event == other.delivered.event && one.decision == other.decision
}

/// What cannot be begun, because something that it needs cannot be read, is decided too: else nothing behind it ever were.
async fn begin_or_say_why(app: &App, told: Vec<Decided>) -> Result<(), StoreError> {
    let why = match begin(app, &told).await {
        Err(StoreError::Corrupt(why)) => why,
        begun => return begun,
    };
    let refused = told.into_iter().map(|decided| {
        tracing::error!(delivery.id = %decided.delivered.id, "it starts nothing: {why}");
        let because = vec![format!("what is known of this push cannot be read: {why}; push again")];
        let decision = Decision { verdict: Verdict::Refused, because, ..decided.decision };
        Decided { decision, ..decided }
    });
    let refused: Vec<_> = refused.collect();
    app.store.commit(Change { decided: refused.clone(), ..Change::default() }).await?;
    refused.iter().for_each(measures::decided);
    Ok(())
}

/// Writes a new run with all that its start means, again and again until nobody wrote in between. Its push may have been told of
/// by several deliveries.
async fn begin(app: &App, told: &[Decided]) -> Result<(), StoreError> {
    let Some(first) = told.first() else { return Ok(()) };
    let (Some(push), Some(chain)) = (first.delivered.event.as_push(), starts(&first.decision)) else {
        return Ok(());
    };
    let (push, id) = (push.as_ref(), &first.delivered.id);
    let Some(mut run) = made(app, push, id, &first.decision.rules, chain).await else { return Ok(()) };
    run.told_again(&told.iter().map(|decided| decided.delivered.id.clone()).collect::<Vec<_>>());
    loop {
        let read = app.store.track(&push.repository, &push.git_ref).await?;
        let mut track = read.clone();
        let seen = order::was_seen(id);
        let arrival = Arrival { seen, supersedes: takes_places(&run), ..Arrival::of(push) };
        let at = order::enter(app, &mut track, arrival).await;
        let mut run = run.clone().on_visit(track.arrivals[at].visit);
        let superseded = take_place(app, &track, at, &mut run).await?;
        let runs = vec![run.id.clone()];
        tracing::info!(run.id = %run.id, delivery.id = %id, repo.name = %push.repository, "a run starts");
        let mut change = Change { owed: vec![commit_of(push)], ..Change::default() };
        for decided in told {
            let decided = Decided { runs: runs.clone(), ..decided.clone() };
            notice::decision(app, &mut change, &decided);
            change.decided.push(decided);
        }
        if track != read {
            change.tracks.push(track);
        }
        points::pass("decided");
        if write(app, change, run, superseded).await? {
            points::pass("begun");
            told.iter().for_each(measures::decided);
            return Ok(());
        }
    }
}

/// Writes a new run with the runs whose place it takes. False when somebody wrote in between.
async fn write(app: &App, mut change: Change, run: Run, superseded: Vec<Run>) -> Result<bool, StoreError> {
    for old in &superseded {
        change::save(&mut change, old.clone());
    }
    change.runs.push(run.clone());
    if app.store.commit(change).await? != Committed::Yes {
        return Ok(false);
    }
    superseded.iter().chain([&run]).for_each(measures::ended);
    superseded.iter().for_each(|old| stop_ended(app, old));
    app.wake.for_moved_runs();
    Ok(true)
}

fn takes_places(run: &Run) -> bool {
    run.plan.concurrency == Concurrency::Latest
}

/// Gives a new run its place on the ref: it takes that of older runs, or a newer push that was told of first has taken its own,
/// whether that one's run is over or not.
async fn take_place(app: &App, track: &Track, at: usize, run: &mut Run) -> Result<Vec<Run>, StoreError> {
    if app.store.run(&run.id).await?.is_some() {
        return Ok(Vec::new());
    }
    let (newer, behind) = match track.superseded_by(at) {
        Some(newer) => (Some(newer.clone()), Vec::new()),
        None => lane::had_their_turn(app, track, at, run).await?,
    };
    match newer {
        Some(newer) => {
            run.apply(&order::superseded_by(&newer), app.clock.now());
            Ok(behind)
        }
        None => Ok([behind, superseded(app, track, at, run).await?].concat()),
    }
}

/// The older runs of the ref, as they are once this new one has taken their place.
async fn superseded(app: &App, track: &Track, at: usize, run: &Run) -> Result<Vec<Run>, StoreError> {
    if !takes_places(run) || app.store.run(&run.id).await?.is_some() {
        return Ok(Vec::new());
    }
    let live = app.store.runs(RunFilter::LiveOnRef(track.repository.clone(), track.git_ref.clone())).await?;
    Ok(order::superseded(track, at, &run.key.commit, live, app.clock.now()))
}

/// The commit a push is about.
fn commit_of(push: &Push) -> Commit {
    Commit { repository: push.repository.clone(), git_ref: push.git_ref.clone(), commit: push.commit.clone() }
}
