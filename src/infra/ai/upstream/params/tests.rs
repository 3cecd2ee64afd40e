use serde_json::json;

use super::*;

fn params(allowed: &[&str]) -> Params {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let forced = BTreeMap::from([("store".to_owned(), json!(false))]);
    Params::new(
        &names(&["n_predict", "tier=priority", "tier=1"]),
        &names(allowed),
        &forced,
        &names(&["n", "best_of"]),
        &names(&["function"]),
    )
}

fn check(params: &Params, call: Value) -> Result<u64, String> {
    let call = RawRequest::parse(call.to_string().into()).unwrap();
    params.check(&call).map_err(|malformed| malformed.param.unwrap())
}

#[test]
fn other_names_of_a_limit_are_rejected_however_they_are_spelled() {
    let params = params(&[]);
    for name in [
        "n_predict",
        "n_predict\0",
        "n.predict",
        "max_tokens\u{200b}",
        "N_PREDICT",
        "nPredict",
        "n-predict",
        "Max_Tokens",
        "maxTokens",
        "max_to\u{212a}ens",
        "max_token\u{17f}",
        "N",
        "Best_Of",
        "Model",
        "MESSAGES",
        "STORE",
        "maxCompletionTokens",
    ] {
        assert_eq!(check(&params, json!({ name: 5 })), Err(name.to_owned()), "{name}");
    }
    // In Go's decoder a null in another spelling unsets the limit.
    assert_eq!(check(&params, json!({ "max_tokens": 5, "Max_Tokens": null })), Err("Max_Tokens".to_owned()));
    for call in [json!({ "n_predict": null, "temperature": 1, "future": [1] }), json!({ "store": true }), json!({})] {
        assert_eq!(check(&params, call.clone()), Ok(1), "{call}");
    }
    assert_eq!(check(&params, json!({ "tier": "Priority" })), Err("tier".to_owned()));
    assert_eq!(check(&params, json!({ "Tier": 1 })), Err("Tier".to_owned()));
    assert_eq!(check(&params, json!({ "tier": "auto" })), Ok(1));
    assert_eq!(check(&params, json!({ "tools": [{ "type": "web_search" }] })), Err("tools".to_owned()));
    assert_eq!(check(&params, json!({ "tools": [{ "type": "function", "function": {} }, {}] })), Ok(1));
}

#[test]
fn answers_multiply_and_an_allow_list_has_nothing_but_its_own() {
    let params = params(&["temperature"]);
    assert_eq!(check(&params, json!({ "n": 3, "best_of": 4, "temperature": 1, "model": "m" })), Ok(12));
    for (call, wrong) in [
        (json!({ "n": 0 }), "n"),
        (json!({ "n": 129 }), "n"),
        (json!({ "n": -1 }), "n"),
        (json!({ "n": 2, "best_of": 100 }), "best_of"),
        (json!({ "seed": 1 }), "seed"),
    ] {
        assert_eq!(check(&params, call), Err(wrong.to_owned()));
    }
    assert_eq!(params.forced().collect::<Vec<_>>(), [("store", "false".to_owned())]);
}
