//! Benchmarks of endsession; see `benches/*.rs`.
