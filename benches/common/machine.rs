//! On what it is measured.

use std::fs::read_to_string;

/// Processor, kernel, cores, load and memory, in words.
pub(crate) fn conditions() -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = file("/proc/loadavg");
    let kernel = file("/proc/sys/kernel/osrelease");
    let mut words = vec![
        format!("{} cores of {}", cores, field("/proc/cpuinfo", "model name")),
        format!("Linux {kernel}"),
        format!("load {}", load.split(' ').next().unwrap_or("?")),
    ];
    if field("/proc/cpuinfo", "flags").split(' ').any(|flag| flag == "hypervisor") {
        words.push("a virtual machine".to_owned());
    }
    words
}

fn file(path: &str) -> String {
    read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn field(path: &str, name: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':'))
        .map_or_else(|| "?".to_owned(), |(_, value)| value.trim().to_owned())
}
