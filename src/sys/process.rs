//! What the operating system knows of this process and its machine. Where it does not tell, figures are zero.

use std::fs::read_to_string;

/// Figures of the process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ProcessFigures {
    /// Memory that the machine has given it.
    pub(crate) resident_bytes: u64,
    pub(crate) cpu_user_s: f64,
    pub(crate) cpu_system_s: f64,
}

/// Linux counts the time of processes in these, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Figures as of now.
pub(crate) fn figures() -> ProcessFigures {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let stat = read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold anything, spaces too.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |at: usize| {
        let field = after_name.split_ascii_whitespace().nth(at);
        field.and_then(|field| field.parse::<f64>().ok())
    };
    let seconds = |at: usize| ticks(at).unwrap_or(0.0) / TICKS_PER_SECOND;
    ProcessFigures {
        resident_bytes: kibibytes(&status, "VmRSS:"),
        cpu_user_s: seconds(11),
        cpu_system_s: seconds(12),
    }
}

/// The machine's memory.
pub(crate) fn machine_bytes() -> u64 {
    kibibytes(
        &read_to_string("/proc/meminfo").unwrap_or_default(),
        "MemTotal:",
    )
}

/// The operating system, its version and the processor's kind.
pub(crate) fn machine() -> String {
    let release = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = match std::env::consts::OS {
        "linux" => "Linux",
        other => other,
    };
    let parts = [system, release.trim(), std::env::consts::ARCH];
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// The bytes of a line like `VmRSS:   123 kB`.
fn kibibytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_ascii_whitespace().next());
    let number = number.and_then(|number| number.parse::<u64>().ok());
    number.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_a_unit_are_read() {
        let text = "Name:\tx\nVmRSS:\t    12 kB\n";
        assert_eq!(kibibytes(text, "VmRSS:"), 12 * 1024);
        assert_eq!(kibibytes(text, "VmHWM:"), 0);
        assert_eq!(kibibytes("VmRSS: many", "VmRSS:"), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_what_this_process_takes() {
        let figures = figures();
        assert!(figures.resident_bytes > 100_000);
        assert!(machine_bytes() > figures.resident_bytes);
        assert!(machine().starts_with("Linux "));
    }
}
