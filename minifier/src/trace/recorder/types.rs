//! [`Types`]: looks up structures, members and tracepoints in the kernel's type information (BTF).

use std::collections::BTreeMap;
use std::path::Path;

use super::btf::{Btf, BtfMember, Type, kind};
use super::error::TraceError;

/// The kernel's types.
pub(crate) struct Types(Btf);

/// Unnamed structures inside one another that are searched. A bound for damaged type information, which can be circular.
const DEPTH: u32 = 8;

impl Types {
    /// Reads them from a file.
    pub(crate) fn read(path: &Path) -> Result<Self, TraceError> {
        let bytes = std::fs::read(path).map_err(|source| TraceError::Btf {
            path: path.into(),
            source,
        })?;
        let btf = Btf::parse(bytes).map_err(|reason| TraceError::BtfInvalid {
            path: path.into(),
            reason,
        })?;
        Ok(Self(btf))
    }

    /// Type information that contains only the types which programs are attached to: these tracepoints and functions.
    pub(crate) fn attachable(&self, tracepoints: &[&str], functions: &[&str]) -> Vec<u8> {
        let tracepoints = tracepoints
            .iter()
            .map(|name| (kind::TYPEDEF, typedef(name)));
        let functions = functions.iter().map(|&name| (kind::FUNC, name.to_owned()));
        self.0
            .names_only(&tracepoints.chain(functions).collect::<Vec<_>>())
    }

    /// Whether programs can be attached to the tracepoint by type.
    pub(crate) fn has_tracepoint(&self, name: &str) -> bool {
        self.find(&typedef(name), &[kind::TYPEDEF]).is_some()
    }

    /// Whether the kernel has a function of that name.
    pub(crate) fn has_function(&self, name: &str) -> bool {
        self.find(name, &[kind::FUNC]).is_some()
    }

    /// The first type of one of these kinds with that name.
    fn find(&self, name: &str, kinds: &[u8]) -> Option<Type<'_>> {
        let ids = self.0.named(name).into_iter();
        let mut found = ids.filter_map(|id| self.0.get(id));
        found.find(|one| kinds.contains(&one.kind))
    }

    /// Name of the structure that the tracepoint's first argument points to.
    pub(crate) fn first_argument(&self, tracepoint: &str) -> Option<String> {
        let of_kind = |id: u32, kind: u8| self.0.get(id).filter(|found| found.kind == kind);
        let typedef = self.find(&typedef(tracepoint), &[kind::TYPEDEF])?;
        let pointer = of_kind(typedef.word, kind::PTR)?;
        // Parameter 0 is the tracepoint's private data (`void *`), which programs do not get.
        let argument = of_kind(pointer.word, kind::FUNC_PROTO)?.parameter(1)?;
        let argument = self.plain(argument)?;
        let (name, _) = self
            .structure(argument.word)
            .filter(|_| argument.kind == kind::PTR)?;
        String::from_utf8(name.to_vec()).ok()
    }

    /// Name and type of a structure.
    fn structure(&self, id: u32) -> Option<(&[u8], Type<'_>)> {
        let id = self.plain_id(id)?;
        let found = self.0.get(id).filter(|found| found.kind == kind::STRUCT)?;
        Some((self.0.name(id)?, found))
    }

    /// Offset of a member, which is given with its parents (`a.b.c`). Unnamed structures and unions are searched too: kernels
    /// wrap members in them (`f_path`, `d_name`) without a change in the source of their users.
    pub(crate) fn offset(&self, structure: &str, members: &str) -> Option<u32> {
        self.member(structure, members).map(|(offset, _)| offset)
    }

    /// Offset of a member that is a pointer, or a structure with a pointer as its only member (`struct delayed_filename`, after
    /// 6.18).
    pub(crate) fn pointer_offset(&self, structure: &str, member: &str) -> Option<u32> {
        let (offset, found) = self.member(structure, member)?;
        if found.kind == kind::PTR {
            return Some(offset);
        }
        let members: Vec<BtfMember> = found.members().collect();
        let [only] = &members[..] else {
            return None;
        };
        let pointer = self.plain(only.id)?.kind == kind::PTR;
        (found.kind == kind::STRUCT && pointer).then_some(offset)
    }

    /// Length of a member that is an array.
    pub(crate) fn array_length(&self, structure: &str, member: &str) -> Option<u32> {
        self.member(structure, member)?.1.array_length()
    }

    fn member(&self, structure: &str, members: &str) -> Option<(u32, Type<'_>)> {
        if members.is_empty() {
            return None;
        }
        let mut found = (0u32, self.find(structure, &[kind::STRUCT])?);
        for name in members.split('.') {
            let (offset, inner) = self.member_of(found.1, name.as_bytes(), 0)?;
            found = (found.0.checked_add(offset)?, inner);
        }
        Some(found)
    }

    fn member_of(&self, outer: Type<'_>, name: &[u8], depth: u32) -> Option<(u32, Type<'_>)> {
        for member in outer.members() {
            let offset = member.bits / 8;
            let member_name = self.0.string(member.name)?;
            if member_name == name {
                return Some((offset, self.plain(member.id)?));
            }
            if member_name.is_empty()
                && depth < DEPTH
                && let Some(inner) = self.plain(member.id)
                && let Some((inside, found)) = self.member_of(inner, name, depth + 1)
            {
                return Some((offset.checked_add(inside)?, found));
            }
        }
        None
    }

    /// The type without typedefs and qualifiers.
    fn plain(&self, id: u32) -> Option<Type<'_>> {
        self.0.get(self.plain_id(id)?)
    }

    fn plain_id(&self, id: u32) -> Option<u32> {
        let mut id = id;
        // Damaged type information can have a typedef of itself.
        for _ in 0..16 {
            let found = self.0.get(id)?;
            match found.kind {
                kind::TYPEDEF | kind::CONST | kind::VOLATILE | kind::RESTRICT | kind::TYPE_TAG => {
                    id = found.word;
                }
                _ => return Some(id),
            }
        }
        None
    }

    /// Names and values of an enumeration.
    pub(crate) fn enumerators(&self, name: &str) -> BTreeMap<String, u32> {
        let mut all = BTreeMap::new();
        // Several types may have that name; only enumerations have enumerators.
        for found in self
            .0
            .named(name)
            .into_iter()
            .filter_map(|id| self.0.get(id))
        {
            for (name, value) in found.enumerators() {
                let name = self.0.string(name).map(String::from_utf8_lossy);
                all.extend(name.map(|name| (name.into_owned(), value)));
            }
        }
        all
    }
}

/// Name of the type of a tracepoint's programs.
fn typedef(tracepoint: &str) -> String {
    format!("btf_trace_{tracepoint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Types {
        Types::read(&crate::trace::recorder::load::default_btf())
            .expect("the running kernel's types")
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
