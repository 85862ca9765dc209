//! Finding the image of a fixture, and naming the one made from it.

use anyhow::{Context, Result, bail};
use xtask::command;
use xtask::docker::{TemporaryImage, docker};
use xtask::fixtures::{self, Recipe};

/// The recipe of the fixture `name`, whose image the daemon has and which is current.
pub fn fixture(name: &str) -> Result<Recipe> {
    if !xtask::docker::daemon_answers() {
        bail!("no Docker daemon answers: run `cargo xtask setup`");
    }
    let recipe = Recipe::load(name)?;
    if !fixtures::is_current(&recipe)? {
        bail!(
            "{} is missing or outdated: run `cargo xtask fixtures {name}`",
            recipe.image()
        );
    }
    Ok(recipe)
}

/// Whether the daemon has an image of this name.
pub fn image_exists(tag: &str) -> bool {
    command::succeeds(docker().args(["image", "inspect", tag]))
}

/// A tag for the image that a test has minifier write; untagged when dropped.
#[derive(Debug)]
pub struct SlimImage {
    image: TemporaryImage,
}

impl SlimImage {
    /// A tag of the fixture's repository that no other test uses: `test` is part of it.
    pub fn of(recipe: &Recipe, test: &str) -> Self {
        let tag = format!(
            "minifier-fixture/{}:slim-{test}-{}",
            recipe.name,
            std::process::id()
        );
        Self {
            image: TemporaryImage::new(tag),
        }
    }

    /// Name and tag.
    pub fn tag(&self) -> &str {
        self.image.name()
    }

    /// Size in bytes as the daemon counts it.
    pub fn size(&self) -> Result<u64> {
        let tag = self.tag();
        xtask::docker::image_size(tag).with_context(|| format!("find {tag}"))
    }
}
