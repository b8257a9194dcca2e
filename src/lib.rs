//! fdguard
