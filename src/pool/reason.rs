//! Why something was opened, closed, refused or dismissed: one word each, for metrics, events and `ctl`.

/// Who brought it about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Party {
    /// The bot.
    Client,
    /// The server behind the pool, or the way to it.
    Upstream,
    /// This program, by its rules or for want of means.
    Agent,
    /// A person, by an order or by the settings.
    Operator,
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($variant:ident $word:literal $party:ident $meaning:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        pub enum $name { $(#[doc = $meaning] $variant,)* }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The word in metrics and events.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Who brought it about.
            pub const fn party(self) -> Party {
                match self { $(Self::$variant => Party::$party,)* }
            }

            /// What it means, one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

words! {
    /// Why an upstream connection is opened.
    OpenReason {
        Demand "demand" Client "A client waits.",
        Warm "warm" Operator "There are fewer than the settings want kept warm.",
        Probe "probe" Agent "To see whether an upstream that was down is back.",
    }
}

words! {
    /// Why an upstream connection is closed.
    CloseReason {
        IdleOver "idle_over" Operator "It was idle for as long as the settings allow.",
        LifetimeOver "lifetime_over" Operator "It was open for as long as the settings allow.",
        UsesOver "uses_over" Operator "It did as many units of work as the settings allow.",
        Shrunk "shrunk" Operator "The settings now allow fewer connections.",
        MadeRoom "made_room" Agent "A waiter of another key, or the trial of another upstream, needed its place.",
        Reset "reset" Operator "The pool was reset.",
        ResetForced "reset_forced" Operator "It was in use past the time in which a reset was to drain.",
        Reconnect "reconnect" Operator "The console asked for new connections.",
        Credentials "credentials" Operator "The credentials it was opened with have changed.",
        Paused "paused" Operator "The pool was paused.",
        Killed "killed" Operator "The console or the control interface closed it.",
        Shutdown "shutdown" Operator "The pool shuts down.",
        Failover "failover" Agent "Its upstream fails too often.",
        Failback "failback" Agent "An upstream that is preferred is back.",
        AddressGone "address_gone" Agent "The name of its upstream no longer gives its address.",
        UpstreamClosed "upstream_closed" Upstream "The upstream closed it while it was idle.",
        UpstreamSpoke "upstream_spoke" Upstream "The upstream sent something nobody asked for.",
        LastAnswer "last_answer" Upstream "The upstream said that its answer was the last on it, or ended it with the answer.",
        UpstreamLost "upstream_lost" Upstream "The upstream went away during a unit of work.",
        UpstreamProtocol "upstream_protocol" Upstream "The upstream broke the protocol.",
        CommandLate "command_late" Upstream "A unit of work took longer than the settings allow.",
        PingFailed "ping_failed" Upstream "It did not pass the check after a long idle time.",
        PingLate "ping_late" Upstream "The check after a long idle time was not answered in time.",
        ConnectFailed "connect_failed" Upstream "The upstream could not be reached.",
        ConnectLate "connect_late" Upstream "Connecting and logging in took longer than the settings allow.",
        ConnectProtocol "connect_protocol" Upstream "The upstream broke the protocol during login.",
        LoginRefused "login_refused" Operator "The upstream does not accept the credentials.",
        RequestRefused "request_refused" Client "The upstream refused what its client asked for.",
        UpstreamCrowded "upstream_crowded" Upstream "The upstream has no connection to give.",
        UpstreamStarting "upstream_starting" Upstream "The upstream is starting up or shutting down.",
        NoDescriptors "no_descriptors" Agent "The agent has no descriptor left for it.",
        ClientGone "client_gone" Client "Its client left during a unit of work.",
        ClientProtocol "client_protocol" Client "Its client broke the protocol during a unit of work.",
        CancelAdrift "cancel_adrift" Upstream "The server did not say in time that it took a cancel, which may hit a later query.",
        Unclean "unclean" Client "What its client left in the session can't be proven gone.",
        SessionOver "session_over" Client "Its client's session is over, and it is not used again.",
        StreamBroken "stream_broken" Upstream "The upstream broke the stream of its client off.",
        Unwanted "unwanted" Agent "Nobody waited for it any more when it was open.",
        CleaningLate "cleaning_late" Upstream "Cleaning up after a client that left took too long.",
    }
}

impl CloseReason {
    /// Whether it speaks against the health of the upstream. That it closed a connection which lay idle does not.
    pub const fn counts_against_upstream(self) -> bool {
        match self {
            Self::UpstreamLost
            | Self::UpstreamProtocol
            | Self::CommandLate
            | Self::PingFailed
            | Self::PingLate
            | Self::ConnectFailed
            | Self::ConnectLate
            | Self::ConnectProtocol => true,
            Self::IdleOver
            | Self::LifetimeOver
            | Self::UsesOver
            | Self::Shrunk
            | Self::MadeRoom
            | Self::Reset
            | Self::ResetForced
            | Self::Reconnect
            | Self::Credentials
            | Self::Paused
            | Self::Killed
            | Self::Shutdown
            | Self::Failover
            | Self::Failback
            | Self::AddressGone
            | Self::UpstreamClosed
            | Self::UpstreamSpoke
            | Self::LastAnswer
            | Self::LoginRefused
            | Self::RequestRefused
            | Self::UpstreamCrowded
            | Self::UpstreamStarting
            | Self::NoDescriptors
            | Self::ClientGone
            | Self::ClientProtocol
            | Self::CancelAdrift
            | Self::Unclean
            | Self::SessionOver
            // An end of a stream that is not read may be how its protocol ends it.
            | Self::StreamBroken
            | Self::Unwanted
            | Self::CleaningLate => false,
        }
    }

    /// Whether a connection in use that is to go for this reason is closed by force when the drain time is over. For
    /// what is merely handy, or for a person who said to wait, it may take as long as its work takes.
    pub const fn is_urgent(self) -> bool {
        matches!(self, Self::Reset | Self::Credentials | Self::Failover)
    }

    /// Whether `pool[].errors` counts it. An upstream that closes what was idle is within its rights.
    pub const fn is_error(self) -> bool {
        let blames_upstream = matches!(self.party(), Party::Upstream);
        (blames_upstream || matches!(self, Self::LoginRefused))
            && !matches!(self, Self::UpstreamClosed | Self::LastAnswer)
    }
}

words! {
    /// Why a connection could not be made.
    ConnectFailure {
        Unreachable "unreachable" Upstream "Refused, no route, no address.",
        Late "late" Upstream "Longer than the settings allow.",
        Protocol "protocol" Upstream "The upstream broke the protocol.",
        Login "login" Operator "The upstream does not accept the credentials.",
        Crowded "crowded" Upstream "The upstream has no connection to give.",
        Starting "starting" Upstream "The upstream is starting up or shutting down.",
        NoDescriptors "no_descriptors" Agent "The agent has no descriptor left.",
    }
}

impl ConnectFailure {
    /// The word under which the connection is closed.
    pub const fn close_reason(self) -> CloseReason {
        match self {
            Self::Unreachable => CloseReason::ConnectFailed,
            Self::Late => CloseReason::ConnectLate,
            Self::Protocol => CloseReason::ConnectProtocol,
            Self::Login => CloseReason::LoginRefused,
            Self::Crowded => CloseReason::UpstreamCrowded,
            Self::Starting => CloseReason::UpstreamStarting,
            Self::NoDescriptors => CloseReason::NoDescriptors,
        }
    }
}

words! {
    /// Why a client, or its unit of work, is refused.
    Refusal {
        ClientsFull "clients_full" Client "There are as many clients as the settings allow.",
        Throttled "throttled" Client "New clients come faster than the throttle lets them in.",
        Scarce "scarce" Agent "Descriptors are nearly gone; only the reserve is let in.",
        QueueFull "queue_full" Client "As many clients wait as the settings allow.",
        WaitOver "wait_over" Client "No connection came free in time.",
        UpstreamDown "upstream_down" Upstream "No upstream is up, and none will be tried in time.",
        LoginRefused "login_refused" Operator "The upstream does not accept the credentials.",
        Disabled "disabled" Operator "The pool is disabled.",
        ShuttingDown "shutting_down" Operator "The pool shuts down.",
        OutOfTurn "out_of_turn" Agent "It is not attached, or it already waits for or holds a connection.",
    }
}

impl Refusal {
    /// Whether the same may well be granted a little later.
    pub const fn retryable(self) -> bool {
        match self {
            Self::ClientsFull
            | Self::Throttled
            | Self::Scarce
            | Self::QueueFull
            | Self::WaitOver
            | Self::UpstreamDown
            | Self::ShuttingDown => true,
            Self::LoginRefused | Self::Disabled | Self::OutOfTurn => false,
        }
    }
}

words! {
    /// How a client ended.
    Farewell {
        Left "left" Client "It closed in order.",
        Lost "lost" Client "It broke off.",
        Protocol "protocol" Client "It broke the protocol.",
        IdleOver "idle_over" Client "It was idle for as long as the settings allow.",
        Shed "shed" Agent "It had rested for long, and others waited for its place.",
        Killed "killed" Operator "The console or the control interface closed it.",
        Refused "refused" Agent "Its login or its work was refused.",
        Shutdown "shutdown" Operator "The pool shuts down.",
        Cut "cut" Agent "Its upstream connection was closed, and its session with it.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_are_unique_and_fit_metrics() {
        let close = CloseReason::ALL.iter().map(|reason| reason.name());
        let refusals = Refusal::ALL.iter().map(|refusal| refusal.name());
        for (count, words) in [
            (CloseReason::COUNT, close.collect::<BTreeSet<_>>()),
            (Refusal::COUNT, refusals.collect::<BTreeSet<_>>()),
        ] {
            assert_eq!(words.len(), count);
            assert!(words.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
        }
    }

    #[test]
    fn a_reason_stands_at_its_place() {
        for (place, reason) in CloseReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, place);
        }
    }

    #[test]
    fn only_the_upstream_is_to_blame_for_its_health() {
        for reason in CloseReason::ALL.iter().filter(|reason| reason.counts_against_upstream()) {
            assert_eq!(reason.party(), Party::Upstream, "{reason}");
        }
    }
}
