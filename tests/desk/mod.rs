//! A folder to work in, and the command as a user types it.
#![allow(dead_code)] // each test program uses a part

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

pub struct Desk(TempDir);

impl Desk {
    /// A folder with one file.
    pub fn with(name: &str, text: &str) -> Desk {
        let desk = Desk(TempDir::new().unwrap());
        desk.put(name, text);
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Words of the command line, parted by spaces.
    pub fn kutta(&self, line: &str) -> Output {
        let mut command = Command::cargo_bin("kutta").unwrap();
        command.current_dir(self.0.path()).args(line.split_whitespace()).output().unwrap()
    }

    pub fn done(&self, line: &str) -> Output {
        let output = self.kutta(line);
        assert!(output.status.success(), "{line}: {}", stderr(&output));
        output
    }

    /// The one value that `--json` prints.
    pub fn json(&self, line: &str) -> Value {
        let output = self.done(&format!("{line} --json"));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{line}: {e}"))
    }

    /// What is said when the request is refused.
    pub fn refused(&self, line: &str) -> String {
        let output = self.kutta(line);
        assert_eq!(output.status.code(), Some(2), "{line}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{line}");
        stderr(&output)
    }

    pub fn weights(&self, run: &str) -> Vec<u8> {
        fs::read(self.path(run).join("weights.safetensors")).unwrap()
    }
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
