use super::*;
use crate::core::random::Random;
use crate::infra::ai::ollama_models::OllamaModel;

fn banner(toml: &str, address: &str) -> String {
    let config = Config::from_toml(toml).unwrap();
    let (models, omitted) = Models::open(&config, &Random::seeded(1)).unwrap();
    text(&config, &models, &omitted, &[], address.parse().unwrap())
}

#[test]
fn it_fits_on_one_screen_and_names_what_matters() {
    let text = banner("default_model = \"echo\"\n[models.smollm2]\npath = \"/nowhere/a.gguf\"", "0.0.0.0:80");
    for part in [
        "http://127.0.0.1:80/graphql",
        "/api/openapi.json",
        "/v1 ",
        "/admin/",
        "/healthz",
        "echo (only repeats",
        "100 tokens",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(text.contains("/nowhere/a.gguf") && text.contains("omitted"), "{text}");
    assert!(text.lines().count() < 40, "{text}");
}

#[test]
fn a_missing_default_model_says_who_answers_instead() {
    let text = banner("[models.smollm2]\npath = \"/nowhere/a.gguf\"", "127.0.0.1:8000");
    assert!(text.contains("The echo model answers instead"), "{text}");
    assert!(text.contains("echo (only repeats the message), 100 tokens a message, unless"), "{text}");
}

#[test]
fn passwords_of_the_database_are_not_shown() {
    let text = banner(
        "default_model = \"echo\"\n[models.smollm2]\npath = \"/x\"\n\
         [database]\nurl = \"postgres://jeton:s3cret@db/jeton\"",
        "127.0.0.1:8000",
    );
    assert!(text.contains("postgres://(hidden)@db/jeton") && !text.contains("s3cret"), "{text}");
}

#[test]
fn models_of_an_ollama_are_named_unless_they_are_configured() {
    let mut config = Config::from_toml(
        "default_model = 'echo'\n[models.mine]\nprovider = 'ollama'\nupstream_model = 'b'\nprice = { per_message = 7 }\n\
         [models.smollm2]\npath = '/nowhere'",
    )
    .unwrap();
    let random = Random::seeded(1);
    rustls::crypto::ring::default_provider().install_default().ok();
    let (mut models, omitted) = Models::open(&config, &random).unwrap();
    let found = ["a:1", "b", "echo", "smollm2", "c", "d", "e", "f", "g"];
    let found = found.map(|name| OllamaModel { name: name.to_owned(), context_length: Some(1 << 20) });
    let added = models.add_ollama(&mut config, "http://gpu:1", &found, &random);
    assert_eq!(added, ["a:1", "c", "d", "e", "f", "g"]);
    let model = models.get(Some("a:1")).unwrap();
    assert_eq!((model.price, model.provider.context_window()), (Price::flat(100), 16_384));
    assert_eq!(models.get(Some("echo")).unwrap().provider.context_window(), u64::MAX);
    let text = text(&config, &models, &omitted, &added, "127.0.0.1:8000".parse().unwrap());
    assert!(text.contains("Ollama      a:1, c, d, e, f and 1 more: found here, 100 tokens a message"), "{text}");
    assert!(text.contains("mine (answered by Ollama), 7 tokens a message"), "{text}");
}
