//! `jeton model`: manages the models of the database. Those of `jeton.toml` are listed too, and changed there.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{output, price_list, provider};
use crate::app::App;
use crate::core::error::Error;
use crate::core::price::Price;
use crate::core::viewer::Actor;
use crate::domain::catalog::{self, ModelUpdate, NewModel, Route};
use crate::infra::catalog::Entry;

/// Arguments of `jeton model`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// The price: the sum of its parts, in prepaid tokens
#[derive(Debug, clap::Args)]
#[group(skip)]
struct PriceArgs {
    /// For each answered message
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    per_message: i64,
    /// For a million model tokens of input
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    per_million_input: i64,
    /// For a million model tokens read from the provider's prompt cache [default: that of the input]
    #[arg(long, value_name = "TOKENS")]
    per_million_cache_read: Option<i64>,
    /// For a million model tokens written to the provider's prompt cache [default: that of the input]
    #[arg(long, value_name = "TOKENS")]
    per_million_cache_write: Option<i64>,
    /// For a million model tokens of output
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    per_million_output: i64,
    /// For a million model tokens of reasoning [default: that of the output]
    #[arg(long, value_name = "TOKENS")]
    per_million_reasoning: Option<i64>,
    /// For each image in the input, in addition to its model tokens
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    per_image: i64,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all models, disabled ones included
    List,
    /// Add a model
    Add {
        /// The unique name, which clients choose
        name: String,
        /// The provider that answers; can be repeated, and is tried in this order
        #[arg(long, required = true)]
        provider: Vec<String>,
        /// The provider's name of the model [default: the name]
        #[arg(long)]
        upstream: Option<String>,
        /// The title for people [default: the name]
        #[arg(long)]
        title: Option<String>,
        /// The context window in model tokens
        #[arg(long)]
        context_window: Option<u64>,
        /// The maximum length of a reply in model tokens
        #[arg(long)]
        max_output: Option<u64>,
        #[command(flatten)]
        price: PriceArgs,
    },
    /// Set the price of a model, from the next message on
    Price {
        /// The name of the model
        name: String,
        #[command(flatten)]
        price: PriceArgs,
    },
    /// Compare a price list with the prices in force; nothing is changed
    ProposePrices(price_list::ListArgs),
    /// Apply prices of a price list, from the next message on
    ApplyPrices(price_list::ApplyArgs),
    /// Make a model the default one, for messages that name none; without a name, leave it to the configuration
    SetDefault {
        /// The name of the model
        name: Option<String>,
    },
    /// Enable a model
    Enable {
        /// The name of the model
        name: String,
    },
    /// Disable a model: it can't be used
    Disable {
        /// The name of the model
        name: String,
    },
    /// Remove a model; its chats stay
    Remove {
        /// The name of the model
        name: String,
    },
}

pub(super) async fn run(app: &App, args: Args) -> Result<(), Error> {
    catalog::refresh(app).await?;
    let actor = Actor::CommandLine;
    match args.command {
        Command::List => list(app, args.json),
        Command::Add { name, provider, upstream, title, context_window, max_output, price } => {
            let upstream_model = upstream.unwrap_or_else(|| name.clone());
            let route = |provider: &String| {
                let upstream_model = upstream_model.clone();
                Ok(Route { provider_id: provider::named(app, provider)?, upstream_model, order: None, weight: None })
            };
            let routes = provider.iter().map(route).collect::<Result<_, Error>>()?;
            let settings = ModelUpdate {
                title: Some(title),
                context_window,
                max_output,
                routes: Some(routes),
                ..ModelUpdate::default()
            };
            let created = catalog::create_model(app, actor, NewModel { name, settings, price: price.price() }).await?;
            output::print(&format!("added {}\n", output::plain(&created.name)))
        }
        Command::Price { name, price } => {
            let version = catalog::set_price(app, actor, &name, price.price()).await?;
            output::print(&format!("version {} of the price of {}\n", version.version, output::plain(&name)))
        }
        Command::ProposePrices(list) => price_list::propose(app, &list, args.json),
        Command::ApplyPrices(chosen) => price_list::apply(app, &chosen, args.json).await,
        Command::SetDefault { name } => {
            catalog::set_default_model(app, actor, name.clone()).await?;
            let name = name.as_deref().unwrap_or(&app.config().default_model).to_owned();
            output::print(&format!("the default model is {}\n", output::plain(&name)))
        }
        Command::Enable { name } => enable(app, &name, true).await,
        Command::Disable { name } => enable(app, &name, false).await,
        Command::Remove { name } => {
            catalog::delete_model(app, actor, &name).await?;
            output::print(&format!("removed {}\n", output::plain(&name)))
        }
    }
}

async fn enable(app: &App, name: &str, enabled: bool) -> Result<(), Error> {
    let update = ModelUpdate { enabled: Some(enabled), ..ModelUpdate::default() };
    catalog::update_model(app, Actor::CommandLine, name, update).await?;
    output::print(&format!("{} {}\n", if enabled { "enabled" } else { "disabled" }, output::plain(name)))
}

fn list(app: &App, json: bool) -> Result<(), Error> {
    let models = app.models();
    let config = app.config();
    let of_file = config.models.iter().map(|(name, model)| (name.clone(), "jeton.toml", true, model.price.price()));
    // A command runs without the models of the file, which win over those of the database.
    let of_database = models.entries().iter().filter(|(name, _)| !config.models.contains_key(*name));
    let of_database = of_database
        .map(|(name, entry): (&String, &Entry)| (name.clone(), "database", entry.enabled, entry.model.price));
    let mut rows: Vec<_> = of_file.chain(of_database).collect();
    rows.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    if json {
        let object = |(name, source, enabled, price): &(String, &str, bool, Price)| {
            json!({
                "name": name,
                "source": source,
                "enabled": enabled,
                "per_message": price.per_message,
                "per_million_input": price.input,
                "per_million_output": price.output,
            })
        };
        return output::print_json(&rows.iter().map(object).collect::<Value>());
    }
    let cells = |(name, source, enabled, price): &(String, &str, bool, Price)| {
        let enabled = if *enabled { "enabled" } else { "disabled" };
        let parts = [price.per_message, price.input, price.output].map(|part| part.to_string());
        [name.clone(), (*source).to_owned(), enabled.to_owned()].into_iter().chain(parts).collect()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let titles = ["name", "from", "state", "a message", "million input", "million output"];
    output::print(&output::table(&titles, &rows))
}

impl PriceArgs {
    fn price(&self) -> Price {
        let &Self { per_message, per_million_input: input, per_million_output: output, .. } = self;
        Price {
            per_message,
            input,
            cache_read: self.per_million_cache_read.unwrap_or(input),
            cache_write: self.per_million_cache_write.unwrap_or(input),
            output,
            reasoning: self.per_million_reasoning.unwrap_or(output),
            per_image: self.per_image,
        }
    }
}
