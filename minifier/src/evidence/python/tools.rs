//! Modules for people who write, test and install programs. Packages import them in functions that nobody calls where
//! the program runs; an application that does so names them itself.

/// A component of a name that makes a module such a tool.
const TOOLS: [&str; 22] = [
    "pdb",
    "bdb",
    "pydoc",
    "pydoc_data",
    "doctest",
    "unittest",
    "test",
    "tests",
    "testing",
    "_pytest",
    "pytest",
    "lib2to3",
    "idlelib",
    "tkinter",
    "turtle",
    "distutils",
    "_distutils",
    "setuptools",
    "pkg_resources",
    "pip",
    "IPython",
    "f2py",
];

/// Groups of entry points for such tools.
const FOR_TOOLS: [&str; 4] = ["distutils.", "setuptools.", "egg_info.", "pytest"];

/// Whether a module is such a tool, or belongs to one.
pub(crate) fn is_tool(module: &str) -> bool {
    module.split('.').any(|part| TOOLS.contains(&part))
}

/// Whether entry points of that group are for such tools.
pub(crate) fn is_for_tools(group: &str) -> bool {
    FOR_TOOLS.iter().any(|start| group.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known_by_any_component() {
        for (module, expected) in [
            ("numpy.distutils.core", true),
            ("unittest", true),
            ("testimony", false),
            ("json.tool", false),
        ] {
            assert_eq!(is_tool(module), expected, "{module}");
        }
    }
}
