//! [`Types`]: finding structures, members and tracepoints in the kernel's type information (BTF).

use std::collections::BTreeMap;
use std::path::Path;

use btf_rs::{Btf, BtfType, Type};

use super::TraceError;

/// The kernel's types.
pub(super) struct Types(Btf);

impl Types {
    /// Reads them from a file.
    pub(super) fn read(path: &Path) -> Result<Self, TraceError> {
        let bytes = std::fs::read(path).map_err(|source| TraceError::Btf {
            path: path.into(),
            source,
        })?;
        let btf = Btf::from_bytes(&bytes).map_err(|error| TraceError::BtfInvalid {
            path: path.into(),
            reason: error.to_string(),
        })?;
        Ok(Self(btf))
    }

    /// True where programs can be attached to the tracepoint by type.
    pub(super) fn has_tracepoint(&self, name: &str) -> bool {
        self.tracepoint(name).is_some()
    }

    /// True where the kernel has a function of that name.
    pub(super) fn has_function(&self, name: &str) -> bool {
        self.named(name).any(|found| matches!(found, Type::Func(_)))
    }

    fn named(&self, name: &str) -> impl Iterator<Item = Type> {
        self.0
            .resolve_types_by_name(name)
            .unwrap_or_default()
            .into_iter()
    }

    fn tracepoint(&self, name: &str) -> Option<btf_rs::Typedef> {
        self.named(&format!("btf_trace_{name}"))
            .find_map(|found| match found {
                Type::Typedef(typedef) => Some(typedef),
                _ => None,
            })
    }

    /// Name of the structure that the tracepoint's first argument points to.
    pub(super) fn first_argument(&self, tracepoint: &str) -> Option<String> {
        let Type::Ptr(pointer) = self
            .0
            .resolve_chained_type(&self.tracepoint(tracepoint)?)
            .ok()?
        else {
            return None;
        };
        let Type::FuncProto(prototype) = self.0.resolve_chained_type(&pointer).ok()? else {
            return None;
        };
        // The first parameter is the tracepoint's private data.
        let Type::Ptr(argument) = self.plain(prototype.parameters.get(1)?)? else {
            return None;
        };
        match self.plain(&argument)? {
            Type::Struct(structure) => self.0.resolve_name(&structure).ok(),
            _ => None,
        }
    }

    /// Offset of a member, given with its parents from the outside in, also inside unnamed members.
    pub(super) fn offset(&self, structure: &str, members: &str) -> Option<u32> {
        self.member(structure, members).map(|(offset, _)| offset)
    }

    /// Offset of a member that is a pointer, or a structure that holds nothing but one (`struct delayed_filename`).
    pub(super) fn pointer_offset(&self, structure: &str, member: &str) -> Option<u32> {
        match self.member(structure, member)? {
            (offset, Type::Ptr(_)) => Some(offset),
            (offset, Type::Struct(around)) => {
                let [only] = &around.members[..] else {
                    return None;
                };
                matches!(self.plain(only)?, Type::Ptr(_)).then_some(offset)
            }
            _ => None,
        }
    }

    /// Length of a member that is an array.
    pub(super) fn array_length(&self, structure: &str, member: &str) -> Option<u32> {
        match self.member(structure, member)? {
            (_, Type::Array(array)) => u32::try_from(array.len()).ok(),
            _ => None,
        }
    }

    fn member(&self, structure: &str, members: &str) -> Option<(u32, Type)> {
        if members.is_empty() {
            return None;
        }
        let mut found = (
            0,
            self.named(structure)
                .find(|found| matches!(found, Type::Struct(_)))?,
        );
        for name in members.split('.') {
            let (Type::Struct(outer) | Type::Union(outer)) = &found.1 else {
                return None;
            };
            let (offset, inner) = self.member_of(outer, name, 0)?;
            found = (found.0 + offset, inner);
        }
        Some(found)
    }

    fn member_of(&self, outer: &btf_rs::Struct, name: &str, depth: u32) -> Option<(u32, Type)> {
        for member in &outer.members {
            let offset = member.bit_offset() / 8;
            let member_name = self.0.resolve_name(member).ok()?;
            if member_name == name {
                return Some((offset, self.plain(member)?));
            }
            if member_name.is_empty()
                && depth < 8
                && let Some(Type::Struct(inner) | Type::Union(inner)) = self.plain(member)
                && let Some((inside, found)) = self.member_of(&inner, name, depth + 1)
            {
                return Some((offset + inside, found));
            }
        }
        None
    }

    /// The type that something has, without typedefs and qualifiers.
    fn plain(&self, what: &dyn BtfType) -> Option<Type> {
        let mut found = self.0.resolve_chained_type(what).ok()?;
        for _ in 0..16 {
            let next = match &found {
                Type::Typedef(inner) => self.0.resolve_chained_type(inner),
                Type::Const(inner) => self.0.resolve_chained_type(inner),
                Type::Volatile(inner) => self.0.resolve_chained_type(inner),
                Type::Restrict(inner) => self.0.resolve_chained_type(inner),
                Type::TypeTag(inner) => self.0.resolve_chained_type(inner),
                _ => return Some(found),
            };
            found = next.ok()?;
        }
        None
    }

    /// Names and values of an enumeration.
    pub(super) fn enumerators(&self, name: &str) -> BTreeMap<String, u32> {
        let mut all = BTreeMap::new();
        for found in self.named(name) {
            if let Type::Enum(enumeration) = found {
                for member in &enumeration.members {
                    if let Ok(name) = self.0.resolve_name(member) {
                        all.insert(name, member.val());
                    }
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Types {
        Types::read(&crate::trace::default_btf()).expect("the running kernel's types")
    }

    #[test]
    fn privileged_members_are_found_inside_unnamed_ones() {
        let types = running();
        // `f_path` and `d_name` lie in unnamed unions on some kernels.
        assert_eq!(types.offset("path", "dentry"), Some(8));
        assert!(types.offset("file", "f_path").is_some());
        assert!(types.offset("dentry", "d_name.hash_len").is_some());
        assert_eq!(types.offset("dentry", "no_such_member"), None);
        assert_eq!(types.offset("no_such_structure", "d_name"), None);
        assert_eq!(
            types.offset("dentry", "d_parent.d_parent"),
            None,
            "behind a pointer"
        );
    }

    #[test]
    fn privileged_tracepoints_are_found() {
        let types = running();
        assert!(types.has_tracepoint("sys_exit"));
        assert!(!types.has_tracepoint("no_such_tracepoint"));
        assert_eq!(types.first_argument("sys_exit").as_deref(), Some("pt_regs"));
    }

    #[test]
    fn bytes_that_are_no_type_information_are_an_error() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        for bytes in [
            &b""[..],
            b"\x9f\xeb",
            b"\x9f\xeb\x01\x00\x18\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            std::fs::write(file.path(), bytes).expect("write");
            let error = Types::read(file.path()).map(|_| ()).expect_err("an error");
            assert!(matches!(error, TraceError::BtfInvalid { .. }), "{error:?}");
        }
    }
}
