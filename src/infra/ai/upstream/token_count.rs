//! Counts model tokens if an upstream reported no usage: with the tokenizer of the model's family.

use tiktoken_rs::CoreBPE;

/// The size of the sections of a longer text, in bytes: cutting a word at a boundary costs less than encoding a very
/// long text at once.
const PART: usize = 8 << 10;
/// The maximum number of sections that are counted, spread evenly over a longer text; the total is estimated from them.
const MAX_PARTS: usize = 16;

/// Counts the model tokens of a text. The newest vocabulary is used if the family of the model is unknown.
pub(super) fn count(model: &str, text: &str) -> u64 {
    let vocabulary = vocabulary(model);
    let every = text.len().div_ceil(PART).div_ceil(MAX_PARTS).max(1);
    let (mut units, mut read, mut start) = (0u64, 0, 0);
    for number in 1..=text.len().div_ceil(PART) {
        let end = text.floor_char_boundary(number * PART);
        if number % every == 0 {
            let part = text.get(start..end).unwrap_or_default();
            units += vocabulary.encode_ordinary(part).len() as u64;
            read += part.len();
        }
        start = end;
    }
    if read == 0 { 0 } else { (units as u128 * text.len() as u128 / read as u128) as u64 }
}

fn vocabulary(model: &str) -> &'static CoreBPE {
    tiktoken_rs::bpe_for_model(model).unwrap_or_else(|_| tiktoken_rs::o200k_base_singleton())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted_as_the_family_counts_them() {
        assert_eq!(count("gpt-4o", ""), 0);
        assert_eq!(count("gpt-4o", "tiktoken is great!"), 6);
        assert_eq!(count("gpt-4", "tiktoken is great!"), 6);
        assert!(count("gpt-4", "今日は良い天気です") > count("an unknown model", "今日は良い天気です"));
        let long = "one two three ".repeat(200_000);
        let units = count("gpt-4o", &long);
        assert!((590_000..=620_000).contains(&units), "{units}");
        count("gpt-4o", &"a".repeat(100_000));
        // The beginning of a long text is not representative.
        let (sparse, dense) = ("one two three ".repeat(100_000), "\u{3b1}\u{3c8}".repeat(500_000));
        let (first, last) = (count("gpt-4o", &(sparse.clone() + &dense)), count("gpt-4o", &(dense + &sparse)));
        assert!(first.abs_diff(last) < first / 10, "{first} {last}");
    }
}
