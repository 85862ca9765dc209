//! Listeners of a container that no probe has exercised.

use std::collections::{BTreeMap, BTreeSet};

use super::ready::EPHEMERAL;
use crate::probe::http::{Port, Speaks};
use crate::probe::plan::{ContinueAfter, Exposed, ProbePlan};
use crate::probe::sockets::{Listener, Protocol};

/// Of the current listeners: each TCP port that did not answer a request as a web server does, and each UDP port; Unix
/// sockets if there is nothing else. Listeners on loopback addresses count only if nothing was reached: otherwise they may be
/// the back end of a server that was. `ports`: ports whose protocol is known. `reached`: ports that answered requests.
pub(crate) fn unexercised(
    plan: &ProbePlan,
    listeners: &BTreeSet<Listener>,
    ports: &[&Port],
    reached: &BTreeSet<u16>,
) -> Vec<Listener> {
    // Commands and users may have reached every port, and nothing here can see which.
    if plan.has_commands() || plan.continue_after != ContinueAfter::Probe {
        return Vec::new();
    }
    let unreachable: BTreeSet<u16> = ports
        .iter()
        .filter(|port| port.speaks == Speaks::Unreachable)
        .map(|port| port.address.port())
        .collect();
    let any_reached = !reached.is_empty();
    // One listener for each port.
    let mut found: BTreeMap<(Protocol, u16), &Listener> = BTreeMap::new();
    for listener in listeners {
        let Listener::Inet(protocol, address) = listener else {
            continue;
        };
        let exposed = Exposed {
            protocol: *protocol,
            port: address.port(),
        };
        let counts = match protocol {
            Protocol::Tcp => {
                !reached.contains(&address.port()) && !unreachable.contains(&address.port())
            }
            Protocol::Udp => address.port() < EPHEMERAL || plan.exposed.contains(&exposed),
        };
        let is_local = address.ip().to_canonical().is_loopback();
        if counts && !(is_local && any_reached) {
            found.entry((*protocol, address.port())).or_insert(listener);
        }
    }
    let mut all: Vec<Listener> = found.into_values().cloned().collect();
    if all.is_empty() && !any_reached {
        let unix = |listener: &&Listener| matches!(listener, Listener::Unix(_));
        all.extend(listeners.iter().filter(unix).cloned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::plan::Step;

    fn listener(text: &str) -> Listener {
        match text.split_once(' ').unwrap() {
            ("tcp", address) => Listener::Inet(Protocol::Tcp, address.parse().unwrap()),
            ("udp", address) => Listener::Inet(Protocol::Udp, address.parse().unwrap()),
            (_, path) => Listener::Unix(path.to_owned()),
        }
    }

    fn texts(plan: &ProbePlan, listeners: &[&str], reached: &[u16]) -> Vec<String> {
        let listeners = listeners.iter().map(|text| listener(text)).collect();
        let reached = reached.iter().copied().collect();
        unexercised(plan, &listeners, &[], &reached)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_answered_requests_is_exercised_and_its_back_ends_are() {
        let plan = ProbePlan::default();
        let all = [
            "tcp 0.0.0.0:80",
            "tcp 127.0.0.1:9000",
            "tcp [::]:22",
            "unix /run/x",
        ];
        assert_eq!(texts(&plan, &all, &[80]), ["tcp [::]:22"]);
        assert_eq!(
            texts(&plan, &all, &[]),
            ["tcp [::]:22", "tcp 0.0.0.0:80", "tcp 127.0.0.1:9000"]
        );
    }

    #[test]
    fn udp_counts_unless_the_kernel_gave_the_port_to_a_client() {
        let plan = ProbePlan::default();
        let all = ["udp 0.0.0.0:53", "udp 0.0.0.0:40000"];
        assert_eq!(texts(&plan, &all, &[]), ["udp 0.0.0.0:53"]);
    }

    #[test]
    fn unix_sockets_count_where_there_is_nothing_else() {
        let plan = ProbePlan::default();
        assert_eq!(texts(&plan, &["unix /run/x"], &[]), ["unix /run/x"]);
        assert_eq!(
            texts(&plan, &["unix /run/x", "tcp 0.0.0.0:1"], &[]),
            ["tcp 0.0.0.0:1"]
        );
    }

    #[test]
    fn commands_and_users_may_have_reached_everything() {
        let mut plan = ProbePlan {
            steps: vec![Step::exec("psql").unwrap()],
            ..ProbePlan::default()
        };
        assert_eq!(texts(&plan, &["tcp 0.0.0.0:5432"], &[]), [""; 0]);
        plan.steps.clear();
        plan.continue_after = ContinueAfter::Enter;
        assert_eq!(texts(&plan, &["tcp 0.0.0.0:5432"], &[]), [""; 0]);
    }
}
