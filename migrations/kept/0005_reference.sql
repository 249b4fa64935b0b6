-- +goose Up

-- The part of the reference data that is embedded in the program, as rows:
-- airports, runways, countries and their regions. world says which content they
-- are; all of them change in one transaction.
CREATE TABLE world (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    hash     text NOT NULL,
    stored   timestamptz NOT NULL
);

CREATE TABLE countries (
    code      text PRIMARY KEY,
    name      text NOT NULL,
    continent text NOT NULL
);

-- Parts of countries, by ISO 3166-2.
CREATE TABLE regions (
    code    text PRIMARY KEY,
    country text NOT NULL,
    name    text NOT NULL
);

CREATE TABLE airports (
    icao         text PRIMARY KEY,
    iata         text,
    name         text NOT NULL,
    city         text,
    country      text NOT NULL,
    region       text,
    tz           text,
    lat          double precision NOT NULL,
    lon          double precision NOT NULL,
    elevation_ft integer NOT NULL
);
CREATE INDEX airports_iata ON airports (iata) WHERE iata IS NOT NULL;
CREATE INDEX airports_country ON airports (country);

CREATE TABLE runways (
    icao             text NOT NULL,
    no               smallint NOT NULL,
    low_ident        text NOT NULL,
    high_ident       text,
    length_ft        integer,
    width_ft         integer,
    surface          text,
    lighted          boolean NOT NULL,
    closed           boolean NOT NULL,
    low_lat          double precision,
    low_lon          double precision,
    low_heading      double precision,
    low_displaced_ft integer NOT NULL,
    high_lat         double precision,
    high_lon         double precision,
    high_heading     double precision,
    high_displaced_ft integer NOT NULL,
    PRIMARY KEY (icao, no)
);

-- VAT-Spy's data (CC BY-SA 4.0), one version for each content that was ever in
-- force; the newest few are kept. since is when it came into force last.
CREATE TABLE vatspy_versions (
    version    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash       bytea NOT NULL UNIQUE,
    source     text NOT NULL,
    commit     text,
    fetched    timestamptz NOT NULL,
    since      timestamptz NOT NULL,
    in_force   boolean NOT NULL,
    firs       integer NOT NULL,
    uirs       integer NOT NULL,
    airports   integer NOT NULL,
    boundaries integer NOT NULL,
    skipped    jsonb NOT NULL
);
CREATE UNIQUE INDEX vatspy_in_force ON vatspy_versions (in_force) WHERE in_force;

CREATE TABLE vatspy_firs (
    version         integer NOT NULL REFERENCES vatspy_versions ON DELETE CASCADE,
    no              integer NOT NULL,
    id              text NOT NULL,
    name            text NOT NULL,
    callsign_prefix text NOT NULL,
    boundary        text NOT NULL,
    PRIMARY KEY (version, no)
);

CREATE TABLE vatspy_uirs (
    version integer NOT NULL REFERENCES vatspy_versions ON DELETE CASCADE,
    id      text NOT NULL,
    name    text NOT NULL,
    firs    text[] NOT NULL,
    PRIMARY KEY (version, id)
);

-- shape is the coordinates of a GeoJSON MultiPolygon: longitude first. West
-- greater than east crosses the date line.
CREATE TABLE vatspy_boundaries (
    version   integer NOT NULL REFERENCES vatspy_versions ON DELETE CASCADE,
    no        integer NOT NULL,
    id        text NOT NULL,
    oceanic   boolean NOT NULL,
    region    text NOT NULL,
    division  text NOT NULL,
    label_lat double precision,
    label_lon double precision,
    west      double precision NOT NULL,
    south     double precision NOT NULL,
    east      double precision NOT NULL,
    north     double precision NOT NULL,
    shape     jsonb NOT NULL,
    PRIMARY KEY (version, no)
);

CREATE TABLE vatspy_airports (
    version    integer NOT NULL REFERENCES vatspy_versions ON DELETE CASCADE,
    no         integer NOT NULL,
    icao       text NOT NULL,
    name       text NOT NULL,
    lat        double precision NOT NULL,
    lon        double precision NOT NULL,
    local_code text NOT NULL,
    fir        text NOT NULL,
    pseudo     boolean NOT NULL,
    PRIMARY KEY (version, no)
);
CREATE INDEX vatspy_airports_fir ON vatspy_airports (version, fir);

-- In which FIR an embedded airport lies by the version's boundaries. world is
-- the hash of the content that was placed.
CREATE TABLE airport_firs (
    icao    text PRIMARY KEY,
    fir     text NOT NULL
);
CREATE TABLE airport_firs_of (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    world    text NOT NULL,
    version  integer NOT NULL
);

-- What the last attempt to refresh the reference data came to.
CREATE TABLE reference_check (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    at       timestamptz NOT NULL,
    outcome  text NOT NULL,
    reason   text NOT NULL,
    source   text NOT NULL
);

-- +goose Down
DROP TABLE reference_check, airport_firs_of, airport_firs, vatspy_airports, vatspy_boundaries, vatspy_uirs, vatspy_firs,
    vatspy_versions, runways, airports, regions, countries, world;
