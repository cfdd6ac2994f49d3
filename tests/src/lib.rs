//! The world in miniature, stories through the whole service, contract suites, and what holds the house together.

pub mod world;

#[cfg(test)]
mod arrows;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod contracts;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod model;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod wire;
