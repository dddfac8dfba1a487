//! Pictures: the calendar heatmap and a line of daily users, as SVG.
//!
//! Colours come from classes that [`STYLE`] gives a light and a dark variant, so that the same picture
//! stands in a page ([`super::html`] has the style once) or, with [`Picture::standalone`], alone.

use std::fmt::Write as _;

use super::figures::{Days, grouped, month_name};
use super::heatmap::{LEVELS, Scale, blocks, month_names};

/// What the classes look like, in light and in dark.
pub(crate) const STYLE: &str = "\
:root{--page:#ffffff;--text:#1d2329;--soft:#58636e;--rule:#d9dfe4;--line:#0f6e84;--area:#0f6e8422;\
--l0:#eceff2;--l1:#bfe0e6;--l2:#76b9c6;--l3:#2c8799;--l4:#0b4f60}\
@media(prefers-color-scheme:dark){:root{--page:#14181c;--text:#e6eaee;--soft:#9aa6b1;--rule:#333c45;\
--line:#5cc3d6;--area:#5cc3d622;--l0:#23292f;--l1:#17454f;--l2:#1f6b7a;--l3:#3a9db0;--l4:#8cdcea}}\
svg.chart{font:11px system-ui,sans-serif}\
.chart text{fill:var(--soft)}.chart .strong{fill:var(--text)}\
.l0{fill:var(--l0)}.l1{fill:var(--l1)}.l2{fill:var(--l2)}.l3{fill:var(--l3)}.l4{fill:var(--l4)}\
.rule{stroke:var(--rule);stroke-width:1}\
.trend,.daily{fill:none;stroke:var(--line);stroke-width:1.8;stroke-linejoin:round}\
.daily{stroke-width:.8;stroke-opacity:.55}.area{fill:var(--area)}\
.hover{fill:transparent}.hover:hover{fill:var(--area)}";

/// A picture: its size and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    width: u32,
    height: u32,
    label: String,
    body: String,
}

impl Picture {
    /// As an element of a page.
    pub(crate) fn element(&self) -> String {
        let Self {
            width,
            height,
            label,
            body,
        } = self;
        format!(
            "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"{label}\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">{body}</svg>\n"
        )
    }

    /// As a file of its own, on the page's background and with a title.
    pub(crate) fn standalone(&self) -> String {
        const PADDING: u32 = 16;
        const TITLE: u32 = 28;
        let (width, height) = (self.width + 2 * PADDING, self.height + 2 * PADDING + TITLE);
        let (label, body) = (&self.label, &self.body);
        format!(
            "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"{label}\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\"><style>{STYLE}</style>\
             <rect width=\"100%\" height=\"100%\" fill=\"var(--page)\"/>\
             <text class=\"strong\" x=\"{PADDING}\" y=\"{}\" font-size=\"15\" font-weight=\"600\">{label}</text>\
             <g transform=\"translate({PADDING} {})\">{body}</g></svg>\n",
            PADDING + 12,
            PADDING + TITLE
        )
    }
}

/// Text for between tags and in quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for symbol in text.chars() {
        match symbol {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // No XML may contain them, not even escaped.
            control if control.is_control() && !matches!(control, '\n' | '\t') => {
                out.push(char::REPLACEMENT_CHARACTER);
            }
            '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            other => out.push(other),
        }
    }
    out
}

