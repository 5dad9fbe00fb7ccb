//! Axes: from the values to a range, from the range to ticks that can be read.

/// How values are laid along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    #[default]
    Linear,
    /// Values that are not positive are left out.
    Log,
}

/// One axis of a panel.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// Quantity and unit, e.g. `time (s)`.
    pub label: String,
    pub scale: Scale,
    /// First and last value shown; may run backwards. Found from the data if absent.
    pub range: Option<(f64, f64)>,
    /// No ticks between whole numbers.
    pub whole: bool,
    /// Ticks at given values with given names instead of numbers.
    pub names: Option<Vec<(f64, String)>>,
    /// Ticks without numbers: for panels that share the axis of a neighbour.
    pub bare: bool,
}

impl Axis {
    pub fn linear(label: impl Into<String>) -> Self {
        Axis { label: label.into(), ..Axis::default() }
    }

    pub fn log(label: impl Into<String>) -> Self {
        Axis { label: label.into(), scale: Scale::Log, ..Axis::default() }
    }

    /// The same axis with a given range.
    pub fn over(self, range: (f64, f64)) -> Self {
        Axis { range: Some(range), ..self }
    }
}

/// `log10 |v|`'s floor as an integer exponent; 0 for 0.
fn exponent(v: f64) -> i32 {
    if v == 0.0 { 0 } else { (v.abs().log10() + 1e-9).floor() as i32 }
}

/// Numbers beyond these have no room for a margin or a tick.
const LARGEST: f64 = 1e300;
const SMALLEST: f64 = 1e-300;

/// Whether ticks can be told apart on an axis from `range.0` to `range.1`.
pub(super) fn is_range(range: (f64, f64), scale: Scale) -> bool {
    let (low, high) = (range.0.min(range.1), range.0.max(range.1));
    let size = low.abs().max(high.abs());
    let sized = range.0.is_finite() && range.1.is_finite() && size <= 1e302;
    sized && high - low > (1e-13 * size).max(1e-302) && (scale == Scale::Linear || low > 0.0)
}

/// The range of the finite values (positive ones on a log axis) and `margin` of it more on both sides.
/// Without values (0, 1), or (1, 10) on a log axis; values that are all equal get a range about them.
pub fn extent(values: impl IntoIterator<Item = f64>, scale: Scale, margin: f64) -> (f64, f64) {
    let log = scale == Scale::Log;
    let usable = values.into_iter().filter(|v| v.is_finite() && (!log || *v > 0.0));
    let on = |v: f64| match scale {
        Scale::Log => v.log10().clamp(-299.0, 299.0),
        Scale::Linear if v.abs() < SMALLEST => 0.0,
        Scale::Linear => v.clamp(-LARGEST, LARGEST),
    };
    let (low, high) =
        usable.map(on).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let on_log = |v: f64| 10f64.powf(v.clamp(-300.0, 300.0));
    let back = |v: f64| if log { on_log(v) } else { v };
    if low > high {
        return (back(0.0), back(1.0));
    }
    // Differences in the last few digits are noise that no tick could name.
    let size = low.abs().max(high.abs());
    let noise = if log { 1e-12 } else { (1e-12 * size).max(SMALLEST) };
    let pad = if high - low > noise {
        margin * (high - low)
    } else if log || size == 0.0 {
        0.5
    } else {
        0.1 * size
    };
    (back(low - pad), back(high + pad))
}

/// A tick mark; `label` is empty for the small ones between.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub value: f64,
    pub label: String,
}

/// Ticks, and what they leave out: the value is `offset + number × 10^power`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ticks {
    pub ticks: Vec<Tick>,
    /// Empty, or to be put after the name of the quantity: ` − 0.5`.
    pub offset: String,
    pub power: i32,
}

impl Ticks {
    pub(super) fn new(axis: &Axis, range: (f64, f64), wanted: usize) -> Ticks {
        let (low, high) = (range.0.min(range.1), range.0.max(range.1));
        match (&axis.names, axis.scale) {
            (Some(names), _) => {
                let tick =
                    |(value, label): &(f64, String)| Tick { value: *value, label: label.clone() };
                Ticks { ticks: names.iter().map(tick).collect(), ..Ticks::default() }
            }
            (None, Scale::Linear) => linear(low, high, wanted, axis.whole),
            (None, Scale::Log) => logarithmic(low, high, wanted),
        }
    }

