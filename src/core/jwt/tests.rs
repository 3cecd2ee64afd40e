use super::*;
use crate::core::ids::{SessionId, UserId};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const DAY: Duration = Duration::from_secs(86_400);

fn subject(kind: TokenKind) -> Subject<'static> {
    Subject { kind, user_id: UserId(7), session_id: SessionId(3), jti: "00112233445566778899aabbccddeeff" }
}

fn secret(id: &str, text: &str) -> KeyMaterial {
    KeyMaterial { id: id.to_owned(), text: text.into(), until: None }
}

fn keys() -> KeyRing {
    KeyRing::new(&[secret("one", SECRET)], IssuerConfig::default())
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

#[test]
fn a_token_holds_until_its_last_second() {
    let (keys, start) = (keys(), start());
    let token = keys.sign(subject(TokenKind::Access), start, DAY).unwrap();
    let at = |seconds| {
        keys.verify(&token, TokenKind::Access, start + chrono::TimeDelta::seconds(seconds)).map(|c| c.user_id)
    };
    assert_eq!(at(0), Ok(UserId(7)));
    assert_eq!(at(86_399), Ok(UserId(7)));
    assert_eq!(at(86_400), Err(TokenError::Invalid));
    assert_eq!(at(-1), Err(TokenError::Invalid));
}

#[test]
fn a_token_is_good_from_its_own_time_on() {
    let (keys, now) = (keys(), start());
    let signed = |nbf: Option<i64>| {
        let token = keys.sign(subject(TokenKind::Access), now, DAY).unwrap();
        let claims = Claims { nbf, ..keys.verify(&token, TokenKind::Access, now).unwrap() };
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
    };
    for (nbf, is_good) in [(None, true), (Some(0), true), (Some(60), false), (Some(-60), true)] {
        let token = signed(nbf.map(|after| now.timestamp() + after));
        assert_eq!(keys.verify(&token, TokenKind::Access, now).is_ok(), is_good, "{nbf:?}");
    }
}

#[test]
fn kinds_keys_and_algorithms_are_not_interchangeable() {
    let (keys, now) = (keys(), start());
    let refresh = keys.sign(subject(TokenKind::Refresh), now, DAY).unwrap();
    assert_eq!(keys.verify(&refresh, TokenKind::Access, now), Err(TokenError::WrongType));
    let other = KeyRing::new(&[secret("one", "another secret of the same length")], IssuerConfig::default());
    assert_eq!(other.verify(&refresh, TokenKind::Refresh, now), Err(TokenError::Invalid));
    let claims = keys.verify(&refresh, TokenKind::Refresh, now).unwrap();
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let other = jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap();
        assert_eq!(keys.verify(&other, TokenKind::Refresh, now), Err(TokenError::Invalid), "{algorithm:?}");
    }
    // {"alg":"none"} with the payload of a valid token and no signature.
    let payload = refresh.split('.').nth(1).unwrap();
    assert_eq!(
        keys.verify(&format!("eyJhbGciOiJub25lIn0.{payload}."), TokenKind::Refresh, now),
        Err(TokenError::Invalid)
    );
}

#[test]
fn a_token_that_is_too_long_is_not_looked_at() {
    // Valid except for its length: unknown claims are ignored.
    let sign = |filler: usize| {
        let claims = serde_json::json!({ "token_type": "access", "exp": start().timestamp() + 60,
            "iat": start().timestamp(), "jti": "x", "user_id": 7, "session_id": 3, "filler": "x".repeat(filler) });
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
    };
    assert!(keys().verify(&sign(5_000), TokenKind::Access, start()).is_ok());
    assert_eq!(keys().verify(&sign(10_000), TokenKind::Access, start()), Err(TokenError::Invalid));
}

#[test]
fn the_longest_names_of_the_configuration_fit_into_a_token() {
    let name = Some("x".repeat(1000));
    let keys = KeyRing::new(&[secret("one", SECRET)], IssuerConfig { issuer: name.clone(), audience: name });
    let token = keys.sign(subject(TokenKind::Access), start(), DAY).unwrap();
    assert!(keys.verify(&token, TokenKind::Access, start()).is_ok(), "{}", token.len());
}

#[test]
fn after_a_rotation_old_tokens_are_good_for_their_time_and_new_ones_have_the_new_key() {
    let (keys, now) = (keys(), start());
    let old = keys.sign(subject(TokenKind::Access), now, DAY).unwrap();
    let until = now + chrono::TimeDelta::hours(1);
    let retired = KeyMaterial { until: Some(until), ..secret("one", SECRET) };
    let ring = [secret("two", "a second secret of enough length!"), retired];
    assert!(keys.clone().replace(&ring), "clones share the ring");
    assert!(!keys.replace(&ring), "equal secrets are no change");
    assert!(keys.verify(&old, TokenKind::Access, now).is_ok());
    assert_eq!(keys.verify(&old, TokenKind::Access, until), Err(TokenError::Invalid));
    let new = keys.sign(subject(TokenKind::Access), now, DAY).unwrap();
    assert_eq!(jsonwebtoken::decode_header(&new).unwrap().kid.as_deref(), Some("two"));
    assert!(keys.verify(&new, TokenKind::Access, until).is_ok());
    // The id of one key does not make the signature of another valid.
    assert!(keys.replace(&[secret("two", SECRET)]));
    assert_eq!(keys.verify(&old, TokenKind::Access, now), Err(TokenError::Invalid), "no key has that id");
}

#[test]
fn tokens_without_the_name_of_a_key_are_tried_with_all_of_them() {
    let (keys, now) = (keys(), start());
    let claims =
        keys.verify(&keys.sign(subject(TokenKind::Access), now, DAY).unwrap(), TokenKind::Access, now).unwrap();
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let nameless = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
    keys.replace(&[secret("two", "a second secret of enough length!"), secret("one", SECRET)]);
    assert!(keys.verify(&nameless, TokenKind::Access, now).is_ok());
}

#[test]
fn issuer_and_audience_are_asked_for_where_they_are_named() {
    let named = |issuer: Option<&str>, audience: Option<&str>| {
        let names = IssuerConfig { issuer: issuer.map(str::to_owned), audience: audience.map(str::to_owned) };
        KeyRing::new(&[secret("one", SECRET)], names)
    };
    let now = start();
    let all = [named(None, None), named(Some("a"), None), named(None, Some("a")), named(Some("a"), Some("a"))];
    for (signs, signer) in all.iter().enumerate() {
        let token = signer.sign(subject(TokenKind::Access), now, DAY).unwrap();
        for (checks, checker) in all.iter().enumerate() {
            // Without a configured issuer any is accepted; a token with an audience is valid for that one only (RFC
            // 7519, section 4.1.3).
            let is_valid = signs == checks || (signs, checks) == (1, 0);
            assert_eq!(checker.verify(&token, TokenKind::Access, now).is_ok(), is_valid || (signs, checks) == (3, 2));
        }
        let other = named(Some("b"), Some("b"));
        assert_eq!(other.verify(&token, TokenKind::Access, now), Err(TokenError::Invalid));
    }
}
