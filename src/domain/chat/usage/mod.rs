//! Usage statistics for operators: by day, model and user.
//!
//! A day that is over is counted once, by the first server to do so, and stored; today, and yesterday until its last
//! turns have ended, are counted on request. So the overview costs the same for any number of chats, and chats deleted
//! later still count on their day.

mod day;
mod period;
mod report;
mod stored;
mod users;

pub use self::day::{DailyUsage, UserSpending};
pub use self::period::{AnswerTimes, Period, active_users, answer_times, between};
pub use self::report::{by_day, open_turns, top_spenders};
pub use self::stored::{count_days, counted_until};
pub use self::users::{SPENT_DAYS, last_active, spent};