    /// The axis label with what the ticks leave out: `loss (nat)` becomes `loss − 0.5 (×10⁻⁹ nat)`.
    pub(super) fn complete(&self, label: &str) -> String {
        let (name, unit) = match label.strip_suffix(')').and_then(|l| l.rsplit_once(" (")) {
            Some((name, unit)) => (name, unit),
            None => (label, ""),
        };
        let power = match self.power {
            0 => String::new(),
            power => format!("×10{}", superscript(power)),
        };
        let unit = format!("{power} {unit}");
        let unit =
            if unit.trim().is_empty() { String::new() } else { format!(" ({})", unit.trim()) };
        format!("{name}{}{unit}", self.offset).trim().to_string()
    }
}

fn linear(low: f64, high: f64, wanted: usize, whole: bool) -> Ticks {
    let span = high - low;
    if !is_range((low, high), Scale::Linear) {
        return Ticks::default();
    }
    let raw = span / wanted.max(1) as f64;
    let power = 10f64.powi(exponent(raw));
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * power >= raw * 0.7).unwrap_or(10.0);
    let step = if whole { (factor * power).max(1.0).round() } else { factor * power };
    let (first, last) = ((low / step - 1e-6).ceil(), (high / step + 1e-6).floor());

    // Many equal leading digits: ticks count from a round value, which goes to the label.
    let size = low.abs().max(high.abs());
    let unit = 10f64.powi(exponent(span) + 1);
    let offset = if size / step > 2e5 && !whole { (low / unit).round() * unit } else { 0.0 };
    let count_from = (offset / step).round();
    let rests: Vec<f64> = (0..=(last - first).max(0.0) as usize)
        .map(|k| (first + k as f64 - count_from) * step)
        .filter(|_| last >= first)
        .collect();
    let largest = rests.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let power = match exponent(largest) {
        e @ -3..=4 => {
            if whole || e >= -2 {
                0
            } else {
                e
            }
        }
        5 if whole => 0,
        e => e,
    };
    let decimals = (power - exponent(step)).max(0) as usize;
    let ticks = rests
        .iter()
        .map(|rest| Tick {
            value: offset + rest,
            label: decimal(rest / 10f64.powi(power), decimals),
        })
        .collect();
    let sign = if offset < 0.0 { '+' } else { '−' };
    let counted = || format!(" {sign} {}", short(&plain(offset.abs(), exponent(unit))));
    let offset = if offset == 0.0 { String::new() } else { counted() };
    Ticks { ticks, offset, power }
}

fn logarithmic(low: f64, high: f64, wanted: usize) -> Ticks {
    if !is_range((low, high), Scale::Log) {
        return Ticks::default();
    }
    let (bottom, top) = (low.log10() - 1e-9, high.log10() + 1e-9);
    let inside = |v: &f64| (bottom..=top).contains(&v.log10());
    let decades: Vec<i32> = (bottom.floor() as i32..=top.ceil() as i32).collect();
    let at = |factor: f64| move |&e: &i32| factor * 10f64.powi(e);
    let full = decades.iter().map(at(1.0)).filter(inside).count();
    let mut ticks: Vec<Tick> = Vec::new();
    if full >= 3 {
        let stride = full.div_ceil(wanted.max(2)).max(1) as i32;
        let label =
            |e: i32| if e % stride == 0 { format!("10{}", superscript(e)) } else { String::new() };
        ticks.extend(decades.iter().map(|&e| Tick { value: at(1.0)(&e), label: label(e) }));
    } else {
        for factor in [1.0, 2.0, 5.0] {
            let label = |v: f64, e: i32| {
                if (-3..5).contains(&e) {
                    plain(v, e)
                } else if factor == 1.0 {
                    format!("10{}", superscript(e))
                } else {
                    format!("{factor}×10{}", superscript(e))
                }
            };
            ticks.extend(decades.iter().map(|&e| {
                let value = at(factor)(&e);
                Tick { value, label: label(value, e) }
            }));
        }
        ticks.retain(|t| inside(&t.value));
        if ticks.len() < 3 {
            return linear(low, high, wanted, false);
        }
    }
    if full <= 6 {
        let small = (2..10).flat_map(|f| decades.iter().map(at(f64::from(f))).collect::<Vec<_>>());
        let named = |v: &f64| !ticks.iter().any(|t| (t.value / v - 1.0).abs() < 1e-6);
        let small: Vec<f64> = small.filter(named).collect();
        ticks.extend(small.into_iter().map(|value| Tick { value, label: String::new() }));
    }
    ticks.retain(|t| inside(&t.value));
    Ticks { ticks, ..Ticks::default() }
}

/// `value` in full, rounded at 10^last.
fn plain(value: f64, last: i32) -> String {
    let (e, size) = (exponent(value), value.abs());
    if size >= 1e6 || size < 1e-4 && size > 0.0 {
        let decimals = (e - last).clamp(0, 15) as usize;
        format!("{}×10{}", decimal(value / 10f64.powi(e), decimals), superscript(e))
    } else {
        decimal(value, (-last).max(0) as usize)
    }
}

