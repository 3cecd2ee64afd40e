use std::path::Path;

use serde_json::Value;

use super::*;
use crate::core::price::{InputBound, Price};
use crate::core::tokens::Tokens;

/// The usage of each dialect, as its provider documents it or as bug reports show it, with the normal form and the cost
/// as they were worked out by hand.
#[test]
fn usage_of_every_dialect_has_its_normal_form_and_costs_what_was_calculated_by_hand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/infra/ai/upstream/usage/golden");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 16, "{files:?}");
    for file in files {
        let golden: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let count = |of: &str, name: &str| golden[of][name].as_u64().unwrap_or_else(|| panic!("{file:?}: {of}.{name}"));
        let expected = |name| count("expected", name);
        let expected = Usage {
            input: expected("input"),
            cache_read: expected("cache_read"),
            cache_write: expected("cache_write"),
            output: expected("output"),
            reasoning: expected("reasoning"),
            images: 0,
        };
        assert_eq!(usage_of(&golden["reported"].to_string()), Some(expected), "{file:?}");
        assert_eq!(expected.normalized(), expected, "{file:?}");
        let per_million = |name| i64::try_from(count("price", name)).unwrap();
        let price = Price {
            per_message: 0,
            input: per_million("input"),
            cache_read: per_million("cache_read"),
            cache_write: per_million("cache_write"),
            output: per_million("output"),
            reasoning: per_million("reasoning"),
            per_image: 0,
        };
        assert_eq!(price.of_usage(expected), Tokens(golden["cost"].as_i64().unwrap()), "{file:?}");
        assert!(
            price.of_usage(expected) <= price.most(InputBound { units: expected.input, images: 0 }, expected.output),
            "{file:?}"
        );
    }
}

#[test]
fn what_is_no_usage_is_none_and_numbers_may_be_texts() {
    for none in ["{}", "[]", "null", "{\"total_tokens\":5}", "{\"prompt_tokens\":-1}", "{\"prompt_tokens\":\"x\"}", "x"]
    {
        assert_eq!(usage_of(none), None, "{none}");
    }
    assert_eq!(usage_of("{\"prompt_tokens\":\"7\",\"completion_tokens\":2.5}"), Some(Usage::of(7, 3)));
    assert_eq!(usage_of("{\"prompt_tokens\":7,\"total_tokens\":9}"), Some(Usage::of(7, 2)));
}
