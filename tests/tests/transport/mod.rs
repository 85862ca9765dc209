//! Images from every transport to every other, whole and broken, and what other tools make of them.

mod checks;
mod docker;
mod forms;
mod hostile;
mod layouts;
mod round_trips;
mod stop;
mod support;
mod tools;
