//! Global ids and cursors: opaque to clients, prefixed with their kind. They are not secret, and must not grant access.

use async_graphql::ID;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::core::error::Error;
use crate::core::ids::{
    ApiKeyId, AuditEventId, ChatId, ConversationId, GroupId, LedgerEntryId, ProviderId, SessionId, UserId,
    WebhookDeliveryId, WebhookId,
};
use crate::core::pagination::{Cursor, SortKey};

/// The kind of object that a global id identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Chat,
    Conversation,
    LedgerEntry,
    AuditEvent,
    Session,
    ApiKey,
    Provider,
    Group,
    Webhook,
    WebhookDelivery,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::User,
        Self::Chat,
        Self::Conversation,
        Self::LedgerEntry,
        Self::AuditEvent,
        Self::Session,
        Self::ApiKey,
        Self::Provider,
        Self::Group,
        Self::Webhook,
        Self::WebhookDelivery,
    ];

    fn prefix(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Chat => "Chat",
            Self::Conversation => "Conversation",
            Self::LedgerEntry => "LedgerEntry",
            Self::AuditEvent => "AuditEvent",
            Self::Session => "Session",
            Self::ApiKey => "ApiKey",
            Self::Provider => "Provider",
            Self::Group => "Group",
            Self::Webhook => "Webhook",
            Self::WebhookDelivery => "WebhookDelivery",
        }
    }

    /// Returns the global id of a row of this kind.
    pub(super) fn of(self, row: i64) -> ID {
        encode(self.prefix(), row).into()
    }
}

/// An id of a row that has a global id.
pub(super) trait RowId: Into<i64> + From<i64> {
    /// The kind of object.
    const KIND: Kind;

    /// Returns the global id.
    fn global(self) -> ID {
        Self::KIND.of(self.into())
    }

    /// Returns the row id of a global id of this kind.
    ///
    /// # Errors
    /// NOT_FOUND for anything else: ids are opaque to clients, so an id of another kind is like one that never existed.
    fn parse(id: &ID) -> Result<Self, Error> {
        let prefix = Self::KIND.prefix();
        decode(prefix, id).map(Self::from).ok_or_else(|| Error::not_found(&prefix.to_lowercase()))
    }
}

macro_rules! row_ids {
    ($($id:ident => $kind:ident,)+) => {$(
        impl RowId for $id {
            const KIND: Kind = Kind::$kind;
        }
    )+};
}

row_ids! {
    UserId => User,
    ChatId => Chat,
    ConversationId => Conversation,
    LedgerEntryId => LedgerEntry,
    AuditEventId => AuditEvent,
    SessionId => Session,
    ApiKeyId => ApiKey,
    ProviderId => Provider,
    GroupId => Group,
    WebhookId => Webhook,
    WebhookDeliveryId => WebhookDelivery,
}

/// Returns the kind and row id of any global id; `None` if it is invalid.
pub(super) fn any(id: &ID) -> Option<(Kind, i64)> {
    Kind::ALL.into_iter().find_map(|kind| Some((kind, decode(kind.prefix(), id)?)))
}

/// Returns the opaque text of a cursor.
pub(super) fn cursor(place: Cursor) -> String {
    match place.key {
        None => encode("Cursor", place.id),
        Some(SortKey::Number(number)) => encode(&format!("Cursor:{number}"), place.id),
        Some(SortKey::Text(text)) => encode(&format!("Cursor:~{text}"), place.id),
    }
}

/// Parses a cursor.
///
/// # Errors
/// INVALID_INPUT, with the argument, for a text that is not a cursor of this server.
pub(super) fn from_cursor(argument: &'static str, cursor: Option<String>) -> Result<Option<Cursor>, Error> {
    let Some(cursor) = cursor else { return Ok(None) };
    let place = decode("Cursor", &cursor).map(Cursor::from).or_else(|| {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(&cursor).ok()?).ok()?;
        let (key, id) = text.strip_prefix("Cursor:")?.rsplit_once(':')?;
        let key = match key.strip_prefix('~') {
            Some(text) => SortKey::Text(text.to_owned()),
            None => SortKey::Number(key.parse().ok()?),
        };
        Some(Cursor { key: Some(key), id: id.parse().ok()? })
    });
    place.map(Some).ok_or_else(|| Error::field(argument, "This is not a cursor of this list."))
}

fn encode(prefix: &str, row: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{prefix}:{row}"))
}

fn decode(prefix: &str, text: &str) -> Option<i64> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let (found, row) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    let row = row.parse().ok()?;
    // Each id has one spelling: "+1" and "01" are invalid.
    (found == prefix && encode(prefix, row) == text).then_some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_and_others_do_not() {
        assert_eq!(ChatId::parse(&ChatId(42).global()).unwrap(), ChatId(42));
        assert!(UserId::parse(&ChatId(42).global()).is_err());
        assert_eq!(any(&UserId(7).global()), Some((Kind::User, 7)));
        for bad in
            ["", "42", "Q2hhdDo", "Q2hhdDo0Mgo", "äöü", "Q2hhdDorNDI", &BASE64_URL_SAFE_NO_PAD.encode("Chat:042")]
        {
            assert_eq!(any(&bad.into()), None, "{bad}");
        }
        assert!(from_cursor("after", Some("x".to_owned())).is_err());
        for key in [None, Some(SortKey::Number(1_772_366_400_123_456)), Some(SortKey::Text("a:~b".to_owned()))] {
            let place = Cursor { key, id: 7 };
            assert_eq!(from_cursor("after", Some(cursor(place.clone()))).unwrap(), Some(place));
        }
    }
}
