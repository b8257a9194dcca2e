//! Keys, read by a thread of their own: reading a terminal waits.

use std::io;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, read};
use tokio::sync::mpsc;

/// What a key means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Key {
    /// Leave.
    Quit,
    /// Choose the line above.
    Up,
    /// Choose the line below.
    Down,
    /// Stand still, or go on.
    Pause,
    /// Another order.
    Sort,
    /// The terminal has another size.
    Resized,
}

/// Reads keys until the program ends. A terminal that has gone ends the channel.
pub(super) fn keys(most: usize) -> io::Result<mpsc::Receiver<Key>> {
    let (sender, receiver) = mpsc::channel(most);
    std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
        while let Ok(event) = read() {
            if let Some(key) = meant(&event)
                && sender.blocking_send(key).is_err()
            {
                return;
            }
        }
    })?;
    Ok(receiver)
}

fn meant(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else {
        return matches!(event, Event::Resize(..)).then_some(Key::Resized);
    };
    if *kind == KeyEventKind::Release {
        return None;
    }
    match code {
        // In raw mode the terminal makes no signal of it.
        KeyCode::Char('c' | 'd') if modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Quit),
        KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
        KeyCode::Up | KeyCode::Char('k') => Some(Key::Up),
        KeyCode::Down | KeyCode::Char('j') => Some(Key::Down),
        KeyCode::Char('p' | ' ') => Some(Key::Pause),
        KeyCode::Char('s') => Some(Key::Sort),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_c_leaves_and_a_plain_c_does_nothing() {
        let press = |code, modifiers| meant(&Event::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Quit));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(press(KeyCode::Char('q'), KeyModifiers::NONE), Some(Key::Quit));
        assert_eq!(meant(&Event::Resize(80, 24)), Some(Key::Resized));
    }
}
