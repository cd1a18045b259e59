//! TODO paint
