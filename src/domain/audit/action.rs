//! The audited actions, a closed list.

use sea_orm::EnumIter;

/// An audited action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, async_graphql::Enum)]
#[graphql(name = "AuditAction")]
pub enum Action {
    /// `user.create`: an operator created an account.
    UserCreate,
    /// `user.import`: an account was imported from another system.
    UserImport,
    /// `user.update`: an operator activated, deactivated, promoted or demoted a user.
    UserUpdate,
    /// `user.set_password`: an operator set a user's password.
    UserSetPassword,
    /// `user.log_out`: an operator ended all sessions of a user.
    UserLogOut,
    /// `user.delete`: an account was deleted.
    UserDelete,
    /// `balance.adjust`: an operator adjusted a balance.
    BalanceAdjust,
    /// `chat.read`: an operator read chats of a user.
    ChatRead,
    /// `chat.delete`: an operator deleted a user's chat.
    ChatDelete,
    /// `chat.usage_over_hold`: the server recorded a chat whose usage cost more than its hold.
    ChatUsageOverHold,
    /// `api_key.create`: an operator created an API key for a user.
    ApiKeyCreate,
    /// `api_key.revoke`: an operator revoked an API key of a user.
    ApiKeyRevoke,
    /// `provider.create`: an operator connected a provider.
    ProviderCreate,
    /// `provider.update`: an operator changed a provider, or its API key.
    ProviderUpdate,
    /// `provider.delete`: an operator removed a provider.
    ProviderDelete,
    /// `model.create`: an operator added a model.
    ModelCreate,
    /// `model.update`: an operator changed, enabled or disabled a model.
    ModelUpdate,
    /// `model.delete`: an operator removed a model.
    ModelDelete,
    /// `model.set_price`: an operator set the price of a model.
    ModelSetPrice,
    /// `group.create`: an operator created a group.
    GroupCreate,
    /// `group.update`: an operator changed a group.
    GroupUpdate,
    /// `group.delete`: an operator deleted a group.
    GroupDelete,
    /// `group.add_members`: an operator added users to a group.
    GroupMemberAdd,
    /// `group.update_member`: an operator changed the role of a member of a group.
    GroupMemberUpdate,
    /// `group.remove_member`: an operator removed a member from a group.
    GroupMemberRemove,
    /// `group.adjust_balance`: an operator adjusted the balance of a group.
    GroupAdjust,
    /// `breaker.reset`: an operator reset circuit breakers.
    BreakerReset,
    /// `model.set_default`: an operator chose the default model.
    ModelSetDefault,
    /// `config.reload`: a server read its configuration file again.
    ConfigReload,
    /// `webhook.create`: an operator added a webhook.
    WebhookCreate,
    /// `webhook.update`: an operator changed, enabled or disabled a webhook.
    WebhookUpdate,
    /// `webhook.delete`: an operator removed a webhook.
    WebhookDelete,
    /// `webhook.rotate_secret`: an operator replaced the secret of a webhook.
    WebhookRotateSecret,
    /// `webhook.disable`: the server disabled a webhook whose receiver is gone, or failed for days.
    WebhookDisable,
}

impl Action {
    /// Returns the name, as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserCreate => "user.create",
            Self::UserImport => "user.import",
            Self::UserUpdate => "user.update",
            Self::UserSetPassword => "user.set_password",
            Self::UserLogOut => "user.log_out",
            Self::UserDelete => "user.delete",
            Self::BalanceAdjust => "balance.adjust",
            Self::ChatRead => "chat.read",
            Self::ChatDelete => "chat.delete",
            Self::ChatUsageOverHold => "chat.usage_over_hold",
            Self::ApiKeyCreate => "api_key.create",
            Self::ApiKeyRevoke => "api_key.revoke",
            Self::ProviderCreate => "provider.create",
            Self::ProviderUpdate => "provider.update",
            Self::ProviderDelete => "provider.delete",
            Self::ModelCreate => "model.create",
            Self::ModelUpdate => "model.update",
            Self::ModelDelete => "model.delete",
            Self::ModelSetPrice => "model.set_price",
            Self::GroupCreate => "group.create",
            Self::GroupUpdate => "group.update",
            Self::GroupDelete => "group.delete",
            Self::GroupMemberAdd => "group.add_members",
            Self::GroupMemberUpdate => "group.update_member",
            Self::GroupMemberRemove => "group.remove_member",
            Self::GroupAdjust => "group.adjust_balance",
            Self::BreakerReset => "breaker.reset",
            Self::ModelSetDefault => "model.set_default",
            Self::ConfigReload => "config.reload",
            Self::WebhookCreate => "webhook.create",
            Self::WebhookUpdate => "webhook.update",
            Self::WebhookDelete => "webhook.delete",
            Self::WebhookRotateSecret => "webhook.rotate_secret",
            Self::WebhookDisable => "webhook.disable",
        }
    }
}
