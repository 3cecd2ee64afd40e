//! The received bytes of a body.

use hyper::body::Bytes;

/// The received bytes of a body. Each chunk is copied behind the previous one: a list of chunks would take more memory
/// than the chunks themselves if a client sends a byte at a time. A body that arrives as one chunk is not copied.
pub(super) struct Received {
    expected: usize,
    first: Option<Bytes>,
    more: Vec<u8>,
}

impl Received {
    /// Begins a body of this length, or of an unknown one if 0.
    pub(super) fn new(expected: usize) -> Self {
        Self { expected, first: None, more: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.first.as_ref().map_or(self.more.len(), Bytes::len)
    }

    pub(super) fn push(&mut self, data: Bytes) {
        if self.len() == 0 {
            self.first = Some(data);
            return;
        }
        if let Some(first) = self.first.take() {
            self.more.reserve_exact(self.expected);
            self.more.extend_from_slice(&first);
        }
        self.more.extend_from_slice(&data);
    }

    pub(super) fn whole(self) -> Bytes {
        self.first.unwrap_or_else(|| self.more.into())
    }
}
