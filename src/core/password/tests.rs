use super::*;

#[tokio::test]
async fn only_the_right_password_verifies() {
    let hasher = Hasher::new(1, 1).unwrap();
    let new = || hasher.enter(QueueKind::NewPassword, None).unwrap();
    let verify = async |password: &str, stored: Option<&str>| {
        let ticket = hasher.enter(QueueKind::Verification, None).unwrap();
        ticket.verify(password.into(), stored.map(str::to_owned)).await.unwrap()
    };
    let hash = new().hash("correct horse".into()).await.unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    assert!(verify("correct horse", Some(&hash)).await);
    assert!(!verify("Correct horse", Some(&hash)).await);
    for unusable in [None, Some("!"), Some("!decoy")] {
        assert!(!verify("decoy", unusable).await);
    }
}

#[tokio::test]
async fn a_hash_of_any_form_is_met_by_what_was_hashed_and_by_its_normal_form() {
    let hasher = Hasher::new(1, 1).unwrap();
    let verify = async |password: &str, stored: &str| {
        let ticket = hasher.enter(QueueKind::Verification, None).unwrap();
        ticket.verify(password.into(), Some(stored.to_owned())).await.unwrap()
    };
    let (composed, decomposed, padded) = ("caf\u{e9} au lait", "cafe\u{301} au lait", " cafe\u{301} au lait ");
    let new = hasher.enter(QueueKind::NewPassword, None).unwrap().hash(padded.into()).await.unwrap();
    for typed in [composed, decomposed, padded] {
        assert!(verify(typed, &new).await, "{typed:?}");
    }
    assert!(!verify("caf\u{e9}  au lait", &new).await, "white space within counts");
    // Hashed elsewhere, or under older rules.
    for (stored, right, wrong) in [
        (decomposed, [composed, decomposed, padded].as_slice(), [].as_slice()),
        (padded, &[padded], &[composed, decomposed]),
        (composed, &[composed, decomposed, padded], &["cafe au lait"]),
    ] {
        let hash = hash_as_it_is(stored).unwrap();
        for (typed, is_right) in right.iter().map(|typed| (typed, true)).chain(wrong.iter().map(|t| (t, false))) {
            assert_eq!(verify(typed, &hash).await, is_right, "{stored:?} {typed:?}");
        }
    }
}

#[tokio::test]
async fn a_password_that_is_too_long_is_wrong_whatever_it_hashes_to() {
    let hasher = Hasher::new(1, 1).unwrap();
    let (most, long) = ("x".repeat(MAX_TYPED_BYTES), "x".repeat(MAX_TYPED_BYTES + 1));
    for (password, right) in [(most, true), (long, false)] {
        let stored = hash(&password).unwrap();
        let ticket = hasher.enter(QueueKind::Verification, None).unwrap();
        assert_eq!(ticket.verify(password.into(), Some(stored)).await.unwrap(), right);
    }
}

#[test]
fn a_stored_hash_takes_no_more_memory_and_passes_than_are_allowed() {
    let hash = hash("password").unwrap();
    assert!(matches("password", &hash).unwrap());
    for (own, dear) in [("m=19456", "m=4294967295"), ("m=19456", "m=65537"), ("t=2", "t=4294967295"), ("p=1", "p=8")] {
        let stored = hash.replace(own, dear);
        assert_ne!(stored, hash);
        assert!(matches("password", &stored).is_err(), "{stored}");
    }
}

#[tokio::test]
async fn a_new_password_is_rated_on_a_hashing_thread() {
    let hasher = Hasher::new(1, 4).unwrap();
    let taken = hasher.queues.start(hasher.enter(QueueKind::NewPassword, None).unwrap().entry).await.unwrap();
    let ticket = hasher.enter(QueueKind::NewPassword, None).unwrap();
    let mut check = std::pin::pin!(ticket.check("password", "password".into(), "mia".to_owned()));
    assert!(futures::FutureExt::now_or_never(check.as_mut()).is_none(), "it waits for the thread");
    assert_eq!(hasher.waiting(QueueKind::NewPassword), 1);
    drop(taken);
    assert_eq!(check.await.unwrap_err().fields[0].field, "password");
}

#[tokio::test]
async fn a_long_new_password_is_rejected_without_a_thread() {
    let hasher = Hasher::new(1, 4).unwrap();
    // The only thread is busy.
    let _taken = hasher.queues.start(hasher.enter(QueueKind::NewPassword, None).unwrap().entry).await.unwrap();
    let ticket = hasher.enter(QueueKind::NewPassword, None).unwrap();
    let check = ticket.check("password", "x".repeat(1_000_000).into(), "mia".to_owned());
    let rejected = futures::FutureExt::now_or_never(check).expect("rejected without waiting").unwrap_err();
    assert_eq!(rejected.fields[0].field, "password");
}
