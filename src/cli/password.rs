//! The source of a new password: prompted for on a terminal, read from standard input, or generated.

use std::io::{IsTerminal, Read};

use secrecy::SecretString;

use crate::core::error::{Code, Error};
use crate::core::password;
use crate::core::random::Random;

/// Letters and digits without confusable ones. 32 of them, so that each encodes five bits.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Maximum number of attempts on a terminal.
const TRIES: u32 = 3;
/// Maximum input in bytes: more than any allowed password, and little memory if the wrong file is piped in.
const MAX_BYTES: u64 = 64 * 1024;

/// Source of the password. Without either flag it is prompted for on a terminal, and generated otherwise
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Read the password from standard input, which must contain nothing else
    #[arg(long, conflicts_with = "generate")]
    password_stdin: bool,
    /// Generate a password and show it once [default if there is no terminal]
    #[arg(long)]
    generate: bool,
}

/// A new password.
pub(super) struct Chosen {
    /// The password itself.
    pub(super) text: SecretString,
    /// Generated here, so it must be shown once.
    pub(super) generated: bool,
}

impl Args {
    /// Returns the new password of this user.
    ///
    /// # Errors
    /// INVALID_INPUT if the input can't be a password.
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
    // `echo` and editors append a newline, which is not part of the password.
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if line.contains(['\n', '\r']) {
        return Err(Error::new(Code::InvalidInput, "standard input holds more than one line; a password is one line"));
    }
    if line.is_empty() {
        return Err(Error::new(Code::InvalidInput, "standard input holds no password"));
    }
    Ok(line.to_owned())
}

/// Prompts twice. The rules are checked between the two prompts, so that no one has to repeat an invalid password.
fn ask(username: &str) -> Result<String, Error> {
    let prompt = |text: &str| {
        rpassword::prompt_password(text)
            .map_err(|error| Error::new(Code::InvalidInput, "no password was given").with_source(error))
    };
    for _ in 0..TRIES {
        let typed = prompt(&format!("Password for {}: ", super::output::plain(username)))?;
        if let Err(message) = password::check(&typed, username) {
            super::output::ask(&format!("{message}\n"));
        } else if prompt("Repeat the password: ")? == typed {
            return Ok(typed);
        } else {
            super::output::ask("The passwords do not match.\n");
        }
    }
    Err(Error::new(Code::InvalidInput, "no password was given; nothing has changed"))
}

/// Generates four groups of five letters: 100 bits, and still possible to copy by hand.
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
