//! The Unisono hub: sessions, distribution, groups, control API.
