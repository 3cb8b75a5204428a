//! Who belongs to a Unisono household, and its configuration.
