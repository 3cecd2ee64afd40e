//! Printing: plain text, tables and JSON.

use std::io::{ErrorKind, Write};

use serde_json::Value;

use crate::error::Error;

/// Writes to standard output. That nobody reads on (`jeton user list | head`) is no mistake.
pub(super) fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Error::internal(format!("cannot write to standard output: {error}"))),
    }
}

/// Writes to standard error, for questions: standard output may be a file.
pub(super) fn ask(text: &str) {
    let mut out = std::io::stderr().lock();
    // Where nobody sees the question, the answer will be missing too.
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// Prints JSON, indented.
pub(super) fn print_json(value: &Value) -> Result<(), Error> {
    print(&format!("{value:#}\n"))
}

/// Columns under their titles, as wide as they need to be; numbers to the right.
pub(super) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    let columns: Vec<(usize, bool)> = titles
        .iter()
        .enumerate()
        .map(|(at, title)| {
            let cells = || rows.iter().filter_map(|row| row.get(at));
            let width = cells().chain([title]).map(|cell| cell.chars().count()).max().unwrap_or(0);
            (width, !rows.is_empty() && cells().all(|cell| cell.parse::<i64>().is_ok()))
        })
        .collect();
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(rows) {
        let cells =
            row.iter().zip(&columns).map(
                |(cell, &(width, is_number))| {
                    if is_number { format!("{cell:>width$}") } else { format!("{cell:width$}") }
                },
            );
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The text with its control characters spelled out. Imported names may hold some, and a terminal would obey them.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// `1 chat`, `2 chats`.
pub(super) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["7", "mia"], ["12", "Zoë"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&["ID", "NAME"], &rows), "ID  NAME\n 7  mia\n12  Zoë\n");
        assert_eq!(table(&["ID", "NAME"], &[]), "ID  NAME\n");
    }

    #[test]
    fn names_cannot_command_the_terminal() {
        assert_eq!(plain("mia\u{1b}[2J"), "mia\\u{1b}[2J");
    }
}
