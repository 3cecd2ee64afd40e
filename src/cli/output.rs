//! Printing: plain text, tables and JSON.

use std::io::{ErrorKind, Write};
use std::path::Path;

use serde_json::Value;

use crate::core::error::Error;

/// Writes to standard output, with control characters escaped. A closed pipe (`jeton user list | head`) is no error.
pub(super) fn print(text: &str) -> Result<(), Error> {
    write(&lines(text))
}

fn write(text: &str) -> Result<(), Error> {
    write_bytes(text.as_bytes())
}

fn write_bytes(bytes: &[u8]) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Error::internal(format!("cannot write to standard output: {error}"))),
    }
}

/// Writes the bytes of a file to standard output.
pub(super) fn print_file(bytes: &[u8]) -> Result<(), Error> {
    write_bytes(bytes)
}

/// Writes to standard error, for prompts: standard output may be redirected to a file.
pub(super) fn ask(text: &str) {
    let (mut out, text) = (std::io::stderr().lock(), lines(text));
    // If the prompt can't be shown, the answer will be missing too.
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// Prints JSON, indented.
pub(super) fn print_json(value: &Value) -> Result<(), Error> {
    write(&json(value))
}

fn json(value: &Value) -> String {
    // JSON strings already escape line ends and the C0 control characters.
    let escape = |c: char| if obeyed(c) && c != '\n' { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    format!("{value:#}\n").chars().map(escape).collect()
}

/// Formats columns under their titles, each as wide as its widest cell; columns of numbers are right-aligned.
pub(super) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
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
    for row in std::iter::once(&titles).chain(&rows) {
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

/// Returns the text on one line with its control characters escaped. Names and paths may contain some, and a terminal
/// would execute them, or show the text in another order.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if obeyed(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// Returns the [`plain`] text of a path.
pub(super) fn path(path: &Path) -> String {
    plain(&path.display().to_string())
}

/// Applies [`plain`] to each line, and keeps tabs.
fn lines(text: &str) -> String {
    text.split('\n')
        .map(|line| line.split('\t').map(plain).collect::<Vec<_>>().join("\t"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns whether a terminal would interpret the character: control characters, bidirectional formatting characters,
/// and line and paragraph separators.
fn obeyed(c: char) -> bool {
    let turns = ['\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}'];
    c.is_control()
        || turns.contains(&c)
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// Formats a count with its noun: `1 chat`, `2 chats`.
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
        assert_eq!(plain("mia\u{9b}2J\u{202e}\r\n"), "mia\\u{9b}2J\\u{202e}\\r\\n");
        assert_eq!(path(Path::new("a\u{1b}]0;b")), "a\\u{1b}]0;b");
        assert_eq!(table(&["NAME"], &[vec!["mia\u{1b}[2J\nroot".to_owned()]]), "NAME\nmia\\u{1b}[2J\\nroot\n");
        assert_eq!(lines("a\u{1b}[2J\n\tb\r\n"), "a\\u{1b}[2J\n\tb\\r\n");
        let value = serde_json::json!({ "name": "mia\u{9b}2J\u{1b}\n" });
        let text = json(&value);
        assert!(text.contains("mia\\u009b2J\\u001b\\n") && !text.contains('\u{9b}'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
