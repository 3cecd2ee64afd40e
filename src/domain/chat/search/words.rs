//! The tokenizer, for indexing and for searching: words are runs of letters and digits of any script, folded, without
//! accents. Scripts without spaces between words are indexed as bigrams of characters.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::core::error::Error;

/// Maximum words and characters of one search; characters are counted before any further work.
const MAX_WORDS: usize = 32;
const MAX_SEARCH_CHARS: usize = 2000;
/// Maximum indexed text of a chat, in bytes. PostgreSQL's index of one row is at most a megabyte.
const MAX_INDEXED: usize = 200_000;
/// Maximum length of a word, in characters; longer ones are cut. PostgreSQL's are at most 2 KB.
const MAX_WORD_CHARS: usize = 64;

/// Returns the indexed text of a chat: its words separated by spaces.
pub(super) fn text(message: &str, response: &str) -> String {
    let mut text = String::new();
    let [message, response] = [message, response].map(|text| text.get(..text.floor_char_boundary(MAX_INDEXED)));
    for word in
        [message, response].map(Option::unwrap_or_default).into_iter().flat_map(words).flat_map(|word| word.indexed())
    {
        if text.len() + word.len() >= MAX_INDEXED {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word);
    }
    text
}

/// Returns the words of a search; the last one matches as a prefix.
pub(super) fn searched(search: &str) -> Result<Vec<String>, Error> {
    if search.chars().nth(MAX_SEARCH_CHARS).is_some() {
        let message = format!("Use at most {MAX_SEARCH_CHARS} characters.");
        return Err(Error::field("search", message));
    }
    let mut words: Vec<_> = words(search).into_iter().flat_map(|word| word.searched()).collect();
    let Some(last) = words.pop() else {
        return Err(Error::field("search", "Give at least one letter or digit."));
    };
    let mut seen = HashSet::new();
    words.retain(|word| seen.insert(word.clone()));
    words.push(last);
    if words.len() > MAX_WORDS {
        return Err(Error::field("search", format!("Use at most {MAX_WORDS} words.")));
    }
    Ok(words)
}

/// A run of letters and digits.
#[derive(Debug, PartialEq)]
enum TextRun {
    /// A word between spaces.
    Spaced(String),
    /// Possibly several words, of a script without spaces between words.
    Unspaced(Vec<char>),
}

impl TextRun {
    /// Returns all bigrams, and the last character alone: a search can match from any position of the run.
    fn indexed(self) -> Vec<String> {
        match self {
            Self::Spaced(word) => vec![word],
            Self::Unspaced(run) => {
                let pairs = run.windows(2).map(String::from_iter);
                pairs.chain(run.last().map(char::to_string)).collect()
            }
        }
    }

    /// Returns all bigrams, which are adjacent in a matching run; a single character is the prefix of a bigram.
    fn searched(self) -> Vec<String> {
        match self {
            Self::Unspaced(run) if run.len() > 1 => run.windows(2).map(String::from_iter).collect(),
            word => word.indexed(),
        }
    }
}

/// Returns the words of a text, folded.
fn words(text: &str) -> Vec<TextRun> {
    let folded: String = caseless::default_case_fold_str(text).nfkd().filter(|c| !is_accent(*c)).nfc().collect();
    let mut words = Vec::new();
    let mut open = None;
    for letter in folded.chars() {
        open = match (open.take(), letter) {
            // Marks belong to the letter before them.
            (open, letter) if !(letter.is_alphanumeric() || open.is_some() && is_combining_mark(letter)) => {
                words.extend(open);
                None
            }
            (Some(TextRun::Unspaced(mut run)), letter) if is_unspaced(letter) => {
                run.push(letter);
                Some(TextRun::Unspaced(run))
            }
            (Some(TextRun::Spaced(mut word)), letter) if !is_unspaced(letter) => {
                if word.chars().count() < MAX_WORD_CHARS {
                    word.push(letter);
                }
                Some(TextRun::Spaced(word))
            }
            (other, letter) => {
                words.extend(other);
                Some(if is_unspaced(letter) {
                    TextRun::Unspaced(vec![letter])
                } else {
                    TextRun::Spaced(letter.to_string())
                })
            }
        };
    }
    words.extend(open);
    words
}

/// Returns whether a mark is usually omitted in searches: accents of Latin, Greek and Cyrillic, points of Hebrew,
/// vowels and the stretching of Arabic. Marks of other scripts are vowels that make the word.
fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{640}'
        | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6ed}')
}

/// Returns whether a letter is of a script without spaces between words: Thai, Lao, Tibetan, Burmese, Khmer, Japanese,
/// Chinese.
fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{e00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests;
