//! The gate and the renderers of `minify xray` on a made-up image with everything that can go wrong in it.

mod ci;
mod formats;
mod forms;
mod gate;
mod markdown;
mod schema;
mod terminal;
