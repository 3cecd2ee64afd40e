//! What a reload takes over from the file, and by which keys two configurations differ.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};
use toml::{Table, Value};

use super::{Config, Model};

impl Config {
    /// Returns this configuration with the values of another one that can change while a server runs. The models are
    /// those of the other one.
    pub fn with_reloadable(&self, new: &Self) -> Self {
        let mut next = self.clone();
        next.default_model.clone_from(&new.default_model);
        next.has_default_model = new.has_default_model;
        next.models.clone_from(&new.models);
        next.limits = new.limits.clone();
        next.log.filter.clone_from(&new.log.filter);
        next.graphql.streams_per_user = new.graphql.streams_per_user;
        next.audit.chat_reads = new.audit.chat_reads;
        next.auth.registration = new.auth.registration;
        next.auth.contact.clone_from(&new.auth.contact);
        next.ledger.signup_grant = new.ledger.signup_grant;
        next.ledger.staff_daily_limit = new.ledger.staff_daily_limit;
        next.ledger.currency.clone_from(&new.ledger.currency);
        next.ledger.tokens_per_unit = new.ledger.tokens_per_unit;
        next.v1.store_api_messages = new.v1.store_api_messages;
        next.v1.usage_wait_timeout = new.v1.usage_wait_timeout;
        next.v1.insufficient_status = new.v1.insufficient_status;
        // Other servers judge open turns by the lease, and a server that saves rarely would lose its own.
        let (save_interval, lease) = (self.turns.save_interval, self.turns.lease);
        next.turns = super::Turns { save_interval, lease, ..new.turns.clone() };
        next
    }

    /// Returns the keys by which two configurations differ, such as `limits.messages_per_minute_per_user`. A model that
    /// only one of them has is named as `models.NAME`. Secrets are compared, and only their keys are returned.
    pub fn differing_keys(&self, other: &Self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        differences("", &self.table(), &other.table(), &mut keys);
        keys.extend(self.differing_secrets(other).map(str::to_owned));
        if self.has_default_model != other.has_default_model {
            // Named by one of them only, which then wins over the database.
            keys.insert("default_model".to_owned());
        }
        for (name, model) in &self.models {
            let key = format!("models.{name}");
            let is_named = |key: &str| keys.iter().any(|known| known.starts_with(key));
            // What differs is no part of the shown form, such as a credential in an address.
            if other.models.get(name).is_some_and(|other| other != model) && !is_named(&format!("{key}.")) {
                keys.insert(key);
            }
        }
        keys
    }

    fn table(&self) -> Table {
        Table::try_from(self).unwrap_or_default()
    }

    /// Returns the keys of differing values that are not shown, or not as a whole.
    fn differing_secrets(&self, other: &Self) -> impl Iterator<Item = &'static str> {
        let (auth, others) = (&self.auth, &other.auth);
        let previous =
            |list: &[SecretString]| list.iter().map(|one| one.expose_secret().to_owned()).collect::<Vec<_>>();
        let is_other = |one: &SecretString, other: &SecretString| one.expose_secret() != other.expose_secret();
        let all = [
            ("auth.secret", is_other(&auth.secret, &others.secret)),
            ("auth.previous_secrets", previous(&auth.previous_secrets) != previous(&others.previous_secrets)),
            ("auth.api_key_pepper", is_other(&auth.api_key_pepper, &others.api_key_pepper)),
            ("cluster.redis", is_other(&self.cluster.redis, &other.cluster.redis)),
            ("database.url", is_other(&self.database.url, &other.database.url)),
            ("telemetry.otlp_endpoint", self.telemetry.otlp_endpoint != other.telemetry.otlp_endpoint),
        ];
        all.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key)
    }
}

impl Model {
    /// Returns whether both are called the same way: one provider, with its connections and its weights in memory, serves
    /// both. Name, texts, price and limits may differ.
    pub fn calls_as(&self, other: &Self) -> bool {
        let same = Self {
            title: self.title.clone(),
            description: self.description.clone(),
            price: self.price,
            max_output: self.max_output,
            max_concurrent: self.max_concurrent,
            ..other.clone()
        };
        *self == same
    }
}

fn differences(path: &str, one: &Table, other: &Table, keys: &mut BTreeSet<String>) {
    let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (one.get(name), other.get(name)) {
            (Some(Value::Table(one)), Some(Value::Table(other))) => differences(&path, one, other, keys),
            (one, other) if one != other => drop(keys.insert(path)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
