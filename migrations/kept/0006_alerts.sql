-- +goose Up

-- Saved conditions. subjects are names that the figure knows, or patterns with *
-- in them. An alert opens where the figure was above (or below) threshold
-- for for_s seconds, and ends where it is back at clear. quiet_from and quiet_to
-- are minutes after midnight in quiet_zone. no_data says what becomes of it
-- where the figure cannot be had. looked and problem are of the last evaluation.
CREATE TABLE alert_rules (
    id         text PRIMARY KEY,
    name       text NOT NULL,
    reason     text NOT NULL,
    shipped    boolean NOT NULL,
    figure     text NOT NULL,
    subjects   text[] NOT NULL,
    direction  text NOT NULL CHECK (direction IN ('above', 'below')),
    threshold  double precision NOT NULL,
    clear      double precision NOT NULL,
    for_s      integer NOT NULL,
    renotify_s integer NOT NULL,
    severity   text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    no_data    text NOT NULL CHECK (no_data IN ('hold', 'end', 'notify')),
    quiet_from smallint,
    quiet_to   smallint,
    quiet_zone text,
    enabled    boolean NOT NULL,
    labels     jsonb NOT NULL,
    revision   bigint NOT NULL,
    created    timestamptz NOT NULL,
    updated    timestamptz NOT NULL,
    looked     timestamptz,
    problem    text NOT NULL DEFAULT ''
);

-- Who is told. shown is what people may see of where that is; sealed holds the
-- address and what is signed with, encrypted by the key that key names, or as
-- they are where key is empty: a deployment without a key.
CREATE TABLE alert_receivers (
    rule   text NOT NULL REFERENCES alert_rules ON DELETE CASCADE,
    id     text NOT NULL,
    kind   text NOT NULL CHECK (kind IN ('webhook', 'discord', 'slack', 'sns')),
    shown  text NOT NULL,
    sealed bytea NOT NULL,
    key    text NOT NULL,
    PRIMARY KEY (rule, id)
);

-- What was found, with the condition as it was then: it outlives its rule.
-- ended is NULL while it is open, silent says that the figure cannot be had
-- meanwhile. worst is the value that went furthest.
CREATE TABLE alerts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule       text NOT NULL,
    rule_name  text NOT NULL,
    figure     text NOT NULL,
    unit       text NOT NULL,
    subject    text NOT NULL,
    severity   text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('threshold', 'no_data')),
    direction  text NOT NULL,
    threshold  double precision NOT NULL,
    clear      double precision NOT NULL,
    labels     jsonb NOT NULL,
    detail     text NOT NULL,
    opened     timestamptz NOT NULL,
    value      double precision,
    worst      double precision,
    value_at   timestamptz,
    silent     boolean NOT NULL,
    ended      timestamptz,
    outcome    text
);
-- Two of one subject are never open, whoever evaluates.
CREATE UNIQUE INDEX alerts_open ON alerts (rule, subject) WHERE ended IS NULL;
CREATE INDEX alerts_ended ON alerts (ended);

-- What an evaluation remembers of a subject for the next one. Subjects that are
-- as they should be and that no rule names have no row.
CREATE TABLE alert_states (
    rule      text NOT NULL REFERENCES alert_rules ON DELETE CASCADE,
    subject   text NOT NULL,
    phase     text NOT NULL CHECK (phase IN ('ok', 'pending', 'open', 'no_data')),
    since     timestamptz NOT NULL,
    at        timestamptz NOT NULL,
    held      interval NOT NULL,
    missing   interval NOT NULL,
    value     double precision,
    value_at  timestamptz,
    open_kind text NOT NULL,
    told      timestamptz,
    PRIMARY KEY (rule, subject)
);

-- The one evaluation that may be written next: whoever read another version
-- lost to somebody. Changes of rules move it as well.
CREATE TABLE alert_head (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version   bigint NOT NULL,
    evaluated timestamptz
);
INSERT INTO alert_head (version) VALUES (0);

