//! Where the values of a configuration come from: its file, the environment, or the defaults.

use std::collections::BTreeMap;

use figment::Figment;
use figment::value::{Dict, Value};
use toml::Table;

/// The sources of the values that are no defaults, by the path of their keys.
#[derive(Debug, Default)]
pub struct Sources(BTreeMap<Vec<String>, String>);

impl Sources {
    /// Returns the sources of what is set over the defaults.
    pub(super) fn of(set: &Figment) -> Self {
        let mut sources = Self::default();
        if let Ok(Value::Dict(_, dict)) = set.find_value("") {
            sources.add(set, &mut Vec::new(), &dict);
        }
        sources
    }

    fn add(&mut self, set: &Figment, path: &mut Vec<String>, dict: &Dict) {
        for (key, value) in dict {
            path.push(key.clone());
            match value {
                Value::Dict(_, inner) => self.add(set, path, inner),
                value => drop(self.0.insert(path.clone(), source(set, path, value))),
            }
            path.pop();
        }
    }

    /// Returns the source of a value: of its key, or of the list that it is a part of.
    fn find(&self, path: &[String]) -> Option<&str> {
        (1..=path.len()).rev().find_map(|length| self.0.get(path.get(..length)?)).map(String::as_str)
    }

    /// Adds the source as a comment to each value of a configuration in TOML that is no default.
    pub(super) fn annotate(&self, shown: &str) -> String {
        let (mut table, mut text) = (Vec::new(), String::from("# A value without a comment is a default.\n"));
        for line in shown.lines() {
            if line.starts_with('[') {
                table = path_of(line);
            }
            text.push_str(line);
            // An item of a list is indented, and a text over several lines has no room for a comment.
            let is_value = line.starts_with(|c: char| !c.is_whitespace() && !"[]#".contains(c));
            let key = line.split_once(" = ").filter(|(_, value)| is_value && !["'''", "\"\"\""].contains(value));
            if let Some((key, _)) = key {
                let path = [table.as_slice(), &path_of(&format!("{key} = 0"))].concat();
                text.extend(self.find(&path).map(|source| format!("  # {source}")));
            }
            text.push('\n');
        }
        text
    }
}

/// Returns the names of a table's header, or of a key.
fn path_of(line: &str) -> Vec<String> {
    let mut path = Vec::new();
    let mut table: Option<Table> = line.parse().ok();
    while let Some((name, value)) = table.take().and_then(|table| table.into_iter().next()) {
        path.push(name);
        table = match value {
            toml::Value::Table(inner) => Some(inner),
            _ => None,
        };
    }
    path
}

fn source(set: &Figment, path: &[String], value: &Value) -> String {
    let metadata = set.get_metadata(value.tag());
    match metadata.and_then(|metadata| metadata.source.as_ref()) {
        Some(source) => source.to_string(),
        None if metadata.is_some_and(|metadata| metadata.name.contains("environment")) => {
            format!("JETON_{}", path.join("__").to_uppercase())
        }
        None => "set".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use figment::providers::{Format, Toml};

    use super::*;
    use crate::infra::config::Config;

    #[test]
    fn each_value_that_is_no_default_has_a_comment() {
        let text = "[http]\nlisten = '127.0.0.1:1'\ncors_origins = ['https://a.example', 'https://b.example']\n\
                    [models.\"gpt-4.1\"]\nprovider = 'openai'\nbase_url = 'https://a.example'\nupstream_model = 'x'\n\
                    price = { per_message = 1 }\n\
                    upstreams = [{ base_url = 'https://b.example', upstream_model = 'y' }]";
        let config = Config::from_toml(text).unwrap();
        let shown = Sources::of(&Figment::from(Toml::string(text))).annotate(&config.shown());
        for line in [
            "listen = \"127.0.0.1:1\"  # set",
            "cors_origins = [  # set",
            "per_message = 1  # set",
            "base_url = \"https://b.example\"  # set",
            "tls = false",
            "    \"https://a.example\",",
            "max_output = 1024",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        }
        let again = Config::from_toml(&shown).unwrap();
        assert_eq!(again.shown(), config.shown());
    }
}
