use super::*;
use crate::core::price::Price;

const CURRENT: Price = Price { per_message: 9, per_image: 8, ..Price::per_million(7, 6) };

/// Returns the price of an entry in prepaid tokens, a million of which are worth one unit.
fn price(list: &str, name: &str) -> Result<Price, String> {
    let list = PriceList::parse(list).unwrap();
    let entry = list.of_model(name).or_else(|| list.of_upstream(None, name)).unwrap();
    list.price(entry)?.converted(Decimal::whole(1_000_000), CURRENT)
}

#[test]
fn the_own_format_has_prices_per_million() {
    let list = r#"{ "format": "jeton-prices/1", "models": [
        { "model": "all", "per_message": "0.001", "per_million_input": "2.5", "per_million_cache_read": 0.25,
          "per_million_cache_write": "3.125", "per_million_output": 10, "per_million_reasoning": "12",
          "per_image": "0.0000015" },
        { "model": "main", "per_million_input": "2.5", "per_million_output": "10" },
        { "model": "flat", "per_message": "0" },
        { "model": "half", "per_million_input": 1 },
        { "model": "typo", "per_milion_input": 1 },
        { "model": "twice", "per_message": 1 }, { "model": "twice", "per_message": 2 },
        { "upstream_model": "gpt", "provider": "One", "per_message": "0.000001" } ] }"#;
    let all = Price {
        per_message: 1_000,
        input: 2_500_000,
        cache_read: 250_000,
        cache_write: 3_125_000,
        output: 10_000_000,
        reasoning: 12_000_000,
        per_image: 2,
    };
    assert_eq!(price(list, "all"), Ok(all));
    let main = Price { per_message: 9, per_image: 8, ..Price::per_million(2_500_000, 10_000_000) };
    assert_eq!(price(list, "main"), Ok(main), "caches and reasoning follow, and the other parts stay");
    assert_eq!(price(list, "flat"), Ok(Price { per_message: 0, ..CURRENT }));
    assert!(price(list, "half").unwrap_err().contains("both there"));
    assert_eq!(price(list, "typo"), Err("`per_milion_input` is no part of a price.".to_owned()));
    assert_eq!(price(list, "twice"), Err("The list has more than one entry for it.".to_owned()));
    let list = PriceList::parse(list).unwrap();
    assert!(list.of_upstream(Some("One"), "gpt").is_some() && list.of_upstream(None, "gpt").is_none());
}

#[test]
fn the_format_of_litellm_is_read() {
    let list = r#"{
        "sample_spec": { "litellm_provider": "one of ..", "mode": "one of: chat, ..", "input_cost_per_token": 0.0 },
        "gpt": { "input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07, "cache_read_input_token_cost": 7.5e-08,
          "output_cost_per_reasoning_token": 7e-7, "input_cost_per_image": 0.003613, "litellm_provider": "openai",
          "mode": "chat", "max_tokens": 16384, "supported_regions": ["global"] },
        "long": { "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "litellm_provider": "anthropic",
          "cache_creation_input_token_cost": 3.75e-06, "input_cost_per_token_above_200k_tokens": 6e-06, "mode": "chat" },
        "draw": { "litellm_provider": "openai", "mode": "image_generation", "output_cost_per_image": 0.04 },
        "none": { "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": null },
        "less": { "litellm_provider": "openai", "input_cost_per_token": -1e-9, "output_cost_per_token": 0 },
        "text": { "litellm_provider": "openai", "input_cost_per_token": "cheap", "output_cost_per_token": 0 },
        "dear": { "litellm_provider": "openai", "input_cost_per_token": 2, "output_cost_per_token": 0 }
    }"#;
    let gpt = Price {
        per_message: 9,
        input: 150_000,
        cache_read: 75_000,
        cache_write: 150_000,
        output: 600_000,
        reasoning: 700_000,
        per_image: 3_613,
    };
    assert_eq!(price(list, "gpt"), Ok(gpt));
    assert_eq!(price(list, "long").unwrap().cache_write, 3_750_000);
    let parsed = PriceList::parse(list).unwrap();
    let entry = parsed.of_upstream(None, "long").unwrap();
    assert!(parsed.price(entry).unwrap().note.unwrap().contains("input_cost_per_token_above_200k_tokens"));
    assert_eq!(PriceList::service_of(entry).as_deref(), Some("anthropic"));
    assert!(parsed.of_upstream(None, "sample_spec").is_none());
    for (name, problem) in [
        ("draw", "for \"image_generation\", not for chats"),
        ("none", "`input_cost_per_token` is missing"),
        ("less", "negative (-1e-9)"),
        ("text", "is no number (\"cheap\")"),
        ("dear", "The price of the input is too large"),
    ] {
        let found = price(list, name).unwrap_err();
        assert!(found.contains(problem), "{name}: {found}");
    }
}

#[test]
fn the_format_of_openrouter_is_read() {
    let list = r#"{ "data": [
        { "id": "openai/gpt", "name": "GPT", "pricing": { "prompt": "0.0000025", "completion": "0.00001", "request": "0",
          "image": "0.003613", "web_search": "0", "internal_reasoning": "0", "input_cache_read": "0.00000125",
          "input_cache_write": "0.0000031" }, "supported_parameters": ["tools"] },
        { "id": "openrouter/auto", "pricing": { "prompt": "-1", "completion": "-1" } },
        { "id": "free", "pricing": { "prompt": "0", "completion": "0" } },
        { "id": "bare" } ] }"#;
    let gpt = Price {
        per_message: 0,
        input: 2_500_000,
        cache_read: 1_250_000,
        cache_write: 3_100_000,
        output: 10_000_000,
        reasoning: 10_000_000,
        per_image: 3_613,
    };
    assert_eq!(price(list, "openai/gpt"), Ok(gpt));
    assert_eq!(price(list, "free"), Ok(Price { per_message: 9, per_image: 8, ..Price::per_million(0, 0) }));
    assert!(price(list, "openrouter/auto").unwrap_err().contains("the price varies"));
    assert_eq!(price(list, "bare"), Err("`pricing` is missing.".to_owned()));
}

#[test]
fn other_texts_are_no_price_lists() {
    for (text, problem) in [
        ("", "no JSON object"),
        ("[]", "no JSON object"),
        ("{}", "no known price list"),
        (r#"{"gpt":{"input":1}}"#, "no known price list"),
        (r#"{"format":"jeton-prices/2","models":[]}"#, "The format is \"jeton-prices/1\""),
        (r#"{"format":"jeton-prices/1"}"#, "`models` is missing"),
        (r#"{"format":"jeton-prices/1","models":{}}"#, "`models`: "),
        (r#"{"format":"jeton-prices/1","models":[{"per_message":1}]}"#, "models[0]: Name either"),
        (r#"{"format":"jeton-prices/1","models":[{"model":"a","provider":"b"}]}"#, "models[0]: Name either"),
        (r#"{"data":[{"name":"x"}]}"#, "data[0]: missing field `id`"),
    ] {
        let error = PriceList::parse(text).err().unwrap();
        assert!(error.fields[0].field == "list" && error.fields[0].message.contains(problem), "{text}: {error:?}");
    }
    let many = format!(r#"{{"data":[{}]}}"#, vec!["1"; 20_001].join(","));
    assert!(PriceList::parse(&many).err().unwrap().fields[0].message.contains("At most 20000 entries"));
    let nested = format!(r#"{{"x":{}"#, "[".repeat(100_000));
    assert!(PriceList::parse(&nested).is_err());
}
