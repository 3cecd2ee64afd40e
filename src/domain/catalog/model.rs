//! Adding, changing and removing models.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Map, Value, json};

use super::change::{announce, begin, check_no_default, name_taken};
use super::model_input::{ModelUpdate, NewModel, Route, price_as_json, validate, validate_new};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::ModelId;
use crate::core::viewer::Actor;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::domain::pricing;
use crate::infra::catalog::Source;
use crate::infra::db::Txn;
use crate::infra::entity::{model, model_route, provider};

/// Adds a model.
///
/// # Errors
/// FORBIDDEN unless by a superuser; INVALID_INPUT with all field errors, also for the name of a model of the file.
pub async fn create_model(app: &App, actor: Actor, new: NewModel) -> Result<model::Model, Error> {
    actor.require_superuser()?;
    let new = validate_new(new)?;
    if let Some(file) = owner(app, &new.name) {
        return Err(Error::field("name", format!("{file} has a model of this name.")));
    }
    let created = app.db.write((actor, new, app.clock.now()), |txn, (actor, new, at)| {
        Box::pin(async move {
            begin(txn, actor).await?;
            if find_row(txn, &new.name).await?.is_some() {
                return Err(Error::field("name", "This name is taken."));
            }
            let version = pricing::insert_next(txn, &new.name, new.price, actor.id(), *at).await?;
            let settings = &new.settings;
            let row = model::ActiveModel {
                id: NotSet,
                name: Set(new.name.clone()),
                title: Set(settings.title.clone().flatten()),
                description: Set(settings.description.clone().flatten()),
                price_id: Set(version.id),
                created_at: Set(*at),
                ..active(settings, *at)
            };
            let created = row.insert(txn).await.map_err(name_taken)?;
            store_routes(txn, created.id, settings.routes.as_deref().unwrap_or_default()).await?;
            let details = json!({ "price": price_as_json(new.price), "enabled": created.enabled });
            record(txn, actor, Action::ModelCreate, &created, details, *at).await?;
            Ok(created)
        })
    });
    let created = created.await?;
    announce(app).await?;
    Ok(created)
}

/// Changes, enables or disables a model. Messages that have begun end with what they began with.
///
/// # Errors
/// FORBIDDEN unless by a superuser; NOT_FOUND without such a model; CONFLICT for a model of the file; INVALID_INPUT with
/// all field errors.
pub async fn update_model(app: &App, actor: Actor, name: &str, update: ModelUpdate) -> Result<model::Model, Error> {
    actor.require_superuser()?;
    let update = validate(update)?;
    let input = (actor, name.to_owned(), update, owner(app, name), app.clock.now());
    let changed = app.db.write(input, |txn, (actor, name, update, owner, at)| {
        Box::pin(async move {
            begin(txn, actor).await?;
            let before = find(txn, name, *owner).await?;
            if update.enabled == Some(false) && owner.is_none() {
                check_no_default(txn, name).await?;
            }
            let row = model::ActiveModel {
                id: Set(before.id),
                title: update.title.clone().map_or(NotSet, Set),
                description: update.description.clone().map_or(NotSet, Set),
                ..active(update, *at)
            };
            let after = row.update(txn).await?;
            let mut details = changes(&before, &after);
            if let Some(routes) = &update.routes {
                let of_model = model_route::Entity::delete_many().filter(model_route::Column::ModelId.eq(before.id));
                of_model.exec(txn).await?;
                store_routes(txn, before.id, routes).await?;
                details.insert("routes".to_owned(), shown_routes(routes));
            }
            record(txn, actor, Action::ModelUpdate, &after, Value::Object(details), *at).await?;
            Ok(after)
        })
    });
    let changed = changed.await?;
    announce(app).await?;
    Ok(changed)
}

/// Removes a model. Its chats and the versions of its price stay.
///
/// # Errors
/// As [`update_model`].
pub async fn delete_model(app: &App, actor: Actor, name: &str) -> Result<(), Error> {
    actor.require_superuser()?;
    let input = (actor, name.to_owned(), owner(app, name), app.clock.now());
    let deleted = app.db.write(input, |txn, (actor, name, owner, at)| {
        Box::pin(async move {
            begin(txn, actor).await?;
            let row = find(txn, name, *owner).await?;
            if owner.is_none() {
                // Otherwise the model of the file stays.
                check_no_default(txn, name).await?;
            }
            model::Entity::delete_by_id(row.id).exec(txn).await?;
            record(txn, actor, Action::ModelDelete, &row, json!({}), *at).await
        })
    });
    deleted.await?;
    announce(app).await
}

