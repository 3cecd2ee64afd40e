//! What anyone may know about this server. Nothing secret, and nothing about a user.

use async_graphql::{Object, SimpleObject};

use super::super::execution::bounded::Text;
use crate::app::App;
use crate::core::password::{self, RULES};
use crate::core::tokens::Tokens;
use crate::domain::account::username;
use crate::domain::chat::conversation;
use crate::infra::config::Registration as Policy;

pub(crate) struct Server(pub(crate) App);

/// What anyone may know about this server: the limits and rules that forms need before they are sent.
#[Object]
impl Server {
    /// The maximum length of a message, in Unicode characters, without the white space around it.
    async fn max_message_chars(&self) -> usize {
        self.0.config().turns.max_message_chars
    }

    /// The maximum length of a system prompt, in Unicode characters.
    async fn max_system_prompt_chars(&self) -> usize {
        conversation::MAX_SYSTEM_PROMPT_CHARS
    }

    /// Who may register.
    async fn registration(&self) -> Policy {
        self.0.config().auth.registration
    }

    /// How to reach the operator, for people who can't log in; null if the operator gave nothing.
    async fn contact(&self) -> Option<Text<'static>> {
        let contact = self.0.config().auth.contact.trim().to_owned();
        Some(contact).filter(|contact| !contact.is_empty()).map(Text::from)
    }

    /// The currency in which amounts are shown beside prepaid tokens; null if there is none.
    async fn currency(&self) -> Option<Currency> {
        let ledger = &self.0.config().ledger;
        let code = Some(ledger.currency.as_str()).filter(|code| !code.is_empty())?;
        Some(Currency { code: code.to_owned().into(), tokens_per_unit: Tokens(ledger.tokens_per_unit) })
    }

    /// The rules for new passwords.
    async fn password_rules(&self) -> PasswordRules {
        PasswordRules {
            min_chars: password::MIN_CHARS,
            max_chars: password::MAX_CHARS,
            texts: RULES.into_iter().map(Text::from).collect(),
        }
    }

    /// The rules for new usernames.
    async fn username_rules(&self) -> UsernameRules {
        UsernameRules { max_chars: username::MAX_CHARS, text: username::RULE.into() }
    }
}

/// What prepaid tokens are worth. For display: balances, prices and costs are prepaid tokens.
#[derive(SimpleObject)]
pub(crate) struct Currency {
    /// The ISO 4217 code, such as `EUR`.
    code: Text<'static>,
    /// The prepaid tokens that are worth one unit of the currency.
    tokens_per_unit: Tokens,
}

/// The rules for new passwords.
#[derive(SimpleObject)]
pub(crate) struct PasswordRules {
    /// The minimum length, in Unicode characters.
    min_chars: usize,
    /// The maximum length, in Unicode characters.
    max_chars: usize,
    /// Each rule besides the length, as a sentence for people.
    texts: Vec<Text<'static>>,
}

/// The rules for new usernames.
#[derive(SimpleObject)]
pub(crate) struct UsernameRules {
    /// The maximum length, in Unicode characters.
    max_chars: usize,
    /// The rule for characters, as a sentence for people.
    text: Text<'static>,
}
