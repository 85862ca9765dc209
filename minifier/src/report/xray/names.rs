//! What the kinds of the data model are called in front of people.

use crate::xray::model::{
    ChangeKind, Confidence, FileKind, PackageKind, RuleOutcome, RuntimeKind, Severity, WasteKind,
};

/// A kind of what should not ship.
pub(crate) fn waste(kind: WasteKind) -> &'static str {
    match kind {
        WasteKind::AptLists => "apt lists",
        WasteKind::AptArchives => "apt archives",
        WasteKind::ApkCache => "apk cache",
        WasteKind::PipCache => "pip cache",
        WasteKind::NpmCache => "npm cache",
        WasteKind::YarnCache => "Yarn cache",
        WasteKind::CargoCache => "Cargo registry",
        WasteKind::GoCache => "Go cache",
        WasteKind::PythonBytecode => "Python byte code",
        WasteKind::VersionControl => "version control",
        WasteKind::Tests => "tests of packages",
        WasteKind::Documentation => "documentation",
        WasteKind::Locales => "translations",
        WasteKind::BuildTools => "build tools",
        WasteKind::Headers => "headers",
        WasteKind::StaticLibraries => "static libraries",
        WasteKind::DevDependencies => "development dependencies",
        WasteKind::DebugInformation => "debug information",
        WasteKind::CoreDumps => "core dumps",
        WasteKind::TemporaryFiles => "temporary files",
        WasteKind::Logs => "logs",
        WasteKind::ToolCache => "caches of tools",
        WasteKind::BuildOutput => "intermediate results of builds",
        WasteKind::DownloadedData => "downloaded models and browsers",
        WasteKind::Hidden => "hidden by later layers",
        WasteKind::Duplicates => "duplicates",
    }
}

/// Where packages come from.
pub(crate) fn packages(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Deb => "Debian",
        PackageKind::Apk => "Alpine",
        PackageKind::Rpm => "rpm",
        PackageKind::Python => "Python",
        PackageKind::Npm => "npm",
        PackageKind::Gem => "Ruby",
        PackageKind::Java => "Java",
        PackageKind::Go => "Go",
        PackageKind::Cargo => "Rust",
    }
}

/// A language.
pub(crate) fn runtime(kind: RuntimeKind) -> &'static str {
    match kind {
        RuntimeKind::Go => "Go",
        RuntimeKind::Rust => "Rust",
        RuntimeKind::Python => "Python",
        RuntimeKind::Node => "Node.js",
        RuntimeKind::Java => "Java",
        RuntimeKind::Ruby => "Ruby",
        RuntimeKind::Php => "PHP",
        RuntimeKind::Dotnet => ".NET",
        RuntimeKind::StaticNative => "static program",
        RuntimeKind::DynamicNative => "native program",
    }
}

/// What files hold.
pub(crate) fn files(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Program => "programs",
        FileKind::Library => "libraries",
        FileKind::Object => "objects",
        FileKind::Script => "scripts",
        FileKind::Code => "code",
        FileKind::Archive => "archives",
        FileKind::Media => "media",
        FileKind::Documentation => "documentation",
        FileKind::Locale => "translations",
        FileKind::Data => "data",
        FileKind::PackageManager => "package manager",
        FileKind::Text => "text",
        FileKind::Binary => "other binary",
        FileKind::Empty => "empty",
    }
}

/// How bad a finding is.
pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// What came of a rule.
pub(crate) fn outcome(outcome: RuleOutcome) -> &'static str {
    match outcome {
        RuleOutcome::Pass => "pass",
        RuleOutcome::Warn => "warn",
        RuleOutcome::Fail => "FAIL",
        RuleOutcome::Skip => "skip",
    }
}

/// How sure an estimate is.
pub(crate) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}

/// How a file changed.
pub(crate) fn change(change: ChangeKind) -> &'static str {
    match change {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Content => "content",
        ChangeKind::Metadata => "metadata",
    }
}
