//! Where a new password comes from: asked for on a terminal, read from standard input, or generated.

use std::io::{IsTerminal, Read};

use secrecy::SecretString;

use crate::core::error::{Code, Error};
use crate::core::password;
use crate::core::random::Random;

/// Letters and digits without those that look alike. 32 of them, so that each carries five bits.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// How often a terminal may try.
const TRIES: u32 = 3;
/// More than any allowed password, and little to read by mistake.
const MAX_BYTES: u64 = 64 * 1024;

/// How the password is given. Without either it is asked for on a terminal, and generated elsewhere
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Read the password from standard input, which holds nothing else
    #[arg(long, conflicts_with = "generate")]
    password_stdin: bool,
    /// Generate a password and show it once [default where there is no terminal to ask on]
    #[arg(long)]
    generate: bool,
}

/// A new password.
pub(super) struct Chosen {
    /// The password itself.
    pub(super) text: SecretString,
    /// Nobody knows it yet, so it must be shown.
    pub(super) generated: bool,
}

impl Args {
    /// The new password of this user.
    ///
    /// # Errors
    /// INVALID_INPUT where what was given can't be a password.
    pub(super) fn obtain(&self, random: &Random, username: &str) -> Result<Chosen, Error> {
        if self.password_stdin {
            return Ok(Chosen { text: read()?.into(), generated: false });
        }
        if self.generate || !std::io::stdin().is_terminal() {
            return Ok(Chosen { text: generate(random).into(), generated: true });
        }
        Ok(Chosen { text: ask(username)?.into(), generated: false })
    }
}

fn read() -> Result<String, Error> {
    let mut text = String::new();
    let failed =
        |error| Error::new(Code::InvalidInput, "cannot read the password from standard input").with_source(error);
    std::io::stdin().take(MAX_BYTES).read_to_string(&mut text).map_err(|error: std::io::Error| failed(error))?;
    // `echo` and editors end a line; that is not part of the password.
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if line.contains(['\n', '\r']) {
        return Err(Error::new(Code::InvalidInput, "standard input holds more than one line; a password is one line"));
    }
    if line.is_empty() {
        return Err(Error::new(Code::InvalidInput, "standard input holds no password"));
    }
    Ok(line.to_owned())
}

/// Asks twice. The rules are checked between the two, so that nobody types a bad password again.
fn ask(username: &str) -> Result<String, Error> {
    let prompt = |text: &str| {
        rpassword::prompt_password(text)
            .map_err(|error| Error::new(Code::InvalidInput, "no password was given").with_source(error))
    };
    for _ in 0..TRIES {
        let typed = prompt(&format!("Password for {}: ", super::output::plain(username)))?;
        if let Err(message) = password::check(&typed, username) {
            super::output::ask(&format!("{message}\n"));
        } else if prompt("The same again: ")? == typed {
            return Ok(typed);
        } else {
            super::output::ask("The two are not the same.\n");
        }
    }
    Err(Error::new(Code::InvalidInput, "no password was given; nothing has changed"))
}

/// Four groups of five letters: 100 bits, and still possible to copy by hand.
fn generate(random: &Random) -> String {
    let letter = |bits: u64| ALPHABET.get((bits % 32) as usize).map_or('x', |&byte| char::from(byte));
    let group = || {
        let bits = random.u64();
        (0..5).map(|at| letter(bits >> (at * 5))).collect::<String>()
    };
    [group(), group(), group(), group()].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_passwords_obey_the_rules_and_differ() {
        let random = Random::seeded(1);
        let passwords: Vec<_> = (0..50).map(|_| generate(&random)).collect();
        for password in &passwords {
            assert_eq!(password::check(password, "admin"), Ok(()), "{password}");
            assert_eq!(password.len(), 23);
        }
        let distinct: std::collections::BTreeSet<_> = passwords.iter().collect();
        assert_eq!(distinct.len(), passwords.len());
    }
}
