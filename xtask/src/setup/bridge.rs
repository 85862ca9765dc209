//! A fixed address for the bridge of Docker's containers.
//!
//! A bridge whose address nobody has set takes the lowest one of its ports, so that docker0 changes its address as
//! containers come and go. What a container then sends to the host goes to the old one, until it asks anew: answers of
//! containers are late by up to half a minute.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;

const BRIDGE: &str = "docker0";
/// `NET_ADDR_SET` in `addr_assign_type`: somebody has set it.
const SET: &str = "3";

/// Sets the address that the bridge has now. Nothing is done where the daemon has no such bridge, or where it is not this
/// user's to change.
pub(crate) fn keep_address() -> Result<()> {
    let folder = Path::new("/sys/class/net").join(BRIDGE);
    let Ok(how) = fs::read_to_string(folder.join("addr_assign_type")) else {
        return Ok(());
    };
    if how.trim() == SET || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let address = fs::read_to_string(folder.join("address")).context("read docker0's address")?;
    let mut ip = Command::new("ip");
    ip.args(["link", "set", "dev", BRIDGE, "address", address.trim()]);
    command::capture(&mut ip).map(drop)
}
