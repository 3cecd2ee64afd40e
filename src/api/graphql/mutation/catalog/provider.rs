//! Mutations of providers.

use std::time::Duration;

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use secrecy::SecretString;

use super::super::super::context::app_and_viewer;
use super::super::super::error::{UserError, outcome};
use super::super::super::execution::bounded::Payload;
use super::super::super::id::RowId;
use super::super::super::types::{Provider, ProviderTestStep};
use crate::core::ids::ProviderId;
use crate::domain::catalog::{self, NewProvider, ProviderUpdate};
use crate::infra::ai::upstream::Timeouts;
use crate::infra::entity::provider::{Header, Kind};

#[derive(Default)]
pub(in super::super) struct ProviderMutation;

/// A provider to connect.
#[derive(InputObject)]
struct CreateProviderInput {
    /// The unique name, 1 to 100 characters.
    name: String,
    /// The protocol.
    kind: Kind,
    /// The base URL, without the path of a request. Defaults to that of the official service; the kinds OPENAI and OLLAMA
    /// stand for many services.
    base_url: Option<String>,
    /// The API key. It is stored encrypted, and never shown again. If omitted, none is sent.
    key: Option<String>,
    /// Further headers of each request, at most 20. They are no place for a key: staff see them.
    headers: Option<Vec<ProviderHeaderInput>>,
    /// The maximum number of retries of a request that failed before its first byte, 0 to 10; defaults to 2.
    max_retries: Option<i32>,
    /// The cool-down after several failures in a row, in seconds; defaults to 30.
    circuit_cooldown_seconds: Option<i32>,
    /// The timeout of connecting, in seconds, 1 to 60; defaults to 10.
    connect_timeout_seconds: Option<i32>,
    /// The timeout from a request to the first byte of its response, in seconds, 1 to 3600. Then the next route is called. Of a
    /// reply that is not streamed, it includes the time in which it is generated. Defaults to that of the turn.
    first_byte_timeout_seconds: Option<i32>,
    /// The timeout between two parts of a response, in seconds, 1 to 3600. Defaults to that of the turn.
    idle_timeout_seconds: Option<i32>,
}

/// A header of each request to a provider.
#[derive(InputObject)]
struct ProviderHeaderInput {
    /// The name.
    name: String,
    /// The value.
    value: String,
}

/// Changes to a provider. Omitted fields stay unchanged.
#[derive(InputObject)]
struct UpdateProviderInput {
    /// The global id of the provider.
    provider_id: ID,
    /// The unique name, 1 to 100 characters.
    name: Option<String>,
    /// The base URL. Another scheme, host or port requires the key again.
    base_url: Option<String>,
    /// The API key; null removes it.
    key: MaybeUndefined<String>,
    /// Further headers of each request, at most 20: all of them.
    headers: Option<Vec<ProviderHeaderInput>>,
    /// The maximum number of retries, 0 to 10.
    max_retries: Option<i32>,
    /// The cool-down after several failures in a row, in seconds.
    circuit_cooldown_seconds: Option<i32>,
    /// The timeout of connecting, in seconds, 1 to 60; null for the default.
    connect_timeout_seconds: MaybeUndefined<i32>,
    /// The timeout from a request to the first byte of its response, in seconds, 1 to 3600; null for that of the turn.
    first_byte_timeout_seconds: MaybeUndefined<i32>,
    /// The timeout between two parts of a response, in seconds, 1 to 3600; null for that of the turn.
    idle_timeout_seconds: MaybeUndefined<i32>,
}

/// The provider to remove.
#[derive(InputObject)]
struct DeleteProviderInput {
    /// The global id of the provider.
    provider_id: ID,
}

/// The provider to test.
#[derive(InputObject)]
struct TestProviderInput {
    /// The global id of the provider.
    provider_id: ID,
    /// The provider's name of a model that is to reply with a few model tokens. If omitted, none is called.
    upstream_model: Option<String>,
}