-- What is to be told, to whom. It is written with the alert; due, lease and
-- leased_until are by this database's clock. attempts counts those begun.
CREATE TABLE alert_deliveries (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert        bigint REFERENCES alerts ON DELETE CASCADE,
    rule         text NOT NULL,
    receiver     text NOT NULL,
    kind         text NOT NULL,
    shown        text NOT NULL,
    event        text NOT NULL CHECK (event IN ('opened', 'reminder', 'ended', 'test')),
    at           timestamptz NOT NULL,
    value        double precision,
    outcome      text NOT NULL,
    created      timestamptz NOT NULL DEFAULT now(),
    due          timestamptz NOT NULL,
    status       text NOT NULL CHECK (status IN ('queued', 'delivered', 'failed', 'canceled')),
    attempts     integer NOT NULL,
    lease        text,
    leased_until timestamptz,
    finished     timestamptz
);
CREATE INDEX alert_deliveries_queued ON alert_deliveries (due) WHERE status = 'queued';
CREATE INDEX alert_deliveries_alert ON alert_deliveries (alert);
CREATE INDEX alert_deliveries_rule ON alert_deliveries (rule, id);

-- How each attempt went. status is HTTP's, NULL where there was no answer. An
-- attempt whose process was killed has no row.
CREATE TABLE alert_attempts (
    delivery bigint NOT NULL REFERENCES alert_deliveries ON DELETE CASCADE,
    no       integer NOT NULL,
    at       timestamptz NOT NULL,
    took_ms  double precision NOT NULL,
    status   integer,
    outcome  text NOT NULL,
    PRIMARY KEY (delivery, no)
);

-- Rules to begin with. They tell nobody until somebody adds receivers.
INSERT INTO alert_rules (id, name, reason, shipped, figure, subjects, direction, threshold, clear, for_s, renotify_s, severity, no_data, enabled, labels, revision, created, updated)
VALUES
('data-stale', 'Data are stale', 'A snapshot comes every 15 seconds; answers are marked stale from 30 on, and after two minutes something is broken rather than late.',
    true, 'data_age', '{network}', 'above', 120, 45, 60, 3600, 'critical', 'notify', true, '{}', 1, now(), now()),
('ticks-missing', 'Ticks are missing', 'The service level is 99.5 % of the ticks of a day; 95 % in an hour is twelve ticks lost.',
    true, 'ledger_completeness', '{network}', 'below', 0.95, 0.98, 120, 7200, 'warning', 'hold', true, '{}', 1, now(), now()),
('requests-fail', 'Requests fail', 'The threshold of /api/errors/alerts: more than one in twenty requests of a function within 15 minutes, of 20 at least.',
    true, 'error_rate', '{*}', 'above', 0.05, 0.02, 0, 3600, 'critical', 'end', true, '{}', 1, now(), now()),
('recorder-trouble', 'The recorder is in trouble', 'The conditions of /api/errors/alerts, so that they reach somebody who does not look: breakers that stay open, notes lost, no tick.',
    true, 'condition', '{no_tick,breaker_open,notes_lost}', 'above', 0, 0, 300, 7200, 'warning', 'hold', true, '{}', 1, now(), now()),
('network-empty', 'The network lost its pilots', 'Hundreds fly at any hour: fewer than fifty means that the feed is wrong or the network is down.',
    true, 'pilots_online', '{network}', 'below', 50, 100, 300, 7200, 'warning', 'hold', true, '{}', 1, now(), now()),
('squawk', 'Squawk 7500, 7600 or 7700', 'Set over two samples. On VATSIM it is often a default or a joke, so it is told as what it is, a squawk, and not as an emergency.',
    true, 'squawk', '{*}', 'above', 7499, 7499, 0, 0, 'info', 'hold', true, '{"kind": "squawk"}', 1, now(), now()),
('centre-closed', 'A centre closed', 'Nobody has been on a centre''s position for a quarter of an hour that was staffed within two hours: what is below it lost its controller, and a reconnect would be over.',
    true, 'position_unstaffed', '{*_CTR}', 'above', 15, 0, 0, 0, 'info', 'end', true, '{"kind": "coverage"}', 1, now(), now());

-- +goose Down
DROP TABLE alert_attempts, alert_deliveries, alert_head, alert_states, alerts, alert_receivers, alert_rules;
