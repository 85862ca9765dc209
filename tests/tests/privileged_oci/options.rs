//! What options change in a container, as a process in it sees it.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result};
use minifier::runtime::{RunOptions, Workload, parse_mount, parse_tmpfs};

use crate::privileged_oci::support::{create, script};

/// Exit code and output of a script.
async fn told(text: &str, options: RunOptions) -> Result<(i64, Vec<String>)> {
    let options = RunOptions {
        entrypoint: script(text).entrypoint,
        ..options
    };
    let (_, container) = create("debian", &options).await?;
    container.start().await?;
    let exit = tokio::time::timeout(Duration::from_secs(30), container.exited()).await??;
    let lines = container.logs().tail(20);
    container.remove().await?;
    Ok((exit.code, lines))
}

#[tokio::test]
async fn privileged_a_read_only_root_has_only_its_mounts_to_write_to() -> Result<()> {
    let text = "for d in / /etc /tmp /kept /dev/shm; do
        if { echo x > $d/file; } 2>/dev/null; then echo wrote $d; fi
    done; stat -f -c %T /tmp; df -k --output=size /tmp | tail -n 1 | tr -d ' '";
    let folder = tempfile::tempdir()?;
    let bind = format!(
        "type=bind,source={},target=/kept",
        folder.path().to_str().context("a plain path")?
    );
    let options = RunOptions {
        read_only: true,
        tmpfs: vec![parse_tmpfs("/tmp:size=1m,mode=1777")?],
        mounts: vec![parse_mount(&bind)?],
        ..RunOptions::default()
    };
    let (code, lines) = told(text, options).await?;
    let expected = [
        "wrote /tmp",
        "wrote /kept",
        "wrote /dev/shm",
        "tmpfs",
        "1024",
    ];
    assert_eq!((code, lines), (0, expected.map(str::to_owned).to_vec()));
    assert_eq!(fs::read_to_string(folder.path().join("file"))?, "x\n");
    Ok(())
}

#[tokio::test]
async fn privileged_a_process_is_what_the_options_say() -> Result<()> {
    let options = RunOptions {
        env: vec!["GREETING=hello there".into()],
        user: Some("nobody:daemon".into()),
        workdir: Some("/usr/share".into()),
        hostname: Some("somewhere".into()),
        add_host: vec!["backend:127.0.0.9".into()],
        shm_size: Some(2 << 20),
        cap_add: vec!["NET_ADMIN".into()],
        sysctls: [("net.ipv4.ip_unprivileged_port_start".into(), "80".into())].into(),
        ..RunOptions::default()
    };
    let text = "echo $GREETING; id -un; id -gn; pwd; hostname; getent hosts backend | tr -s ' '
        df -k --output=size /dev/shm | tail -n 1 | tr -d ' '
        grep CapBnd /proc/self/status | tr -d '\\t'
        cat /proc/sys/net/ipv4/ip_unprivileged_port_start";
    let (code, lines) = told(text, options).await?;
    let expected = [
        "hello there",
        "nobody",
        "daemon",
        "/usr/share",
        "somewhere",
        "127.0.0.9 backend",
        "2048",
        // Docker's default set, and CAP_NET_ADMIN (12).
        "CapBnd:00000000a80435fb",
        "80",
    ];
    assert_eq!((code, lines), (0, expected.map(str::to_owned).to_vec()));
    Ok(())
}

/// A process that holds a network namespace; ends with the value.
struct Holder(Child);

impl Holder {
    fn new() -> Result<Self> {
        let mut unshare = Command::new("unshare");
        let child = unshare.args(["--net", "sleep", "60"]).spawn()?;
        let holder = Self(child);
        let own = fs::read_link("/proc/self/ns/net")?;
        for _ in 0..1000 {
            if fs::read_link(holder.path())? != own {
                return Ok(holder);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        anyhow::bail!("unshare gives no namespace")
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn privileged_the_network_is_the_one_that_was_chosen() -> Result<()> {
    let holder = Holder::new()?;
    let host = fs::read_link("/proc/self/ns/net")?;
    let held = fs::read_link(holder.path())?;
    let text = "readlink /proc/self/ns/net; ls /sys/class/net | tr '\\n' ' '; echo";
    let of = |network: Option<String>| {
        let options = RunOptions {
            network,
            ..RunOptions::default()
        };
        told(text, options)
    };
    let name = |path: &std::path::Path| path.to_string_lossy().into_owned();
    for (network, expected) in [("host".to_owned(), &host), (holder.path(), &held)] {
        let (code, lines) = of(Some(network.clone())).await?;
        assert_eq!(code, 0, "{network}: {lines:?}");
        assert_eq!(lines[0], name(expected), "{network}");
    }
    for network in [None, Some("none".to_owned())] {
        let (code, lines) = of(network.clone()).await?;
        assert_eq!(code, 0, "{network:?}: {lines:?}");
        let own = &lines[0];
        assert!(*own != name(&host) && *own != name(&held), "{network:?}");
        assert_eq!(lines[1].trim(), "lo", "{network:?}");
    }
    Ok(())
}