/// Without the zeros that end a decimal fraction.
fn short(number: &str) -> &str {
    if number.contains('.') && !number.contains('×') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

fn decimal(value: f64, decimals: usize) -> String {
    let digits = format!("{:.decimals$}", value.abs());
    let negative = value < 0.0 && digits.contains(|c: char| ('1'..='9').contains(&c));
    if negative { format!("−{digits}") } else { digits }
}

fn superscript(n: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raised =
        |c: char| c.to_digit(10).and_then(|d| DIGITS.get(d as usize)).copied().unwrap_or('⁻');
    n.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &Ticks) -> Vec<&str> {
        ticks.ticks.iter().map(|t| t.label.as_str()).filter(|l| !l.is_empty()).collect()
    }

    #[test]
    fn steps_are_one_two_or_five() {
        assert_eq!(labels(&linear(0.0, 1.0, 5, false)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&linear(-3.2, 3.1, 4, false)), ["−2", "0", "2"]);
        assert_eq!(labels(&linear(0.0, 3.0, 10, true)), ["0", "1", "2", "3"]);
        assert_eq!(labels(&linear(0.0, 50000.0, 3, false)), ["0", "20000", "40000"]);
    }

    #[test]
    fn small_and_large_values_share_a_power_of_ten() {
        let ticks = linear(1e-9, 4e-9, 3, false);
        assert_eq!(labels(&ticks), ["1", "2", "3", "4"]);
        assert_eq!(
            (ticks.complete("loss (nat)"), ticks.complete("f(x)")),
            ("loss (×10⁻⁹ nat)".into(), "f(x) (×10⁻⁹)".into())
        );
        let ticks = linear(0.0, 4e7, 4, true);
        assert_eq!((labels(&ticks), ticks.power), (vec!["0", "1", "2", "3", "4"], 7));
    }

    #[test]
    fn a_tiny_range_far_from_zero_counts_from_an_offset() {
        let ticks = linear(0.5 + 1e-9, 0.5 + 4e-9, 3, false);
        assert_eq!(ticks.complete("loss (nat)"), "loss − 0.5 (×10⁻⁹ nat)");
        assert_eq!(labels(&ticks), ["1", "2", "3", "4"]);
        for (tick, k) in ticks.ticks.iter().zip(1..) {
            assert!((tick.value - 0.5 - 1e-9 * f64::from(k)).abs() < 1e-15);
        }
    }

    #[test]
    fn log_ticks_are_decades_or_one_two_five() {
        assert_eq!(labels(&logarithmic(1e-4, 1.0, 8)), ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "10⁰"]);
        let mut narrow = logarithmic(0.09, 1.1, 8);
        narrow.ticks.sort_by(|a, b| a.value.total_cmp(&b.value));
        assert_eq!(labels(&narrow), ["0.1", "0.2", "0.5", "1"]);
        assert!(labels(&logarithmic(1e-300, 1e300, 5)).len() <= 6);
        assert!(labels(&logarithmic(0.40, 0.41, 5)).len() >= 2);
    }

    #[test]
    fn every_tick_lies_in_the_range() {
        for exponent in [-300, -12, -3, 0, 4, 9, 300] {
            for width in [1e-11, 1e-3, 1.0, 900.0] {
                let low = 0.37 * 10f64.powi(exponent);
                let high = low * (1.0 + width);
                for ticks in [linear(low, high, 5, false), logarithmic(low, high, 5)] {
                    let slack = 1e-5 * (high - low) + 8.0 * f64::EPSILON * high;
                    assert!(ticks.ticks.len() < 80);
                    assert!(
                        ticks
                            .ticks
                            .iter()
                            .all(|t| t.value >= low - slack && t.value <= high + slack)
                    );
                }
            }
        }
    }

    #[test]
    fn ranges_of_odd_values_can_be_drawn() {
        let scales = [Scale::Linear, Scale::Log];
        let cases: [&[f64]; 8] = [
            &[5e-324],
            &[],
            &[f64::NAN, f64::INFINITY],
            &[0.0],
            &[-2.0, -2.0],
            &[1e-9],
            &[-f64::MAX, f64::MAX],
            &[1.0, 1.0 + f64::EPSILON],
        ];
        for (values, scale) in cases.iter().flat_map(|c| scales.map(|s| (*c, s))) {
            let (low, high) = extent(values.iter().copied(), scale, 0.05);
            assert!(
                low < high && is_range((low, high), scale),
                "{values:?} {scale:?} {low} {high}"
            );
        }
        assert_eq!(extent([2.0, 4.0], Scale::Linear, 0.5), (1.0, 5.0));
    }
}
