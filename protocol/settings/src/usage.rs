//! The command line of a program. What is wrong with it is said in one line.

use std::process;

use clap::{Parser, error::ErrorKind};

use crate::complain;

/// The status of a program that was called in a way that it does not know.
pub const WRONG_USAGE: u8 = 2;

/// The arguments that the program was called with. Ends the program when they are none of its, or when they ask for help
/// alone.
pub fn arguments<T: Parser>() -> T {
    T::try_parse().unwrap_or_else(|wrong| misunderstood(T::command().get_name(), &wrong))
}

/// Ends a program that was called in a way that is none of its, or that was asked for help alone.
pub fn misunderstood(program: &str, wrong: &clap::Error) -> ! {
    if asks_for_help(wrong) {
        wrong.exit()
    }
    complain(format_args!("{program}: {}", one_line(wrong)));
    process::exit(WRONG_USAGE.into())
}

/// Whether the answer is the help itself.
fn asks_for_help(wrong: &clap::Error) -> bool {
    !wrong.use_stderr() || wrong.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// What is wrong, and what may have been meant.
pub fn one_line(wrong: &clap::Error) -> String {
    let said = wrong.to_string();
    let lines =
        said.lines().take_while(|line| !["Usage:", "For more"].iter().any(|end| line.starts_with(end))).map(str::trim);
    let parts = lines.filter(|line| !line.is_empty()).map(|line| line.trim_start_matches("error: ").to_owned());
    let line =
        parts.reduce(|line, part| if part.starts_with("tip:") { line + "; " + &part } else { line + " " + &part });
    line.unwrap_or_default() + "; --help tells more"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Arguments {
        #[arg(long, value_parser = clap::value_parser!(u8).range(..=100))]
        volume: u8,
        file: String,
    }

    #[test]
    fn what_is_wrong_with_a_command_line_fits_on_one() {
        for (arguments, expected) in [
            (&["", "--volume", "101", "a"][..], "invalid value '101' for '--volume <VOLUME>': 101 is not in 0..=100; "),
            (
                &["", "--volum", "1", "a"],
                "unexpected argument '--volum' found; tip: a similar argument exists: '--volume'; ",
            ),
            (&[""], "the following required arguments were not provided: --volume <VOLUME> <FILE>; "),
        ] {
            let said = one_line(&Arguments::try_parse_from(arguments).unwrap_err());
            assert!(said.starts_with(expected) && !said.contains('\n'), "{said}");
        }
    }
}
