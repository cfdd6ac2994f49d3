//! Stories through the whole service: a push goes in, statuses come out. Each reads like the thing it tells.

mod allowed;
mod archives;
mod bad_input;
mod beginnings;
mod buildspecs;
mod doors;
mod functions;
mod gates;
mod gateway;
mod house;
mod late;
mod lost;
mod order;
mod pushes;
mod requests;
mod secrets;
mod telling;
mod trouble;
mod watching;
