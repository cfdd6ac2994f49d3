//! The router, called in process on a real store.

mod decisions;
mod doors;
mod fixture;
mod openapi;
mod pages;
mod shapes;
mod webhooks;
