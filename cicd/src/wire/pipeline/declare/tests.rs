//! What a declaration may not say.
