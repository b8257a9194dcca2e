//! Output on a real terminal: a pseudo-terminal of a given width.

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;

use nix::pty::{Winsize, openpty};

use crate::fdguard::command;
use crate::leaker::Leaker;

/// What the command writes to a terminal so wide.
fn on_terminal(arguments: &[&str], columns: u16, no_color: Option<&str>) -> String {
    let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(&size, None).unwrap();
    let mut command = command(arguments);
    command.env("TERM", "xterm-256color").stdout(Stdio::from(pty.slave)).stderr(Stdio::null());
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    let mut child = command.spawn().unwrap();
    // Ours goes, so that the reading ends with the child.
    drop(command);
    let mut bytes = Vec::new();
    // The end of a terminal whose last writer is gone reads as an error.
    drop(File::from(pty.master).read_to_end(&mut bytes));
    child.wait().unwrap();
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

/// Without the codes of colours.
fn bare(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn reports_fit_the_terminal_and_have_colours_that_no_color_takes_away() {
    let leaker = Leaker::start("[left() for _ in range(30)]\nkept += [pair() for _ in range(5)]\n");
    let pid = leaker.pid();
    let inspect = ["inspect", pid.as_str(), "--for", "100ms"];
    for arguments in [&inspect[..], &["doctor"]] {
        for columns in [80_u16, 120] {
            let text = on_terminal(arguments, columns, None);
            assert!(text.contains("\x1b[1m"), "no heading stands out: {text}");
            for line in bare(&text).lines() {
                assert!(line.chars().count() <= usize::from(columns.min(100)), "at {columns}: {line}");
            }
        }
        assert!(!on_terminal(arguments, 80, Some("1")).contains('\x1b'));
        assert!(on_terminal(arguments, 80, Some("")).contains('\x1b'), "an empty NO_COLOR says nothing");
    }
}
