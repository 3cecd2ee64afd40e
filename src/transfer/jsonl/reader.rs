//! Reads the lines of an untrusted file.

use std::io::{BufRead, Read};

use crate::core::error::{Code, Error};

/// Maximum length of the description of an invalid line, in characters.
const MAX_WHY_CHARS: usize = 300;
/// A reader of lines, which counts them for error messages.
pub(super) struct JsonLinesReader<'a> {
    input: &'a mut (dyn BufRead + Send),
    number: u64,
}

impl<'a> JsonLinesReader<'a> {
    pub(super) fn new(input: &'a mut (dyn BufRead + Send)) -> Self {
        Self { input, number: 0 }
    }

    /// Reads the next line, of at most `max` bytes; a longer one is an error, and is not read further.
    pub(super) fn next(&mut self, max: u64) -> Result<Option<Vec<u8>>, Error> {
        let mut line = Vec::new();
        self.number += 1;
        let read = (&mut *self.input).take(max.saturating_add(1)).read_until(b'\n', &mut line);
        let read = read.map_err(|error| self.wrong("it can't be read").with_source(error))?;
        if read as u64 > max {
            return Err(self.wrong(&format!("it is longer than {max} bytes")));
        }
        Ok((read > 0).then_some(line))
    }

    /// Returns the error for the current line. `why` may quote the file, and is truncated.
    pub(super) fn wrong(&self, why: &str) -> Error {
        let why: String = why.chars().take(MAX_WHY_CHARS).collect();
        Error::new(Code::InvalidInput, format!("line {}: {why}", self.number))
    }
}
