//! Knocks: the world in miniature, stories through the whole service, contract suites.

#[cfg(test)]
mod contracts;
