//! Models that a reload adds, changes and removes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jeton::core::price::Price;
use jeton::core::viewer::Actor;
use jeton::domain::catalog;
use jeton::infra::ai::SharedProvider;
use jeton::infra::catalog::Source;
use jeton::infra::entity::{audit_event, price};
use rstest_reuse::apply;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{Reloading, model};
use crate::catalog::{KEY, Service, model as add_model, provider};
use crate::support::{On, on_both_databases};

fn provider_of(reloading: &Reloading, name: &str) -> SharedProvider {
    reloading.app.app.models().get(Some(name)).unwrap().provider.clone()
}

#[apply(on_both_databases)]
async fn a_model_is_added_changed_and_removed(on: On) {
    let reloading = Reloading::start(on, "").await;
    let service = Service::start("").await;
    let mia = reloading.app.user("mia").await;
    let first = model("m", &service.url, "price = { per_message = 3 }\nmax_concurrent = 2");
    let added = reloading.with(&first).await.unwrap();
    assert_eq!(added.applied, ["models.m"]);
    // Those of the fixture, which its caller sets.
    assert_eq!(added.needs_restart, ["auth.secret", "database.url"]);
    let said = mia.say("m", "Hello").await;
    assert_eq!((&said["chat"]["response"], &said["chat"]["cost"]), (&"I am small.".into(), &3.into()), "{said}");

    // Another price, title and limit leave its connections and its breaker alone; another address does not.
    let before = provider_of(&reloading, "m");
    let concurrency = || reloading.app.app.models().get(Some("m")).unwrap().concurrency.clone().unwrap();
    let permits = concurrency();
    let second =
        model("m", &service.url, "price = { per_message = 4 }\nmax_concurrent = 2\ntitle = 'M'\nmax_output = 9");
    let changed = reloading.with(&second).await.unwrap();
    assert_eq!(changed.applied, ["models.m.max_output", "models.m.price.per_message", "models.m.title"]);
    assert!(Arc::ptr_eq(&before, &provider_of(&reloading, "m")) && Arc::ptr_eq(&permits, &concurrency()));
    assert_eq!(mia.say("m", "Hello").await["chat"]["cost"], 4);
    let third = model("m", &format!("{}/", service.url), "price = { per_message = 4 }");
    assert_eq!(
        reloading.with(&third).await.unwrap().applied,
        ["models.m.base_url", "models.m.max_concurrent", "models.m.max_output", "models.m.title"]
    );
    assert!(!Arc::ptr_eq(&before, &provider_of(&reloading, "m")));

    assert_eq!(reloading.with("").await.unwrap().applied, ["models.m"]);
    assert_eq!(mia.say("m", "Hello").await["errors"][0]["field"], "model");
    assert_eq!(reloading.with("").await.unwrap().applied, [""; 0]);

    // A price that the model has had before is a new version, since it follows another one.
    reloading.with(&first).await.unwrap();
    let versions = price::Entity::find().filter(price::Column::Model.eq("m")).order_by_asc(price::Column::Version);
    let prices: Vec<_> = versions.all(reloading.app.app.db.read()).await.unwrap();
    assert_eq!(prices.iter().map(|price| price.per_message).collect::<Vec<_>>(), [3, 4, 3]);

    let events = audit_event::Entity::find().filter(audit_event::Column::Action.eq("config.reload"));
    let events = events.order_by_asc(audit_event::Column::Id).all(reloading.app.app.db.read()).await.unwrap();
    assert_eq!(events.len(), 6);
    let event = &events[1];
    assert_eq!((&*event.target_type, &*event.target_name), ("server", "127.0.0.1:8000"));
    assert!(event.details.contains("models.m.price.per_message") && event.details.contains("auth.secret"));
    let page = reloading.app.app.metrics.page(&[]).unwrap();
    assert!(page.contains("jeton_config_reloads_total{result=\"applied\"} 6"), "{page}");
}

#[apply(on_both_databases)]
async fn a_model_of_the_database_takes_over_when_the_file_drops_its_name(on: On) {
    let reloading = Reloading::start(on, "").await;
    let service = Service::start(KEY).await;
    let double = provider(&reloading.app, "double", &service.url).await;
    add_model(&reloading.app, "m", &[&double], Price::flat(7)).await;
    let source = || reloading.app.app.models().entry("m").unwrap().model.origin.source;
    reloading.with(&model("m", &service.url, "price = { per_message = 3 }")).await.unwrap();
    assert_eq!(source(), Source::File);
    // A change of the catalog keeps the models of the new file.
    catalog::set_price(&reloading.app.app, Actor::CommandLine, "m", Price::flat(8)).await.ok();
    catalog::refresh(&reloading.app.app).await.unwrap();
    assert_eq!(source(), Source::File);
    reloading.with("").await.unwrap();
    assert_eq!(source(), Source::Database);
    let mia = reloading.app.user("mia").await;
    assert_eq!(mia.say("m", "Hello").await["chat"]["response"], "I am small.");
}

