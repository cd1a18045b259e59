//! TODO i18n
