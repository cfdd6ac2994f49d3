//! The router, called in process on a real store.

mod callbacks;
mod decisions;
mod doors;
mod fixture;
mod openapi;
mod pages;
mod rules;
mod shapes;
mod webhooks;