#[apply(on_both_databases)]
async fn a_file_with_an_error_changes_nothing(on: On) {
    let reloading = Reloading::start(on, "").await;
    let service = Service::start("").await;
    let good = model("m", &service.url, "price = { per_message = 3 }");
    reloading.with(&good).await.unwrap();
    let (config, models) = (reloading.app.app.config(), reloading.app.app.models());
    let without_key = |name: &str| {
        let key = format!("price = {{ per_message = 9 }}\napi_key_env = 'NO_SUCH_{}'", name.to_uppercase());
        model(name, &service.url, &key)
    };
    for (settings, expected) in [
        ("[limits", "TOML"),
        ("[limits]\nmesages = 5", "limits.mesages: no such key"),
        ("[limits]\nmessages_per_minute_per_user = 'many'", "limits.messages_per_minute_per_user"),
        ("[log]\nfilter = 'jeton=loud'", "log.filter: \"jeton=loud\" is invalid"),
        ("[turns]\ntitle_model = 'none'", "turns.title_model: there is no [models.none]"),
        (
            &format!("{}{}", without_key("one"), without_key("two")),
            "models.one: the environment variable NO_SUCH_ONE is not set; models.two: the environment variable NO_SUCH_TWO \
             is not set",
        ),
        (
            "[models.local]\nprovider = 'local'\npath = 'none.gguf'\nprice = { per_message = 1 }",
            "models.local.path: none.gguf can't be opened",
        ),
    ] {
        let error = reloading.with(&format!("{settings}\n")).await.unwrap_err();
        assert!(error.message.contains(expected), "{settings}: {error:?}");
        assert!(Arc::ptr_eq(&config, &reloading.app.app.config()), "{settings}");
        assert!(Arc::ptr_eq(&models, &reloading.app.app.models()), "{settings}");
    }
    let wrong_default = reloading.with_text("default_model = 'none'").await.unwrap_err();
    assert!(wrong_default.message.starts_with("default_model: there is no [models.none]"), "{wrong_default:?}");
    std::fs::remove_file(&reloading.file).unwrap();
    let gone = jeton::domain::reload::reload(&reloading.app.app, &reloading.source).await.unwrap_err();
    assert!(gone.message.contains("there is no configuration file"), "{gone:?}");
    let page = reloading.app.app.metrics.page(&[]).unwrap();
    assert!(page.contains("jeton_config_reloads_total{result=\"failed\"} 9"), "{page}");
    let mia = reloading.app.user("mia").await;
    assert_eq!(mia.say("m", "Hello").await["chat"]["cost"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_model_is_loaded_once() {
    let named = std::env::var_os("JETON_TEST_MODEL").map(PathBuf::from);
    let path =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("models/SmolLM2-135M-Instruct.Q4_1.gguf"));
    let settings = |price: i64, queue: i64| {
        let path = path.display();
        format!(
            "[models.tiny]\nprovider = 'local'\npath = '{path}'\nmax_queued = {queue}\nprice = {{ per_message = {price} }}\n"
        )
    };
    let reloading = Reloading::start(On::Sqlite, "").await;
    reloading.with(&settings(1, 8)).await.unwrap();
    let loaded = provider_of(&reloading, "tiny");
    reloading.with(&settings(2, 8)).await.unwrap();
    assert!(Arc::ptr_eq(&loaded, &provider_of(&reloading, "tiny")));
    // Neither a file with an error nor the removal of another model loads it again.
    reloading.with(&format!("{}[limits]\nnone = 1", settings(3, 8))).await.unwrap_err();
    assert!(Arc::ptr_eq(&loaded, &provider_of(&reloading, "tiny")));
    reloading.with(&settings(2, 9)).await.unwrap();
    assert!(!Arc::ptr_eq(&loaded, &provider_of(&reloading, "tiny")));
}

#[apply(on_both_databases)]
async fn the_default_model_changes(on: On) {
    let reloading = Reloading::start(on, "").await;
    let service = Service::start("").await;
    let mia = reloading.app.user("mia").await;
    let models = model("m", &service.url, "price = { per_message = 3 }");
    let text = format!("default_model = 'm'\n[models.smollm2]\npath = 'missing.gguf'\n{models}");
    assert_eq!(reloading.with_text(&text).await.unwrap().applied, ["default_model", "models.m"]);
    let said = mia.say_with(serde_json::json!({ "message": "Hello" })).await;
    assert_eq!(said["chat"]["model"], "m", "{said}");
}
