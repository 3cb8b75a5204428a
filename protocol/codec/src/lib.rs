//! Encoders and decoders of Unisono: Opus, FLAC and PCM behind one pair of traits.
