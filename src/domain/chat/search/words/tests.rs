//! Tests of the tokenizer.

use super::*;

#[test]
fn words_are_folded_and_cut_up_in_any_script() {
    assert_eq!(text("Don't STOP—café, naïve!", ""), "don t stop cafe naive");
    assert_eq!(text("Straße ΣΊΣΥΦΟΣ Ёлка", ""), "strasse σισυφοσ елка");
    assert_eq!(text("مُحَمَّد", "السلام عليكم"), "محمد السلام عليكم");
    assert_eq!(text("東京都 2026年", ""), "東京 京都 都 2026 年");
    assert_eq!(text("ｶﾞﾝﾀﾞﾑ", ""), "ガン ンダ ダム ム");
    assert_eq!(text("한국어 텍스트", ""), "한국어 텍스트");
    assert_eq!(text("हिन्दी", ""), "हिन्दी");
    assert_eq!(text("", " \u{0} '\"*()_ "), "");
}

#[test]
fn searches_hold_nothing_but_words() {
    assert_eq!(searched("c'est \"la\" vie* AND").unwrap(), ["c", "est", "la", "vie", "and"]);
    assert_eq!(searched("京").unwrap(), ["京"]);
    assert_eq!(searched("京都府 京都").unwrap(), ["京都", "都府", "京都"]);
    assert!(searched(" :* ").is_err());
    assert!(searched(&"ab ".repeat(33)).is_ok(), "one word, many times");
    let many: String = (0..40).map(|number| format!("w{number} ")).collect();
    assert!(searched(&many).is_err());
    // A mark that composes with nothing, half a megabyte of it.
    let error = searched(&"\u{323}".repeat(250_000)).unwrap_err();
    assert_eq!(error.message, "Use at most 2000 characters.");
}

#[test]
fn no_text_is_too_long_for_an_index() {
    assert!(text(&"x".repeat(1000), "").len() <= MAX_WORD_CHARS * 4);
    let long: String = (0..100_000).map(|number| format!("{number} ")).collect();
    assert!(text("a", &long).len() <= MAX_INDEXED);
}
