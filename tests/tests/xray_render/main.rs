//! The renderers of `minifier xray` on a made-up image with everything that can go wrong in it.

mod schema;
mod terminal;
