//! TODO view
