//! An exec as a wire message, and back.
//!
//! Knows what goes into which field; the verifier decides what makes sense.

use buildkit_proto::{Fields, pb};
use oci_names::Platform;

use super::{Device, Exec, Network, Proxy, SSH_AUTH_SOCK, SecretEnv, Security, Ulimit};
use crate::op::InputList;
use crate::op::mount::Mount;
use crate::output::Output;

impl Exec {
    /// Writes the fields of `pb::ExecOp`.
    pub(crate) fn write(&self, fields: &mut Fields<'_>) {
        let Self {
            args,
            env,
            cwd,
            user,
            hostname,
            hosts,
            proxy,
            network,
            security,
            secret_env,
            devices,
            ulimits,
            cgroup_parent,
            valid_exit_codes,
            mounts,
            platform: _,
            removes_mount_stubs,
            default_path: _,
            filters: _,
        } = self;
        fields.message(1, |meta| {
            args.iter().for_each(|arg| meta.element(1, arg));
            env.iter().for_each(|(name, value)| meta.joined(2, [name, "=", value]));
            if let Some(socket) = self.socket_in_env() {
                meta.joined(2, [SSH_AUTH_SOCK, "=", socket]);
            }
            meta.text(3, cwd);
            meta.text(4, user);
            if let Some(proxy) = proxy {
                meta.message(5, |fields| proxy.write(fields));
            }
            for (host, ip) in hosts {
                meta.message(6, |line| {
                    line.text(1, host);
                    line.text(2, ip);
                });
            }
            meta.text(7, hostname);
            for Ulimit { name, soft, hard } in ulimits {
                meta.message(9, |limit| {
                    limit.text(1, name);
                    limit.number(2, *soft);
                    limit.number(3, *hard);
                });
            }
            meta.text(10, cgroup_parent);
            meta.number(11, *removes_mount_stubs);
            meta.numbers(12, valid_exit_codes);
        });
        let mut inputs = InputList::default();
        let mut outputs = 0..;
        for mount in mounts {
            let output = if mount.has_output() { outputs.next().unwrap_or(-1) } else { -1 };
            let input = inputs.index(mount.input());
            fields.message(2, |fields| mount.write(fields, input, output));
        }
        let network = match network {
            Network::Sandbox => pb::NetMode::Unset,
            Network::Host => pb::NetMode::Host,
            Network::None => pb::NetMode::None,
        };
        fields.enumerator(3, network);
        let security = match security {
            Security::Sandbox => pb::SecurityMode::Sandbox,
            Security::Insecure => pb::SecurityMode::Insecure,
        };
        fields.enumerator(4, security);
        for SecretEnv { id, name, optional } in secret_env {
            fields.message(5, |secret| {
                secret.text(1, id);
                secret.text(2, name);
                secret.number(3, *optional);
            });
        }
        for Device { name, optional } in devices {
            fields.message(6, |device| {
                device.text(1, name);
                device.number(2, *optional);
            });
        }
    }

    /// The op in a wire message, as far as this type can express it; the caller compares the bytes. `None` for the impossible.
    pub(crate) fn from_pb(
        op: &pb::ExecOp,
        inputs: &[Output],
        platform: Platform,
        filters: Vec<String>,
    ) -> Option<Self> {
        let meta = op.meta.as_ref()?;
        let pair = |entry: &String| {
            let (name, value) = entry.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        let mut mounts = op.mounts.iter().map(|mount| Mount::from_pb(mount, inputs)).collect::<Option<Vec<_>>>()?;
        mounts.sort_by(|one, other| one.order().cmp(&other.order()));
        Some(Self {
            args: meta.args.clone(),
            env: meta.env.iter().map(pair).collect::<Option<_>>()?,
            cwd: meta.cwd.clone(),
            user: meta.user.clone(),
            hostname: meta.hostname.clone(),
            hosts: meta.extra_hosts.iter().map(|host| (host.host.clone(), host.ip.clone())).collect(),
            proxy: meta.proxy_env.as_ref().map(|proxy| Box::new(Proxy::from_pb(proxy))),
            network: match pb::NetMode::try_from(op.network).ok()? {
                pb::NetMode::Unset => Network::Sandbox,
                pb::NetMode::Host => Network::Host,
                pb::NetMode::None => Network::None,
            },
            security: match pb::SecurityMode::try_from(op.security).ok()? {
                pb::SecurityMode::Sandbox => Security::Sandbox,
                pb::SecurityMode::Insecure => Security::Insecure,
            },
            secret_env: op
                .secretenv
                .iter()
                .map(|secret| SecretEnv { id: secret.id.clone(), name: secret.name.clone(), optional: secret.optional })
                .collect(),
            devices: op
                .cdi_devices
                .iter()
                .map(|device| Device { name: device.name.clone(), optional: device.optional })
                .collect(),
            ulimits: meta
                .ulimit
                .iter()
                .map(|limit| Ulimit { name: limit.name.clone(), soft: limit.soft, hard: limit.hard })
                .collect(),
            cgroup_parent: meta.cgroup_parent.clone(),
            valid_exit_codes: meta.valid_exit_codes.clone(),
            mounts,
            platform,
            removes_mount_stubs: meta.remove_mount_stubs_recursive,
            default_path: true,
            filters,
        })
    }
}

impl Proxy {
    /// Writes the fields of `pb::ProxyEnv`.
    fn write(&self, fields: &mut Fields<'_>) {
        let Self { http, https, ftp, no, all } = self;
        for (number, value) in (1..).zip([http, https, ftp, no, all]) {
            fields.text(number, value);
        }
    }

    fn from_pb(proxy: &pb::ProxyEnv) -> Self {
        Self {
            http: proxy.http_proxy.clone(),
            https: proxy.https_proxy.clone(),
            ftp: proxy.ftp_proxy.clone(),
            no: proxy.no_proxy.clone(),
            all: proxy.all_proxy.clone(),
        }
    }
}
