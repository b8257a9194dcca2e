//! What people see: values of the lower rooms drawn as text.

pub mod diagnostics;
