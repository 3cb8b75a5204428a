//! QUIC, clock packets beside it, pinned keys and discovery for Unisono.
