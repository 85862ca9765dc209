//! Which package needs which, by the identifiers of a document.

use std::collections::BTreeMap;

use crate::xray::model::{PackageInfo, Xray};

/// Identifiers of packages by their package URLs. Of packages that have the same one, in several places, the first
/// stands for all.
pub(crate) struct References<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> References<'a> {
    /// `ids` are the identifiers of all packages, in their order.
    pub(crate) fn new(xray: &'a Xray, ids: &'a [String]) -> Self {
        let mut references = BTreeMap::new();
        for (info, id) in xray.packages.packages.iter().zip(ids) {
            references.entry(info.id.as_str()).or_insert(id.as_str());
        }
        Self(references)
    }

    /// What a package needs.
    pub(crate) fn of(&self, info: &'a PackageInfo) -> impl Iterator<Item = &'a str> {
        info.depends_on
            .iter()
            .filter_map(|id| self.0.get(id.as_str()).copied())
    }
}
