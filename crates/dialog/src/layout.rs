//! TODO layout
