//! What goes to stdout and stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::Refusal;

/// Where reports, warnings and progress go: reports to stdout, the rest to stderr.
#[derive(Clone, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    pub fn new(json: bool) -> Output {
        Output { json }
    }

    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether a progress bar can be seen.
    pub fn shows_progress(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// The result of a command: a text for people, or one JSON value.
    ///
    /// # Errors
    /// If stdout cannot be written; a reader that went away (`kutta .. | head`) is none.
    pub fn report(&self, text: impl Display, json: &impl Serialize) -> Result<(), Refusal> {
        if self.json {
            let value = serde_json::to_string_pretty(json).map_err(Refusal::work)?;
            self.write(value.as_bytes())?;
            self.write(b"\n")
        } else {
            self.write(format!("{text}\n").as_bytes())
        }
    }

    /// Bytes to stdout, e.g. a CSV that was not given a file.
    ///
    /// # Errors
    /// As [`Output::report`].
    pub fn write(&self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Refusal::work(format!("cannot write to stdout: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// A line on stderr that a person should read.
    pub fn warn(&self, message: impl Display) {
        self.say(format_args!("warning: {message}"));
    }

    /// A line on stderr.
    pub fn say(&self, message: impl Display) {
        // Nobody is left to tell when stderr is closed.
        let _ = writeln!(io::stderr().lock(), "{message}");
    }
}
