//! The place of measuring: one CPU for all, a folder, free ports, a certificate.

use std::cell::Cell;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::Attempt;

/// Below where the kernel picks ports for clients, so none of the bench's clients can sit on one of ours.
const PORTS: std::ops::Range<u16> = 21_000..32_000;

/// Everything that measuring needs beside the subjects.
#[derive(Debug)]
pub(crate) struct Lab {
    folder: tempfile::TempDir,
    /// The CPU that everything shares.
    pub(crate) cpu: usize,
    next_port: Cell<u16>,
}

impl Lab {
    /// Pins this thread, and with it all that it starts from now on, and makes a certificate for the upstream.
    pub(crate) fn open() -> Attempt<Self> {
        let folder = tempfile::tempdir()?;
        // nginx drops to a user of its own, who has to read it.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let lab = Self { folder, cpu: pin()?, next_port: Cell::new(PORTS.start) };
        // An authority, and a certificate of it: nobody takes one for the other.
        lab.openssl(&["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"])?;
        let own = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
        let signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
        lab.openssl(&[&own[..], &signed, &["-keyout", "key.pem", "-out", "cert.pem"]].concat())?;
        Ok(lab)
    }

    fn openssl(&self, words: &[&str]) -> Attempt<()> {
        let made = Command::new("openssl")
            .current_dir(self.folder.path())
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
            ])
            .args(words)
            .output()
            .map_err(|error| format!("openssl, which makes the certificate: {error}"))?;
        if made.status.success() {
            return Ok(());
        }
        Err(format!("openssl: {}", String::from_utf8_lossy(&made.stderr)).into())
    }

    /// A path of this run's own; gone with the lab.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A port that nobody listens on; never the same twice.
    pub(crate) fn port(&self) -> Attempt<u16> {
        let free = (self.next_port.get()..PORTS.end)
            .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
            .ok_or("no free port is left")?;
        self.next_port.set(free + 1);
        Ok(free)
    }
}

fn pin() -> Attempt<usize> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this)?;
    let last = (0..CpuSet::count()).rev().find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let cpu = last.ok_or("no CPU is allowed")?;
    let mut one = CpuSet::new();
    one.set(cpu)?;
    sched_setaffinity(this, &one)?;
    Ok(cpu)
}
