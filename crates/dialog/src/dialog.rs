//! TODO dialog
