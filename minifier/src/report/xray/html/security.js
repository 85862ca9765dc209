
// Findings and what else matters to security; the config.

function where(location) {
  if (location.in === "config") return "config, " + location.field;
  if (location.in === "history") return "history, step " + location.step;
  const line = location.line === null ? "" : ":" + location.line;
  return location.path + line + " (layer " + location.layer + (location.visible ? "" : ", hidden by a later layer") + ")";
}

// What the ignore list accepts, and its entries that do not do what they are for.
function drawIgnored(section, security) {
  if (security.ignores.length === 0) return;
  section.append(element("h3", { text: "Ignore list" }));
  const entries = security.ignores.filter((entry) => entry.state !== "used");
  if (entries.length) {
    const what = (entry) => [entry.path, entry.rule, entry.fingerprint].filter((part) => part !== null).join(", ");
    section.append(
      element(
        "div",
        { class: "notice", role: "note" },
        element("b", { text: "Entries that accept nothing." }),
        element("ul", {}, entries.map((entry) => element("li", { text: (entry.state === "expired" ? "Expired on " + entry.expires : "Fits no finding") + ": " + what(entry) + " (" + entry.reason + ")" })))
      )
    );
  }
  if (security.ignored.length) {
    section.append(
      makeTable(
        [
          { title: "Severity", cell: (ignored) => severity(ignored.finding.severity) },
          { title: "Finding", wide: true, key: (ignored) => ignored.finding.message, cell: (ignored) => ignored.finding.message },
          { title: "Reason", wide: true, cell: (ignored) => ignored.reason },
          { title: "Until", key: (ignored) => ignored.expires || "", cell: (ignored) => ignored.expires || "" },
        ],
        security.ignored,
        { label: "Ignored findings", filter: (ignored) => ignored.finding.message + "\n" + ignored.reason }
      ).node
    );
  }
}

function drawSecurity() {
  const security = DATA.security;
  const section = byId("security");
  section.append(heading("security", "Security"));
  const ranks = { error: 0, warning: 1, note: 2 };
  const table = makeTable(
    [
      { title: "Severity", key: (finding) => ranks[finding.severity], cell: (finding) => severity(finding.severity) },
      { title: "Finding", wide: true, key: (finding) => finding.message, cell: (finding) => finding.message },
      { title: "Kind", key: (finding) => finding.kind, cell: (finding) => finding.kind + (finding.detail ? " (" + finding.detail + ")" : "") },
      { title: "Fingerprint", cell: (finding) => name(finding.fingerprint) },
      { title: "Where", wide: true, key: (finding) => where(finding.location), cell: (finding) => name(where(finding.location)) },
    ],
    security.findings,
    {
      label: "Findings",
      filter: (finding) => finding.message + "\n" + finding.kind + "\n" + where(finding.location),
      choices: { label: "Severity", of: (finding) => finding.severity, names: { error: "errors", warning: "warnings", note: "notes" } },
    }
  );
  if (security.findings.length) section.append(table.node);
  else section.append(element("p", { text: "Nothing was found." }));
  drawIgnored(section, security);
  if (security.privileged.length) {
    section.append(
      element("h3", { text: "Files that give privileges" }),
      makeTable(
        [
          { title: "Path", wide: true, key: (file) => file.path, cell: (file) => name(file.path) },
          { title: "Mode", cell: (file) => file.mode },
          { title: "Owner", cell: (file) => file.uid + ":" + file.gid },
          { title: "Capabilities", cell: (file) => file.capabilities || "" },
          { title: "Package", wide: true, cell: (file) => file.package || "" },
        ],
        security.privileged,
        { label: "Files that give privileges", filter: (file) => file.path }
      ).node
    );
  }
  if (security.certificates.length) {
    section.append(
      element("h3", { text: "Certificates" }),
      makeTable(
        [
          { title: "Path", wide: true, key: (c) => c.path, cell: (c) => name(c.path) },
          { title: "Subject", wide: true, cell: (c) => c.subject },
          { title: "Issuer", wide: true, cell: (c) => c.issuer },
          { title: "Valid to", key: (c) => c.not_after, cell: (c) => element("span", {}, c.not_after.slice(0, 10), c.expired ? element("span", { class: "tag error", text: "expired" }) : null) },
        ],
        security.certificates,
        { label: "Certificates", filter: (c) => c.path + "\n" + c.subject + "\n" + c.issuer }
      ).node
    );
  }
  if (DATA.broken.length || DATA.unused.length) {
    section.append(
      element("h3", { text: "Programs and libraries" }),
      element(
        "ul",
        {},
        DATA.broken.map((need) => element("li", {}, name(need.path), " needs ", name(need.needs), ", which nothing provides")),
        DATA.unused.map((library) => element("li", {}, name(library.path), " (" + bytes(library.size) + ") is needed by nothing by name"))
      )
    );
  }
  return table;
}

function drawImage() {
  const image = DATA.image;
  const words = (list) => (list.length ? list.map((word) => JSON.stringify(word)).join(" ") : "none");
  const fields = [
    ["Names", image.names],
    ["Image ID", image.id],
    ["Manifest", image.manifest || "stored without one"],
    ["Platform", image.platform],
    ["Created", image.created || "not said"],
    ["Entrypoint", words(image.entrypoint)],
    ["Cmd", words(image.cmd)],
    ["User", image.user || "root (none set)"],
    ["Working directory", image.working_dir || "/"],
    ["Ports", image.ports],
    ["Volumes", image.volumes],
    ["Health check", image.healthcheck ? words(image.healthcheck) : "none"],
    ["Stop signal", image.stop_signal || "not set"],
    ["Shells", DATA.security.shells],
    ["Package managers", DATA.security.package_managers],
    ["Environment", image.env],
    ["Labels", Object.entries(image.labels).map(([key, value]) => key + "=" + value)],
    ["Annotations", Object.entries(image.annotations).map(([key, value]) => key + "=" + value)],
  ];
  byId("image").append(
    heading("image", "Image"),
    element(
      "dl",
      {},
      fields.flatMap(([title, value]) => [
        element("dt", { text: title }),
        element("dd", {}, Array.isArray(value) ? (value.length ? value.map((one) => element("div", {}, name(one))) : "none") : name(value)),
      ])
    )
  );
}
