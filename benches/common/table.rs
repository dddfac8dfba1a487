//! Tables in Markdown, and how repeated figures become one.

use super::say;

/// A table that is printed when it is complete.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self {
            rows: vec![headings.iter().map(|&text| text.to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.rows[0].len(), "{cells:?}");
        self.rows.push(cells);
    }

    /// Prints it under a title.
    pub(crate) fn print(&self, title: &str) {
        let width = |column: usize| {
            self.rows
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        say("");
        say(&format!("### {title}"));
        say("");
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths);
            let cells: Vec<String> = cells
                .map(|(cell, &width)| format!("{cell:width$}"))
                .collect();
            say(&format!("| {} |", cells.join(" | ")));
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
                say(&format!("|-{}-|", rules.join("-|-")));
            }
        }
    }
}

/// A figure of several repetitions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    all: Vec<f64>,
}

impl Figures {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self { all: Vec::new() }
    }

    /// Adds one.
    pub(crate) fn note(&mut self, figure: f64) {
        self.all.push(figure);
    }

    /// Their median.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.all.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            len if len % 2 == 1 => sorted[len / 2],
            len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
        }
    }

    fn least(&self) -> f64 {
        self.all.iter().copied().fold(f64::NAN, f64::min)
    }

    fn most(&self) -> f64 {
        self.all.iter().copied().fold(f64::NAN, f64::max)
    }

    /// Median (least–most).
    pub(crate) fn text(&self) -> String {
        match self.all.len() {
            0 => "–".to_owned(),
            1 => short(self.all[0]),
            _ => {
                format!(
                    "{} ({}–{})",
                    short(self.median()),
                    short(self.least()),
                    short(self.most())
                )
            }
        }
    }

    /// The median of the ratios, repetition by repetition: noise that hits both cancels out.
    pub(crate) fn ratio(&self, base: &Self) -> String {
        let mut ratios = Self::default();
        for (mine, theirs) in self.all.iter().zip(&base.all) {
            ratios.note(mine / theirs);
        }
        if ratios.all.is_empty() {
            return "–".to_owned();
        }
        format!("{:.2}×", ratios.median())
    }
}

/// Three significant digits, or thousands in groups.
pub(crate) fn short(figure: f64) -> String {
    if !figure.is_finite() {
        return "–".to_owned();
    }
    if figure.abs() >= 999.5 {
        let digits = format!("{figure:.0}");
        let mut text = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place) % 3 == 0 && !text.ends_with('-') {
                text.push(',');
            }
            text.push(digit);
        }
        return text;
    }
    match figure.abs() {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}
