//! The tables of docs/performance.md that this bench writes.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use kutta::field::{Product, ProductKind};

use crate::Session;
use crate::model::Prices;
use crate::subject::Timed;
use crate::work;

const BEGIN: &str = "<!-- cost: begin, written by benches/cost -->";
const END: &str = "<!-- cost: end -->";

/// Replaces what stands between the marks.
pub fn write(section: &str) -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    let page = fs::read_to_string(&path)?;
    let marks = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let Some((before, after)) = marks else {
        return Err(io::Error::other(format!("no lines {BEGIN} and {END}")));
    };
    fs::write(&path, format!("{before}{BEGIN}\n\n{section}\n{END}{after}"))
}

/// One thread first, then all; `fitted` subjects, then `predicted` ones, then those of growing size.
pub fn text(
    sessions: [&Session<'_>; 2],
    prices: &Prices,
    fitted: usize,
    predicted: usize,
) -> String {
    let mut page = String::new();
    let [one, many] = sessions;
    section(
        &mut page,
        "Prices, fitted to the first three rows of the predictions for one thread",
        &prices_table(prices),
    );
    section(&mut page, "Rates of faer's products", &rates(sessions, fitted));
    for session in sessions {
        let title = format!("Predicted and measured, {}", threads(session));
        section(&mut page, &title, &predictions(session, prices, fitted + predicted));
    }
    section(&mut page, "Where time goes, one thread", &breakdown(one, prices, fitted));
    let cores = format!("What more threads give: {} against one", many.threads);
    section(&mut page, &cores, &speedups(one, many, fitted));
    let growing = &one.timed[fitted + predicted..];
    let (batches, steps) = growing.split_at(growing.len() / 2);
    section(&mut page, "Growing batch, width 16, 8 steps, one thread", &growth(batches));
    section(&mut page, "Growing steps, width 16, batch 1000, one thread", &growth(steps));
    let cost = |width: usize| {
        let timed = one.timed.iter().find(|timed| timed.subject.case.width == width)?;
        Some(timed.median(true) / work(timed.subject, true).total().flop() as f64)
    };
    if let (Some(odd), Some(even)) = (cost(33), cost(32)) {
        let _ = writeln!(
            page,
            "An operation at width 33 takes {:.2} times as long as one at width 32.",
            odd / even
        );
    }
    page
}

fn section(page: &mut String, title: &str, table: &str) {
    let _ = writeln!(page, "### {title}\n\n{table}");
}

fn threads(session: &Session<'_>) -> String {
    match session.threads {
        1 => "one thread".to_owned(),
        threads => format!("{threads} threads"),
    }
}

fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = format!("| {} |\n|{}\n", header.join(" | "), "---|".repeat(header.len()));
    for row in rows {
        let _ = writeln!(table, "| {} |", row.join(" | "));
    }
    table
}

/// Name and size.
fn named(timed: &Timed<'_>) -> [String; 2] {
    let subject = timed.subject;
    let size = format!("{}, {}, {}", subject.case.width, subject.case.batch, subject.case.steps);
    [subject.name.clone(), size]
}

/// Three digits that count.
fn digits(number: f64) -> String {
    let before = number.abs().log10().floor().clamp(-3.0, 2.0) as i32;
    format!("{number:.*}", (2 - before) as usize)
}

fn prices_table(prices: &Prices) -> String {
    let what =
        ["a, an evaluation of tanh and its like", "b, a number read or written", "c, a call"];
    let rows = what
        .iter()
        .zip(prices)
        .map(|(what, price)| vec![(*what).to_owned(), format!("{} ns", digits(1e9 * price))]);
    table(&["price", "of a core"], rows)
}

