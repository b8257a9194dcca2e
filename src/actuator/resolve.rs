//! From the agent's file to what the actuator needs: secrets read from their files, users looked up.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::headers::HeadersError;
use crate::config::{self, Config, UrlSource};
use crate::model::clock::Clock;
use crate::model::name::Name;
use crate::sys::user;

use super::notify::{Backoff, Receiver, Way};
use super::settings::{Evidence, Hook, HookCall, HookCommand, HookRequest, Settings};
use super::snapshot::Bounds;
use crate::call::endpoint::{Endpoint, EndpointError};

/// Why something of the agent's file can't be used as it is. Never tells a secret.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// A receiver's or hook's address, or the headers sent to it.
    #[error("the address of `{name}` can't be used")]
    Endpoint {
        /// Of what.
        name: Name,
        /// Why.
        source: EndpointError,
    },
    /// A receiver's address stands in a variable that is not set.
    #[error("the address of `{name}` should stand in the variable {variable}, which is not set")]
    Variable {
        /// Of what.
        name: Name,
        /// Where it was looked for.
        variable: String,
    },
    /// A file of headers.
    #[error("the headers of `{name}` can't be used")]
    Headers {
        /// Of what.
        name: Name,
        /// Why.
        source: HeadersError,
    },
    /// A hook's user does not exist.
    #[error("the user {user} of hook `{name}` does not exist")]
    NoUser {
        /// The hook.
        name: Name,
        /// The user.
        user: String,
    },
    /// A hook's user could not be looked up.
    #[error("the user of hook `{name}` could not be looked up")]
    User {
        /// The hook.
        name: Name,
        /// Why.
        source: io::Error,
    },
}

impl ResolveError {
    /// Whether a file with a secret is at fault as a file: not there, not readable, open to others.
    pub const fn is_of_a_file(&self) -> bool {
        matches!(
            self,
            Self::Endpoint { source: EndpointError::Exposed { .. } | EndpointError::Unreadable { .. }, .. }
        )
    }
}

