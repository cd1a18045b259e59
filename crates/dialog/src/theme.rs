//! TODO theme
