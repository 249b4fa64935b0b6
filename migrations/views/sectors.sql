-- How full FIRs and sectors were. FIRs are VAT-Spy's (CC BY-SA 4.0).

CREATE OR REPLACE VIEW skyledger.sector_occupancy AS
SELECT t.at AS time, u.sector, u.occupancy, u.entries, u.exits, u.workload, t.airspace AS fir_version
FROM sector_ticks t CROSS JOIN LATERAL unnest(t.sector, t.occupancy, t.entries, t.exits, t.workload) AS u(sector, occupancy, entries, exits, workload);
COMMENT ON VIEW skyledger.sector_occupancy IS 'Airborne aircraft in each FIR and sector at each snapshot. One without a row was empty; of a snapshot without any row nothing is known. An aircraft in a sector is in its FIR as well.';
COMMENT ON COLUMN skyledger.sector_occupancy.time IS 'the snapshot';
COMMENT ON COLUMN skyledger.sector_occupancy.sector IS 'id of the FIR or sector, see skyledger.fir';
COMMENT ON COLUMN skyledger.sector_occupancy.occupancy IS 'airborne aircraft';
COMMENT ON COLUMN skyledger.sector_occupancy.entries IS 'since the snapshot before: flew in, or took off';
COMMENT ON COLUMN skyledger.sector_occupancy.exits IS 'since the snapshot before: flew out, or landed';
COMMENT ON COLUMN skyledger.sector_occupancy.workload IS 'workload index, 0 to 100';
COMMENT ON COLUMN skyledger.sector_occupancy.fir_version IS 'version of the boundaries that it was found with';

CREATE OR REPLACE VIEW skyledger.sector_quarter AS
SELECT q.quarter AS time, q.sector, q.ticks, q.first AS occupancy_first,
       CASE WHEN q.ticks > 0 THEN q.occupancy_sum::float8 / q.ticks END AS occupancy_mean, q.occupancy_max,
       q.entries, q.exits, q.appeared, q.vanished, q.stays, CASE WHEN q.stays > 0 THEN q.stay_s::float8 / q.stays END AS stay_mean_s,
       CASE WHEN q.ticks > 0 THEN q.workload_sum::float8 / q.ticks END AS workload_mean, q.workload_max
FROM sector_quarters q;
COMMENT ON VIEW skyledger.sector_quarter IS 'FIRs and sectors by quarter of an hour, those that are over and in which somebody was there.';
COMMENT ON COLUMN skyledger.sector_quarter.time IS 'start of the quarter of an hour';
COMMENT ON COLUMN skyledger.sector_quarter.sector IS 'id of the FIR or sector, see skyledger.fir';
COMMENT ON COLUMN skyledger.sector_quarter.ticks IS 'snapshots in which FIRs were known';
COMMENT ON COLUMN skyledger.sector_quarter.occupancy_first IS 'airborne aircraft before the first of them';
COMMENT ON COLUMN skyledger.sector_quarter.occupancy_mean IS 'mean over the snapshots; NULL without any';
COMMENT ON COLUMN skyledger.sector_quarter.occupancy_max IS 'most at a snapshot';
COMMENT ON COLUMN skyledger.sector_quarter.entries IS 'flew in, or took off';
COMMENT ON COLUMN skyledger.sector_quarter.exits IS 'flew out, or landed';
COMMENT ON COLUMN skyledger.sector_quarter.appeared IS 'came without crossing: connected in the air, or the boundaries were redrawn';
COMMENT ON COLUMN skyledger.sector_quarter.vanished IS 'went without crossing: disconnected in the air, or the boundaries were redrawn';
COMMENT ON COLUMN skyledger.sector_quarter.stays IS 'exits of which the entry was seen as well';
COMMENT ON COLUMN skyledger.sector_quarter.stay_mean_s IS 'how long these were in it, seconds; NULL without any';
COMMENT ON COLUMN skyledger.sector_quarter.workload_mean IS 'mean workload index, 0 to 100';
COMMENT ON COLUMN skyledger.sector_quarter.workload_max IS 'highest at a snapshot';
