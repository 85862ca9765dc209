//! The gate and the renderers of `minifier xray` on a made-up image with everything that can go wrong in it.

mod gate;
mod schema;
mod terminal;
