//! A bot that reads the same rows at each tick, and what of that reaches the server.
