//! Names of the kinds of the data model, for people.

use crate::xray::model::{
    ChangeKind, Confidence, FileKind, PackageKind, RuleOutcome, RuntimeKind, Severity, WasteKind,
};

/// A kind of waste.
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

/// A package manager or ecosystem.
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

/// A language or runtime.
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

/// A kind of files, in the plural.
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

/// The severity of a finding.
pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// The result of a rule. A failure stands out without colour.
pub(crate) fn outcome(outcome: RuleOutcome) -> &'static str {
    match outcome {
        RuleOutcome::Pass => "pass",
        RuleOutcome::Warn => "warn",
        RuleOutcome::Fail => "FAIL",
        RuleOutcome::Skip => "skip",
    }
}

/// The certainty of an estimate.
pub(crate) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}

/// The kind of difference between two files.
pub(crate) fn change(change: ChangeKind) -> &'static str {
    match change {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Content => "content",
        ChangeKind::Metadata => "metadata",
    }
}