/// The calendar heatmap.
pub(crate) fn heatmap(title: &str, days: &Days) -> Picture {
    const STEP: u32 = 14;
    const SIDE: u32 = 11;
    const LEFT: u32 = 32;
    const TOP: u32 = 18;
    const BLOCK: u32 = TOP + 7 * STEP + 14;
    /// About the width of a letter.
    const LETTER: u32 = 7;
    let scale = Scale::of(days);
    let blocks = blocks(days);
    let mut body = String::new();
    let mut top = 0;
    // Of several years the newest is on top, where one looks first.
    for block in blocks.iter().rev() {
        let weeks_wide = |name: &str| (name.len() as u32 * LETTER).div_ceil(STEP);
        for (week, name) in month_names(block, weeks_wide) {
            let _ = write!(
                body,
                "<text x=\"{}\" y=\"{}\">{name}</text>",
                LEFT + week * STEP,
                top + 10
            );
        }
        for (weekday, name) in [(0, "Mon"), (2, "Wed"), (4, "Fri"), (6, "Sun")] {
            let y = top + TOP + weekday * STEP + SIDE - 2;
            let _ = write!(
                body,
                "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{name}</text>",
                LEFT - 7
            );
        }
        for cell in &block.cells {
            let _ = write!(
                body,
                "<rect class=\"l{}\" x=\"{}\" y=\"{}\" width=\"{SIDE}\" height=\"{SIDE}\" rx=\"2\">\
                 <title>{}: {} active</title></rect>",
                scale.level(cell.active),
                LEFT + cell.week * STEP,
                top + TOP + cell.weekday * STEP,
                cell.day,
                grouped(cell.active)
            );
        }
        top += BLOCK;
    }
    let mut x = LEFT;
    let mut entry = |level: usize, text: &str| {
        let _ = write!(
            body,
            "<rect class=\"l{level}\" x=\"{x}\" y=\"{top}\" width=\"{SIDE}\" height=\"{SIDE}\" rx=\"2\"/>\
             <text x=\"{}\" y=\"{}\">{text}</text>",
            x + STEP + 2,
            top + SIDE - 2
        );
        x += STEP + 16 + text.chars().count() as u32 * LETTER;
    };
    entry(0, "none");
    for level in 1..=LEVELS {
        if let Some(range) = scale.range(level) {
            entry(level, &range);
        }
    }
    let weeks = blocks.iter().map(|block| block.weeks).max().unwrap_or(0);
    Picture {
        width: (LEFT + weeks * STEP).max(x),
        height: top + STEP,
        label: escape(title),
        body,
    }
}

/// A round number of at least `value / parts`, so that few round numbers cover it.
fn round_step(value: u64, parts: u64) -> u64 {
    let least = value.div_ceil(parts).max(1);
    let mut unit = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            match unit.checked_mul(factor) {
                Some(step) if step >= least => return step,
                Some(_) => {}
                None => return least,
            }
        }
        let Some(next) = unit.checked_mul(10) else {
            return least;
        };
        unit = next;
    }
}

/// From so many days on a line for every day is a thicket, and their mean over a week stands out.
pub(crate) const MEAN_FROM_DAYS: usize = 120;

/// And from so many on only the mean can be read.
pub(crate) const MEAN_ONLY_FROM_DAYS: usize = 800;

/// The mean of every day and the six before it, as far as there are any.
fn weekly_mean(active: &[u64]) -> Vec<f64> {
    let mean = |index: usize| {
        let week = &active[(index + 1).saturating_sub(7)..=index];
        week.iter().map(|active| *active as f64).sum::<f64>() / week.len() as f64
    };
    (0..active.len()).map(mean).collect()
}

