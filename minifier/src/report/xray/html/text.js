"use strict";

// Text, numbers and elements. Nothing of an image ever becomes markup: all of it goes through textContent.

// The same characters as everywhere else (plain.rs; a test compares the two). U+2065 is not assigned, in the middle of a
// block of such characters.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u{2065}]/gu;

// Text without anything invisible or that changes the direction of writing.
function shown(text) {
  return String(text).replace(UNSAFE, (c) => {
    const code = c.codePointAt(0);
    return code < 0x100 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u{" + code.toString(16) + "}";
  });
}

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

function bytes(number) {
  let value = number;
  let unit = 0;
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? number + " B" : value.toFixed(1) + " " + UNITS[unit];
}

function percent(share) {
  const value = share * 100;
  return (share < 1 && value >= 99.95 ? 99.9 : value).toFixed(1) + " %";
}

function count(number, noun) {
  return number.toLocaleString("en") + " " + noun + (number === 1 ? "" : "s");
}

function difference(from, to) {
  if (from === to) return "±0";
  return to > from ? "+" + bytes(to - from) : "−" + bytes(from - to);
}

// An element with properties (`class`, `text`, `on…` listeners, attributes) and children.
function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") made.className = value;
    else if (name === "text") made.textContent = shown(value);
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined) continue;
    made.append(child instanceof Node ? child : document.createTextNode(shown(child)));
  }
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

// The name of a path or program: never hyphenated, breaks anywhere.
function name(text) {
  return element("code", { class: "name", text });
}

// Lines to be copied, with a button that does it.
function block(text, label) {
  const made = element("pre", { tabindex: "0", role: "region", "aria-label": label });
  made.textContent = shownLines(text);
  return element("div", { class: "block" }, made, copyButton(text));
}

// Text of several lines, which stay lines.
function shownLines(text) {
  const lines = String(text).replace(/\r\n?/g, "\n").replace(/\t/g, "  ").split("\n");
  return lines.map(shown).join("\n");
}

// What is shorter is quicker selected than found in a clipboard.
const SHORT_COMMAND = 40;
const LONG_COMMAND = 320;

// An instruction of a Dockerfile: it wraps, and a long one unfolds.
function command(text) {
  const whole = element("code", { class: "name command" });
  whole.textContent = shownLines(text);
  if (text.length <= SHORT_COMMAND) return whole;
  const copied = element("div", { class: "block" }, whole, copyButton(text));
  if (text.length <= LONG_COMMAND) return copied;
  const start = text.slice(0, LONG_COMMAND / 2).replace(/\s+/g, " ");
  return element("details", { class: "long" }, element("summary", {}, name(start + "…")), copied);
}

function copyButton(text) {
  const button = element("button", {
    type: "button",
    class: "copy small",
    text: "Copy",
    onclick: () => {
      // The clipboard's own interface is not there in files and without TLS.
      const area = element("textarea", { "aria-hidden": "true", class: "skip-link" });
      // What was read is what is copied: a terminal that it is pasted into acts on the rest.
      area.value = shownLines(text);
      document.body.append(area);
      area.select();
      button.textContent = document.execCommand("copy") ? "Copied" : "Not copied";
      area.remove();
      button.focus({ preventScroll: true });
      setTimeout(() => (button.textContent = "Copy"), 2000);
    },
  });
  return button;
}

function severity(level) {
  return element("span", { class: "tag " + level, text: level });
}

const DATA = JSON.parse(byId("data").textContent);