/// Of the fitted subjects: the rates of their products, those with most operations first.
fn rates(sessions: [&Session<'_>; 2], fitted: usize) -> String {
    let rows = sessions[0].timed[..fitted].iter().flat_map(|timed| {
        let work = work(timed.subject, true);
        let (all, times) = (work.blocks.products, work.times);
        let all_flop: usize = all.iter().map(|(product, count)| count * product.flop()).sum();
        let large = all.into_iter().filter(move |(p, count)| 20 * count * p.flop() > all_flop);
        large.map(move |(product, _)| {
            let Product { kind, rows, inner, columns } = product;
            let kind = match kind {
                ProductKind::Plain => "K Y",
                ProductKind::Transposed => "K' U",
                ProductKind::Outer => "U Y'",
            };
            let size = format!("{rows} x {inner} x {columns}");
            let rates = sessions.map(|session| digits(1e-9 * session.rates.of(&product, times)));
            [kind.to_owned(), size].into_iter().chain(rates).collect()
        })
    });
    let [one, many] = sessions.map(|session| format!("GFLOP/s a core, {}", threads(session)));
    table(&["product", "m x k x n", &one, &many], rows)
}

fn predictions(session: &Session<'_>, prices: &Prices, count: usize) -> String {
    let rows = session.timed[..count].iter().map(|timed| {
        let mut row: Vec<String> = named(timed).into();
        for gradient in [true, false] {
            let (says, is) =
                (session.terms(timed, gradient).seconds(prices), timed.median(gradient));
            row.extend([digits(1e3 * says), digits(1e3 * is), format!("{:.2}", is / says)]);
        }
        row
    });
    let header =
        ["field, method", "width, batch, steps", "gradient: predicted ms", "measured", "ratio"];
    table(&[&header[..], &["forward: predicted ms", "measured", "ratio"]].concat(), rows)
}

fn breakdown(session: &Session<'_>, prices: &Prices, fitted: usize) -> String {
    let [a, b, c] = *prices;
    let rows = session.timed[..fitted].iter().map(|timed| {
        let work = work(timed.subject, true);
        let terms = session.terms(timed, true);
        let all = terms.seconds(prices);
        let other = (work.once.numbers + work.groups.numbers) as f64;
        let calls = (work.once.calls + work.groups.calls) as f64;
        let shares = [
            terms.products,
            a * terms.counts[0],
            b * (terms.counts[1] - other),
            b * other + c * calls,
            c * (terms.counts[2] - calls),
        ];
        let shares = shares.map(|share| format!("{:.0} %", 100.0 * share / all));
        let tape = format!("{:.1} MB", 1e-6 * work.tape_bytes as f64);
        let [_, size] = named(timed);
        [size].into_iter().chain(shares).chain([tape]).collect()
    });
    let header = [
        "width, batch, steps",
        "products",
        "activations",
        "elementwise",
        "weights in time, sums to gradient",
        "calls",
        "tape of a block",
    ];
    table(&header, rows)
}

fn speedups(one: &Session<'_>, many: &Session<'_>, fitted: usize) -> String {
    let rows = one.timed[..fitted].iter().zip(&many.timed).map(|(one, many)| {
        let [_, size] = named(one);
        let times = [true, false].map(|g| format!("{:.2}", one.median(g) / many.median(g)));
        [size].into_iter().chain(times).collect()
    });
    table(&["width, batch, steps", "gradient", "forward"], rows)
}

fn growth(timed: &[Timed<'_>]) -> String {
    let amount = |timed: &Timed<'_>| (timed.subject.case.batch * timed.subject.case.steps) as f64;
    let each = |timed: &Timed<'_>| timed.median(true) / amount(timed);
    let middle = timed.len() / 2;
    let reference = timed.get(middle).map_or(f64::NAN, each);
    let rows = timed.iter().map(|timed| {
        let case = timed.subject.case;
        vec![
            case.batch.to_string(),
            case.steps.to_string(),
            digits(1e3 * timed.median(true)),
            digits(1e9 * each(timed)),
            format!("{:.2}", each(timed) / reference),
        ]
    });
    table(&["batch", "steps", "ms", "ns a sample and step", "of the middle row's"], rows)
}
