//! Rows in columns.

/// Draws rows under heads: the first column to the left, the others to the right.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::from("  ");
        for (place, (cell, width)) in cells.zip(&widths).enumerate() {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            match place {
                0 => text.extend([cell, &padding]),
                _ => text.extend(["  ", &padding, cell]),
            }
        }
        format!("{}\n", text.trim_end())
    };
    let mut text = line(&mut heads.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["attention".to_owned(), "1".to_owned()], vec!["b".to_owned(), "1000".to_owned()]];
        assert_eq!(
            table(&["tier", "raises"], &rows),
            "  tier       raises\n  attention       1\n  b            1000\n"
        );
    }
}
