//! Passwords on the command line: asked for, read from standard input, or made. Never an argument, which other users
//! of the machine can see.

use std::io::IsTerminal;

use clap::Args;

use crate::error::{Code, Error};
use crate::random::Random;

/// Where a new password comes from.
#[derive(Args)]
pub(super) struct NewPassword {
    /// Read the password from the first line of standard input
    #[arg(long, conflicts_with = "generate")]
    password_stdin: bool,
    /// Make a password and show it once. The default where there is no terminal to ask at
    #[arg(long)]
    generate: bool,
}

/// A password, and whether its user has yet to be told.
pub(super) struct Password {
    pub(super) text: String,
    pub(super) generated: bool,
}

impl NewPassword {
    pub(super) fn get(&self, random: &Random) -> Result<Password, Error> {
        if self.password_stdin {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map_err(Error::internal)?;
            return Ok(Password { text: line.trim_end_matches(['\r', '\n']).to_owned(), generated: false });
        }
        if self.generate || !std::io::stdin().is_terminal() {
            return Ok(Password { text: generate(random), generated: true });
        }
        let text = rpassword::prompt_password("Password: ").map_err(Error::internal)?;
        if rpassword::prompt_password("Once more: ").map_err(Error::internal)? != text {
            return Err(Error::new(Code::InvalidInput, "the two passwords differ"));
        }
        Ok(Password { text, generated: false })
    }
}

/// 96 random bits in groups that can be read out.
fn generate(random: &Random) -> String {
    let digits = random.hex128();
    let groups: Vec<_> = digits.as_bytes().chunks(4).take(6).map(String::from_utf8_lossy).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_passwords_keep_the_rules() {
        for seed in 0..50 {
            let password = generate(&Random::seeded(seed));
            assert_eq!(crate::password::check(&password, "admin"), Ok(()), "{password}");
        }
    }
}
