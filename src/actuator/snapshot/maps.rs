//! What is mapped, summed up by file: the layout itself would help an attacker more than a reader.

use std::collections::BTreeMap;

use super::Row;

/// The columns of `maps.tsv`.
pub(super) const COLUMNS: [&str; 4] = ["what", "mappings", "bytes", "writable_bytes"];

/// Sums up the text of `/proc/PID/maps`, largest first.
pub(super) fn summary(maps: &str) -> Vec<Row> {
    let mut sums: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for line in maps.lines() {
        let Some((bytes, writable, what)) = mapping(line) else { continue };
        let sum = sums.entry(what).or_default();
        sum[0] += 1;
        sum[1] += bytes;
        sum[2] += if writable { bytes } else { 0 };
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, sum)| std::cmp::Reverse(sum[1]));
    sums.into_iter()
        .map(|(what, sum)| std::iter::once(what.to_owned()).chain(sum.map(|n| n.to_string())).collect())
        .collect()
}

fn mapping(line: &str) -> Option<(u64, bool, &str)> {
    let mut words = line.splitn(6, ' ');
    let (from, to) = words.next()?.split_once('-')?;
    let bytes = u64::from_str_radix(to, 16).ok()?.checked_sub(u64::from_str_radix(from, 16).ok()?)?;
    let writable = words.next()?.contains('w');
    let what = words.nth(3).unwrap_or_default().trim();
    Some((bytes, writable, if what.is_empty() { "[anonymous]" } else { what }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_of_one_file_are_one_row() {
        let maps = "\
5581e0000000-5581e0002000 r--p 00000000 08:01 131 /usr/lib/a b.so
5581e0002000-5581e0003000 rw-p 00002000 08:01 131 /usr/lib/a b.so
7f0000000000-7f0000010000 rw-p 00000000 00:00 0 
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
cut off
";
        assert_eq!(
            summary(maps),
            [
                ["[stack]", "1", "135168", "135168"],
                ["[anonymous]", "1", "65536", "65536"],
                ["/usr/lib/a b.so", "2", "12288", "4096"],
            ]
        );
    }
}
