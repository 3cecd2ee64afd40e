//! Usage: what a model has read and written for one chat, in model tokens, whatever its provider calls them.

/// The usage of a chat. Parts never exceed their whole: see [`Usage::normalized`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input in model tokens, with all that was read from a cache or written to one.
    pub input: u64,
    /// Of the input, what the provider read from its prompt cache.
    pub cache_read: u64,
    /// Of the input, what the provider wrote to its prompt cache.
    pub cache_write: u64,
    /// Output in model tokens, with reasoning.
    pub output: u64,
    /// Of the output, the reasoning before the answer.
    pub reasoning: u64,
    /// Images in the input. Their model tokens are in the input, too.
    pub images: u64,
}

impl Usage {
    /// Returns a usage without parts.
    pub const fn of(input: u64, output: u64) -> Self {
        Self { input, cache_read: 0, cache_write: 0, output, reasoning: 0, images: 0 }
    }

    /// Returns the usage with each part at most as large as its whole. A provider that reports more has contradicted
    /// itself, and the whole is what it bills.
    #[must_use]
    pub fn normalized(self) -> Self {
        let cache_read = self.cache_read.min(self.input);
        let cache_write = self.cache_write.min(self.input - cache_read);
        Self { cache_read, cache_write, reasoning: self.reasoning.min(self.output), ..self }
    }

    /// Returns the larger of each count: a later report does not take back what an earlier one has billed.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            cache_read: self.cache_read.max(other.cache_read),
            cache_write: self.cache_write.max(other.cache_write),
            output: self.output.max(other.output),
            reasoning: self.reasoning.max(other.reasoning),
            images: self.images.max(other.images),
        }
        .normalized()
    }

    /// Returns the input that was neither read from a cache nor written to one.
    pub fn uncached_input(&self) -> u64 {
        self.input.saturating_sub(self.cache_read).saturating_sub(self.cache_write)
    }

    /// Returns the output without reasoning.
    pub fn answer(&self) -> u64 {
        self.output.saturating_sub(self.reasoning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_exceed_their_whole() {
        for input in [0, 1, 10, u64::MAX] {
            for cache_read in [0, 1, 11, u64::MAX] {
                for cache_write in [0, 9, u64::MAX] {
                    let usage = Usage { cache_read, cache_write, reasoning: cache_read, ..Usage::of(input, input) };
                    let usage = usage.normalized();
                    assert!(usage.cache_read.checked_add(usage.cache_write).is_some_and(|parts| parts <= usage.input));
                    assert!(usage.reasoning <= usage.output);
                    assert_eq!(usage.uncached_input() + usage.cache_read + usage.cache_write, usage.input);
                    assert_eq!(usage.max(Usage::default()), usage);
                }
            }
        }
    }
}
