//! TODO settings