/// Daily users over time.
pub(crate) fn line(title: &str, days: &Days) -> Picture {
    const WIDTH: u32 = 860;
    const HEIGHT: u32 = 220;
    const TOP: f64 = 10.0;
    const BOTTOM: f64 = HEIGHT as f64 - 24.0;
    /// The least room between two labels below.
    const LABEL: f64 = 46.0;
    let most = days.active.iter().copied().max().unwrap_or(0);
    let step = round_step(most, 4);
    let ceiling = most.div_ceil(step).max(1).saturating_mul(step);
    let left = 14.0 + 7.0 * grouped(ceiling).len() as f64;
    let right = f64::from(WIDTH) - 8.0;
    let gap = (right - left) / (days.active.len().max(2) - 1) as f64;
    let x = |index: usize| left + gap * index as f64;
    let y = |active: f64| BOTTOM - (BOTTOM - TOP) * (active / ceiling as f64);
    let mut body = String::new();
    let mut tick = 0_u64;
    loop {
        let at = y(tick as f64);
        let _ = write!(
            body,
            "<line class=\"rule\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 6.0,
            at + 4.0,
            grouped(tick)
        );
        match tick.checked_add(step).filter(|next| *next <= ceiling) {
            Some(next) => tick = next,
            None => break,
        }
    }
    let mut free = f64::MIN;
    // A few weeks are told apart by their Mondays, more by months that parts of a year begin with.
    let by_weeks = days.active.len() <= 62;
    let apart = [1, 2, 3, 6]
        .into_iter()
        .find(|months| gap * 28.0 * f64::from(*months) >= LABEL);
    let apart: u8 = apart.unwrap_or(12);
    for (index, (day, _)) in days.iter().enumerate() {
        let (year, month, of_month) = day.year_month_day();
        let at = x(index);
        let marked = match by_weeks {
            true => day.weekday() == 1,
            false => of_month == 1 && (month - 1).is_multiple_of(apart),
        };
        if !marked || at < free || at > right - 20.0 {
            continue;
        }
        let name = match (by_weeks, month) {
            (true, _) => format!("{} {of_month}", month_name(month)),
            (false, 1) => year.to_string(),
            (false, _) => month_name(month).to_owned(),
        };
        let _ = write!(
            body,
            "<line class=\"rule\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{BOTTOM}\" y2=\"{}\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
            BOTTOM + 5.0,
            BOTTOM + 18.0
        );
        free = at + LABEL;
    }
    let path = |values: &[f64]| {
        let points = values.iter().enumerate();
        let points = points.map(|(index, value)| format!("{:.1} {:.1}", x(index), y(*value)));
        format!("M{}", points.collect::<Vec<_>>().join("L"))
    };
    let every: Vec<_> = days.active.iter().map(|active| *active as f64).collect();
    if let Some(last) = every.len().checked_sub(1) {
        let mut trend = path(&every);
        if every.len() >= MEAN_FROM_DAYS {
            if every.len() < MEAN_ONLY_FROM_DAYS {
                let _ = write!(body, "<path class=\"daily\" d=\"{trend}\"/>");
            }
            trend = path(&weekly_mean(&days.active));
        }
        let _ = write!(
            body,
            "<path class=\"area\" d=\"{trend}L{:.1} {BOTTOM}L{left:.1} {BOTTOM}Z\"/>\
             <path class=\"trend\" d=\"{trend}\"/>",
            x(last)
        );
    }
    for (index, (day, active)) in days.iter().enumerate() {
        let _ = write!(
            body,
            "<rect class=\"hover\" x=\"{:.1}\" y=\"{TOP}\" width=\"{gap:.2}\" height=\"{:.1}\">\
             <title>{day}: {} active</title></rect>",
            x(index) - gap / 2.0,
            BOTTOM - TOP,
            grouped(active)
        );
    }
    Picture {
        width: WIDTH,
        height: HEIGHT,
        label: escape(title),
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::{day, days};
    use super::*;

    #[test]
    fn a_heatmap_has_a_square_for_every_day_and_a_legend() {
        let picture = heatmap("Active users of <web>", &days("2026-01-01", 365));
        let text = picture.standalone();
        assert_eq!(text.matches("<title>").count(), 365);
        assert!(text.contains("<title>2026-01-01: "));
        assert!(text.contains("Active users of &lt;web&gt;"));
        assert!(text.contains(">none</text>") && text.contains(">Jan 2026</text>"));
        assert_eq!(text.matches("<svg").count(), 1);
    }

    #[test]
    fn pictures_of_nothing_are_pictures() {
        let none = Days {
            first: day("2026-01-01"),
            active: Vec::new(),
        };
        let one = Days {
            first: day("9999-12-31"),
            active: vec![u64::MAX],
        };
        for days in [none, one] {
            for picture in [heatmap("x", &days), line("x", &days)] {
                let text = picture.standalone();
                assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
                assert!(text.ends_with("</svg>\n"));
            }
        }
    }

    #[test]
    fn axes_have_few_round_numbers() {
        let steps = [0, 1, 4, 5, 9, 41, 100, 130, 999, 12_345].map(|value| round_step(value, 4));
        assert_eq!(steps, [1, 1, 1, 2, 5, 20, 50, 50, 500, 5000]);
        assert!(round_step(u64::MAX, 4) >= u64::MAX / 4);
    }

    #[test]
    fn means_take_a_week_or_what_there_is_of_it() {
        assert_eq!(weekly_mean(&[7, 1, 1]), [7.0, 4.0, 3.0]);
        assert_eq!(weekly_mean(&[14, 0, 0, 0, 0, 0, 0, 7])[6..], [2.0, 1.0]);
        assert!(weekly_mean(&[]).is_empty());
        let many = line("x", &days("2026-01-01", 200)).standalone();
        assert!(many.contains("class=\"daily\"") && many.contains("class=\"trend\""));
        let years = line("x", &days("2016-01-01", 3000)).standalone();
        assert!(!years.contains("class=\"daily\"") && years.contains("class=\"trend\""));
        assert!(
            !line("x", &days("2026-01-01", 30))
                .standalone()
                .contains("class=\"daily\"")
        );
    }

    #[test]
    fn markup_in_names_is_text() {
        assert_eq!(
            escape("<a href=\"x\">&\u{0}\u{1b}"),
            "&lt;a href=&quot;x&quot;&gt;&amp;\u{fffd}\u{fffd}"
        );
    }
}
