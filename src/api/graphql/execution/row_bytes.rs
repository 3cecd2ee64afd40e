//! Estimates the size of rows in memory, which is dominated by their texts.

use crate::infra::entity::api_key::AllowedModels;
use crate::infra::entity::{
    api_key, audit_event, chat, conversation, group, group_member, ledger_entry, price, provider, session, user,
    webhook, webhook_delivery,
};

/// A row whose texts are allocated separately.
pub(crate) trait RowBytes: Sized {
    /// Returns the size of the texts that may be long, in bytes.
    fn text_bytes(&self) -> usize;

    /// Returns the size of the whole row, in bytes.
    fn row_bytes(&self) -> usize {
        size_of::<Self>() + self.text_bytes()
    }
}

impl RowBytes for chat::Model {
    fn text_bytes(&self) -> usize {
        let optional = [&self.reasoning, &self.error_message];
        let optional: usize = optional.into_iter().flatten().map(String::len).sum();
        self.message.len() + self.response.len() + optional
    }
}

impl RowBytes for conversation::Model {
    fn text_bytes(&self) -> usize {
        self.title.len() + self.system_prompt.as_ref().map_or(0, String::len)
    }
}

impl RowBytes for audit_event::Model {
    fn text_bytes(&self) -> usize {
        self.actor_name.len() + self.target_name.len() + self.details.len()
    }
}

impl RowBytes for ledger_entry::Model {
    fn text_bytes(&self) -> usize {
        let texts = [&self.note, &self.hash, &self.erasable_digest, &self.erasable_salt];
        texts.into_iter().flatten().map(String::len).sum()
    }
}

impl RowBytes for group::Model {
    fn text_bytes(&self) -> usize {
        self.name.len() + self.description.len()
    }
}

impl RowBytes for group_member::Model {
    fn text_bytes(&self) -> usize {
        0
    }
}

impl RowBytes for session::Model {
    fn text_bytes(&self) -> usize {
        self.user_agent.as_ref().map_or(0, String::len)
    }
}

impl RowBytes for api_key::Model {
    fn text_bytes(&self) -> usize {
        self.name.len() + self.models.iter().flat_map(AllowedModels::names).map(String::len).sum::<usize>()
    }
}

impl RowBytes for user::Model {
    fn text_bytes(&self) -> usize {
        self.username.len()
    }
}

impl RowBytes for provider::Model {
    fn text_bytes(&self) -> usize {
        let sealed = self.sealed_key.as_ref().map_or(0, |sealed| sealed.0.len());
        self.name.len() + self.base_url.len() + self.headers.len() + sealed
    }
}

impl RowBytes for webhook::Model {
    fn text_bytes(&self) -> usize {
        let sealed = [Some(&self.sealed_secret), self.previous_sealed_secret.as_ref()];
        let sealed: usize = sealed.into_iter().flatten().map(|sealed| sealed.0.len()).sum();
        self.name.len() + self.url.len() + self.events.len() + sealed
    }
}

impl RowBytes for webhook_delivery::Model {
    fn text_bytes(&self) -> usize {
        let optional = [&self.subject, &self.last_error];
        let optional: usize = optional.into_iter().flatten().map(String::len).sum();
        self.event_id.len() + self.payload.len() + optional
    }
}

impl RowBytes for price::Model {
    fn text_bytes(&self) -> usize {
        self.model.len()
    }
}
