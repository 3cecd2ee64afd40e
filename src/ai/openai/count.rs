//! Counts units where an upstream did not say: with the tokenizer of the model's family.

use tiktoken_rs::CoreBPE;

/// Longer texts are counted in parts: splitting a word now and then costs less than reading a very long text at once.
const PART: usize = 8 << 10;
/// Beyond so much text the rest is reckoned by what comes before.
const READ: usize = 1 << 20;

/// How many units a text is for this model. For a model whose family is unknown by the newest vocabulary.
pub(super) fn count(model: &str, text: &str) -> u64 {
    let vocabulary = vocabulary(model);
    let (read, mut units, mut rest) = (text.floor_char_boundary(READ), 0u64, text);
    rest = rest.get(..read).unwrap_or(rest);
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(rest.floor_char_boundary(PART));
        units += vocabulary.encode_ordinary(part).len() as u64;
        rest = behind;
    }
    if read < text.len() { (units as u128 * text.len() as u128 / read as u128) as u64 } else { units }
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
        assert!(count("gpt-4", "今日は良い天気です") > count("a model that nobody knows", "今日は良い天気です"));
        let long = "one two three ".repeat(200_000);
        let units = count("gpt-4o", &long);
        assert!((590_000..=620_000).contains(&units), "{units}");
        count("gpt-4o", &"a".repeat(100_000));
    }
}