impl Settings {
    /// What the agent's file says, with everything read that it only names. All faults at once.
    ///
    /// `variable` gives a variable of the agent's environment. No keeper and no proxies: they are set by who has them.
    pub fn resolve(
        config: &Config,
        (host, clock): (String, Arc<dyn Clock>),
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<ResolveError>> {
        let mut faults = Vec::new();
        let mut hooks = BTreeMap::new();
        for (name, hook) in &config.hooks {
            keep(&mut hooks, name, resolve_hook(hook, &config.probes), &mut faults);
        }
        let mut receivers = BTreeMap::new();
        for (name, receiver) in &config.receivers {
            keep(&mut receivers, name, resolve_receiver(receiver, &variable), &mut faults);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let config::Evidence { dir, max_size, keep } = &config.agent.evidence;
        let number = usize::try_from(*keep).unwrap_or(usize::MAX);
        let bounds = Bounds { bundle: *max_size, number, file: Bounds::default().file.min(*max_size) };
        let evidence = Evidence { folder: dir.clone(), bounds };
        let systemctl = PathBuf::from("systemctl");
        Ok(Self { host, clock, hooks, receivers, evidence, systemctl, keeper: None, proxies: None })
    }
}

fn keep<T>(
    into: &mut BTreeMap<Name, T>,
    name: &Name,
    resolved: Result<T, ResolveError>,
    faults: &mut Vec<ResolveError>,
) {
    match resolved {
        Ok(one) => drop(into.insert(name.clone(), one)),
        Err(fault) => faults.push(fault),
    }
}

fn resolve_hook(hook: &config::Hook, probes: &BTreeMap<Name, config::Probe>) -> Result<Hook, ResolveError> {
    let name = &hook.name;
    let call = match &hook.call {
        config::HookCall::Run(config::Command { argv, env, user }) => {
            let environment = env.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            let user = user.as_deref().map(|user| resolve_user(name, user)).transpose()?;
            HookCall::Command(HookCommand { argv: argv.clone(), environment, user })
        }
        config::HookCall::Http(config::HttpCall { url, method, headers_file, body }) => {
            let endpoint = Endpoint::parse(url.as_str()).map_err(|source| of(name, source))?;
            let endpoint = with_headers_file(name, endpoint, headers_file.as_ref())?;
            HookCall::Http(HookRequest { endpoint, method: *method, body: body.clone() })
        }
    };
    let until = hook.until.as_ref().and_then(|until| Some((probes.get(&until.probe)?.clone(), until.within)));
    Ok(Hook { call, timeout: hook.timeout, until })
}

fn resolve_user(name: &Name, user: &str) -> Result<user::UserIds, ResolveError> {
    let found = user::lookup(user).map_err(|source| ResolveError::User { name: name.clone(), source })?;
    found.ok_or_else(|| ResolveError::NoUser { name: name.clone(), user: user.to_owned() })
}

fn resolve_receiver(
    receiver: &config::Receiver,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Receiver, ResolveError> {
    let config::Receiver { name, way, timeout, group, rate, retries } = receiver;
    let way = match way {
        config::Way::Command(argv) => Way::Command(argv.clone()),
        config::Way::Webhook { url, format, headers, headers_file } => {
            let endpoint = resolve_url(name, url, variable)?;
            let headers = headers.iter().map(|(name, value)| (name.as_str(), value));
            let endpoint = endpoint.with_headers(headers).map_err(|source| of(name, source))?;
            let endpoint = with_headers_file(name, endpoint, headers_file.as_ref())?;
            match format {
                config::Format::Slack => Way::Slack(endpoint),
                config::Format::Json => Way::Webhook(endpoint),
            }
        }
    };
    let tries = u32::try_from(retries.saturating_add(1)).unwrap_or(u32::MAX);
    let backoff = Backoff { tries, ..Backoff::default() };
    Ok(Receiver { way, group: *group, quota: *rate, timeout: *timeout, backoff })
}

fn resolve_url(
    name: &Name,
    url: &UrlSource,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Endpoint, ResolveError> {
    let endpoint = match url {
        UrlSource::File(path) => Endpoint::read(path),
        UrlSource::Inline(url) => Endpoint::parse(url.reveal()),
        UrlSource::Env(wanted) => match variable(wanted) {
            Some(url) => Endpoint::parse(&url),
            None => {
                return Err(ResolveError::Variable { name: name.clone(), variable: wanted.clone() });
            }
        },
    };
    endpoint.map_err(|source| of(name, source))
}

fn with_headers_file(
    name: &Name,
    endpoint: Endpoint,
    file: Option<&PathBuf>,
) -> Result<Endpoint, ResolveError> {
    let Some(file) = file else { return Ok(endpoint) };
    endpoint.with_headers_file(file).map_err(|source| of(name, source))
}

fn of(name: &Name, source: EndpointError) -> ResolveError {
    ResolveError::Endpoint { name: name.clone(), source }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;
    use crate::config::Input;
    use crate::model::chain::chain;
    use crate::sys::clock::SystemClock;

    const TARGET: &str = "schema = 1\n[target.bot]\nmatch = { pid = 1 }\npolicy = []\n";

    fn resolve(text: &str) -> Result<Settings, Vec<String>> {
        let loaded = config::load(&Input::from_file("agent.toml", format!("{TARGET}{text}")));
        let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.report));
        let variable = |name: &str| (name == "HOOK_URL").then(|| "http://127.0.0.1:9/s3cret".to_owned());
        let resolved = Settings::resolve(&config, ("trade-1".to_owned(), Arc::new(SystemClock)), variable);
        resolved.map_err(|faults| faults.iter().map(|fault| chain(fault)).collect())
    }

    fn secret(path: &Path, text: &str, mode: u32) -> String {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    #[test]
    fn what_the_file_names_is_read() {
        let room = tempfile::tempdir().unwrap();
        let url = secret(&room.path().join("url"), "https://hooks.slack.com/services/T/B/x\n", 0o600);
        let headers = secret(&room.path().join("headers"), "# mine\nAuthorization: Bearer s3cret\n", 0o600);
        let settings = resolve(&format!(
            "[notify.slack]\nurl_file = \"{url}\"\nretries = 2\n\
             [notify.ops]\nurl_env = \"HOOK_URL\"\nformat = \"json\"\nheaders_file = \"{headers}\"\n\
             [notify.pager]\ncommand = [\"/usr/bin/page\", \"me\"]\n\
             [hook.cancel-all]\nrun = [\"/opt/bot/cancel\"]\nuser = \"root\"\ntimeout = \"7s\"\n\
             [hook.pause]\nhttp = {{ url = \"http://127.0.0.1:9/pause\", method = \"PUT\" }}\n"
        ));
        let settings = settings.unwrap_or_else(|faults| panic!("{faults:?}"));
        let receiver = |name: &str| &settings.receivers[&Name::parse(name).unwrap()];
        assert!(matches!(&receiver("slack").way, Way::Slack(to) if to.label() == "https://hooks.slack.com"));
        assert_eq!(receiver("slack").backoff.tries, 3);
        assert!(matches!(&receiver("ops").way, Way::Webhook(to) if to.headers().len() == 1));
        assert!(matches!(&receiver("pager").way, Way::Command(argv) if argv.len() == 2));
        let hook = &settings.hooks[&Name::parse("cancel-all").unwrap()];
        assert_eq!(hook.timeout.as_secs(), 7);
        assert!(matches!(&hook.call, HookCall::Command(call) if call.user.is_some_and(|user| user.uid == 0)));
    }

    #[test]
    fn all_faults_come_at_once_and_none_tells_a_secret() {
        let room = tempfile::tempdir().unwrap();
        let open = secret(&room.path().join("open"), "https://h/s3cret\n", 0o644);
        let bad = secret(&room.path().join("bad"), "s3cret\n", 0o600);
        let faults = resolve(&format!(
            "[notify.a]\nurl_file = \"{open}\"\n[notify.b]\nurl_file = \"{bad}\"\n\
             [notify.c]\nurl_env = \"NOT_SET\"\n\
             [notify.d]\nurl_env = \"HOOK_URL\"\nheaders_file = \"{bad}\"\n\
             [hook.h]\nrun = [\"/x\"]\nuser = \"nobody-at-all\"\n"
        ));
        let faults = faults.err().expect("faults");
        assert_eq!(faults.len(), 5, "{faults:?}");
        for part in ["hook `h`", "read by everybody", "not a URL", "NOT_SET", "line 1"] {
            assert!(faults.iter().any(|fault| fault.contains(part)), "{part}: {faults:?}");
        }
        assert!(!faults.iter().any(|fault| fault.contains("s3cret")), "{faults:?}");
    }
}
