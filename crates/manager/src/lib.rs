//! The session manager: one loop between the applications' protocols and the coordinator.

pub mod adapter;
