//! The new image: each original layer filtered to what stays (or all of them merged into one), config and history.
//!
//! Takes the image, its merged tree, the keep set and the store of the original bytes; gives layers in files and
//! the config. No byte of content comes from anywhere but the original layers, no time from the clock.

mod history;
mod image;
mod layer_file;
mod model;
mod select;

pub use image::{LABEL_SOURCE, LABEL_VERSION, rebuild};
pub use model::{
    LayerMode, RebuildError, RebuildOptions, RebuildProgress, RebuildWatch, Rebuilt, RebuiltLayer,
};
