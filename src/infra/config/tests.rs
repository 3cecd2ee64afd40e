use super::error::RENAMED;
use super::*;

#[test]
fn mistakes_are_named_by_their_key_in_one_line() {
    let error = Config::from_toml("[http]\nlistn = \"x\"").unwrap_err().to_string();
    assert!(error.starts_with("http.listn: no such key; there are listen, "), "{error}");
    assert_eq!(Config::from_toml("[http").unwrap_err().to_string().lines().count(), 1);
}

#[test]
fn an_old_key_is_an_error_that_names_the_new_one() {
    let error = |text: &str| Config::from_toml(text).unwrap_err().to_string();
    let old = error("auth.free_attempts = 3");
    assert_eq!(old, "auth.free_attempts: renamed to auth.login_attempts_before_delay");
    let old = error("models.echo.rest = '3s'");
    assert_eq!(old, "models.echo.rest: renamed to models.echo.circuit_cooldown");
    for (old, new) in RENAMED {
        let place = |key: &str| key.replace(".*.", ".echo.");
        let message = error(&format!("{} = 1", place(old)));
        assert!(message.ends_with(&format!("renamed to {}", place(new))), "{message}");
    }
}

#[test]
fn the_currency_is_a_code_with_a_rate() {
    let check = |text: &str| Config::from_toml(text).map(|config| config.ledger).map_err(|error| error.to_string());
    let ledger = check("ledger.currency = 'EUR'\nledger.tokens_per_unit = 100_000").unwrap();
    assert_eq!((ledger.currency.as_str(), ledger.tokens_per_unit), ("EUR", 100_000));
    assert_eq!(check("").unwrap().currency, "");
    for (wrong, key) in [
        ("ledger.currency = 'euro'", "ledger.currency"),
        ("ledger.currency = '\u{20ac}'", "ledger.currency"),
        ("ledger.tokens_per_unit = 0", "ledger.tokens_per_unit"),
        ("ledger.tokens_per_unit = 9007199254740992", "ledger.tokens_per_unit"),
    ] {
        assert!(check(wrong).is_err_and(|error| error.starts_with(key)), "{wrong}");
    }
}

#[test]
fn titles_and_descriptions_of_models_are_one_line() {
    let check = |text: &str| Config::from_toml(&format!("[models.echo]\n{text}")).map_err(|error| error.to_string());
    let config = check("title = 'Echo'\ndescription = 'Says it again.'").unwrap();
    assert_eq!(config.models["echo"].title.as_deref(), Some("Echo"));
    for (key, most) in [("title", 80), ("description", 300)] {
        for bad in [String::new(), " ".to_owned(), "a\\nb".to_owned(), "x".repeat(most + 1)] {
            let error = check(&format!("{key} = \"{bad}\"")).unwrap_err();
            assert_eq!(error, format!("models.echo.{key}: 1 to {most} characters in one line"));
        }
        assert!(check(&format!("{key} = '{}'", "語".repeat(most))).is_ok());
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_is_no_regular_one_or_too_large_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jeton.toml");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let error = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(error.contains("jeton.toml: it is a named pipe"), "{error}");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
    assert!(Config::load(Some(&path)).unwrap_err().to_string().contains("larger than"));
}
