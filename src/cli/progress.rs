//! Progress of long commands: a bar on a terminal, otherwise a line every few seconds. On standard error, since
//! standard output may be redirected to a file.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output;
use crate::transfer::{Progress, ProgressUpdate};

/// Minimum time between two lines.
const PAUSE: Duration = Duration::from_secs(5);

const BAR: &str = "{msg:14} {bar:40} {human_pos} of {human_len} rows, {per_sec}, {eta} left";

/// Returns a callback that shows the progress of a command.
pub(super) fn shown() -> Box<Progress> {
    if std::io::stderr().is_terminal() {
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        return Box::new(move |step: ProgressUpdate<'_>| {
            if bar.message() != step.what {
                bar.set_message(step.what.to_owned());
            }
            bar.set_length(step.total);
            bar.set_position(step.done);
            if step.done >= step.total {
                bar.finish();
            }
        });
    }
    let start = Instant::now();
    let reported = Mutex::new(start);
    Box::new(move |step: ProgressUpdate<'_>| {
        let mut reported = reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.elapsed() >= PAUSE {
            *reported = Instant::now();
            output::ask(&line(step, start.elapsed()));
        }
    })
}

fn line(step: ProgressUpdate<'_>, passed: Duration) -> String {
    let ProgressUpdate { what, done, total } = step;
    let rate = done.checked_div(passed.as_secs().max(1)).unwrap_or_default();
    let left = total.saturating_sub(done).checked_div(rate.max(1)).unwrap_or_default();
    format!("{what}: {done} of {total} rows, {rate} a second, {left} s left\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_and_time_left() {
        let step = ProgressUpdate { what: "chat", done: 1000, total: 3000 };
        let text = line(step, Duration::from_secs(10));
        assert_eq!(text, "chat: 1000 of 3000 rows, 100 a second, 20 s left\n");
        line(ProgressUpdate { done: 0, total: 0, ..step }, Duration::ZERO);
    }
}
