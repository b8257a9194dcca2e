//! fdguard: watches a leaking trading bot from outside, acts by declarative policy, checks whether it helped.

pub mod sys;
