//! The canonical form of ledger entries and the hashes of their chain, version 1. It never changes: a migration
//! computes the hashes of existing entries by it, and the application those of new ones. `docs/operations/audit.md`
//! describes it for checkers in other languages.

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash before the first entry of a chain.
pub const ZERO: Hash = [0; 32];

/// [`ZERO`] in hexadecimal: the default of the column `ledger_hash`.
pub const ZERO_HEX: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The domain tags: a hash of one kind is never one of another.
const ENTRY: &str = "jeton ledger entry 1";
const ENTRY_OF_MEMBER: &str = "jeton ledger entry 2";
const LINK: &str = "jeton ledger link 1";
const ERASABLE: &str = "jeton ledger erasable 1";

/// The length that stands for an absent value.
const ABSENT: u32 = u32::MAX;

/// The fields of a ledger entry that its digest covers, in this order.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// `ledger_entry.id`.
    pub id: i64,
    /// `ledger_entry.wallet_id`.
    pub wallet_id: i64,
    /// The number of the entry in its chain, from 1.
    pub seq: i64,
    /// `ledger_entry.amount`.
    pub amount: i64,
    /// `ledger_entry.balance_after`.
    pub balance_after: i64,
    /// `ledger_entry.reason`.
    pub reason: &'a str,
    /// `ledger_entry.chat_id`.
    pub chat_id: Option<i64>,
    /// `ledger_entry.api_key_id`.
    pub api_key_id: Option<i64>,
    /// `ledger_entry.actor_id`.
    pub actor_id: Option<i64>,
    /// `ledger_entry.requested_balance`.
    pub requested_balance: Option<i64>,
    /// `ledger_entry.created_at`, in microseconds since 1970 (UTC).
    pub created_at: i64,
    /// The digest of note and idempotency key, if the entry was posted with either.
    pub erasable: Option<Hash>,
    /// `ledger_entry.member_id`. An entry with one has another tag, and the id as an additional field.
    pub member_id: Option<i64>,
}

impl Payload<'_> {
    /// Returns the digest of the entry.
    pub fn digest(&self) -> Hash {
        let mut form = Form::new(if self.member_id.is_some() { ENTRY_OF_MEMBER } else { ENTRY });
        for number in [self.id, self.wallet_id, self.seq, self.amount, self.balance_after] {
            form.number(Some(number));
        }
        form.field(Some(self.reason.as_bytes()));
        for number in [self.chat_id, self.api_key_id, self.actor_id, self.requested_balance, Some(self.created_at)] {
            form.number(number);
        }
        form.field(self.erasable.as_ref().map(Hash::as_slice));
        if self.member_id.is_some() {
            form.number(self.member_id);
        }
        form.hash()
    }
}

/// Returns the hash of an entry: of the hash before it in the chain, and its own digest.
pub fn link(previous: &Hash, digest: &Hash) -> Hash {
    let mut form = Form::new(LINK);
    form.field(Some(previous));
    form.field(Some(digest));
    form.hash()
}

/// Returns the digest of what retention may erase. The random salt prevents that an erased note is guessed from it.
pub fn erasable_digest(salt: &str, note: Option<&str>, idempotency_key: Option<&str>) -> Hash {
    let mut form = Form::new(ERASABLE);
    form.field(Some(salt.as_bytes()));
    form.field(note.map(str::as_bytes));
    form.field(idempotency_key.map(str::as_bytes));
    form.hash()
}

/// Returns a hash as 64 lower-case hexadecimal digits.
pub fn to_hex(hash: &Hash) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Parses 64 lower-case hexadecimal digits; `None` for any other text.
pub fn from_hex(text: &str) -> Option<Hash> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut hash = ZERO;
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(hash)
}

/// The canonical form: fields with their lengths, so that no two lists of fields have the same bytes.
struct Form(Sha256);

impl Form {
    fn new(tag: &str) -> Self {
        let mut form = Self(Sha256::new());
        form.field(Some(tag.as_bytes()));
        form
    }

    /// Adds the length as 4 bytes, big-endian, and the bytes.
    fn field(&mut self, bytes: Option<&[u8]>) {
        let length = bytes.map_or(ABSENT, |bytes| u32::try_from(bytes.len()).unwrap_or(ABSENT - 1));
        self.0.update(length.to_be_bytes());
        self.0.update(bytes.unwrap_or_default());
    }

    /// Adds a number as a field of 8 bytes, big-endian, in two's complement.
    fn number(&mut self, number: Option<i64>) {
        self.field(number.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    }

    fn hash(self) -> Hash {
        self.0.finalize().into()
    }
}
