//! An exec as a wire message, and back.
//!
//! Knows field for field what goes where; what makes sense is the verifier's business.

use buildkit_proto::pb;

use super::{Device, Exec, Network, Proxy, SecretEnv, Security, Ulimit};
use crate::graph::Output;
use crate::op::InputList;
use crate::op::mount::Mount;
use crate::platform::Platform;

impl Exec {
    pub(crate) fn to_pb(&self) -> pb::ExecOp {
        let Self {
            args,
            env: _,
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
            mounts: _,
            platform: _,
            removes_mount_stubs,
            default_path: _,
            filters: _,
        } = self;
        let mut inputs = InputList::default();
        let mut outputs = 0..;
        let mounts = self
            .sorted_mounts()
            .into_iter()
            .map(|mount| {
                let output = if mount.has_output() { outputs.next().unwrap_or(-1) } else { -1 };
                mount.to_pb(inputs.index(mount.input()), output)
            })
            .collect();
        let ulimit = |Ulimit { name, soft, hard }: &Ulimit| pb::Ulimit { name: name.clone(), soft: *soft, hard: *hard };
        let device = |Device { name, optional }: &Device| pb::CdiDevice { name: name.clone(), optional: *optional };
        pb::ExecOp {
            meta: Some(pb::Meta {
                args: args.clone(),
                env: self.wire_env(),
                cwd: cwd.clone(),
                user: user.clone(),
                proxy_env: proxy.as_ref().map(Proxy::to_pb),
                extra_hosts: hosts.iter().map(|(host, ip)| pb::HostIp { host: host.clone(), ip: ip.clone() }).collect(),
                hostname: hostname.clone(),
                ulimit: ulimits.iter().map(ulimit).collect(),
                cgroup_parent: cgroup_parent.clone(),
                remove_mount_stubs_recursive: *removes_mount_stubs,
                valid_exit_codes: valid_exit_codes.clone(),
            }),
            mounts,
            network: match network {
                Network::Sandbox => pb::NetMode::Unset,
                Network::Host => pb::NetMode::Host,
                Network::None => pb::NetMode::None,
            }
            .into(),
            security: match security {
                Security::Sandbox => pb::SecurityMode::Sandbox,
                Security::Insecure => pb::SecurityMode::Insecure,
            }
            .into(),
            secretenv: secret_env
                .iter()
                .map(|SecretEnv { id, name, optional }| pb::SecretEnv {
                    id: id.clone(),
                    name: name.clone(),
                    optional: *optional,
                })
                .collect(),
            cdi_devices: devices.iter().map(device).collect(),
        }
    }

    /// The op in a wire message, as far as this type can say it; the caller compares. `None` for what cannot be at all.
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
        Some(Self {
            args: meta.args.clone(),
            env: meta.env.iter().map(pair).collect::<Option<_>>()?,
            cwd: meta.cwd.clone(),
            user: meta.user.clone(),
            hostname: meta.hostname.clone(),
            hosts: meta.extra_hosts.iter().map(|host| (host.host.clone(), host.ip.clone())).collect(),
            proxy: meta.proxy_env.as_ref().map(Proxy::from_pb),
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
            mounts: op.mounts.iter().map(|mount| Mount::from_pb(mount, inputs)).collect::<Option<_>>()?,
            platform,
            removes_mount_stubs: meta.remove_mount_stubs_recursive,
            default_path: true,
            filters,
        })
    }
}

impl Proxy {
    fn to_pb(&self) -> pb::ProxyEnv {
        let Self { http, https, ftp, no, all } = self;
        pb::ProxyEnv {
            http_proxy: http.clone(),
            https_proxy: https.clone(),
            ftp_proxy: ftp.clone(),
            no_proxy: no.clone(),
            all_proxy: all.clone(),
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