/// A connected provider.
#[derive(SimpleObject)]
struct CreateProviderPayload {
    /// The provider; null if none was connected.
    provider: Option<Provider>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A changed provider.
#[derive(SimpleObject)]
struct UpdateProviderPayload {
    /// The provider; null if it was not changed.
    provider: Option<Provider>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A removed provider.
#[derive(SimpleObject)]
struct DeleteProviderPayload {
    /// The global id of the removed provider; null if none was removed.
    deleted_provider_id: Option<ID>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// The result of a test.
#[derive(SimpleObject)]
struct TestProviderPayload {
    /// The steps, up to the first one that failed.
    steps: Vec<ProviderTestStep>,
    /// Errors; empty if the test was made, whatever its result.
    errors: Vec<UserError>,
}

#[Object]
impl ProviderMutation {
    /// Connects a provider. For superusers. Recorded in the audit trail, as are all changes of the catalog.
    async fn create_provider(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The provider.")] input: CreateProviderInput,
    ) -> Result<Payload<CreateProviderPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let CreateProviderInput {
            name,
            kind,
            base_url,
            key,
            headers,
            max_retries,
            circuit_cooldown_seconds,
            connect_timeout_seconds,
            first_byte_timeout_seconds,
            idle_timeout_seconds,
        } = input;
        let new = NewProvider {
            name,
            kind,
            base_url,
            key: key.map(SecretString::from),
            headers: all(headers.unwrap_or_default()),
            max_retries: max_retries.map(number),
            circuit_cooldown: circuit_cooldown_seconds.map(seconds),
            timeouts: Timeouts {
                connect: connect_timeout_seconds.map(seconds),
                first_byte: first_byte_timeout_seconds.map(seconds),
                idle: idle_timeout_seconds.map(seconds),
            },
        };
        let (created, errors) = outcome(catalog::create_provider(app, actor, new).await)?;
        Ok(Payload(CreateProviderPayload { provider: created.map(Provider), errors }))
    }

    /// Changes a provider, from the next message on. For superusers.
    async fn update_provider(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The provider and its changes.")] input: UpdateProviderInput,
    ) -> Result<Payload<UpdateProviderPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let UpdateProviderInput {
            provider_id,
            name,
            base_url,
            key,
            headers,
            max_retries,
            circuit_cooldown_seconds,
            connect_timeout_seconds,
            first_byte_timeout_seconds,
            idle_timeout_seconds,
        } = input;
        let timeout = |timeout: MaybeUndefined<i32>| timeout.map_value(seconds).into();
        let update = ProviderUpdate {
            name,
            base_url,
            key: match key {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(key) => Some(Some(key.into())),
            },
            headers: headers.map(all),
            max_retries: max_retries.map(number),
            circuit_cooldown: circuit_cooldown_seconds.map(seconds),
            connect_timeout: timeout(connect_timeout_seconds),
            first_byte_timeout: timeout(first_byte_timeout_seconds),
            idle_timeout: timeout(idle_timeout_seconds),
        };
        let changed = async { catalog::update_provider(app, actor, ProviderId::parse(&provider_id)?, update).await };
        let (changed, errors) = outcome(changed.await)?;
        Ok(Payload(UpdateProviderPayload { provider: changed.map(Provider), errors }))
    }

    /// Removes a provider and its API key. A provider that models use can't be removed. For superusers.
    async fn delete_provider(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The provider.")] input: DeleteProviderInput,
    ) -> Result<Payload<DeleteProviderPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let deleted = async { catalog::delete_provider(app, actor, ProviderId::parse(&input.provider_id)?).await };
        let (deleted, errors) = outcome(deleted.await)?;
        Ok(Payload(DeleteProviderPayload { deleted_provider_id: deleted.map(|()| input.provider_id), errors }))
    }

    /// Tests the connection of a provider: name, connection, certificate, API key and, if one is given, a model. The
    /// operator's account at the provider pays for a few model tokens. For superusers.
    async fn test_provider(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The provider.")] input: TestProviderInput,
    ) -> Result<Payload<TestProviderPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let TestProviderInput { provider_id, upstream_model } = input;
        let tested = async {
            let id = ProviderId::parse(&provider_id)?;
            catalog::test_provider(app, actor, id, upstream_model.as_deref()).await
        };
        let (steps, errors) = outcome(tested.await)?;
        let steps = steps.into_iter().flatten().map(ProviderTestStep::from).collect();
        Ok(Payload(TestProviderPayload { steps, errors }))
    }
}

fn all(headers: Vec<ProviderHeaderInput>) -> Vec<Header> {
    headers.into_iter().map(|ProviderHeaderInput { name, value }| Header { name, value }).collect()
}

/// Returns a number whose range the domain checks: a negative one is out of every range.
pub(super) fn number(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn seconds(seconds: i32) -> Duration {
    Duration::from_secs(number(seconds).into())
}
