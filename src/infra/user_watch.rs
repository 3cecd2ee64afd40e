//! Watched users: detects changes of their rows that were not published to this server, such as those by the command line.
//!
//! One task polls for all watchers of this server: each second one statement for up to [`BATCH`] watched users, by
//! their primary keys, whatever the number of watchers. Without watchers it ends, and nothing is polled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::tokens::Tokens;
use crate::infra::db::Db;
use crate::infra::entity::user::{self, Column};
use crate::infra::entity::wallet;

/// Interval of polls.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum number of users of one statement.
const BATCH: usize = 500;

/// The watched users of this server.
pub struct UserWatch(Arc<Inner>);

struct Inner {
    db: Db,
    /// The task of the poller.
    tasks: TaskTracker,
    stopping: CancellationToken,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    users: HashMap<UserId, watch::Sender<State>>,
    is_polling: bool,
}

/// The state of a user's row at the last poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not polled yet: the first poll is a change, since the row may have changed before.
    Unknown,
    Deleted,
    Row {
        balance: (Tokens, Tokens),
        rights: (bool, bool, bool),
        session_epoch: i64,
    },
}

/// A polled row: id, tokens, held, active, staff, superuser, session epoch.
type Polled = (UserId, Tokens, Tokens, bool, bool, bool, i64);

/// The changes of one watched user.
pub struct UserChanges(watch::Receiver<State>);

impl UserChanges {
    /// Waits until the user's row may have changed: its balance, rights or session epoch. Cancel-safe.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // The server stops, and so does the watcher.
            std::future::pending().await
        }
    }
}

impl UserWatch {
    /// Creates a watch without users. `tasks` runs the poller until `stopping`.
    pub fn new(db: Db, tasks: TaskTracker, stopping: CancellationToken) -> Self {
        Self(Arc::new(Inner { db, tasks, stopping, watched: Mutex::default() }))
    }

    /// Watches a user until the result is dropped.
    pub fn watch(&self, user_id: UserId) -> UserChanges {
        let mut watched = self.0.watched();
        let sender = watched.users.entry(user_id).or_insert_with(|| watch::channel(State::Unknown).0);
        let changes = UserChanges(sender.subscribe());
        if !std::mem::replace(&mut watched.is_polling, true) {
            self.0.tasks.spawn(poll(self.0.clone()));
        }
        changes
    }
}

impl Inner {
    fn watched(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the watched users; none if there are no watchers left, after which the poller ends.
    fn current(&self) -> Vec<UserId> {
        let mut watched = self.watched();
        watched.users.retain(|_, sender| sender.receiver_count() > 0);
        watched.is_polling = !watched.users.is_empty();
        watched.users.keys().copied().collect()
    }

    fn note(&self, user_id: UserId, state: State) {
        if let Some(sender) = self.watched().users.get(&user_id) {
            sender.send_if_modified(|known| std::mem::replace(known, state) != state);
        }
    }
}

async fn poll(watch: Arc<Inner>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = watch.stopping.cancelled() => return,
        }
        let ids = watch.current();
        if ids.is_empty() {
            return;
        }
        for ids in ids.chunks(BATCH) {
            match states(&watch.db, ids).await {
                Ok(states) => {
                    for id in ids {
                        watch.note(*id, states.get(id).copied().unwrap_or(State::Deleted));
                    }
                }
                // Its watchers poll too, less often.
                Err(error) => tracing::warn!(?error, "user poll failed"),
            }
        }
    }
}

async fn states(db: &Db, ids: &[UserId]) -> Result<HashMap<UserId, State>, Error> {
    let rows = user::Entity::find().filter(Column::Id.is_in(ids.iter().copied())).select_only();
    let balance = |column| {
        let own = Expr::col((wallet::Entity, wallet::Column::UserId)).equals((user::Entity, Column::Id));
        let query = Query::select().column(column).from(wallet::Entity).and_where(own).take();
        Expr::SubQuery(None, Box::new(query.into()))
    };
    let rows = rows.column(Column::Id).expr(balance(wallet::Column::Tokens)).expr(balance(wallet::Column::Held));
    let rows = rows.column(Column::IsActive).column(Column::IsStaff);
    let rows = rows.column(Column::IsSuperuser).column(Column::SessionEpoch);
    let rows: Vec<Polled> = rows.into_tuple().all(db.read()).await?;
    let state = |(id, tokens, held, active, staff, superuser, session_epoch): Polled| {
        (id, State::Row { balance: (tokens, held), rights: (active, staff, superuser), session_epoch })
    };
    Ok(rows.into_iter().map(state).collect())
}
