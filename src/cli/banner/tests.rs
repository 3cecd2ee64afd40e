use super::*;
use crate::core::random::Random;

fn banner(toml: &str, address: &str) -> String {
    let config = Config::from_toml(toml).unwrap();
    let (models, omitted) = Models::open(&config, &Random::seeded(1)).unwrap();
    text(&config, &models, &omitted, address.parse().unwrap())
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
