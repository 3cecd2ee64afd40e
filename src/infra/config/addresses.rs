//! Display forms of database and service URLs: without credentials.

use secrecy::{ExposeSecret, SecretString};
use serde::Serializer;

/// Serializes a database URL by [`without_credentials`].
pub(super) fn url_without_credentials<S: Serializer>(url: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&without_credentials(url.expose_secret()))
}

/// Returns a database URL without credentials. A password may be before the `@`, or among the options.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (before, place) = rest.rsplit_once('@').map_or((None, rest), |(before, place)| (Some(before), place));
    // The `@` may be part of an option: `?password=a@b`.
    if before.and_then(|before| before.split_once('?')).is_some_and(|(_, options)| options.contains('=')) {
        return format!("{scheme}://(hidden)");
    }
    let hidden = if before.is_some() { "(hidden)@" } else { "" };
    match place.split_once('?') {
        Some((place, options)) if options.to_ascii_lowercase().contains("password") => {
            format!("{scheme}://{hidden}{place}?(hidden)")
        }
        _ => format!("{scheme}://{hidden}{place}"),
    }
}

/// Returns the URL of an HTTP service without what may be a credential: user name and password, query and fragment.
pub fn public_url(url: &str) -> String {
    // A mistyped URL without these is shown, so that the error can be found.
    if !url.contains(['@', '?', '#']) {
        return url.to_owned();
    }
    let Ok(parsed) = reqwest::Url::parse(url) else { return "(hidden)".to_owned() };
    let is_public = parsed.username().is_empty()
        && parsed.password().is_none()
        && parsed.query().is_none()
        && parsed.fragment().is_none();
    match parsed.host_str() {
        Some(_) if is_public => url.to_owned(),
        Some(host) => {
            let hidden = if parsed.username().is_empty() && parsed.password().is_none() { "" } else { "(hidden)@" };
            let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
            let query = if parsed.query().is_none() && parsed.fragment().is_none() { "" } else { "?(hidden)" };
            format!("{}://{hidden}{host}{port}{}{query}", parsed.scheme(), parsed.path())
        }
        None => "(hidden)".to_owned(),
    }
}

/// Serializes the URL of a service by [`public_url`].
pub(super) fn as_public_url<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&if url.is_empty() { String::new() } else { public_url(url) })
}

/// Serializes an optional URL by [`as_public_url`].
pub(super) fn as_public_url_if_any<S: Serializer>(url: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    as_public_url(url.as_deref().unwrap_or_default(), serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_the_database_are_hidden() {
        for (url, shown) in [
            ("sqlite://data/jeton.db", "sqlite://data/jeton.db"),
            ("postgres://db/jeton?sslmode=require", "postgres://db/jeton?sslmode=require"),
            ("postgres://me:pw@db:5432/jeton", "postgres://(hidden)@db:5432/jeton"),
            ("postgres://me:p?w@x@db/jeton", "postgres://(hidden)@db/jeton"),
            ("postgres://db/jeton?user=me&password=pw", "postgres://db/jeton?(hidden)"),
            ("postgres://db/jeton?user=me&Password=pw", "postgres://db/jeton?(hidden)"),
            ("postgres://db/jeton?user=me&password=p@w", "postgres://(hidden)"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }

    #[test]
    fn credentials_of_services_are_hidden() {
        for (url, shown) in [
            ("https://api.example/v1", "https://api.example/v1"),
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318"),
            ("https://me:pw@api.example:8443/v1", "https://(hidden)@api.example:8443/v1"),
            ("https://token@api.example/v1", "https://(hidden)@api.example/v1"),
            ("https://:pw@api.example/v1", "https://(hidden)@api.example/v1"),
            ("https://api.example/v1?key=a@b", "https://api.example/v1?(hidden)"),
            ("https://api.example/v1#key", "https://api.example/v1?(hidden)"),
            ("https://me:p?w@x@host/v1", "(hidden)"),
            ("127.0.0.1:4318", "127.0.0.1:4318"),
            ("api.example/v1?key=pw", "(hidden)"),
            ("token@api.example", "(hidden)"),
        ] {
            assert_eq!(public_url(url), shown, "{url}");
        }
        let secret = "https://me:secret@api.example/v1?key=secret";
        let text = format!(
            "[telemetry]\notlp_endpoint = '{secret}'\n[models.x]\nprovider = 'openai'\nbase_url = '{secret}'\n\
             upstream_model = 'x'\nprice = {{}}\nupstreams = [{{ base_url = '{secret}', upstream_model = 'x' }}]"
        );
        let shown = crate::infra::config::Config::from_toml(&text).unwrap().shown();
        assert!(!shown.contains("secret@") && !shown.contains("=secret"), "{shown}");
        assert_eq!(shown.matches("https://(hidden)@api.example/v1?(hidden)").count(), 3, "{shown}");
        let wrong =
            crate::infra::config::Config::from_toml("[telemetry]\notlp_endpoint = 'ftp://me:secret@x'").unwrap_err();
        assert!(!wrong.to_string().contains("secret"), "{wrong}");
    }
}
