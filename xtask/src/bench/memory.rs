//! Peak memory of a build, for a small and a large image: it must not grow with the size.

use std::path::Path;

use anyhow::Result;

use super::Row;
use super::image::with_bytes;
use super::measure::build;
use crate::fixtures::image_name;

pub(crate) fn measure(program: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (read, small_row, large_row) in [
        (
            "in-place",
            "peak memory, 200 MB image, in place",
            "peak memory, 1 GB image, in place",
        ),
        (
            "stream",
            "peak memory, 200 MB image, streamed",
            "peak memory, 1 GB image, streamed",
        ),
    ] {
        for (what, megabytes) in [(small_row, 200), (large_row, 1000)] {
            let image = with_bytes(&image_name("static"), megabytes)?;
            // Everything stays: the rebuild reads and writes all of it.
            let options = ["--read", read, "--include-path", "/data"];
            let peak = build(program, image.name(), &options)?.peak;
            rows.push(Row {
                what,
                value: format!("{:.0} MB", peak as f64 / 1e6),
                aim: "150 MB",
                from: format!("{} files, all kept", megabytes * 10),
            });
        }
    }
    Ok(rows)
}
