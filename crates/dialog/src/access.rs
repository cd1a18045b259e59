//! TODO access
