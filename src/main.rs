//! Parse, run, print the error once, exit.

use std::process::ExitCode;

use clap::Parser;
use kutta::cli::Cli;
use kutta::commands::{self, Refusal};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            if let Refusal::Request(error) | Refusal::Work(error) = &refusal {
                eprintln!("error: {error}");
            }
            ExitCode::from(refusal.exit_code())
        }
    }
}
