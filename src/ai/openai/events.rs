//! Server-sent events as they came, byte for byte, and what is in them.

use axum::body::Bytes;

/// Cuts a stream of bytes into events, each with the empty line that ends it.
#[derive(Default)]
pub(super) struct Splitter {
    rest: Vec<u8>,
    /// So much of the rest has no end of an event in it.
    looked: usize,
}

impl Splitter {
    /// More bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// The next whole event.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        let end = end_of_event(&self.rest, self.looked.saturating_sub(3));
        let Some(end) = end else {
            self.looked = self.rest.len();
            return None;
        };
        let behind = self.rest.split_off(end);
        self.looked = 0;
        Some(std::mem::replace(&mut self.rest, behind).into())
    }

    /// Bytes that are held until the event that they belong to is whole.
    pub(super) fn pending(&self) -> usize {
        self.rest.len()
    }

    /// What is left when nothing comes any more: an event whose empty line was left out, or nothing.
    pub(super) fn last(&mut self) -> Option<Bytes> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then(|| rest.into())
    }
}

/// The position behind the first empty line. Lines end with a line feed, a carriage return, or both.
fn end_of_event(bytes: &[u8], from: usize) -> Option<usize> {
    let mut place = from;
    while let Some(byte) = bytes.get(place) {
        let line_end = match byte {
            b'\n' => Some(place + 1),
            b'\r' if bytes.get(place + 1) == Some(&b'\n') => Some(place + 2),
            b'\r' => Some(place + 1),
            _ => None,
        };
        if let Some(next) = line_end {
            match (bytes.get(next), bytes.get(next + 1)) {
                (Some(b'\r'), Some(b'\n')) => return Some(next + 2),
                // Whether a line feed belongs to it is not known yet.
                (Some(b'\r'), None) => return None,
                (Some(b'\n' | b'\r'), _) => return Some(next + 1),
                _ => {}
            }
            place = next;
        } else {
            place += 1;
        }
    }
    None
}

/// The data of an event: its `data` lines, joined. Nothing for comments.
pub(super) fn data(event: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(event);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut lines = text.split(['\n', '\r']).filter_map(|line| line.strip_prefix("data:"));
    let first = lines.next()?;
    let mut joined = first.strip_prefix(' ').unwrap_or(first).to_owned();
    for line in lines {
        joined.push('\n');
        joined.push_str(line.strip_prefix(' ').unwrap_or(line));
    }
    Some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_as_they_went_in_however_they_were_cut() {
        let text = "data: {\"a\":1}\n\n: note\n\ndata:x\r\n\r\ndata: 1\rdata: 2\r\rdata: ü\n\ndata: [DONE]";
        let expected = [
            "data: {\"a\":1}\n\n",
            ": note\n\n",
            "data:x\r\n\r\n",
            "data: 1\rdata: 2\r\r",
            "data: ü\n\n",
            "data: [DONE]",
        ];
        let datas = [Some("{\"a\":1}"), None, Some("x"), Some("1\n2"), Some("ü"), Some("[DONE]")];
        for size in 1..=text.len() {
            let (mut splitter, mut events) = (Splitter::default(), Vec::new());
            for chunk in text.as_bytes().chunks(size) {
                splitter.push(chunk);
                events.extend(std::iter::from_fn(|| splitter.next()));
            }
            events.extend(splitter.last());
            assert_eq!(events, expected, "{size}");
            let found: Vec<_> = events.iter().map(|event| data(event)).collect();
            assert_eq!(found.iter().map(Option::as_deref).collect::<Vec<_>>(), datas, "{size}");
        }
    }
}
