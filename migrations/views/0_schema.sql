-- What people may read. Applied with the active schema first in the
-- search_path: the unqualified names below are its tables, and stay bound to
-- them. CREATE OR REPLACE, so that views built on these survive; a change that
-- it cannot make needs its DROP here.
CREATE SCHEMA IF NOT EXISTS skyledger;
COMMENT ON SCHEMA skyledger IS 'The network''s history as people read it. Times are UTC instants; history is keyed by cid, never by name.';
