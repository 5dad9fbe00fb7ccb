//! What it takes to prove the whole catalogue of methods from nothing, and the dearest of them.

mod common;

use std::hint::black_box;

use kutta::tableau::catalogue;

use common::median;

fn main() {
    let all = median(|| {
        for file in catalogue() {
            black_box(file.prove().expect("a method of the catalogue"));
        }
    });
    println!("{} methods are proved in {:.2} ms", catalogue().count(), 1e3 * all);
    let timed = |name: &str, work: &(dyn Fn() + Sync)| (median(work), name.to_owned());
    let each = catalogue().filter_map(|file| {
        let name = file.name.as_deref()?;
        Some(timed(name, &|| {
            let _ = black_box(file.prove());
        }))
    });
    let mut each: Vec<(f64, String)> = each.collect();
    each.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (seconds, name) in each.iter().take(3) {
        println!("  {name:16} {:7.3} ms", 1e3 * seconds);
    }
}
