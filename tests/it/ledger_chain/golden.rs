//! The canonical form, which checkers in other languages rely on: it never changes. The same vector is in
//! `docs/operations/audit.md`.

use migration::ledger_chain::{Payload, ZERO, ZERO_HEX, erasable_digest, from_hex, link, to_hex};

#[test]
fn the_canonical_form_never_changes() {
    let erasable = erasable_digest("00112233445566778899aabbccddeeff", Some("Größe"), None);
    assert_eq!(to_hex(&erasable), "f5c1efccd5f051d1adcf42386133fff34faaee78626647e50df10236da085c8b");
    let payload = Payload {
        id: 12,
        wallet_id: 7,
        seq: 1,
        amount: -100,
        balance_after: 3900,
        reason: "ADJUSTMENT",
        chat_id: None,
        api_key_id: Some(5),
        actor_id: None,
        requested_balance: Some(3900),
        created_at: 1_772_366_400_123_456,
        erasable: Some(erasable),
        member_id: None,
    };
    assert_eq!(to_hex(&payload.digest()), "b53eb8f61edc998b4714b91c7c2df29297a29c50b4bb97d135add635c532e6a7");
    let first = link(&ZERO, &payload.digest());
    assert_eq!(to_hex(&first), "71c43b9a96d21cd53f53779d3d327490082739bce8b18d35f5ad7383d65c0043");
    let settlement = Payload {
        id: 15,
        seq: 2,
        balance_after: 3800,
        reason: "CHAT_DONE",
        chat_id: Some(9),
        requested_balance: None,
        erasable: None,
        ..payload
    };
    assert_eq!(to_hex(&settlement.digest()), "13fb7c9413c2a6cd56c4c4bb86a2b9c25156dd4bf6f313e414d57ae682429356");
    assert_eq!(
        to_hex(&link(&first, &settlement.digest())),
        "8e4701c61c60e52bceed752c9141e2e3abaab534310b1b3af94a4f6c85533c9a"
    );
}

#[test]
fn hashes_are_written_one_way() {
    assert_eq!(to_hex(&ZERO), ZERO_HEX);
    let hash = link(&ZERO, &ZERO);
    assert_eq!(from_hex(&to_hex(&hash)), Some(hash));
    for wrong in ["", "0", &ZERO_HEX[1..], &format!("{ZERO_HEX}00"), &to_hex(&hash).to_uppercase(), &"é".repeat(32)] {
        assert_eq!(from_hex(wrong), None, "{wrong}");
    }
}
