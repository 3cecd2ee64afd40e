//! `jeton model propose-prices` and `apply-prices`: prices from a price list.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::output;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::input_file;
use crate::core::price::Part;
use crate::core::viewer::Actor;
use crate::domain::catalog::{
    self, MAX_APPLIED, MAX_LIST_BYTES, NewPrice, Proposal, Proposals, Propose, price_as_json,
};

/// The price list
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct ListArgs {
    /// The file: Jeton's own format, LiteLLM's `model_prices_and_context_window.json`, or the answer of OpenRouter's
    /// `/api/v1/models`
    file: PathBuf,
    /// The markup on each price: a factor (1.2) or a percentage (20%)
    #[arg(long)]
    markup: Option<String>,
}

/// Which of the proposed prices are applied
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    list: ListArgs,
    /// Apply the price of this model alone; can be repeated
    #[arg(long, value_name = "MODEL")]
    only: Vec<String>,
    /// Apply the price of this model, though it changes by more than a factor of ten, or to or from zero; can be repeated
    #[arg(long, value_name = "MODEL")]
    confirm: Vec<String>,
}

/// Prints the proposals of a list.
pub(super) fn propose(app: &App, args: &ListArgs, json: bool) -> Result<(), Error> {
    let found = proposals(app, args)?;
    if json {
        return output::print_json(&json!({
            "proposals": found.proposals.iter().map(as_json).collect::<Value>(),
            "unmatched": found.unmatched,
        }));
    }
    output::print(&table(&found.proposals))?;
    let rate = app.config().ledger.tokens_per_unit;
    let changed = found.proposals.iter().filter(|proposal| !proposal.changes().is_empty()).count();
    let (matched, all) = (output::count(found.proposals.len() as u64, "model"), found.models);
    output::print(&format!("{changed} prices differ, of {matched} in the list and {all} in the database\n"))?;
    output::print(&format!("1 unit of the list's currency is worth {rate} tokens (ledger.tokens_per_unit)\n"))
}

/// Applies the proposals of a list that are chosen: all that need no confirmation, and those that are confirmed.
pub(super) async fn apply(app: &App, args: &ApplyArgs, json: bool) -> Result<(), Error> {
    let found = proposals(app, &args.list)?.proposals;
    let unknown =
        |names: &[String]| names.iter().find(|name| !found.iter().any(|proposal| proposal.model == **name)).cloned();
    if let Some(name) = unknown(&args.only).or_else(|| unknown(&args.confirm)) {
        return Err(Error::new(
            Code::NotFound,
            format!("the list has no price for the model {}", output::plain(&name)),
        ));
    }
    let is_chosen = |proposal: &&Proposal| args.only.is_empty() || args.only.contains(&proposal.model);
    let changed: Vec<_> =
        found.iter().filter(is_chosen).filter(|proposal| !proposal.changes().is_empty()).cloned().collect();
    let (held_back, chosen): (Vec<_>, Vec<_>) = changed
        .into_iter()
        .partition(|proposal| proposal.needs_confirmation() && !args.confirm.contains(&proposal.model));
    let new = |proposal: &Proposal| {
        let price = proposal.price.as_ref().ok()?;
        Some(NewPrice { model: proposal.model.clone(), version: proposal.version, price: *price })
    };
    let prices: Vec<_> = chosen.iter().filter_map(new).collect();
    let mut applied = 0u64;
    for prices in prices.chunks(MAX_APPLIED) {
        let confirmed = args.confirm.iter().filter(|name| prices.iter().any(|new| new.model == **name));
        let confirmed = confirmed.cloned().collect();
        applied += catalog::apply_prices(app, Actor::CommandLine, prices.to_vec(), confirmed).await?.len() as u64;
    }
    if json {
        return output::print_json(&json!({
            "applied": chosen.iter().map(as_json).collect::<Value>(),
            "held_back": held_back.iter().map(as_json).collect::<Value>(),
        }));
    }
    output::print(&table(&chosen))?;
    output::print(&format!("{} set\n", output::count(applied, "price")))?;
    if held_back.is_empty() {
        return Ok(());
    }
    output::print(&format!("\n{}", table(&held_back)))?;
    let held_back = output::count(held_back.len() as u64, "price");
    output::print(&format!("{held_back} held back: apply each with --confirm and the model's name\n"))
}

/// Reads a list, and returns all its proposals.
fn proposals(app: &App, args: &ListArgs) -> Result<Proposals, Error> {
    let text = read(&args.file)?;
    let page = |after: Option<&str>| {
        let request = Propose { list: &text, markup: args.markup.as_deref(), after };
        catalog::propose_prices(app, Actor::CommandLine, request)
    };
    let mut found = page(None)?;
    while found.has_more {
        let next = page(found.proposals.last().map(|last| last.model.as_str()))?;
        found.has_more = next.has_more;
        found.proposals.extend(next.proposals);
    }
    Ok(found)
}

fn read(file: &Path) -> Result<String, Error> {
    let failed = |reason: String| Error::new(Code::InvalidInput, format!("cannot read {}: {reason}", file.display()));
    let bytes = input_file::read(file, MAX_LIST_BYTES as u64).map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))
}

/// Returns a row for each part that changes, and for each model without a proposed price.
fn table(proposals: &[Proposal]) -> String {
    let mut rows = Vec::new();
    for proposal in proposals {
        let names = [proposal.model.clone(), proposal.entry.clone()];
        let row = |cells: [String; 5]| names.iter().cloned().chain(cells).collect::<Vec<_>>();
        if let Err(problem) = &proposal.price {
            rows.push(row(["-", "", "", "", problem].map(str::to_owned)));
        }
        for change in proposal.changes() {
            let ratio = change.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("x{ratio:.2}"));
            let mark = if change.needs_confirmation() { "confirm" } else { proposal.note.as_deref().unwrap_or("") };
            let prices = [change.before, change.after].map(|price| price.to_string());
            let [before, after] = prices;
            rows.push(row([label(change.part).to_owned(), before, after, ratio, mark.to_owned()]));
        }
    }
    output::table(&["model", "entry", "part", "now", "proposed", "ratio", "note"], &rows)
}

fn label(part: Part) -> &'static str {
    match part {
        Part::Message => "a message",
        Part::Input => "million input",
        Part::CacheRead => "million cached input",
        Part::CacheWrite => "million cache write",
        Part::Output => "million output",
        Part::Reasoning => "million reasoning",
        Part::Image => "an image",
    }
}

fn as_json(proposal: &Proposal) -> Value {
    json!({
        "model": proposal.model,
        "entry": proposal.entry,
        "version": proposal.version,
        "current": price_as_json(proposal.current),
        "proposed": proposal.price.as_ref().ok().copied().map(price_as_json),
        "changed": !proposal.changes().is_empty(),
        "needs_confirmation": proposal.needs_confirmation(),
        "problem": proposal.price.as_ref().err(),
        "note": proposal.note,
    })
}