/// Returns what has a model of this name, other than the database.
pub(super) fn owner(app: &App, name: &str) -> Option<&'static str> {
    let source = app.models().entry(name).map(|entry| entry.model.origin.source);
    match source {
        // The command line runs without the models themselves.
        _ if app.config().models.contains_key(name) => Some("jeton.toml"),
        Some(Source::File) => Some("jeton.toml"),
        Some(Source::Ollama) => Some("Ollama"),
        Some(Source::Database) | None => None,
    }
}

pub(super) async fn find_row(txn: &Txn, name: &str) -> Result<Option<model::Model>, Error> {
    Ok(model::Entity::find().filter(model::Column::Name.eq(name)).one(txn).await?)
}

/// Returns a model of the database, which may be shadowed.
///
/// # Errors
/// CONFLICT if only the file has it; NOT_FOUND without such a model.
pub(super) async fn find(txn: &Txn, name: &str, owner: Option<&str>) -> Result<model::Model, Error> {
    find_row(txn, name).await?.ok_or_else(|| match owner {
        Some(owner) => Error::new(Code::Conflict, format!("This model is from {owner}, and can't be changed here.")),
        None => Error::not_found("model"),
    })
}

/// Returns the columns that are set by both a new model and a change.
fn active(update: &ModelUpdate, at: DateTime<Utc>) -> model::ActiveModel {
    let units = |value: Option<u64>| value.and_then(|value| i64::try_from(value).ok()).map_or(NotSet, Set);
    let flag = |value: Option<bool>| value.map_or(NotSet, Set);
    model::ActiveModel {
        context_window: units(update.context_window),
        max_output: units(update.max_output),
        max_concurrent: update.max_concurrent.map(i64::from).map_or(NotSet, Set),
        images: flag(update.images),
        tools: flag(update.tools),
        reasoning: flag(update.reasoning),
        enabled: flag(update.enabled),
        updated_at: Set(at),
        ..Default::default()
    }
}

/// Stores the routes of a model. All its providers speak one protocol.
async fn store_routes(txn: &Txn, model_id: ModelId, routes: &[Route]) -> Result<(), Error> {
    let ids = routes.iter().map(|route| route.provider_id);
    let providers = provider::Entity::find().filter(provider::Column::Id.is_in(ids));
    let providers = providers.order_by_asc(provider::Column::Id).all(txn).await?;
    if let Some(missing) = routes.iter().find(|route| providers.iter().all(|row| row.id != route.provider_id)) {
        return Err(Error::field("routes", format!("There is no provider for {}.", missing.upstream_model)));
    }
    if providers.iter().any(|one| providers.first().is_some_and(|first| first.kind != one.kind)) {
        return Err(Error::field("routes", "All providers of a model are of one kind."));
    }
    let rows = routes.iter().map(|route| model_route::ActiveModel {
        id: NotSet,
        model_id: Set(model_id),
        provider_id: Set(route.provider_id),
        upstream_model: Set(route.upstream_model.clone()),
        position: Set(route.order.unwrap_or_default()),
        weight: Set(route.weight.unwrap_or(1)),
    });
    for row in rows {
        row.insert(txn).await?;
    }
    Ok(())
}

fn changes(before: &model::Model, after: &model::Model) -> Map<String, Value> {
    let values = |row: &model::Model| {
        [
            ("title", json!(row.title)),
            ("description", json!(row.description)),
            ("context_window", json!(row.context_window)),
            ("max_output", json!(row.max_output)),
            ("max_concurrent", json!(row.max_concurrent)),
            ("images", json!(row.images)),
            ("tools", json!(row.tools)),
            ("reasoning", json!(row.reasoning)),
            ("enabled", json!(row.enabled)),
        ]
    };
    let changed = values(before).into_iter().zip(values(after)).filter(|((_, before), (_, after))| before != after);
    changed.map(|((name, before), (_, after))| (name.to_owned(), audit::change(before, after))).collect()
}

fn shown_routes(routes: &[Route]) -> Value {
    let shown = |route: &Route| {
        let Route { provider_id, upstream_model, order, weight } = route;
        json!({ "provider": provider_id, "upstream_model": upstream_model, "order": order, "weight": weight })
    };
    routes.iter().map(shown).collect()
}

pub(super) async fn record(
    txn: &Txn,
    actor: &Actor,
    action: Action,
    row: &model::Model,
    details: Value,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let target = ("model", row.id.0, row.name.as_str());
    audit::record(txn, actor, AuditRecord { action, target, owner_id: None, details, at }).await
}
