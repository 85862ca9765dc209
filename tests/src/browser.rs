//! A headless Chromium, driven over the DevTools protocol's pipe. It is told to load local files and counts everything
//! else that it asks for.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long an answer may take: 100,000 files on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running browser with one page.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    requests: File,
    answers: Receiver<Value>,
    events: Vec<Value>,
    session: Option<String>,
    next: u64,
    _folder: TempDir,
}

impl Browser {
    /// Starts it with an empty profile and opens `file` in a window of `width` and `height`.
    ///
    /// # Errors
    ///
    /// If Chromium is not installed or does not answer.
    pub fn open(file: &Path, width: u32, height: u32) -> Result<Self> {
        let mut browser = Self::start()?;
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }))?;
        let attached = browser.call(
            "Target.attachToTarget",
            json!({ "targetId": target["targetId"], "flatten": true }),
        )?;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}))?;
        }
        browser.window(width, height)?;
        browser.load(file)?;
        Ok(browser)
    }

    fn start() -> Result<Self> {
        let folder = TempDir::new()?;
        let (to, from) = (folder.path().join("to"), folder.path().join("from"));
        for fifo in [&to, &from] {
            mknodat(CWD, fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        }
        let process = Command::new("sh")
            .args(["-c", "exec chromium \"$@\" 3<\"$TO\" 4>\"$FROM\"", "sh"])
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                // Chromium refuses to run as root with it.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--hide-scrollbars",
                "--no-first-run",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .env("TO", &to)
            .env("FROM", &from)
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start sh")?;
        // Both directions, so that to open it does not wait for a browser that may not be there.
        let requests = OpenOptions::new().read(true).write(true).open(&to)?;
        let (send, answers) = channel();
        thread::spawn(move || {
            let Ok(pipe) = File::open(from) else { return };
            let messages = BufReader::new(pipe).split(0);
            for message in messages.map_while(Result::ok) {
                let parsed = serde_json::from_slice(&message);
                if parsed.is_ok_and(|value: Value| send.send(value).is_ok()) {
                    continue;
                }
                return;
            }
        });
        Ok(Self {
            process,
            requests,
            answers,
            events: Vec::new(),
            session: None,
            next: 0,
            _folder: folder,
        })
    }

    /// Sends a command of the protocol and gives its result.
    ///
    /// # Errors
    ///
    /// If the browser refuses it or does not answer.
    pub fn call(&mut self, method: &str, parameters: Value) -> Result<Value> {
        self.next += 1;
        let id = self.next;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        self.requests.write_all(&bytes)?;
        loop {
            let mut answer = self.answers.recv_timeout(PATIENCE).with_context(|| {
                format!("no answer to {method}: is chromium installed? (`cargo xtask setup`)")
            })?;
            if answer["id"] != id {
                self.events.push(answer);
                continue;
            }
            if let Some(error) = answer.get("error") {
                bail!("{method}: {error}");
            }
            return Ok(answer["result"].take());
        }
    }

    /// Loads `file` and waits until its script says that it is done.
    ///
    /// # Errors
    ///
    /// If it never does.
    pub fn load(&mut self, file: &Path) -> Result<()> {
        let file = file.canonicalize()?;
        self.events.clear();
        self.call(
            "Page.navigate",
            json!({ "url": format!("file://{}", file.display()) }),
        )?;
        self.wait("document.documentElement?.dataset.ready !== undefined && document.readyState === 'complete'")
    }

    /// Waits until the expression holds.
    ///
    /// # Errors
    ///
    /// If it does not in time.
    pub fn wait(&mut self, expression: &str) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.evaluate(expression)? == Value::Bool(true) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("waited in vain for {expression}; {:?}", self.faults())
    }

    /// The value of an expression in the page.
    ///
    /// # Errors
    ///
    /// If it throws.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let result = self.call(
            "Runtime.evaluate",
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true }),
        )?;
        if let Some(thrown) = result.get("exceptionDetails") {
            bail!("{expression}: {thrown}");
        }
        Ok(result["result"]["value"].clone())
    }

    /// Presses and releases a key: a name (`Enter`, `ArrowDown`, `Tab`) or a single character.
    ///
    /// # Errors
    ///
    /// If the browser refuses it.
    pub fn press(&mut self, key: &str) -> Result<()> {
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            "Backspace" => 8,
            "Escape" => 27,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => 0,
        };
        let mut down = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code });
        match key {
            "Enter" => down["text"] = "\r".into(),
            single if single.chars().count() == 1 => down["text"] = single.into(),
            _ => down["code"] = key.into(),
        }
        self.call("Input.dispatchKeyEvent", down)?;
        self.call(
            "Input.dispatchKeyEvent",
            json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code }),
        )?;
        Ok(())
    }

    /// Types text, key by key.
    ///
    /// # Errors
    ///
    /// If the browser refuses it.
    pub fn write(&mut self, text: &str) -> Result<()> {
        text.chars().try_for_each(|c| self.press(&c.to_string()))
    }

    /// Gives the window another size.
    ///
    /// # Errors
    ///
    /// If the browser refuses it.
    pub fn window(&mut self, width: u32, height: u32) -> Result<()> {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        )?;
        Ok(())
    }

    /// `light` or `dark`, as if the system said so.
    ///
    /// # Errors
    ///
    /// If the browser refuses it.
    pub fn scheme(&mut self, scheme: &str) -> Result<()> {
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        )?;
        Ok(())
    }

    /// What should not have happened since the page was loaded: exceptions, errors and warnings on the console, and
    /// every request but that for the page itself.
    pub fn faults(&self) -> Vec<String> {
        let page = |event: &Value| event["params"]["type"] == "Document";
        self.events
            .iter()
            .filter(|event| match event["method"].as_str() {
                Some("Runtime.exceptionThrown" | "Log.entryAdded") => true,
                Some("Runtime.consoleAPICalled") => event["params"]["type"] != "log",
                Some("Network.requestWillBeSent") => !page(event),
                _ => false,
            })
            .map(Value::to_string)
            .collect()
    }

    /// How many documents were asked for since the page was loaded.
    pub fn documents(&self) -> usize {
        self.events
            .iter()
            .filter(|event| event["method"] == "Network.requestWillBeSent")
            .count()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session = None;
        // Its own children end with it; if it has gone already, there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
