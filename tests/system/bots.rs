//! Real bots on real libraries, leaking as their users report: unguarded they die, guarded they trade on.
