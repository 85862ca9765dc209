//! [`validate`]: a check of the image at a location that goes on after a fault, so that all faults are found.

use std::collections::BTreeSet;
use std::fs::File;

use tokio::task::spawn_blocking;

use super::image::check_image;
use super::mismatch::{Mismatch, Validation};
use crate::tasks::joined;
use crate::transport::control::Control;
use crate::transport::error::TransportError;
use crate::transport::limits::Limits;
use crate::transport::location::Location;
use crate::transport::read::{Documented, OpenOptions, documents, open_image};
use crate::transport::select::{LayoutError, Select};

/// Checks the image at a location. An error means that it cannot be read at all; its faults are in the result.
pub async fn validate(
    location: &Location,
    options: &OpenOptions,
) -> Result<Validation, TransportError> {
    let checked = tokio::select! {
        checked = check(location, options) => checked,
        () = options.control.cancelled() => Ok(Validation::of(location.as_str(), None)),
    };
    // An interrupted read looks like a broken blob.
    if options.control.is_cancelled() {
        Err(TransportError::Cancelled {
            doing: "check",
            location: location.to_string(),
        })
    } else {
        checked
    }
}

async fn check(location: &Location, options: &OpenOptions) -> Result<Validation, TransportError> {
    let (text, of_task) = (location.to_string(), options.clone());
    let documented = {
        let (location, options) = (location.clone(), options.clone());
        joined(spawn_blocking(move || documents(&location, &options))).await?
    };
    if let Some((documented, select)) = documented {
        let checking = spawn_blocking(move || {
            let OpenOptions {
                limits, control, ..
            } = of_task;
            check_documents(&text, &documented, &select, limits, &control)
        });
        return joined(checking).await;
    }
    // From a daemon or registry, documents are checked when they are opened.
    let stored = open_image(location, options).await?;
    let checking = spawn_blocking(move || {
        let (manifest, config) = (&stored.manifest, Some(&stored.config));
        let OpenOptions {
            limits, control, ..
        } = of_task;
        let mut mismatches = check_image(manifest, config, &*stored.blobs, limits, &control);
        // Layers are checked at once, in any order; the result is always the same.
        mismatches.sort();
        mismatches.dedup();
        Validation {
            mismatches,
            ..Validation::of(&stored.reference, Some(manifest))
        }
    });
    Ok(joined(checking).await)
}

/// Checks an image archive, which must hold one image.
pub fn check_archive(file: File) -> Result<Vec<Mismatch>, TransportError> {
    let control = Control::none();
    let documented = Documented::archive(file, "the archive", &control)?;
    let limits = Limits::default();
    let select = Select::default();
    let checked = check_documents("the archive", &documented, &select, limits, &control);
    checked.map(|validation| validation.mismatches)
}

fn check_documents(
    location: &str,
    documented: &Documented,
    select: &Select,
    limits: Limits,
    control: &Control,
) -> Result<Validation, TransportError> {
    let mut checked = select.check(documented.documents());
    // "No such image" is an answer to the user and not a fault of the image.
    if let Some(source) = checked.problems.pop_if(|problem| problem.is_of_choice()) {
        let location = location.to_owned();
        return Err(TransportError::Layout {
            location,
            source: Box::new(source),
        });
    }
    let mut found: BTreeSet<Mismatch> = BTreeSet::new();
    let documents = |error: &LayoutError| Mismatch {
        object: "documents".into(),
        message: error.to_string(),
    };
    found.extend(checked.problems.iter().map(documents));
    found.extend(
        documented
            .structure(checked.choice.as_ref())
            .into_iter()
            .map(|message| Mismatch {
                object: "structure".into(),
                message,
            }),
    );
    let mut validation = Validation::of(location, None);
    if let Some(choice) = checked.choice {
        match documented.image(location, control, choice) {
            Ok((manifest, config, blobs)) => {
                validation = Validation::of(location, Some(&manifest));
                let image = check_image(&manifest, Some(&config), &*blobs, limits, control);
                found.extend(image);
            }
            Err(error) => {
                found.insert(Mismatch {
                    object: "documents".into(),
                    message: error.to_string(),
                });
            }
        }
    } else if let Some(manifest) = checked.without_config {
        validation = Validation::of(location, Some(&manifest));
        let blobs = documented.blobs(&manifest);
        found.extend(check_image(&manifest, None, &*blobs, limits, control));
    }
    validation.mismatches = found.into_iter().collect();
    Ok(validation)
}
