//! Digests of parts of a plan, by which answers that are results of steps are stored.
//!
//! A digest is computed from the data of the steps, not from their graphs, so planning needs no graphs. It excludes everything that
//! does not change the result: titles, places in the spec, the session, proxies, and the steps that run without cache.

use buildkit_llb::Digest;
use serde_json::{Value, json};

use crate::lock_step::LockStep;
use crate::plan::{Action, Common, Parent, Plan, Step};

/// The digest of a step, including the steps it is built on.
pub(crate) fn step_digest(plan: &Plan, id: &str) -> String {
    let mut foundation = foundation(plan, &[id]);
    let needed = plan.with_ancestors(&[id]);
    if !plan.steps.iter().any(|step| needed.contains(&step.id.as_str()) && uses_tools(&step.action)) {
        // Otherwise a question about the step would change once an image is known that the step does not use.
        foundation["tools"] = json!([null, null]);
    }
    digest(&json!(["step", id, foundation]))
}

/// Whether a step uses programs of tool images.
fn uses_tools(action: &Action) -> bool {
    match action {
        Action::Venv { .. } | Action::Conda { .. } | Action::Commands { .. } => true,
        Action::InstallGroup(_) => true,
        Action::RemovePackages { .. } | Action::Folders { .. } => false,
        Action::OwnHome { .. } | Action::Apt { .. } | Action::Copy { .. } | Action::WriteFile { .. } => false,
    }
}

/// The digest of an image.
pub(crate) fn image_digest(plan: &Plan) -> String {
    digest(&json!(["image", image(plan)]))
}

/// The digest of a step that resolves requirements, including its inputs and the steps it is built on.
pub(crate) fn lock_digest(plan: &Plan, step: &LockStep) -> String {
    let LockStep {
        title: _,
        command,
        place,
        installed,
        files,
        extras,
        groups,
        preferences,
        args,
        env,
        secrets,
        secret_env_native: _,
        fields: _,
        locations: _,
    } = step;
    let told = json!({
        "command": command.name(),
        "place": place,
        "installed": installed,
        "files": files,
        "extras": extras,
        "groups": groups,
        "preferences": preferences,
        "args": args,
        "env": env,
        "secrets": secrets,
    });
    let parents = step.parents();
    let foundation = match parents.is_empty() {
        true => apart(plan, &[]),
        false => foundation(plan, &parents.iter().flat_map(|parent| parent.ids()).collect::<Vec<_>>()),
    };
    digest(&json!(["lock", told, foundation]))
}

/// The digest of groups whose files are compared, including the environment they are installed into.
pub(crate) fn groups_digest(plan: &Plan) -> String {
    let compared: Vec<&Step> = plan.steps.iter().filter(|step| step.is_compared()).collect();
    let foundation = match compared.iter().all(|step| step.parent == Parent::Nothing) {
        true => apart(plan, &compared),
        false => foundation(plan, &compared.iter().map(|step| step.id.as_str()).collect::<Vec<_>>()),
    };
    digest(&json!(["groups", foundation]))
}

/// Steps that are built on nothing: neither the base nor other steps matter.
fn apart(plan: &Plan, steps: &[&Step]) -> Value {
    let steps: Vec<Value> = steps.iter().map(|Step { id, action, .. }| json!([id, action])).collect();
    let Common { network, hosts, hostname, ca_bundle, home, .. } = &plan.common;
    json!({
        "platform": plan.platform,
        "uv": plan.uv,
        "network": network,
        "hosts": hosts,
        "hostname": hostname,
        "certificates": ca_bundle,
        "home": home.path,
        "steps": steps,
    })
}

/// Steps, the steps they are built on, and the base of all of them.
fn foundation(plan: &Plan, ids: &[&str]) -> Value {
    let needed = plan.with_ancestors(ids);
    let steps = plan.steps.iter().filter(|step| needed.contains(&step.id.as_str()));
    base(plan, steps)
}

fn image(plan: &Plan) -> Value {
    json!([base(plan, plan.steps.iter()), plan.image])
}

fn base<'a>(plan: &Plan, steps: impl Iterator<Item = &'a Step>) -> Value {
    let Plan {
        platform,
        shape,
        base,
        below,
        uv,
        micromamba,
        python: _,
        steps: _,
        image: _,
        reasons: _,
        records: _,
        common,
    } = plan;
    let Common {
        no_cache: _,
        avoided: _,
        resolve_mode: _,
        network,
        proxy: _,
        hosts,
        hostname,
        cache_namespace: _,
        ca_bundle,
        session: _,
        source_date_epoch: _,
        home,
        copies_folders: _,
        base_env,
        multi_platform: _,
        base_config: _,
    } = common;
    let steps: Vec<Value> = steps.map(|Step { id, parent, action, .. }| json!([id, parent, action])).collect();
    json!({
        "platform": platform,
        "shape": shape,
        "base": base,
        "below": below.as_deref().map(image),
        "tools": [uv, micromamba],
        "network": network,
        "hosts": hosts,
        "hostname": hostname,
        "certificates": ca_bundle,
        "home": home.path,
        "environment": base_env,
        "steps": steps,
    })
}

/// The digits of a digest.
pub(crate) fn hex(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

fn digest(data: &Value) -> String {
    Digest::from_content(data.to_string().as_bytes()).to_string()
}
