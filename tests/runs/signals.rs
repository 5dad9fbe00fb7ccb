//! Runs that are stopped from outside, by Ctrl-C or without a warning.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::*;

/// Long enough to be stopped on the way.
const LONG: &str = "--set training.epochs=150 --set training.checkpoint=1 --set data.train=1500";

fn start(desk: &Desk, line: &str) -> Child {
    Process::new(assert_cmd::cargo::cargo_bin("kutta"))
        .current_dir(desk.path(""))
        .args(line.split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Sends the signal as soon as the desk looks as it should.
fn stop(mut child: Child, signal: &str, ready: impl Fn() -> bool) -> ExitStatus {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < Duration::from_secs(120), "the run does not get there");
        sleep(Duration::from_millis(1));
    }
    let killed = Process::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(killed.unwrap().success(), "the run was over before it could be stopped");
    child.wait().unwrap()
}

fn epochs(desk: &Desk) -> usize {
    let history = fs::read_to_string(desk.path("run/history.csv")).unwrap_or_default();
    history.lines().count().saturating_sub(2)
}

#[test]
fn a_run_killed_again_and_again_ends_with_the_same_weights() {
    let desk = desk();
    desk.done(&format!("train tiny.ron --out whole {LONG}"));
    let begin = format!("train tiny.ron --out run {LONG}");
    let moments: [(&str, &dyn Fn() -> bool); 4] = [
        (&begin, &|| desk.path("run/model.ron").exists()),
        ("train --resume run", &|| desk.path("run/checkpoint.safetensors").exists()),
        ("train --resume run --threads 1", &|| epochs(&desk) >= 10),
        ("train --resume run", &|| epochs(&desk) >= 40),
    ];
    for (line, ready) in moments {
        let status = stop(start(&desk, line), "-KILL", ready);
        assert_eq!(status.signal(), Some(9), "{line}: {status}");
        assert!(!desk.path("run/summary.json").exists());
    }
    assert!(desk.refused("evaluate run").contains("--resume run"));
    desk.done("train --resume run");
    assert_eq!(desk.weights("run"), desk.weights("whole"));
    assert_eq!(timeless(&desk.read("run/history.csv")), timeless(&desk.read("whole/history.csv")));
    assert_eq!(files(&desk.path("run")), files(&desk.path("whole")), "nothing is left over");
}

#[test]
fn ctrl_c_ends_with_a_checkpoint_and_130() {
    let desk = desk();
    desk.done(&format!("train tiny.ron --out whole {LONG}"));
    let child = start(&desk, &format!("train tiny.ron --out run {LONG}"));
    let status = stop(child, "-INT", || epochs(&desk) >= 3);
    assert_eq!(status.code(), Some(130), "{status}");
    let summary: Value = serde_json::from_str(&desk.read("run/summary.json")).unwrap();
    assert_eq!(summary["stop_reason"], "interrupted");
    assert_eq!(desk.json("evaluate run")["train_loss"], summary["train_loss"]);
    desk.done("train --resume run");
    assert_eq!(desk.weights("run"), desk.weights("whole"));
}
